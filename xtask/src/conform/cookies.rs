//! Cookies: the cases of abarth/http-state, from which RFC 6265 was written.

use super::peer::{self, Head};
use super::scores::{Reason, Scores};
use super::worker::Program;
use anyhow::{Context as _, Result};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// The cases have dates that were far away when they were written.
const CLOCK: &str = "2015-01-01 00:00:00";

/// Where the cases are not right, or not any more.
const REASONS: &[Reason] = &[
    (
        &[
            "0004",
            "0021",
            "0023",
            "0024",
            "0025",
            "0026",
            "0027",
            "chromium0009",
            "chromium0010",
            "chromium0012",
            "mozilla0012",
            "mozilla0014",
            "mozilla0015",
            "mozilla0016",
            "mozilla0017",
            "name0017",
            "name0023",
            "name0025",
            "name0028",
            "name0031",
            "name0032",
            "name0033",
        ],
        "cookies without a name are kept and sent as their value alone since RFC 6265bis \
         (section 5.6), as browsers do",
    ),
    (&["0028"], "the same; what the case expects is no `Cookie` field at all"),
    (
        &["disabled-chromium0022", "disabled-chromium0023"],
        "a NUL or a CR inside a field ends the whole response with an error (RFC 9110 section 5.5)",
    ),
    (&["disabled-path0029"], "paths are compared as they are written (RFC 6265bis section 5.1.4)"),
    (
        &["optional-domain0042"],
        "of several `Domain` attributes the last one counts, also an empty one (RFC 6265bis \
         section 5.7)",
    ),
];

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let cases = folder.join("tests/data/parser");
    let names = names(&cases)?;
    let shelf = Arc::new(cases.clone());
    let port = peer::listen(move |stream| serve(stream, &shelf))?;
    let detour = format!(":8888:127.0.0.1:{port}");
    let program = Program::build()?.with(&["--cookie-jar", "--connect-to", &detour]).at(CLOCK)?;
    let mut scores = Scores::new("cookies", "abarth/http-state, the clock at 2015-01-01");
    for name in names {
        let expected = expected(&cases, &name)?;
        let url = format!("http://home.example.org:8888/cookie-parser?{name}");
        let answer = program.start()?.get(&url)?;
        let wrong = match answer.error {
            Some(error) => Some(error),
            None if answer.body == expected => None,
            None => Some(format!("sends “{}”, not “{expected}”", answer.body)),
        };
        scores.count(name, wrong);
    }
    scores.conclude(REASONS, keep)
}

fn names(cases: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(cases).context("this is no checkout of abarth/http-state")?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix("-test").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the `Cookie` field that is expected, or nothing.
fn expected(cases: &Path, name: &str) -> Result<String> {
    let bytes = std::fs::read(cases.join(format!("{name}-expected")))?;
    let text = String::from_utf8_lossy(&bytes);
    let field = text.lines().find_map(|line| line.strip_prefix("Cookie:"));
    Ok(field.unwrap_or_default().trim().to_owned())
}

/// `/cookie-parser?N` sets the cookies of case N, and `/cookie-parser-result?N` tells what came
/// back.
fn serve(mut stream: TcpStream, cases: &Path) -> std::io::Result<()> {
    while let Some(head) = Head::read(&mut stream)? {
        let (path, name) = head.target().split_once('?').unwrap_or_default();
        if path != "/cookie-parser" {
            let told = head.field("cookie").unwrap_or_default();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{told}", told.len())?;
            continue;
        }
        let fields = std::fs::read(cases.join(format!("{name}-test")))?;
        let mut answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n".to_vec();
        let mut leads = false;
        for line in fields.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            leads |= line.to_ascii_lowercase().starts_with(b"location:");
            answer.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            answer.extend_from_slice(b"\r\n");
        }
        if !leads {
            write!(answer, "Location: /cookie-parser-result?{name}\r\n")?;
        }
        answer.extend_from_slice(b"\r\n");
        stream.write_all(&answer)?;
    }
    Ok(())
}
