//! A command line of curl's as one of ours.

use super::{config, secure};
use std::path::Path;

/// What our client is started with, or why a case is not for it.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// Words of ours, without URL and output.
    pub(super) words: Vec<String>,
    pub(super) urls: Vec<String>,
    /// Where curl would write: the first URL's, the second one's, and so on.
    pub(super) outputs: Vec<String>,
    /// The same with what has no name: `-O` and `--out-null`.
    order: Vec<String>,
    /// Whether URLs have outputs of several kinds.
    pub(super) is_mixed: bool,
    /// Files of URLs.
    pub(super) url_files: Vec<String>,
    /// Whether options come from a file.
    pub(super) has_file: bool,
    /// Whether URL or server name the file.
    pub(super) names_file: bool,
    fails: bool,
    follows: bool,
    pub(super) is_head: bool,
    /// Whether URLs stand for several.
    pub(super) globs: bool,
    takes_globs_as_they_stand: bool,
    /// Where relative outputs are.
    pub(super) output_dir: Option<String>,
    proxy: Option<String>,
    speaks_http10: bool,
    proxy_user: Option<String>,
    cookies: Vec<String>,
    asks_first: bool,
    asks_digest: bool,
    /// Whether something of the transfer is printed after it.
    pub(super) writes: bool,
}

/// Options without a value that change nothing here.
const IDLE: &[&str] = &[
    "-s",
    "-S",
    "-sS",
    "--silent",
    "--show-error",
    "-v",
    "--parallel-immediate",
    "--remote-name-all",
    "--no-http0.9",
    "-q",
    "--proxy-digest",
    "-N",
    "--no-buffer",
    "--tcp-fastopen",
    "--no-keepalive",
    "--crlf-off",
    "--no-clobber-off",
];
/// Letters that can be followed by others.
const FLAGS: &[&str] = &["-O", "-J", "-s", "-S", "-i", "-L", "-R", "-f", "-v", "-g"];
/// Options with a value that change nothing here.
const IDLE_WITH_VALUE: &[&str] =
    &["--expect100-timeout", "--stderr", "--libcurl", "--keepalive-time"];

/// Options with a value that mean the same, and how we call them.
const SAME: &[(&str, &str)] = &[
    ("--connect-timeout", "--connect-timeout"),
    ("-m", "-m"),
    ("--max-time", "-m"),
    ("-A", "-A"),
    ("--user-agent", "-A"),
    ("-c", "--cookie-jar"),
    ("--cookie-jar", "--cookie-jar"),
    ("--hsts", "--hsts"),
    ("--variable", "--variable"),
    ("--parallel-max", "--parallel-max"),
    ("-e", "-e"),
    ("--referer", "-e"),
    ("-X", "-X"),
    ("--request", "-X"),
    ("-u", "-u"),
    ("--user", "-u"),
    ("--max-redirs", "--max-redirs"),
    ("--oauth2-bearer", "--oauth2-bearer"),
    ("--interface", "--interface"),
    ("--unix-socket", "--unix-socket"),
    ("--limit-rate", "--limit-rate"),
    ("--proto", "--proto"),
    ("--proto-redir", "--proto-redir"),
    ("--proto-default", "--proto-default"),
    ("--connect-to", "--connect-to"),
    ("--resolve", "--resolve"),
    ("--proxy-header", "--proxy-header"),
    ("--socks5", "--socks5"),
    ("--socks5-hostname", "--socks5-hostname"),
    ("--socks4", "--socks4"),
    ("--socks4a", "--socks4a"),
    ("--retry", "--retry"),
    ("--retry-delay", "--retry-delay"),
    ("--retry-max-time", "--retry-max-time"),
    ("--noproxy", "--noproxy"),
    ("--netrc-file", "--netrc-file"),
    ("-C", "-C"),
    ("--continue-at", "-C"),
    ("-z", "-z"),
    ("--time-cond", "-z"),
    ("-r", "-r"),
    ("--range", "-r"),
    ("--etag-save", "--etag-save"),
    ("--etag-compare", "--etag-compare"),
    ("--max-filesize", "--max-filesize"),
    ("-Y", "-Y"),
    ("--speed-limit", "-Y"),
    ("-y", "-y"),
    ("--speed-time", "-y"),
    ("--url-query", "--url-query"),
    ("--request-target", "--request-target"),
    ("-d", "--data"),
    ("--data", "--data"),
    ("--data-ascii", "--data-ascii"),
    ("--data-binary", "--data-binary"),
    ("--data-raw", "--data-raw"),
    ("--data-urlencode", "--data-urlencode"),
];

/// The same without a value.
const SAME_FLAGS: &[(&str, &str)] = &[
    ("-4", "-4"),
    ("--ipv4", "-4"),
    ("-6", "-6"),
    ("--ipv6", "-6"),
    ("--basic", "--basic"),
    ("--proxy-basic", "--proxy-basic"),
    ("--proxy-anyauth", "--proxy-anyauth"),
    ("--tcp-nodelay", "--tcp-nodelay"),
    ("--remove-on-error", "--remove-on-error"),
    ("--retry-connrefused", "--retry-connrefused"),
    ("-#", "--progress-bar"),
    ("--progress-bar", "--progress-bar"),
    ("--http2", "--http2"),
    ("--compressed", "--compressed"),
    ("--tr-encoding", "--tr-encoding"),
    ("--no-progress-meter", "--no-progress-meter"),
    ("--no-remote-name", "--no-remote-name"),
    ("--no-basic", "--no-basic"),
    ("-i", "--include"),
    ("--include", "--include"),
    ("--show-headers", "--include"),
    ("--no-include", "--no-include"),
    ("--suppress-connect-headers", "--suppress-connect-headers"),
    ("-B", "-B"),
    ("--use-ascii", "-B"),
    ("-Z", "-Z"),
    ("--parallel", "-Z"),
    ("--netrc-optional", "--netrc-optional"),
    ("-n", "--netrc"),
    ("--netrc", "--netrc"),
    ("--clobber", "--overwrite"),
    ("-p", "-p"),
    ("--proxytunnel", "-p"),
    ("-G", "-G"),
    ("--get", "-G"),
    ("-R", "-R"),
    ("--remote-time", "-R"),
    ("--create-dirs", "--create-dirs"),
    ("--no-clobber", "--no-clobber"),
    ("--skip-existing", "--skip-existing"),
    ("--retry-all-errors", "--retry-all-errors"),
    ("--post301", "--post301"),
    ("--post302", "--post302"),
    ("--post303", "--post303"),
    ("--path-as-is", "--path-as-is"),
    ("--form-escape", "--form-escape"),
    ("--fail-early", "--fail-early"),
    ("-j", "--junk-session-cookies"),
    ("--junk-session-cookies", "--junk-session-cookies"),
    ("-0", "--http1.0"),
    ("--http1.0", "--http1.0"),
    ("--http1.1", "--http1.1"),
];

/// What a format of curl's may have that ours has not, or that says something else here.
const UNWRITTEN: &[&str] = &["%{xfer_id}", "%{certs}"];

/// How a URL is typed that has variables in it.
const EXPANDED_URL: &str = "--expand-url=";

impl Typed {
    /// Translates what stands between one `--next` and another; an error names the word that has no
    /// counterpart.
    pub(super) fn translate(line: &str, stdin: &[u8]) -> Result<Vec<Self>, String> {
        let mut parts = vec![Self::default()];
        Self::take(&mut parts, config::split(&spelled(line)), stdin)?;
        // A file may begin with `next`.
        parts.retain(|part| !part.urls.is_empty() || !part.url_files.is_empty());
        parts.into_iter().map(Self::settle).collect()
    }

    fn take(parts: &mut Vec<Self>, words: Vec<String>, stdin: &[u8]) -> Result<(), String> {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(typed) = parts.last_mut() else { break };
            match word.as_str() {
                "--next" | "-:" => parts.push(Self::default()),
                "-K" | "--config" => {
                    let file = words.next().unwrap_or_default();
                    let bytes = match file.as_str() {
                        "-" => Ok(stdin.to_vec()),
                        file => std::fs::read(file),
                    };
                    let text = String::from_utf8(bytes.map_err(|error| error.to_string())?);
                    let text = text.map_err(|_| "-K of no text")?;
                    Self::take(parts, config::words(&text)?, stdin)?;
                    parts.iter_mut().for_each(|part| part.has_file = true);
                }
                "-" => typed.urls.push(word),
                option if option.starts_with('-') => typed.option(option, &mut words)?,
                _ => typed.urls.push(word),
            }
        }
        Ok(())
    }

    fn option(&mut self, word: &str, words: &mut std::vec::IntoIter<String>) -> Result<(), String> {
        let (name, mut attached) = apart(word);
        if attached.is_some() && FLAGS.contains(&name.as_str()) {
            let rest = attached.take().unwrap_or_default();
            self.option(&format!("-{rest}"), words)?;
        }
        let mut value = || attached.take().or_else(|| words.next()).unwrap_or_default();
        if IDLE.iter().chain(secure::IDLE).any(|idle| *idle == name) {
            return Ok(());
        }
        if IDLE_WITH_VALUE.contains(&name.as_str()) {
            value();
            return Ok(());
        }
        if let Some((_, ours)) = SAME.iter().chain(secure::SAME).find(|(theirs, _)| *theirs == name)
        {
            self.words.extend([(*ours).to_owned(), value()]);
            return Ok(());
        }
        if self.switch(&name) || self.place(&name, &mut value)? {
            return Ok(());
        }
        self.content(&name, &mut value)
    }

    /// Takes an option without a value, if it is one.
    fn switch(&mut self, name: &str) -> bool {
        let mut flags = SAME_FLAGS.iter().chain(secure::SAME_FLAGS);
        if let Some((_, ours)) = flags.find(|(theirs, _)| *theirs == name) {
            self.words.push((*ours).to_owned());
            return true;
        }
        match name {
            "-L" | "--location" | "--follow" => self.follows = true,
            "--location-trusted" => {
                self.follows = true;
                self.words.push(name.to_owned());
            }
            "--digest" => self.asks_digest = true,
            "--anyauth" => self.asks_first = true,
            "--out-null" => self.order.push(name.to_owned()),
            "-g" | "--globoff" => self.takes_globs_as_they_stand = true,
            "--fail-with-body" => {
                self.fails = true;
                self.words.push(name.to_owned());
            }
            "-O" | "--remote-name" => {
                self.names_file = true;
                self.order.push("-O".to_owned());
                self.words.push("-O".to_owned());
            }
            "-J" | "--remote-header-name" => {
                self.names_file = true;
                self.words.push("-J".to_owned());
            }
            "-f" | "--fail" => self.fails = true,
            "-I" | "--head" => self.is_head = true,
            _ => return false,
        }
        true
    }

    /// Takes an option that says where something comes from or goes to, if it is one.
    fn place(&mut self, name: &str, value: &mut dyn FnMut() -> String) -> Result<bool, String> {
        match name {
            "--url" => match value() {
                file if file.starts_with('@') => {
                    self.words.extend(["--url".to_owned(), file.clone()]);
                    self.url_files.push(file);
                }
                url => self.urls.push(url),
            },
            "-o" | "--output" => {
                self.outputs.push(value());
                self.order.push("-o".to_owned());
            }
            "--output-dir" => self.output_dir = Some(value()),
            "-D" | "--dump-header" => match value().as_str() {
                // The heads of redirects would be among them.
                "-" => {}
                file => self.words.extend(["-D".to_owned(), file.to_owned()]),
            },
            "-x" | "--proxy" => self.proxy = Some(value()),
            "--proxy1.0" => {
                self.speaks_http10 = true;
                self.proxy = Some(value());
            }
            "-U" | "--proxy-user" => self.proxy_user = Some(value()),
            "--expand-url" => self.urls.push(format!("{EXPANDED_URL}{}", value())),
            "--expand-output" => {
                self.names_file = true;
                self.words.extend([name.to_owned(), value()]);
            }
            _ if name.starts_with("--expand-") => self.words.extend([name.to_owned(), value()]),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes an option that says what is sent or told.
    fn content(&mut self, name: &str, value: &mut dyn FnMut() -> String) -> Result<(), String> {
        let mut same = |name: &str, value: String| self.words.extend([name.to_owned(), value]);
        match name {
            "-H" | "--header" => {
                let field = value();
                same("-H", field);
            }
            "-w" | "--write-out" => {
                let format = value();
                if let Some(strange) = UNWRITTEN.iter().find(|part| format.contains(*part)) {
                    return Err(format!("-w with {strange}"));
                }
                self.writes = true;
                same("-w", format);
            }
            "-F" | "--form" => same("-F", field(&value())?),
            "--form-string" => same("--form-string", value()),
            "--json" => {
                same("--data", value());
                same("-H", "Content-Type: application/json".to_owned());
                same("-H", "Accept: application/json".to_owned());
            }
            "-b" | "--cookie" => self.cookies.push(value()),
            "-T" | "--upload-file" => same("-T", value()),
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    fn settle(mut self) -> Result<Self, String> {
        // curl asks for one after the other.
        if !self.words.iter().any(|word| word == "-Z") {
            self.words.extend(["-j".to_owned(), "1".to_owned()]);
        }
        if !self.urls.iter().all(|url| is_of_http(url.trim_start_matches(EXPANDED_URL))) {
            return Err("not http".to_owned());
        }
        let is_pattern = |url: &String| {
            !url.starts_with(EXPANDED_URL)
                && url.replace("://[", "").contains(['{', '['])
                && !url.contains("[]")
                && !url.contains("{}")
        };
        if self.takes_globs_as_they_stand {
            self.words.push("-g".to_owned());
        } else if self.urls.iter().any(is_pattern) {
            self.globs = true;
        }
        for output in &mut self.outputs {
            if let Some(folder) = &self.output_dir
                && !output.starts_with('/')
            {
                *output = format!("{folder}/{output}");
            }
        }
        if self.urls.len() > 1 {
            let has_null = self.order.iter().any(|output| output == "--out-null");
            self.is_mixed = has_null || (self.names_file && !self.outputs.is_empty());
        }
        if self.is_mixed {
            self.words.retain(|word| word != "-O");
            self.place_all();
        } else if !self.outputs.is_empty() {
            // For curl, a name that is typed wins.
            self.names_file = false;
            self.words.retain(|word| word != "-J" && word != "-O");
        }
        if self.follows {
            // curl goes from https to http without leave.
            self.words.push("--allow-insecure-redirect".to_owned());
        } else {
            self.words.extend(["--redirect".to_owned(), "manual".to_owned()]);
        }
        if self.is_head {
            self.words.push("-I".to_owned());
        }
        for cookie in self.cookies.drain(..).filter(|cookie| is_cookie(cookie)) {
            self.words.extend(["-b".to_owned(), cookie]);
        }
        let has_user = self.words.iter().any(|word| word == "-u");
        if self.asks_first && (has_user || self.urls.iter().any(|url| url.contains('@'))) {
            self.words.push("--anyauth".to_owned());
        } else if self.asks_digest {
            self.words.push("--digest".to_owned());
        }
        if let Some(proxy) = self.proxy.take() {
            let option = if self.speaks_http10 { "--proxy1.0" } else { "--proxy" };
            self.words.extend([option.to_owned(), self.proxy_url(&proxy)]);
        } else if let Some(user) = self.proxy_user.take() {
            self.words.extend(["-U".to_owned(), user]);
        }
        let retries = self.words.iter().any(|word| word == "--retry");
        if !self.fails && !self.words.iter().any(|word| word == "--retry-all-errors") {
            self.words.push("--no-fail".to_owned());
        }
        if !retries {
            self.words.extend(["--retry".to_owned(), "0".to_owned()]);
        }
        Ok(self)
    }

    /// Says of every URL where what it brings goes.
    fn place_all(&mut self) {
        let mut files = self.outputs.iter();
        for number in 0..self.urls.len() {
            match self.order.get(number).map(String::as_str) {
                Some("-o") => {
                    let file = files.next().cloned().unwrap_or_default();
                    self.words.extend(["-o".to_owned(), file]);
                }
                Some(other) => self.words.push(other.to_owned()),
                None => self.words.extend(["-o".to_owned(), "-".to_owned()]),
            }
        }
    }

    fn proxy_url(&self, proxy: &str) -> String {
        if proxy.is_empty() {
            return String::new();
        }
        let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
        match &self.proxy_user {
            None => format!("{scheme}://{rest}"),
            Some(user) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let host = rest.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{}:{}@{host}", escaped(user), escaped(password))
            }
        }
    }
}

/// Says whether a URL is of a scheme that is spoken here; one that has none is.
fn is_of_http(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    !lower.contains("://") || ["http:", "https:"].iter().any(|scheme| lower.starts_with(scheme))
}

fn field(text: &str) -> Result<String, String> {
    let strange = [";format=", "=(", "=;", "=@-;filename"];
    match strange.iter().find(|part| text.contains(**part)) {
        Some(part) => Err(format!("-F with {part}")),
        None => Ok(text.to_owned()),
    }
}

/// Parts an option from a value in the same word.
fn apart(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
        _ if !word.starts_with("--") && word.len() > 2 && !IDLE.contains(&word) => {
            (word[..2].to_owned(), Some(word[2..].to_owned()))
        }
        _ => (word.to_owned(), None),
    }
}

/// A name that is no cookie and no file only turns the jar on, which ours is.
fn is_cookie(text: &str) -> bool {
    text.contains('=') || Path::new(text).is_file()
}

fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|b| if plain(&b) { char::from(b).into() } else { format!("%{b:02X}") })
        .collect()
}

/// The bytes of a case are kept as characters of Latin-1, and are UTF-8 on a command line.
fn spelled(line: &str) -> String {
    String::from_utf8(super::case::latin1(line)).unwrap_or_else(|_| line.to_owned())
}
