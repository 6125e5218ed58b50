//! `Content-Disposition`: the fields of jshttp/content-disposition, from the server to the disk.

use super::house::House;
use super::peer::{self, Head};
use super::scores::{Reason, Scores};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Where a name is read otherwise on purpose.
const REASONS: &[Reason] = &[
    (
        &[
            "filename=\"plans.pdf\"",
            "filename=foo.html",
            "filename=foo.html, filename=bar.html",
            "filename=foo.html; attachment",
        ],
        "the type may be missing, as for browsers",
    ),
    (
        &[
            "attachment; filename*=\"UTF-8''%E2%82%AC%20rates.pdf\"",
            "attachment; filename*=\"UTF-8''foo-%c3%a4.html\"",
        ],
        "an extended parameter may have quotes around it, as servers send it",
    ),
    (
        &["attachment; filename*=UTF-8''%E4%20rates.pdf; filename*=UTF-8''second.html"],
        "of several extended parameters the first counts that can be read",
    ),
    (
        &["attachment; filename=\"f\\oo.html\"", "attachment; filename=\"foo-%\\41.html\""],
        "a backslash is the separator of a path that somebody sent whole, unless a quote or another \
         one follows it",
    ),
    (
        &["attachment; filename=\"foo-Ã¤.html\"", "attachment; filename=foo-Ã¤.html"],
        "bytes that are UTF-8 are read as UTF-8, as browsers do",
    ),
    (
        &[
            "attachment; filename=\"foo-%41.html\"",
            "attachment; filename=\"ä-%41.html\"",
            "attachment; filename=\"foo-%c3%a4-%e2%82%ac.html\"",
        ],
        "percent-encoding in a plain name is undone, as Chrome does",
    ),
    (&["attachment; filename=\"bar"], "a quote that is not closed ends with the field"),
];
/// What the URL calls the file.
const OF_URL: &str = "plain.txt";
const BODY: &str = "body";

#[derive(Debug, Deserialize)]
struct Case {
    field: String,
    /// Whether it is read otherwise than a response's: its name is not compared.
    special: bool,
    name: Option<String>,
}

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let script = crate::tidy::root().join("xtask/src/conform/names.mjs");
    let output =
        Command::new("node").arg(script).arg(folder).output().context("this needs Node.js")?;
    ensure!(output.status.success(), "this is no checkout of jshttp/content-disposition");
    let cases: Vec<Case> = serde_json::from_slice(&output.stdout)?;
    let house = House::new(House::build()?)?;
    let mut scores = Scores::new("names", "jshttp/content-disposition, parse");
    let mut left = 0;
    for case in cases {
        if case.field.contains(['\r', '\n']) {
            left += 1;
            continue;
        }
        let wrong = case.try_it(&house)?;
        scores.count(case.field, wrong);
    }
    scores.note("not drivable: a field of several lines", left);
    scores.conclude(REASONS, keep)
}

impl Case {
    fn try_it(&self, house: &House) -> Result<Option<String>> {
        let field = Arc::new(self.bytes());
        let port = peer::listen(move |mut stream| {
            while Head::read(&mut stream)?.is_some() {
                let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Disposition: ";
                stream.write_all(&[begin, &field[..], b"\r\n\r\n", BODY.as_bytes()].concat())?;
            }
            Ok(())
        })?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("downloads");
        let url = format!("http://127.0.0.1:{port}/{OF_URL}");
        let output =
            house.shell(&["get", "-q", "-J", "-d", &path.to_string_lossy(), &url], &[], &[])?;
        if !output.status.success() {
            return Ok(Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        let [name] = &names[..] else { return Ok(Some(format!("leaves {names:?}"))) };
        if !is_safe(name) || std::fs::read_to_string(path.join(name))? != BODY {
            return Ok(Some(format!("writes {name:?}")));
        }
        let expected = self.name.as_deref().unwrap_or(OF_URL);
        let compared = !self.special && is_plain(expected);
        Ok((compared && name != expected).then(|| format!("is called {name:?}, not {expected:?}")))
    }

    /// Characters of Latin-1 are meant as such where there are no others.
    fn bytes(&self) -> Vec<u8> {
        let latin1: Option<Vec<u8>> =
            self.field.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        latin1.unwrap_or_else(|| self.field.clone().into_bytes())
    }
}

/// A name that can do no harm anywhere.
fn is_safe(name: &str) -> bool {
    let harmful = |c: char| c.is_control() || matches!(c, '/' | '\\' | '\u{202a}'..='\u{202e}');
    !name.contains(harmful)
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' '])
        && (1..=255).contains(&name.len())
}

/// A name that is taken as it is.
fn is_plain(name: &str) -> bool {
    is_safe(name) && !name.contains(['<', '>', ':', '"', '|', '?', '*'])
}
