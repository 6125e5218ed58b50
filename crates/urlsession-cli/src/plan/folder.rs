//! Which words behind -d are no folder, but what curl sends with it.

use crate::args::GetArgs;
use crate::escape::shown;
use crate::exit::Failure;
use std::path::Path;

/// Refuses what curl's users mean as data: without it another request would be sent than they asked
/// for. A path that begins as one is always a folder.
pub(super) fn check_folder(dir: &Path, args: &GetArgs) -> Result<(), Failure> {
    let text = dir.to_string_lossy();
    let is_path = text.starts_with(['/', '~']) || dir.starts_with(".") || dir.starts_with("..");
    let method = args.request.method.as_deref().unwrap_or_default();
    let is_sent = ["POST", "PUT", "PATCH"].iter().any(|sent| method.eq_ignore_ascii_case(sent));
    // Who says what is sent means the folder of the answer.
    let has_body =
        !(args.data.0.is_empty() && args.form.0.is_empty() && args.upload_file.is_empty());
    if is_path || dir.exists() || !((is_sent && !has_body) || looks_like_data(&text)) {
        return Ok(());
    }
    Err(Failure::usage("-d names a folder to save in; this looks like what curl sends with -d")
        .next(format!("send it with --data, or write the folder as -d ./{}", shown(&text))))
}

/// Says whether a word is a form, JSON, XML, or what stands for a file.
fn looks_like_data(text: &str) -> bool {
    let is_hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_encoded = || text.match_indices('%').any(|(at, _)| is_hex(at + 1) && is_hex(at + 2));
    let before_slash = text.split('/').next().unwrap_or_default();
    text == "-"
        || text.starts_with(['@', '{', '[', '<', '"'])
        || before_slash.contains(['=', '&'])
        || (before_slash == text && text.contains(' '))
        || is_encoded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    /// -d, method => whether it is taken for a folder
    #[test]
    fn data_is_no_folder() {
        for (text, method, is_folder) in [
            ("a=b", "GET", false),
            ("u=http://h/", "GET", false),
            ("a&b", "GET", false),
            ("a%20b", "GET", false),
            ("100%", "GET", true),
            ("<a>", "GET", false),
            ("\"a\"", "GET", false),
            ("-", "GET", false),
            ("hello world", "GET", false),
            ("./hello world", "GET", true),
            ("My Files/isos", "GET", true),
            ("../a=b", "GET", true),
            ("/nonexistent/a&b", "GET", true),
            ("new", "GET", true),
            ("new", "DELETE", true),
            ("a", "POST", false),
            ("a", "put", false),
            ("./a", "PATCH", true),
            ("src", "POST", true),
        ] {
            let words = ["urlsession", "get", "http://h/f", "-X", method];
            let Command::Get(args) = Cli::try_parse_from(words).unwrap().command else {
                panic!("no get");
            };
            let checked = check_folder(Path::new(text), &args);
            assert_eq!(checked.is_ok(), is_folder, "-X {method} -d {text}: {checked:?}");
        }
    }
}
