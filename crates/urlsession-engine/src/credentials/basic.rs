//! The scheme Basic (RFC 7617): name and password, in plain sight of whoever sees the request.

use super::Credential;
use base64::Engine as _;

/// Makes the value of `Authorization`; `None` for a pair that the scheme cannot spell: a name with
/// a colon would be read as another one.
///
/// The bytes are UTF-8 whether or not the server says that it expects them so: there is no other
/// encoding that every name has.
pub(crate) fn authorization(credential: &Credential) -> Option<String> {
    let (user, password) = (credential.user.expose(), credential.password.expose());
    let spoils = |c: char| c.is_ascii_control();
    if user.contains(':') || user.contains(spoils) || password.contains(spoils) {
        return None;
    }
    let pair = format!("{user}:{password}");
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair() {
        for (user, password, expected) in [
            // RFC 7617 section 2, and section 2.1 with the pound sign.
            ("Aladdin", "open sesame", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("test", "123£", Some("Basic dGVzdDoxMjPCow==")),
            ("", "", Some("Basic Og==")),
            ("a", "b:c", Some("Basic YTpiOmM=")),
            ("a:b", "c", None),
            ("a\r\n", "c", None),
            ("a", "c\0", None),
        ] {
            let got = authorization(&Credential::new(user, password));
            assert_eq!(got.as_deref(), expected, "{user:?} {password:?}");
        }
    }
}
