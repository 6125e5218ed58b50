//! A command line of curl's as one of ours.

use std::path::Path;
use urlsession_testkit::relay::Detour;

/// What our client is started with, or why a case is not for it.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// Words of ours, without URL and output.
    pub(super) words: Vec<String>,
    pub(super) urls: Vec<String>,
    /// Where curl would write: the first URL's, the second one's, and so on.
    pub(super) outputs: Vec<String>,
    /// Whether URL or server name the file.
    pub(super) names_file: bool,
    fails: bool,
    follows: bool,
    pub(super) is_head: bool,
    pub(super) uploads: bool,
    /// Whether URLs stand for several.
    pub(super) globs: bool,
    takes_globs_as_they_stand: bool,
    /// Where relative outputs are.
    pub(super) output_dir: Option<String>,
    proxy: Option<String>,
    proxy_user: Option<String>,
    cookies: Vec<String>,
    asks_first: bool,
    /// Whether something of the transfer is printed after it.
    pub(super) writes: bool,
    /// Whether heads go to standard output.
    dumps: bool,
    /// Connections that go elsewhere, as `--connect-to` has it.
    pub(super) detours: Vec<Detour>,
}

/// Options without a value that change nothing here.
const IDLE: &[&str] = &[
    "-s",
    "-S",
    "-sS",
    "--silent",
    "-i",
    "--include",
    "--show-headers",
    "--show-error",
    "-v",
    "--no-progress-meter",
    "-#",
    "--http1.1",
    "-4",
    "--ipv4",
    "--basic",
    "--no-include",
    "--suppress-connect-headers",
    "--remote-name-all",
    "--no-http0.9",
    "--proxy-basic",
    "-q",
    "--proxy-digest",
    "--proxy-anyauth",
    "-N",
    "--no-buffer",
    "--tcp-nodelay",
    "--tcp-fastopen",
    "--no-keepalive",
    "--crlf-off",
    "--remove-on-error",
    "--no-clobber-off",
];
/// Letters that can be followed by others.
const FLAGS: &[&str] = &["-O", "-J", "-s", "-S", "-i", "-L", "-R", "-f", "-v", "-g"];
/// Options with a value that change nothing here.
const IDLE_WITH_VALUE: &[&str] = &[
    "-c",
    "--cookie-jar",
    "--retry-delay",
    "--expect100-timeout",
    "--stderr",
    "--libcurl",
    "--retry-max-time",
    "--keepalive-time",
    "--proto-default",
    "--connect-timeout",
];

/// Options with a value that mean the same, and how we call them.
const SAME: &[(&str, &str)] = &[
    ("-m", "-m"),
    ("--max-time", "-m"),
    ("-A", "-A"),
    ("--user-agent", "-A"),
    ("-e", "-e"),
    ("--referer", "-e"),
    ("-X", "-X"),
    ("--request", "-X"),
    ("-u", "-u"),
    ("--user", "-u"),
    ("--max-redirs", "--max-redirs"),
    ("--retry", "--retry"),
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
    ("--url-query", "--url-query"),
    ("-d", "--data"),
    ("--data", "--data"),
    ("--data-ascii", "--data"),
    ("--data-binary", "--data"),
    ("--data-raw", "--data-raw"),
    ("--data-urlencode", "--data-urlencode"),
];

/// The same without a value.
const SAME_FLAGS: &[(&str, &str)] = &[
    ("--compressed", "--compressed"),
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
];

/// Fields that we always send.
const SENT: &[&str] = &[
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Length",
    "Content-Type",
    "Host",
    "User-Agent",
];

/// What a format of curl's may have that ours has not, or that says something else here.
const UNWRITTEN: &[&str] = &[
    "%{referer}",
    "%{local_port}",
    "%{json}",
    "%output{",
    "%{url.",
    "%{urle.",
    "%{urlnum}",
    "%{http_connect}",
    "%{time_",
    "%{xfer_id}",
    "%{num_retries}",
    ":all:",
];

impl Typed {
    /// Translates; an error names the word that has no counterpart.
    pub(super) fn translate(line: &str) -> Result<Self, String> {
        let mut typed = Self::default();
        let mut words = split(&spelled(line)).into_iter();
        while let Some(word) = words.next() {
            if !word.starts_with('-') || word == "-" {
                typed.urls.push(word);
                continue;
            }
            typed.option(&word, &mut words)?;
        }
        typed.settle()
    }

    fn option(&mut self, word: &str, words: &mut std::vec::IntoIter<String>) -> Result<(), String> {
        let (name, mut attached) = apart(word);
        if attached.is_some() && FLAGS.contains(&name.as_str()) {
            let rest = attached.take().unwrap_or_default();
            self.option(&format!("-{rest}"), words)?;
        }
        let mut value = || attached.take().or_else(|| words.next()).unwrap_or_default();
        if IDLE.contains(&name.as_str()) {
            return Ok(());
        }
        if IDLE_WITH_VALUE.contains(&name.as_str()) {
            value();
            return Ok(());
        }
        if let Some((_, ours)) = SAME.iter().find(|(theirs, _)| *theirs == name) {
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
        if let Some((_, ours)) = SAME_FLAGS.iter().find(|(theirs, _)| *theirs == name) {
            self.words.push((*ours).to_owned());
            return true;
        }
        match name {
            "-L" | "--location" | "--follow" => self.follows = true,
            "--digest" | "--anyauth" => self.asks_first = true,
            "-g" | "--globoff" => self.takes_globs_as_they_stand = true,
            "--fail-with-body" => {
                self.fails = true;
                self.words.push(name.to_owned());
            }
            "-O" | "--remote-name" => {
                self.names_file = true;
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
            "--url" => self.urls.push(value()),
            "-o" | "--output" => self.outputs.push(value()),
            "--output-dir" => self.output_dir = Some(value()),
            "-D" | "--dump-header" => match value().as_str() {
                "-" => self.dumps = true,
                file => self.words.extend(["-D".to_owned(), file.to_owned()]),
            },
            "-x" | "--proxy" => self.proxy = Some(value()),
            "--socks5" => self.proxy = Some(format!("socks5://{}", value())),
            "--socks5-hostname" => self.proxy = Some(format!("socks5h://{}", value())),
            "-U" | "--proxy-user" => self.proxy_user = Some(value()),
            "--connect-to" => self.detours.push(detour(&value())?),
            "--resolve" => self.detours.push(detour(&resolved(&value())?)?),
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
                let emptied = field.trim_end().strip_suffix(':').unwrap_or_default();
                if SENT.iter().any(|sent| emptied.trim().eq_ignore_ascii_case(sent)) {
                    return Err("-H that takes a field away".to_owned());
                }
                if field == "@-" {
                    return Err("-H of standard input".to_owned());
                }
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
            "--form-string" => {
                let text = value();
                let (name, value) = text.split_once('=').unwrap_or((&text, ""));
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                same("-F", format!("{name}=\"{escaped}\""));
            }
            "--oauth2-bearer" => same("-H", format!("Authorization: Bearer {}", value())),
            "--json" => {
                same("--data", value());
                same("-H", "Content-Type: application/json".to_owned());
                same("-H", "Accept: application/json".to_owned());
            }
            "-b" | "--cookie" => self.cookies.push(value()),
            "-T" | "--upload-file" => {
                self.uploads = true;
                let file = value();
                if file.contains('{') || file == "." {
                    return Err("-T of several files, or of none".to_owned());
                }
                same("-T", file);
            }
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    fn settle(mut self) -> Result<Self, String> {
        for url in &mut self.urls {
            *url = complete(url)?;
        }
        let is_pattern = |url: &String| {
            url.replace("://[", "").contains(['{', '['])
                && !url.contains("[]")
                && !url.contains("{}")
        };
        if self.takes_globs_as_they_stand {
            self.words.push("-g".to_owned());
        } else if self.urls.iter().any(is_pattern) {
            self.globs = true;
            self.words.extend(["-j".to_owned(), "1".to_owned()]);
        }
        for output in &mut self.outputs {
            if let Some(folder) = &self.output_dir
                && !output.starts_with('/')
            {
                *output = format!("{folder}/{output}");
            }
        }
        if self.urls.len() > 1 {
            if self.uploads || self.dumps || (self.names_file && !self.outputs.is_empty()) {
                return Err("several URLs, each with something of its own".to_owned());
            }
            // curl asks for one after the other.
            self.words.extend(["-j".to_owned(), "1".to_owned()]);
        }
        if !self.outputs.is_empty() {
            // For curl, a name that is typed wins.
            self.names_file = false;
            self.words.retain(|word| word != "-J" && word != "-O");
        }
        if !self.follows {
            self.words.extend(["--redirect".to_owned(), "manual".to_owned()]);
        }
        if self.is_head {
            self.words.extend(["-X".to_owned(), "HEAD".to_owned()]);
        }
        for cookie in self.cookies.drain(..).filter(|cookie| is_cookie(cookie)) {
            self.words.extend(["-b".to_owned(), cookie]);
        }
        let has_user = self.words.iter().any(|word| word == "-u");
        if self.asks_first && (has_user || self.urls.iter().any(|url| url.contains('@'))) {
            self.words.push("--anyauth".to_owned());
        }
        if self.proxy.is_some() && !self.detours.is_empty() {
            return Err("a proxy and --connect-to".to_owned());
        }
        if let Some(proxy) = self.proxy.take() {
            self.words.extend(["--proxy".to_owned(), self.proxy_url(&proxy)]);
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

/// Reads a URL as curl does that is typed without a scheme.
fn complete(url: &str) -> Result<String, String> {
    if url.starts_with('@') {
        return Err("URLs of a file".to_owned());
    }
    let is_bare = !url.contains("://") && !url.starts_with("http:");
    let url = if is_bare { format!("http://{url}") } else { url.to_owned() };
    let is_http = url.to_ascii_lowercase().starts_with("http:");
    if is_http { Ok(url) } else { Err("not http".to_owned()) }
}

fn detour(text: &str) -> Result<Detour, String> {
    text.parse().map_err(|_| "--connect-to of another form".to_owned())
}

fn field(text: &str) -> Result<String, String> {
    let strange = [";headers=", ";encoder=", ";format=", "=(", "=;", ",", "=@-;filename"];
    let is_several = text.contains("=@");
    match strange.iter().find(|part| text.contains(**part) && (is_several || **part != ",")) {
        Some(part) => Err(format!("-F with {part}")),
        None => Ok(text.to_owned()),
    }
}

/// Turns `HOST:PORT:ADDRESS` into what `--connect-to` would say.
fn resolved(text: &str) -> Result<String, String> {
    let text = text.trim_start_matches('+');
    let strange = || format!("--resolve {text}");
    let (host, rest) = text.split_once(':').ok_or_else(strange)?;
    let (port, address) = rest.split_once(':').ok_or_else(strange)?;
    if port.parse::<u16>().is_err() || address.contains(',') || host.starts_with('-') {
        return Err(strange());
    }
    let host = if host == "*" { "" } else { host };
    Ok(format!("{host}:{port}:{address}:"))
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

/// Splits a line as a shell does.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = characters.next().unwrap_or('\\');
                let kept = quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`');
                let word = word.get_or_insert_default();
                word.extend(kept.then_some('\\'));
                word.push(next);
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
