//! `hsts ls|clear`: the hosts that are asked over https only.

use crate::args::HstsCommand;
use crate::clock;
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::json::SCHEMA;
use crate::measure;
use crate::task_name;
use crate::terminal;
use serde_json::json;
use std::fmt::Write as _;
use urlsession::{ApplicationId, Daemon, KnownHost, Timestamp};

pub(crate) fn hsts(command: &HstsCommand) -> Result<u8, Failure> {
    let of = |named: &Option<ApplicationId>| {
        named.clone().unwrap_or_else(|| task_name::shell().application)
    };
    match command {
        HstsCommand::Ls { whose, json } => {
            let list = Daemon::connect(true)?.known_hosts(of(&whose.application)).list()?;
            let out = if *json {
                let values: Vec<_> = list.iter().map(value).collect();
                format!("{}\n", serde_json::Value::Array(values))
            } else {
                table(&list, clock::now())
            };
            terminal::print(&out)?;
        }
        HstsCommand::Clear { host, whose } => {
            let daemon = Daemon::connect(true)?;
            let gone = daemon.known_hosts(of(&whose.application)).clear(host.as_deref())?;
            terminal::say(&format!("{gone} forgotten"))?;
        }
    }
    Ok(exit::DONE)
}

/// A host with a dot in front stands for the names below it, too.
fn table(list: &[KnownHost], now: Timestamp) -> String {
    let rows: Vec<(String, String)> = list
        .iter()
        .map(|known| {
            let below = if known.include_subdomains { "." } else { "" };
            let host = shown(&format!("{below}{}", known.host)).into_owned();
            (host, measure::local(known.expires, now))
        })
        .collect();
    let head = ("HOST".to_owned(), "ENDS".to_owned());
    let width = rows.iter().chain([&head]).map(|(host, _)| host.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut out = String::new();
    for (host, end) in std::iter::once(&head).filter(|_| !rows.is_empty()).chain(&rows) {
        let _ = writeln!(out, "{host:<width$}  {end}");
    }
    out
}

fn value(known: &KnownHost) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "host": known.host,
        "include_subdomains": known.include_subdomains,
        "expires": measure::rfc3339(known.expires),
    })
}
