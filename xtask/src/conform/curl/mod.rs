//! curl's own cases: what it asks a server for, how the server answers, and what comes out.

mod asked;
mod case;
mod config;
mod options;
mod replay;
mod secure;
mod socks;

use super::house::House;
use super::peer;
use super::scores::{Reason, Scores};
use anyhow::{Context as _, Result, anyhow};
use case::{Case, Place};
use options::Typed;
use replay::Replay;
use secure::Certificates;
use socks::Proxies;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use urlsession_testkit::door::Door;

/// A case that takes longer fails, as curl's cases do that wait.
const PATIENCE: &str = "5";

/// Houses that are tried in at once; most of the time one of them waits for an end.
const AT_ONCE: usize = 4;
/// What many machines call themselves, and not all.
const OWN_NAME: &str = "ip6-localhost";
/// Tries only these cases, by number, with commas between.
const ONLY_VARIABLE: &str = "URLSESSION_CONFORM_ONLY";

/// What is refused here on purpose, and what ends well here where curl fails.
const REFUSED: &[Reason] = &[
    (&["395", "770", "1473"], "a length or a field that cannot be read for sure is refused"),
    (
        &["1069", "1072", "1073"],
        "what is sent from standard input is read first: it has a length, and can be sent again",
    ),
];

/// Where curl means to differ from us, or we from curl.
const REASONS: &[Reason] = &[
    (&["87"], "several URLs are not saved as one file"),
    (
        &["175"],
        "an empty request, in case Digest is asked for, has an effect where it is not, and empties \
         what a PUT replaces; before a long body leave is asked for instead",
    ),
    (&["461"], "a request has a `Host` field (RFC 9112 section 3.2)"),
    (&["1056"], "a host is no address with a zone, as the URL standard says"),
    (&["1088"], "every server asks for itself before it is shown a credential that waits for that"),
    (
        &["369", "1293", "1328", "3223"],
        "an error of any URL is the command's, not only of the last one",
    ),
    (&["2052"], "one connection serves all who mean the same place, however they say so"),
    (&["1313"], "an apostrophe is part of a name"),
    (&["1460"], "where a file has the name already, the next free one is taken"),
    (&["1635"], "of several tries only the last one's body is the result"),
    (&["2305"], "gzip allows several members (RFC 1952 section 2.2)"),
    (&["3035"], "a part is taken only where it is proven to be of the file that was begun"),
    (&["3221"], "no name or password with a line end is sent"),
    (&["3228"], "the header fields of a request may have 256 KiB, no more"),
];

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let data = folder.join("tests/data");
    let executable = House::build()?;
    let certificates = Certificates::make(folder)?;
    let only = std::env::var(ONLY_VARIABLE).ok();
    let mut numbers = numbers(&data)?;
    numbers.retain(|number| only.as_ref().is_none_or(|o| o.split(',').any(|only| only == number)));
    let share = numbers.len().div_ceil(AT_ONCE).max(1);
    let verdicts = std::thread::scope(|scope| {
        let shares = numbers.chunks(share).map(|share| {
            let (executable, data, certificates) = (executable.clone(), &data, &certificates);
            scope.spawn(move || try_them(executable, data, certificates, share))
        });
        let shares: Vec<_> = shares.collect();
        let ends =
            shares.into_iter().map(|share| share.join().map_err(|_| anyhow!("it panics"))?);
        ends.collect::<Result<Vec<_>>>()
    })?;
    let mut scores = Scores::new("curl", "curl/curl, tests/data");
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for (number, verdict) in verdicts.into_iter().flatten() {
        match verdict {
            Verdict::Undrivable(why) => *left.entry(why).or_default() += 1,
            Verdict::Tried(wrong) => scores.count(number, wrong),
        }
    }
    for (why, number) in &left {
        println!("  not drivable: {number} {why}");
    }
    scores.note("not drivable: an option or a protocol that we do not have", left.values().sum());
    scores.tell_apart("of them refused on purpose, or well where curl fails", REFUSED);
    scores.conclude(&[REFUSED, REASONS].concat(), keep)
}

/// Tries cases one after the other, in a house of their own.
fn try_them(
    executable: PathBuf,
    data: &Path,
    certificates: &Certificates,
    numbers: &[String],
) -> Result<Vec<(String, Verdict)>> {
    let house = House::new(executable)?;
    let trier = Trier { house, certificates };
    let verdict = |number: &String| {
        let verdict = trier.try_it(data, number).with_context(|| format!("test{number}"))?;
        Ok((number.clone(), verdict))
    };
    numbers.iter().map(verdict).collect()
}

fn numbers(data: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(data).context("this is no checkout of curl/curl")?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut numbers: Vec<u32> =
        names.filter_map(|name| name.strip_prefix("test")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers.iter().map(u32::to_string).collect())
}

enum Verdict {
    Undrivable(String),
    /// With what is wrong.
    Tried(Option<String>),
}

/// One case after the other.
struct Trier<'a> {
    house: House,
    certificates: &'a Certificates,
}

impl Trier<'_> {
    fn try_it(&self, data: &Path, number: &str) -> Result<Verdict> {
        let folder = tempfile::tempdir()?;
        // The port is known once there is a server, and the server needs the case.
        let slot: Arc<std::sync::OnceLock<Replay>> = Arc::default();
        let served = Arc::clone(&slot);
        let serve = move |stream| match served.get() {
            Some(replay) => replay.serve(Box::new(stream)),
            None => Ok(()),
        };
        let served = Arc::clone(&slot);
        let serve_securely = move |stream| match served.get() {
            Some(replay) => replay.serve_securely(Box::new(stream)),
            None => Ok(()),
        };
        let port = peer::listen(serve.clone())?;
        let port6 = peer::listen_at(Ipv6Addr::LOCALHOST.into(), serve)?;
        let tls_port = peer::listen(serve_securely)?;
        let proxies = Proxies::start();
        let door = Door::to((Ipv4Addr::LOCALHOST, port).into());
        let place = Place {
            number: number.to_owned(),
            port,
            port6,
            socks_ports: proxies.ports(),
            socket: door.path().to_string_lossy().into_owned(),
            tls_port,
            certificates: self.certificates.folder().to_string_lossy().into_owned(),
            folder: folder.path().to_string_lossy().into_owned(),
        };
        let case = Case::read(data, &place)?;
        if let Some(why) = beyond(&case) {
            return Ok(Verdict::Undrivable(why));
        }
        proxies.obey(&case);
        for (name, bytes) in case.files("client")? {
            if !Path::new(&name).starts_with(folder.path()) {
                return Ok(Verdict::Undrivable("a file elsewhere".to_owned()));
            }
            std::fs::create_dir_all(Path::new(&name).parent().unwrap_or(folder.path()))?;
            std::fs::write(name, bytes)?;
        }
        for name in case.made_before() {
            std::fs::write(name, "to stay the same")?;
        }
        let stdin = case.bytes("stdin")?.unwrap_or_default();
        let parts = match Typed::translate(case.text("command"), &stdin) {
            Ok(parts) if parts.is_empty() => {
                return Ok(Verdict::Undrivable("a command without URL".to_owned()));
            }
            Ok(parts) => parts,
            Err(why) => return Ok(Verdict::Undrivable(why)),
        };
        let expected = match &parts[..] {
            [typed] if typed.url_files.is_empty() => expected(&case, typed)?,
            parts => expected_of_parts(&case, parts)?,
        };
        let variables = variables(&case);
        let strips = case.text("stripfile").split_once("s/").map(|(_, rest)| rest);
        let before_digits = strips.and_then(|text| Some(text.split_once("(\\d+)/")?.0.to_owned()));
        let reply = case.bytes("data")?.unwrap_or_default().to_ascii_lowercase();
        let chunked = String::from_utf8_lossy(&reply).contains("\ntransfer-encoding:");
        let front = self.certificates.front(case.text("server"), tls_port)?;
        slot.set(Replay::new(case, front)).ok().context("a case is served once")?;
        self.house.shell(&["cookies", "clear"], &[], &[])?;
        let way = Way { folder: folder.path(), number, variables: &variables, stdin: &stdin };
        let mut got = self.drive(&parts, &way, &expected)?;
        got.chunked = chunked;
        got.before_digits = before_digits;
        let replay = slot.get().context("it was served")?;
        let wrong = compare(&expected, &got).or_else(|| replay.wrongly_asked());
        Ok(Verdict::Tried(wrong))
    }

    fn drive(&self, parts: &[Typed], way: &Way<'_>, expected: &Expected) -> Result<Got> {
        let files = places(&parts[0], way.folder, way.number);
        let mut words = Vec::new();
        for (number, typed) in parts.iter().enumerate() {
            if number > 0 {
                words.push("--next".to_owned());
            }
            // curl's suite names a file for the first part only.
            let own = if number == 0 { &files[..] } else { &[] };
            words.extend(line(typed, own, way.folder, parts.len() > 1, expected));
        }
        if parts.iter().any(|typed| typed.has_file) {
            let options = way.folder.join("urlsession-options");
            std::fs::write(&options, config::file(&words))?;
            words = vec!["-K".to_owned(), options.to_string_lossy().into_owned()];
        }
        let words: Vec<&str> =
            ["get", "-q"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let output = self.house.shell_in(way.folder, &words, way.variables, way.stdin)?;
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.lines().next().unwrap_or_default().to_owned();
        // What is expected is compared without its heads as well.
        let has_heads = parts[0].words.iter().any(|word| word == "--include");
        let body = |bytes: Vec<u8>| if has_heads { bodies(&bytes) } else { bytes };
        let bodies =
            files.iter().map(|file| body(std::fs::read(file).unwrap_or_default())).collect();
        Ok(Got {
            has_heads,
            chunked: false,
            failed: (!output.status.success()).then_some(told),
            bodies,
            out: body(output.stdout),
            before_digits: None,
            folder: way.folder.to_owned(),
        })
    }
}

/// Returns what the environment of a case has.
fn variables(case: &Case) -> Vec<(String, String)> {
    let lines = case.text("setenv").lines().filter_map(|line| line.trim().split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Where a case is tried.
struct Way<'a> {
    folder: &'a Path,
    number: &'a str,
    variables: &'a [(String, String)],
    stdin: &'a [u8],
}

/// Returns the words of one part.
fn line(
    typed: &Typed,
    files: &[PathBuf],
    folder: &Path,
    is_one_of_several: bool,
    expected: &Expected,
) -> Vec<String> {
    let mut words = typed.words.clone();
    if !words.iter().any(|word| word == "-m") {
        words.extend(["-m".to_owned(), PATIENCE.to_owned()]);
    }
    words.extend(typed.urls.iter().cloned());
    let prints = matches!(expected, Expected::Out(_));
    let mut output = |file: &str| words.extend(["-o".to_owned(), file.to_owned()]);
    if typed.is_mixed || typed.names_file {
        let named = typed.output_dir.clone();
        let named = named.unwrap_or_else(|| folder.to_string_lossy().into_owned());
        words.extend(["--output-dir".to_owned(), named]);
    } else if !typed.url_files.is_empty()
        || (is_one_of_several && typed.outputs.is_empty() && (prints || files.is_empty()))
    {
        output("-");
    } else if is_one_of_several && !typed.outputs.is_empty() {
        let none = "-".to_owned();
        let outputs = typed.outputs.iter().chain(std::iter::repeat(&none));
        outputs.take(typed.urls.len()).for_each(|file| output(file));
    } else if typed.outputs.is_empty() && (prints || typed.globs) {
        output("-");
    } else if !typed.is_head {
        files.iter().for_each(|file| output(&file.to_string_lossy()));
    }
    words
}

/// Returns where what every URL brings is saved: where the case says, else where curl's own suite has
/// it for the first.
fn places(typed: &Typed, folder: &Path, number: &str) -> Vec<PathBuf> {
    let place = |n: usize| match typed.outputs.get(n).map(Path::new) {
        Some(path) if path.starts_with(folder) => path.to_owned(),
        _ if n == 0 => folder.join(format!("curl{number}.out")),
        _ => folder.join(format!("urlsession-out{n}")),
    };
    (0..typed.urls.len()).map(place).collect()
}

/// What curl is expected to do.
enum Expected {
    /// With what is said of it, where that is compared.
    Error(Option<&'static str>),
    /// Whatever comes.
    Success,
    /// What the URLs of these places bring, one after the other.
    Body(Vec<usize>, Vec<u8>),
    /// What is printed, heads left out.
    Out(Vec<u8>),
    /// The file of that name.
    File(String, Vec<u8>),
}

struct Got {
    /// Whether heads stand before bodies in files.
    has_heads: bool,
    chunked: bool,
    failed: Option<String>,
    /// What every URL brought.
    bodies: Vec<Vec<u8>>,
    /// What was printed.
    out: Vec<u8>,
    /// Behind what a number is not compared.
    before_digits: Option<String>,
    folder: PathBuf,
}

impl Got {
    /// Returns what was printed, with `[digits]` where only that is compared.
    fn stripped(&self) -> Vec<u8> {
        let Some(before) = &self.before_digits else { return self.out.clone() };
        let text = String::from_utf8_lossy(&self.out).into_owned();
        let mut parts = text.split(before.as_str());
        let mut stripped = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = if rest.len() < part.len() { "[digits]" } else { "" };
            stripped.extend([before, number, rest]);
        }
        stripped.into_bytes()
    }
}

/// Says why a case is not for a client of `http` and `https`.
fn beyond(case: &Case) -> Option<String> {
    let servers = case.text("server");
    let known = ["http", "http-proxy", "http-ipv6", "http-unix", "socks5", socks::SOCKS4];
    let is_known = |server: &str| known.contains(&server) || secure::SERVERS.contains(&server);
    // A certificate may stand behind.
    let mut names = servers.lines().filter_map(|line| line.split_whitespace().next());
    if servers.is_empty() || !names.all(is_known) {
        return Some("no http server".to_owned());
    }
    if case.text("command").contains(OWN_NAME) && (OWN_NAME, 0).to_socket_addrs().is_err() {
        return Some("a name that this machine does not know".to_owned());
    }
    if case.has("tool") || case.attribute("command", "type").is_some() {
        return Some("a program of its own".to_owned());
    }
    let needs = ["NTLM", "SPNEGO", "Debug", "alt-svc", "ipfs", "aws", "httpsig", "Schannel"];
    let features = case.text("features");
    let mut features = features.split_whitespace();
    // How much curl sends at once changes nothing of what is sent.
    let set: Vec<&str> = case.text("setenv").lines().filter(|line| line.contains('=')).collect();
    let sends_less = !set.is_empty() && set.iter().all(|line| line.starts_with("CURL_SMALL"));
    let is_there = |feature: &str| feature == "Debug" && sends_less;
    if let Some(need) = features.find(|need| needs.contains(need) && !is_there(need)) {
        return Some(format!("feature {need}"));
    }
    let commands = case.text("servercmd");
    let is_known = |line: &&str| {
        let known = [
            "connection-monitor",
            "swsclose",
            "auth_required",
            "writedelay:",
            "skip:",
            "response ",
            "method 2",
            "user ",
            "password ",
            "backendport ",
        ];
        line.is_empty() || known.iter().any(|known| line.starts_with(known))
    };
    let mut commands = commands.lines().map(str::trim);
    commands.find(|line| !is_known(line)).map(|line| format!("servercmd {line}"))
}

fn expected(case: &Case, typed: &Typed) -> Result<Expected> {
    if !matches!(case.text("errorcode"), "" | "0") {
        return Ok(Expected::Error(secure::told(case.text("errorcode"))));
    }
    if typed.writes
        && let Some(bytes) = case.bytes("stdout")?
    {
        return Ok(Expected::Out(bodies(&bytes)));
    }
    let all: Vec<usize> = (0..typed.urls.len()).collect();
    if typed.names_file || !typed.outputs.is_empty() {
        return expected_file(case, typed);
    }
    if typed.is_head {
        return Ok(Expected::Success);
    }
    if typed.globs {
        let bytes = case.bytes("stdout")?.or(case.bytes("datacheck")?);
        return Ok(bytes.map_or(Expected::Success, |bytes| Expected::Out(bodies(&bytes))));
    }
    // What was there before stands in front of the head.
    let goes_on = typed.words.iter().any(|word| word == "-C");
    let body = |bytes: &[u8]| match all.len() {
        1 if !goes_on => last_body(bytes),
        _ => bodies(bytes),
    };
    if let Some(bytes) = case.bytes("stdout")? {
        return Ok(Expected::Body(all.clone(), body(&bytes)));
    }
    let own = case.attribute("command", "option").is_some_and(|text| text.contains("no-output"));
    // curl's suite names a file for the first URL only.
    if let Some(bytes) = case.bytes("datacheck")? {
        return Ok(Expected::Body(
            vec![0],
            if goes_on { bodies(&bytes) } else { last_body(&bytes) },
        ));
    }
    Ok(match case.bytes("data")? {
        Some(bytes) if case.attribute("data", "nocheck").is_none() && !own => {
            Expected::Body(vec![0], last_body(&bytes))
        }
        _ => Expected::Success,
    })
}

/// What several commands in one do: what they print, else what the first one brings.
fn expected_of_parts(case: &Case, parts: &[Typed]) -> Result<Expected> {
    if !matches!(case.text("errorcode"), "" | "0") {
        return Ok(Expected::Error(secure::told(case.text("errorcode"))));
    }
    if parts.iter().any(|part| !part.outputs.is_empty() || !part.url_files.is_empty()) {
        return Ok(Expected::Success);
    }
    if let Some(bytes) = case.bytes("stdout")? {
        return Ok(Expected::Out(bodies(&bytes)));
    }
    let is_unchecked = case.attribute("data", "nocheck").is_some();
    let data = case.bytes("data")?.filter(|_| !is_unchecked);
    let first = case.bytes("datacheck")?.or(data);
    Ok(first.map_or(Expected::Success, |bytes| Expected::Body(vec![0], last_body(&bytes))))
}

/// What a file holds that was named by `-o`, a URL or the server; one is compared.
fn expected_file(case: &Case, typed: &Typed) -> Result<Expected> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let place = |name: &str| typed.outputs.iter().rposition(|output| last(output) == last(name));
    let is_pattern = typed.outputs.iter().any(|output| output.contains('#'));
    let heads = |name: &str| name.contains("heads") || name.contains("stdout");
    for (name, bytes) in case.files("verify")?.into_iter().filter(|(name, _)| !heads(name)) {
        if typed.names_file || is_pattern {
            return Ok(Expected::File(name, last_body(&bytes)));
        }
        if let Some(place) = place(&name) {
            return Ok(Expected::Body(vec![place], last_body(&bytes)));
        }
    }
    Ok(Expected::Success)
}

/// Returns what is left of several answers without their heads.
fn bodies(written: &[u8]) -> Vec<u8> {
    let mut bodies = Vec::new();
    let mut rest = written;
    while let Some(at) = head(rest) {
        bodies.extend_from_slice(&rest[..at]);
        rest = after_head(&rest[at..]);
    }
    bodies.extend_from_slice(rest);
    bodies
}

/// Returns what follows the last head of what curl writes with `--include`.
fn last_body(written: &[u8]) -> Vec<u8> {
    let mut rest = written;
    while let Some(at) = head(rest) {
        rest = after_head(&rest[at..]);
    }
    rest.to_vec()
}

fn after_head(mut rest: &[u8]) -> &[u8] {
    // With `--include` and `-D -` every line is there twice.
    let mut ends = 0;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let line = rest[..end].trim_ascii_end();
        rest = &rest[end..];
        ends += i32::from(line.starts_with(b"HTTP/")) - i32::from(line.is_empty());
        if ends <= 0 && line.is_empty() {
            break;
        }
    }
    rest
}

fn head(bytes: &[u8]) -> Option<usize> {
    let mark = b"HTTP/1.";
    (0..bytes.len())
        .find(|at| bytes[*at..].starts_with(mark) && (*at == 0 || bytes[at - 1] == b'\n'))
}

fn compare(expected: &Expected, got: &Got) -> Option<String> {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    let differs = |wanted: &[u8], got: &[u8]| {
        let told = format!("brings {:?}, not {:?}", shown(got), shown(wanted));
        (wanted != got).then_some(told)
    };
    // curl writes the trailer, too.
    let has_trailer = |wanted: &[u8]| {
        let body = got.bodies.first().map_or(&[][..], |body| body);
        let rest = wanted.strip_prefix(body).unwrap_or_default();
        let text = String::from_utf8_lossy(rest);
        !text.is_empty() && text.lines().all(|line| line.is_empty() || line.contains(": "))
    };
    match (expected, &got.failed) {
        (Expected::Error(Some(part)), Some(error)) if !error.contains(part) => {
            Some(format!("fails for another reason: {error}"))
        }
        (Expected::Error(_), Some(_)) | (Expected::Success, None) => None,
        (Expected::Error(_), None) => {
            Some(format!("no error, but {:?}", shown(&got.bodies.concat())))
        }
        (_, Some(error)) => Some(format!("fails: {error}")),
        (Expected::Body(_, wanted), None) if got.chunked && has_trailer(wanted) => None,
        (Expected::Body(places, wanted), None) => {
            let brought = places.iter().filter_map(|place| got.bodies.get(*place));
            differs(wanted, &brought.flatten().copied().collect::<Vec<u8>>())
        }
        (Expected::Out(wanted), None) => differs(wanted, &got.stripped()),
        (Expected::File(name, wanted), None) => match std::fs::read(got.folder.join(name)) {
            Ok(bytes) if got.has_heads => differs(wanted, &bodies(&bytes)),
            Ok(bytes) => differs(wanted, &bytes),
            Err(_) => Some(format!("writes no file {name}")),
        },
    }
}
