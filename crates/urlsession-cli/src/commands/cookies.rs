//! `cookies ls|import|export|clear`: what servers asked to be remembered.

use crate::args::CookiesCommand;
use crate::clock;
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::input;
use crate::json::SCHEMA;
use crate::measure;
use crate::netscape;
use crate::task_name;
use crate::terminal;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use urlsession::{ApplicationId, Cookie, CookieIdentity, Daemon, SameSite, Timestamp};

/// Most bytes of a file of cookies: more than all cookies of an application have.
const FILE_LIMIT: u64 = 64 * 1024 * 1024;
/// What stands for a value.
const HIDDEN: &str = "***";

pub(crate) fn cookies(command: &CookiesCommand) -> Result<u8, Failure> {
    let of = |named: &Option<ApplicationId>| {
        named.clone().unwrap_or_else(|| task_name::shell().application)
    };
    match command {
        CookiesCommand::Ls { whose, which, reveal, json } => {
            let list = list(&of(&whose.application), which.domain.as_deref())?;
            let out = if *json {
                let values: Vec<_> = list.iter().map(|cookie| value(cookie, *reveal)).collect();
                format!("{}\n", serde_json::Value::Array(values))
            } else {
                table(&list, *reveal, clock::now())
            };
            terminal::print(&out)?;
            Ok(exit::DONE)
        }
        CookiesCommand::Import { file, whose } => {
            let imported = import(&of(&whose.application), file, &[], false)?;
            terminal::say(&imported.told)?;
            Ok(if imported.whole { exit::DONE } else { exit::SOME_FAILED })
        }
        CookiesCommand::Export { file, whose, which } => {
            export(&of(&whose.application), which.domain.as_deref(), file)?;
            Ok(exit::DONE)
        }
        CookiesCommand::Clear { whose, which } => {
            let daemon = Daemon::connect(true)?;
            let gone = daemon.cookies(of(&whose.application)).clear(which.domain.as_deref())?;
            terminal::say(&format!("{gone} forgotten"))?;
            Ok(exit::DONE)
        }
    }
}

/// Writes the cookies of a domain, or all, values and all, to a file; `-` is standard output.
pub(crate) fn export(
    application: &ApplicationId,
    domain: Option<&str>,
    file: &Path,
) -> Result<(), Failure> {
    let (text, left_out) = netscape::write(&list(application, domain)?);
    if left_out > 0 {
        terminal::say(&format!("{left_out} left out: they have a tab in them"))?;
    }
    if file.as_os_str() == "-" {
        return Ok(terminal::print(&text)?);
    }
    publish(file, &text).map_err(|error| Failure::file(file, &error))
}

/// What came of the cookies of a file.
pub(crate) struct Imported {
    /// Says it in a line.
    pub(crate) told: String,
    /// Whether all of them could be used.
    pub(crate) whole: bool,
}

/// Keeps the cookies of a file; what names no domain in it is of these hosts.
pub(crate) fn import(
    application: &ApplicationId,
    path: &Path,
    hosts: &[String],
    junks_session: bool,
) -> Result<Imported, Failure> {
    let name = path.display();
    let now = clock::now();
    let mut file = netscape::read(&input::bytes(path, FILE_LIMIT, exit::FILE)?, hosts, now);
    if file.cookies.is_empty() && !file.illegible.is_empty() {
        return Err(Failure::new(exit::FILE, format!("{name}: no file of cookies"))
            .next("it has one cookie a line, its seven fields parted by tabs"));
    }
    let all = file.cookies.len();
    file.cookies.retain(|cookie| cookie.expires.is_some() || !junks_session);
    let junked = all - file.cookies.len();
    // What ended while it lay in the file must not remove what a server set since.
    let (lasting, ended): (Vec<Cookie>, Vec<Cookie>) =
        file.cookies.into_iter().partition(|cookie| cookie.expires.is_none_or(|end| end > now));
    let passing = lasting.iter().filter(|cookie| cookie.expires.is_none()).count();
    let given = lasting.len() as u64;
    let names: Vec<_> = lasting.iter().map(name_of).collect();
    let daemon = Daemon::connect(true)?;
    let storage = daemon.cookies(application.clone());
    let taken = storage.set(lasting)?;
    let held: BTreeSet<_> = storage.list(None)?.iter().map(name_of).collect();
    let kept = taken.min(names.iter().filter(|name| held.contains(*name)).count() as u64);
    let refused = given - taken;
    let mut told = format!("{name}: {kept} kept");
    for (count, why) in [
        (passing as u64, "without an end, kept in memory only"),
        (junked as u64, "without an end, left out"),
        (ended.len() as u64, "had ended"),
        (refused, "refused: illegal, or of a public suffix"),
        (taken - kept, "for which there is no room: too many of one site, or in all"),
        (file.illegible.len() as u64, "illegible"),
    ] {
        if count > 0 {
            let _ = write!(told, "; {count} {why}");
        }
    }
    if let Some(first) = file.illegible.first() {
        let _ = write!(told, ", the first in line {first}");
    }
    let whole = refused == 0 && kept == taken && file.illegible.is_empty();
    Ok(Imported { told: shown(&told).into_owned(), whole })
}

/// What tells a cookie from others, however its host is written.
fn name_of(cookie: &Cookie) -> (String, String, String) {
    let CookieIdentity { domain, path, name, .. } = &cookie.identity;
    let address = netscape::address(domain).map(|address| address.to_string());
    (address.unwrap_or_else(|| domain.to_ascii_lowercase()), path.clone(), name.clone())
}

fn list(application: &ApplicationId, domain: Option<&str>) -> Result<Vec<Cookie>, Failure> {
    Ok(Daemon::connect(true)?.cookies(application.clone()).list(domain)?)
}

/// Writes a file that appears whole and that nobody else can read.
pub(crate) fn publish(path: &Path, text: &str) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    // A device or a pipe is written to, not replaced.
    if std::fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
        return File::options().write(true).open(&path)?.write_all(text.as_bytes());
    }
    let folder = path.parent().unwrap_or(&path);
    // Its own name says nothing to whoever gave the other.
    let aside = tempfile::NamedTempFile::new_in(folder);
    let mut aside = aside.map_err(|error| io::Error::new(error.kind(), in_words(&error)))?;
    aside.write_all(text.as_bytes())?;
    aside.as_file().sync_all()?;
    aside.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.as_str(), |(why, _)| why).to_owned()
}

fn table(list: &[Cookie], reveal: bool, now: Timestamp) -> String {
    let rows: Vec<[String; 5]> = list
        .iter()
        .map(|cookie| {
            let identity = &cookie.identity;
            let below = if identity.host_only { "" } else { "." };
            [
                shown(&format!("{below}{}", identity.domain)).into_owned(),
                shown(&identity.path).into_owned(),
                cookie.expires.map_or_else(|| "-".to_owned(), |end| measure::local(end, now)),
                marks(cookie),
                shown(&format!("{}={}", identity.name, told(cookie, reveal))).into_owned(),
            ]
        })
        .collect();
    let heads = ["DOMAIN", "PATH", "ENDS", "MARKS", "COOKIE"];
    let mut widths = heads.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let heads = heads.map(str::to_owned);
    for row in std::iter::once(&heads).filter(|_| !rows.is_empty()).chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

fn marks(cookie: &Cookie) -> String {
    let same_site = cookie.same_site.map(|same_site| match same_site {
        SameSite::None => "same-site=none",
        SameSite::Lax => "same-site=lax",
        SameSite::Strict => "same-site=strict",
    });
    let secure = cookie.secure.then_some("secure");
    let http_only = cookie.http_only.then_some("http-only");
    let marks: Vec<&str> = [secure, http_only, same_site].into_iter().flatten().collect();
    if marks.is_empty() { "-".to_owned() } else { marks.join(",") }
}

fn value(cookie: &Cookie, reveal: bool) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "domain": cookie.identity.domain,
        "host_only": cookie.identity.host_only,
        "path": cookie.identity.path,
        "name": cookie.identity.name,
        "value": told(cookie, reveal),
        "secure": cookie.secure,
        "http_only": cookie.http_only,
        "same_site": cookie.same_site,
        "expires": cookie.expires.map(measure::rfc3339),
        "created": measure::rfc3339(cookie.created),
    })
}

fn told(cookie: &Cookie, reveal: bool) -> &str {
    if reveal { cookie.value.expose() } else { HIDDEN }
}
