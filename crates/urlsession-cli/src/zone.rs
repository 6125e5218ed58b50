//! The zone of an address in a URL, `http://[fe80::1%25eth0]/` or `[fe80::1%eth0]` (RFC 6874): by which
//! interface it is reached. A URL of its own has none.

use crate::exit::Failure;
use std::net::Ipv6Addr;
use std::ops::Range;
use urlsession::RequestPolicy;

/// Takes the zone out of a URL, for the requests to go out by that interface.
///
/// # Errors
/// Another interface is asked for.
pub(crate) fn take(url: &mut String, policy: &mut RequestPolicy) -> Result<(), Failure> {
    let Some((place, zone)) = find(url) else { return Ok(()) };
    let named = policy.required_interface.get_or_insert_with(|| zone.clone());
    if *named != zone {
        let why = format!("the URL goes out by {zone}, and --interface says {named}");
        return Err(Failure::usage(why).next("leave out one of them"));
    }
    url.replace_range(place, "");
    Ok(())
}

/// Says whether there is one.
pub(crate) fn is_in(url: &str) -> bool {
    find(url).is_some()
}

/// Returns where the zone stands, with what parts it from the address, and what it is.
fn find(url: &str) -> Option<(Range<usize>, String)> {
    let begin = url.find("://")? + 3;
    let authority = url[begin..].split(['/', '?', '#']).next()?;
    let begin = begin + authority.rfind('@').map_or(0, |at| at + 1);
    let inner = url[begin..].strip_prefix('[')?.split_once(']')?.0;
    let (address, zone) = inner.split_once('%')?;
    address.parse::<Ipv6Addr>().ok()?;
    let begin = begin + 1 + address.len();
    let end = begin + 1 + zone.len();
    let zone = zone.strip_prefix("25").unwrap_or(zone);
    let is_name = |c: char| c.is_ascii_graphic() && c != '%';
    (!zone.is_empty() && zone.chars().all(is_name)).then(|| (begin..end, zone.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// the URL, the interface that is asked for => the URL and the interface that are left
    #[test]
    fn zones_are_interfaces() {
        for (typed, asked, expected) in [
            ("http://[fe80::1%25eth0]/f", None, Some("http://[fe80::1]/f eth0")),
            ("http://[fe80::1%eth0]:80/f", None, Some("http://[fe80::1]:80/f eth0")),
            ("http://[fe80::1%eth0]", Some("eth0"), Some("http://[fe80::1] eth0")),
            ("http://me:p@[fe80::1%25br-1.2]?q", None, Some("http://me:p@[fe80::1]?q br-1.2")),
            ("http://[fe80::1%25eth0]/", Some("eth1"), None),
            ("http://[fe80::1]/a%25b", Some("eth1"), Some("http://[fe80::1]/a%25b eth1")),
            ("http://h/[fe80::1%25eth0]", None, Some("http://h/[fe80::1%25eth0] -")),
            ("http://[fe80::1%25]/", None, Some("http://[fe80::1%25]/ -")),
            ("http://[fe80::1%]/", None, Some("http://[fe80::1%]/ -")),
            ("http://[fe80::1%25e%20]/", None, Some("http://[fe80::1%25e%20]/ -")),
            ("http://[nothing%25eth0]/", None, Some("http://[nothing%25eth0]/ -")),
        ] {
            let required_interface = asked.map(str::to_owned);
            let mut policy = RequestPolicy { required_interface, ..RequestPolicy::default() };
            let mut url = typed.to_owned();
            let left = take(&mut url, &mut policy)
                .ok()
                .map(|()| format!("{url} {}", policy.required_interface.as_deref().unwrap_or("-")));
            assert_eq!(left.as_deref(), expected, "{typed}");
        }
    }
}
