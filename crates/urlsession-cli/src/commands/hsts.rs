//! `hsts ls|clear`, `--hsts` and `--hsts-file`: the hosts that are asked over https only.

use super::cookies::publish;
use crate::args::{HstsCommand, NetworkArgs};
use crate::clock;
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::input;
use crate::json::SCHEMA;
use crate::known_hosts::{self, Form};
use crate::measure;
use crate::task_name;
use crate::terminal;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;
use urlsession::{ApplicationId, Daemon, KnownHost, Timestamp};

/// Most bytes of a file of hosts: more than all that are known have.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// A file that is read before a command and written after it.
#[derive(Debug)]
pub(crate) struct HostsFile {
    path: PathBuf,
    form: Form,
}

impl HostsFile {
    /// Returns the one that is typed; an empty name is none.
    pub(crate) fn of(args: &NetworkArgs) -> Option<Self> {
        let (path, form) = match (&args.hsts, &args.hsts_file) {
            (Some(path), _) => (path, Form::Curl),
            (None, path) => (path.as_ref()?, Form::Wget),
        };
        // Standard input and output have no names here.
        let path = std::path::absolute(path).ok()?;
        Some(Self { path, form })
    }

    /// Adds its hosts to those of the shell; one that is not there yet has none. A file with a line that
    /// is none is refused as a whole: it would be gone afterwards.
    pub(crate) fn import(&self) -> Result<(), Failure> {
        let Self { path, .. } = self;
        if !path.try_exists().map_err(|error| Failure::file(path, &error))? {
            return Ok(());
        }
        let hosts = known_hosts::read(&input::text(path, FILE_LIMIT, exit::FILE)?);
        let hosts = hosts.map_err(|line| {
            let why = format!("{}, line {line}: no host with its end", path.display());
            Failure::new(exit::FILE, why).next("it has one host a line, as curl or wget writes it")
        })?;
        Daemon::connect(true)?.known_hosts(task_name::shell().application).add(&hosts)?;
        Ok(())
    }

    /// Writes the hosts of the shell: whole, or not at all.
    pub(crate) fn export(&self) -> Result<(), Failure> {
        let Self { path, form } = self;
        let hosts = Daemon::connect(true)?.known_hosts(task_name::shell().application).list()?;
        let text = known_hosts::write(&hosts, *form, clock::now());
        publish(path, &text).map_err(|error| Failure::file(path, &error))
    }
}

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
