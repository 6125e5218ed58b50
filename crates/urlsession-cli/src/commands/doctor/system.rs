//! What the system gives: a service manager, a keychain, trusted roots, proxies, a clock, files.

use super::super::service::{self, Service};
use super::finding::Finding;
use crate::{clock, measure, task_name};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};
use urlsession::{Daemon, EnvironmentProxy, Paths, Seal, SessionConfiguration, Timestamp};
use urlsession_daemon::checkup;

/// 2026-01-01: there was no such program before.
const EARLIEST: Timestamp = Timestamp(1_767_225_600_000);
/// How far ahead of the clock a file may be, as of a machine whose clock is set now and then.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 60 * 60);
/// Fewer open files than this can be too few for all transfers that run at once.
const FILES_FEW: u64 = 1024;

pub(super) fn check(paths: &Paths, daemon: Option<&Daemon>, pid: Option<u32>) -> Vec<Finding> {
    let mut findings = vec![service()];
    findings.extend(pid.and_then(host));
    findings.extend([credentials(paths, daemon), trust()]);
    findings.extend(proxies());
    findings.extend([clock(paths), open_files(checkup::open_files())]);
    findings
}

/// Says what becomes of transfers after a logout and a reboot.
fn service() -> Finding {
    let name = "service";
    match service::look() {
        Service::Unknown(why) => Finding::note(
            name,
            format!("after a reboot, transfers go on at the next use of any door: {why}"),
        ),
        Service::Disabled => {
            Finding::note(name, "after a reboot, transfers go on at the next use of any door")
                .next("to have them go on from the login: urlsession daemon enable")
        }
        Service::Enabled { is_old: true } => {
            Finding::note(name, "the unit starts another program, or has other folders")
                .next("urlsession daemon enable writes it anew")
        }
        Service::Enabled { is_old: false } => match lingers() {
            Some(true) => Finding::ok(name, "transfers go on after a logout and a reboot"),
            _ => Finding::note(name, "transfers end with your last logout and go on with a login")
                .next("to have them go on meanwhile: loginctl enable-linger"),
        },
    }
}

/// Says with which service of another program that daemon ends.
fn host(pid: u32) -> Option<Finding> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let host = host_in(&groups)?;
    let what = format!("the daemon was started in {host} and ends with it; transfers then wait");
    let next = "to have it apart: urlsession daemon stop && urlsession daemon enable";
    Some(Finding::note("service", what).next(next))
}

/// Returns the service of another program in systemd's hierarchy, which is the only one or has a
/// name (cgroups(7)).
fn host_in(groups: &str) -> Option<&str> {
    let path = groups.lines().find_map(|line| {
        let (_, group) = line.split_once(':')?;
        let (hierarchy, path) = group.split_once(':')?;
        ["", "name=systemd"].contains(&hierarchy).then_some(path)
    })?;
    let service = path.rsplit('/').find(|part| part.ends_with(".service"))?;
    // What a user's own manager runs in is the login.
    let is_apart = service == urlsession_daemon::service::NAME || service.starts_with("user@");
    (!is_apart).then_some(service)
}

/// Says whether services of this user run while nobody is logged in; `None` if nobody knows.
fn lingers() -> Option<bool> {
    let user = rustix::process::getuid().as_raw().to_string();
    let words = ["show-user", &user, "--property=Linger", "--value"];
    let output = Command::new("loginctl").args(words).output().ok()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn credentials(paths: &Paths, daemon: Option<&Daemon>) -> Finding {
    let name = "credentials";
    let state = paths.state.display();
    if !checkup::uses_keychain() {
        return Finding::ok(name, format!("in plain text in {state}, which only you can read"));
    }
    let kept =
        daemon.and_then(|daemon| daemon.credentials(task_name::shell().application).list().ok());
    let has = |seal| kept.iter().flatten().any(|stored| stored.seal == seal);
    if has(Seal::Locked) {
        return Finding::problem(name, "locked: the keychain does not give the key to them")
            .next("unlock it, as by a login at the desktop");
    }
    if has(Seal::None) {
        return Finding::note(
            name,
            format!(
                "some are in plain text in {state}: the keychain did not answer when they came"
            ),
        )
        .next("urlsession credentials set keeps one anew");
    }
    Finding::ok(name, format!("in {state}, sealed by your keychain where it answers"))
}

fn trust() -> Finding {
    match checkup::count_trusted_roots() {
        Ok(Some(count)) => Finding::ok("trust", format!("{count} roots of this system")),
        Ok(None) => Finding::ok("trust", "this system judges certificates by itself"),
        Err(why) => Finding::problem("trust", format!("no trusted roots, so no https: {why}"))
            .next("install ca-certificates, or name a file in SSL_CERT_FILE"),
    }
}

fn proxies() -> Vec<Finding> {
    let stranger = std::env::var_os("HTTP_PROXY")
        .is_some_and(|value| !value.to_string_lossy().trim().is_empty());
    let named = SessionConfiguration::environment_proxy_variables();
    judge_proxies(named, stranger, &SessionConfiguration::environment_proxy_exceptions())
}

/// Tells the proxies that tasks of this shell take, without who we are to them.
fn judge_proxies(named: Vec<EnvironmentProxy>, stranger: bool, exceptions: &str) -> Vec<Finding> {
    let has_http = named.iter().any(|found| found.variable == "http_proxy");
    let mut findings: Vec<Finding> = named
        .into_iter()
        .map(|EnvironmentProxy { variable, proxy }| match proxy {
            Ok(proxy) => Finding::ok("proxy", format!("{variable} names {proxy}")),
            Err(error) => Finding::problem("proxy", error.detail.unwrap_or(error.message))
                .next(format!("mend or unset {variable}")),
        })
        .collect();
    if stranger && !has_http {
        let what = "HTTP_PROXY is not read: a web server sets it from what strangers ask";
        findings.push(Finding::note("proxy", what).next("http_proxy is"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("proxy", "none in the environment"));
    } else if !exceptions.is_empty() {
        findings.push(Finding::ok("proxy", format!("none for {exceptions}")));
    }
    findings
}

fn clock(paths: &Paths) -> Finding {
    let now = clock::now();
    let newest = [paths.log(), paths.lock()].iter().filter_map(|path| modified(path)).max();
    judge_clock(now, newest)
}

fn judge_clock(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    let shown = measure::rfc3339(now);
    let next = "set it, as by: timedatectl set-ntp true";
    if now < EARLIEST {
        let what = format!("it is {shown} here, and certificates are not valid yet");
        return Finding::problem("clock", what).next(next);
    }
    let ahead = newest.map_or(Duration::ZERO, |newest| now.until(newest));
    if ahead > CLOCK_SLACK {
        let ahead = measure::duration(ahead);
        let what = format!("it is {shown} here, {ahead} before the daemon's last start");
        return Finding::problem("clock", what).next(next);
    }
    Finding::ok("clock", shown)
}

fn modified(path: &Path) -> Option<Timestamp> {
    let modified = path.metadata().ok()?.modified().ok()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(Timestamp)
}

fn open_files((granted, wanted): (u64, u64)) -> Finding {
    let what = format!("{granted} of the {wanted} that the daemon asks for");
    let next = "raise the hard limit: ulimit -Hn, or LimitNOFILE= of the service";
    match granted {
        ..checkup::FILES_MINIMUM => {
            Finding::problem("open files", format!("{what}: too few for it to start")).next(next)
        }
        checkup::FILES_MINIMUM..FILES_FEW => {
            Finding::note("open files", format!("{what}: too few for many transfers at once"))
                .next(next)
        }
        _ => Finding::ok("open files", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::Proxy;

    #[test]
    fn proxies_are_told_without_credentials() {
        let named =
            |variable, text: &str| vec![EnvironmentProxy { variable, proxy: Proxy::parse(text) }];
        let told = |named, stranger, exceptions| -> String {
            judge_proxies(named, stranger, exceptions).iter().map(Finding::line).collect()
        };
        let none = "ok       proxy: none in the environment\n";
        assert_eq!(told(vec![], false, ""), none);
        assert_eq!(
            told(named("https_proxy", "http://me:hunter2@proxy:3128"), false, "a,b"),
            "ok       proxy: https_proxy names http://proxy:3128\nok       proxy: none for a,b\n"
        );
        let stranger = "note     proxy: HTTP_PROXY is not read: a web server sets it from what \
                        strangers ask; http_proxy is\n";
        assert_eq!(told(vec![], true, ""), stranger);
        let both = told(named("http_proxy", "proxy"), true, "");
        assert_eq!(both, "ok       proxy: http_proxy names http://proxy:1080\n");
        let wrong = told(named("all_proxy", "ftp://me:hunter2@proxy"), false, "");
        assert!(
            wrong.starts_with("problem  proxy: ") && wrong.contains("unset all_proxy"),
            "{wrong}"
        );
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn a_clock_that_stands_in_the_past_is_a_problem() {
        let day = 24 * 60 * 60 * 1000;
        let at = |days: u64| Timestamp(EARLIEST.0 + days * day);
        for (now, newest, word) in [
            (at(10), None, "ok"),
            (at(10), Some(at(11)), "ok"),
            (at(10), Some(at(12)), "problem"),
            (Timestamp(0), None, "problem"),
        ] {
            let line = judge_clock(now, newest).line();
            assert!(line.starts_with(word), "{line}");
        }
    }

    #[test]
    fn a_daemon_in_the_service_of_another_ends_with_it() {
        let apps = "/user.slice/user-1.slice/user@1.service/app.slice";
        for (groups, expected) in [
            ("0::/system.slice/shop.service\n".to_owned(), Some("shop.service")),
            ("0::/system.slice/shop.service/workers\n".to_owned(), Some("shop.service")),
            (format!("0::{apps}/shop.service\n"), Some("shop.service")),
            (format!("0::{apps}/urlsession.service\n"), None),
            (format!("0::{apps}/app-term.scope\n"), None),
            ("0::/user.slice/user-1.slice/session-3.scope\n".to_owned(), None),
            ("4:cpu:/a.service\n1:name=systemd:/b.service\n".to_owned(), Some("b.service")),
            ("0::/\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(host_in(&groups), expected, "{groups}");
        }
    }

    #[test]
    fn few_open_files_are_worth_a_word() {
        for (granted, level) in
            [(63, "problem"), (64, "note"), (1023, "note"), (1024, "ok"), (16_384, "ok")]
        {
            assert!(open_files((granted, 16_384)).line().starts_with(level), "{granted}");
        }
    }
}
