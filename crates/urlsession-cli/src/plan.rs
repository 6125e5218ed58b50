//! From what was typed to what is asked of the session: requests, destinations and options.

mod apart;
mod asked;
mod entries;
mod folder;
mod keys;
pub(crate) mod network;
mod sent;
mod special;

use crate::args::{
    EditArgs, GetArgs, HeaderFields, Level, PolicyArgs, PutArgs, Redirect, RequestArgs, Talk,
    header_fields, typed_fields,
};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::hand_over::{HandOver, Rest};
use crate::list::{self, Entry};
use crate::measure::Limit;
use crate::{args, bare_url, file_name, zone};
use apart::Apart;
use asked::Asked;
use folder::check_folder;
use keys::Keys;
pub(crate) use sent::bounded;
use sent::{Body, path_as_is, untyped, upload};
pub(crate) use special::is_output;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use urlsession::{
    AuthenticationMethod, Credential, Error, ErrorCode, FileName, Header, HttpVersion, IpVersion,
    NameClash, Priority, Request, RequestCachePolicy, RequestEdit, RequestPolicy, Secret,
    TaskOptions, UploadSource,
};

/// Statuses that are worth another try: the server is busy or broken for a while.
const RETRY_STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// What has redirects told the URL that led to them.
const AUTO: &str = ";auto";
/// What curl calls a file whose URL has no name.
const NAMELESS: &str = "curl_response";
/// Names that --no-clobber tries beside the one that was typed, as curl does.
const NO_CLOBBER_LIMIT: u32 = 101;

/// One task as it will be created.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) request: Request,
    /// Shared by the tasks of a list.
    pub(crate) options: Arc<TaskOptions>,
    pub(crate) what: What,
    /// The URL as it was typed, where its host is in letters that requests do not have.
    pub(crate) typed: Option<String>,
    /// The URL as it was typed, where it has a name, a password or a fragment.
    pub(crate) whole: Option<Secret>,
    /// The place of the URL on the command line, from 0.
    pub(crate) number: usize,
    /// Whether the head of the response stands before the body.
    pub(crate) shows_head: bool,
    /// What the shell does with a download instead of the daemon, which then only keeps it.
    pub(crate) finish: Option<HandOver>,
}

/// What the task moves.
#[derive(Debug)]
pub(crate) enum What {
    /// A body into a file.
    Download(Destination),
    /// A file, or these bytes; the answer goes there.
    Upload(UploadSource, HandOver),
    /// A request with a body; the answer goes there.
    Data(UploadSource, HandOver),
}

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Nowhere.
    Nowhere,
    /// To standard output, once it is whole.
    Output,
    /// Here, replacing what is there.
    File(PathBuf),
    /// Into this, which is no file but takes bytes, once they are whole.
    Device(PathBuf),
    /// Into this folder, under the first free name of this kind: [`settle`] finds it among so many.
    Derived { folder: PathBuf, name: String, most: u32 },
}

/// Gives every file without a name of its own one that no file has and no task in `taken` will
/// have.
pub(crate) fn settle(plans: &mut [Plan], mut taken: HashSet<PathBuf>) -> Result<(), Failure> {
    taken.extend(apart::named(plans));
    for plan in plans {
        let What::Download(to) = &mut plan.what else { continue };
        if let Destination::Derived { folder, name, most } = to {
            let free = file_name::free(folder, name, *most, &mut taken).ok_or_else(|| {
                Failure::new(exit::FILE, format!("{name}: too many files of this name"))
            })?;
            *to = Destination::File(free);
            // Who makes a file of this name meanwhile keeps it.
            if plan.finish.is_none() {
                let options = Arc::make_mut(&mut plan.options);
                options.destination_clash = Some(NameClash::TakeFree);
            }
        }
    }
    Ok(())
}

/// Plans what `get` and `add` were asked for.
pub(crate) fn of_get(args: &GetArgs) -> Result<Vec<Plan>, Failure> {
    args.dir.as_deref().map_or(Ok(()), |dir| check_folder(dir, args))?;
    let entries = entries::of(args)?;
    let asked = Asked::of(&args.condition, entries.len())?;
    let mut fields = headers(&args.request)?;
    fields.tell_unsent(args.talk.quiet)?;
    fields.sent.extend(asked.fields.iter().cloned());
    let keys = Keys::of(&args.request)?;
    let mut shared = options(&args.request, &args.policy)?;
    shared.request_policy.omitted_headers.clone_from(&fields.omitted);
    shared.request_policy.check().map_err(|error| Failure::refused(&error))?;
    shared.checksum.clone_from(&args.checksum);
    shared.maximum_response_size = args.condition.max_filesize.and_then(Limit::get);
    // Once for all URLs: standard input comes once.
    let body = Body::of(args)?;
    let common = Common { args, shared: Arc::new(shared), fields, keys, body, asked };
    let (mut plans, mut apart) = (Vec::with_capacity(entries.len()), Apart::default());
    for entry in entries {
        let (line, is_named) = (entry.line, entry.out.is_some());
        let planned = common.plan(entry).and_then(|plan| match plan {
            Some(plan) if is_named => apart.alone(plan),
            Some(plan) => apart.keep(plan, args),
            None => Ok(None),
        });
        let planned = planned.map_err(|failure| match (line, &args.input_file) {
            (Some(line), Some(list)) => failure.at(&format!("{}, line {line}", list::name(list))),
            _ => failure,
        });
        plans.extend(planned?);
    }
    Ok(plans)
}

/// What was asked for all URLs.
struct Common<'a> {
    args: &'a GetArgs,
    shared: Arc<TaskOptions>,
    fields: HeaderFields,
    keys: Keys,
    body: Option<Body>,
    asked: Asked<'a>,
}

impl Common<'_> {
    /// Plans one URL; nothing where its file is there and is left as it is.
    fn plan(&self, mut entry: Entry) -> Result<Option<Plan>, Failure> {
        let Self { args, fields, keys, .. } = self;
        let mut options = Arc::clone(&self.shared);
        if zone::is_in(&entry.url) {
            zone::take(&mut entry.url, &mut Arc::make_mut(&mut options).request_policy)?;
        }
        if let Some(text) = &entry.checksum {
            let checksum = args::checksum(text).map_err(Failure::usage)?;
            Arc::make_mut(&mut options).checksum = Some(checksum);
        }
        let own = header_fields(&entry.headers)?;
        own.tell_unsent(args.talk.quiet)?;
        if !own.omitted.is_empty() {
            Arc::make_mut(&mut options).request_policy.omitted_headers.extend(own.omitted);
        }
        if args.request.path_as_is {
            Arc::make_mut(&mut options).request_policy.path = path_as_is(&entry.url);
        }
        let mut headers = fields.sent.clone();
        headers.extend(own.sent);
        let method = args.request.method.as_deref();
        let mut finish = None;
        let is_sent = entry.upload.is_some() || self.body.is_some();
        let to = if is_sent { answer(args, &entry)? } else { HandOver::Output };
        if matches!(&to, HandOver::File(path) if self.leaves(path)) {
            return Ok(None);
        }
        let (request, what) = if let Some(file) = &entry.upload {
            let (source, range) = upload(file, args.condition.continue_at.as_deref(), to)?;
            headers.extend(range);
            let method = method.unwrap_or("PUT");
            untyped(method, &headers, &mut Arc::make_mut(&mut options).request_policy);
            (request(&entry.url, method, headers, keys)?, source)
        } else if let Some(body) = &self.body {
            body.announce(fields, &mut headers);
            let request = request(&entry.url, method.unwrap_or("POST"), headers, keys)?;
            (request, What::Data(UploadSource::Bytes(body.bytes.clone()), to))
        } else {
            let mut request = request(&entry.url, method.unwrap_or("GET"), headers, keys)?;
            let destination = destination(args, &entry, &request.url)?;
            if matches!(&destination, Destination::File(path) if self.leaves(path)) {
                return Ok(None);
            }
            finish = self.asked.finish(&destination)?;
            if let Some(HandOver::Rest(Rest { offset, .. })) = finish {
                if options.checksum.is_some() {
                    let why = "--checksum is of a whole file, and only the rest of this one comes";
                    return Err(Failure::usage(why).next("leave out -c, -C or --checksum"));
                }
                request.headers.push(Header::new("Range", format!("bytes={offset}-")));
                // Whether it is the rest is judged by more than the status.
                Arc::make_mut(&mut options).fail_on_http_error = false;
            }
            if finish.is_none() && !args.include {
                check_spelling(&destination)?;
            }
            if args.remote_header_name && entry.out.is_none() {
                let replaces = args.overwrite;
                Arc::make_mut(&mut options).suggested_filename =
                    Some(if replaces { NameClash::Replace } else { NameClash::TakeFree });
            }
            (request, What::Download(destination))
        };
        let (typed, whole, number) = (in_letters(&entry.url), whole(&entry.url), entry.number);
        let shows_head = args.include && !args.head;
        network::check(&request.url, &options)?;
        Ok(Some(Plan { request, options, what, typed, whole, number, shows_head, finish }))
    }

    /// Says whether what is there is to stay as it is.
    fn leaves(&self, path: &Path) -> bool {
        self.args.condition.skip_existing && path.symlink_metadata().is_ok()
    }
}

/// Plans what `put` was asked for.
pub(crate) fn of_put(args: &PutArgs) -> Result<Plan, Failure> {
    let mut url = args.url.clone();
    bare_url::complete(&mut url, &args.request.network);
    let method = args.request.method.as_deref().unwrap_or("PUT");
    if args.file == Path::new(".") {
        // Only for -T is this curl’s other name of standard input.
        existing(&args.file)?;
    }
    let (what, _) = upload(&args.file, None, printed(args.talk))?;
    let fields = headers(&args.request)?;
    fields.tell_unsent(args.talk.quiet)?;
    let HeaderFields { sent, omitted } = fields;
    let mut options = options(&args.request, &args.policy)?;
    options.request_policy.omitted_headers = omitted;
    untyped(method, &sent, &mut options.request_policy);
    zone::take(&mut url, &mut options.request_policy)?;
    if args.request.path_as_is {
        options.request_policy.path = path_as_is(&url);
    }
    let request = request(&url, method, sent, &Keys::of(&args.request)?)?;
    network::check(&request.url, &options)?;
    Ok(Plan {
        request,
        options: Arc::new(options),
        what,
        typed: in_letters(&url),
        whole: whole(&url),
        number: 0,
        shows_head: false,
        finish: None,
    })
}

fn whole(url: &str) -> Option<Secret> {
    url.contains(['@', '#']).then(|| Secret::new(url))
}

fn in_letters(url: &str) -> Option<String> {
    (!url.is_ascii()).then(|| url.to_owned())
}

/// Takes what `edit` was asked for.
pub(crate) fn of_edit(args: &EditArgs) -> Result<RequestEdit, Failure> {
    let fields = header_fields(&args.headers)?;
    fields.tell_unsent(args.quiet)?;
    let HeaderFields { sent, omitted } = fields;
    if let Some(name) = omitted.first() {
        return Err(Failure::usage(format!("edit cannot leave out the header field {name}"))
            .next("write ‘Name: value’ to replace it"));
    }
    if sent.iter().any(|field| field.name.eq_ignore_ascii_case("range")) {
        // The bytes that a task has say which it asks for next.
        return Err(Failure::usage("edit cannot have a task ask for another part of its file")
            .next("ask for it with a task of its own: urlsession add -r RANGE URL"));
    }
    let mut url = args.url.clone();
    url.iter_mut().for_each(|url| bare_url::with_scheme(url, "http"));
    let mut edit = RequestEdit {
        url,
        headers: sent,
        credential: args.user.as_deref().map(user).transpose()?.map(Credential::proactive),
    };
    edit.normalize().map_err(|error| Failure::refused(&error))?;
    Ok(edit)
}

fn request(url: &str, method: &str, headers: Vec<Header>, keys: &Keys) -> Result<Request, Failure> {
    let (url, method) = (url.to_owned(), method.to_owned());
    let mut request = Request { url, method, headers, body: None, credential: None };
    request.normalize().map_err(|error| Failure::refused(&error))?;
    request.credential = keys.fit(&request);
    Ok(request)
}

/// Reads `USER[:PASSWORD]`, and asks for what is missing.
pub(crate) fn user(text: &str) -> Result<Credential, Failure> {
    Ok(match text.split_once(':') {
        Some((user, password)) => Credential::new(user, password),
        None => Credential::new(text, ask_password(text)?),
    })
}

fn headers(args: &RequestArgs) -> Result<HeaderFields, Failure> {
    let HeaderFields { sent: mut headers, mut omitted } = typed_fields("-H", &args.headers)?;
    match args.user_agent.as_deref() {
        Some("") => omitted.push("User-Agent".to_owned()),
        // A field of its own wins, as for curl.
        Some(name) if !headers.iter().any(|field| is_user_agent(&field.name)) => {
            headers.push(Header::new("User-Agent", name));
        }
        _ => {}
    }
    let bearer = args.bearer.as_ref().map(|token| format!("Bearer {token}"));
    headers.extend(bearer.map(|shown| Header::new("Authorization", shown)));
    let pairs: Vec<&str> = cookie_pairs(args).collect();
    if !pairs.is_empty() {
        headers.push(Header::new("Cookie", pairs.join("; ")));
    }
    let referer = args.referer.as_deref().map(|text| text.strip_suffix(AUTO).unwrap_or(text));
    let referer = referer.filter(|url| !url.is_empty());
    headers.extend(referer.map(|url| Header::new("Referer", url)));
    Ok(HeaderFields { sent: headers, omitted })
}

fn is_user_agent(name: &str) -> bool {
    name.eq_ignore_ascii_case("user-agent")
}

/// Returns what `-b` says itself; where it has no `=`, it is the name of a file, as for curl.
fn cookie_pairs(args: &RequestArgs) -> impl Iterator<Item = &str> {
    args.cookies.iter().map(String::as_str).filter(|text| text.contains('='))
}

/// Returns the files of cookies that `-b` names.
pub(crate) fn cookie_files(args: &RequestArgs) -> impl Iterator<Item = &Path> {
    let files = args.cookies.iter().filter(|text| !text.is_empty() && !text.contains('='));
    files.map(Path::new)
}

pub(crate) fn ask_password(user: &str) -> Result<String, Failure> {
    let terminal = console::Term::stderr();
    if !(terminal.is_term() && io::stdin().is_terminal()) {
        return Err(Failure::usage("-u has no password, and there is no terminal to ask on")
            .next("write -u USER:PASSWORD, or keep it off the command line with -H @FILE"));
    }
    terminal.write_str(&format!("password of {}: ", shown(user)))?;
    Ok(terminal.read_secure_line()?)
}

fn options(request: &RequestArgs, policy: &PolicyArgs) -> Result<TaskOptions, Failure> {
    let mut options = TaskOptions {
        description: policy.description.clone(),
        priority: Priority(match policy.priority {
            Level::Low => 0,
            Level::Normal => 128,
            Level::High => 255,
        }),
        limit_rate: policy.limit_rate.and_then(Limit::get),
        lowest_speed: policy.lowest_speed(),
        segments: policy.segments,
        timeout_interval_for_request: milliseconds(policy.idle_timeout),
        timeout_interval_for_resource: milliseconds(policy.max_time),
        maximum_retries: policy.retry,
        retry_interval: milliseconds(policy.retry_delay),
        timeout_interval_for_retries: milliseconds(policy.retry_max_time),
        fail_on_http_error: !policy.no_fail && !policy.fail_with_body,
        retry_statuses: match policy {
            // A number of tries says that there shall be some.
            PolicyArgs { no_fail: true, retry: None | Some(0), .. } => Vec::new(),
            // What has a body is saved at the latest then.
            PolicyArgs { fail_with_body: true, retry: None, .. } => Vec::new(),
            PolicyArgs { retry_all_errors: true, .. } => (400..600).collect(),
            _ => RETRY_STATUSES.to_vec(),
        },
        recoverable_statuses: policy.recoverable.clone(),
        no_unsafe_retry: !policy.repeats(),
        allow_insecure_redirect: policy.allow_insecure_redirect,
        ignores_redirects: policy.redirect == Redirect::Manual,
        maximum_redirects: policy.max_redirs,
        decodes_content: policy.compressed,
        // Cookies that are typed are all there are, as for curl, unless a file is read or written.
        no_cookies: request.no_cookies
            || (request.cookie_jar.is_none()
                && cookie_pairs(request).next().is_some()
                && cookie_files(request).next().is_none()),
        no_strict_transport_security: request.network.no_hsts,
        request_cache_policy: request
            .no_cache
            .then_some(RequestCachePolicy::ReloadIgnoringLocalAndRemoteCacheData),
        request_policy: request_policy(request, policy),
        ..TaskOptions::default()
    };
    options.request_policy.check().map_err(|error| Failure::refused(&error))?;
    network::apply(&request.network, &mut options)?;
    Ok(options)
}

/// Returns milliseconds; no time is the usual one, as for curl.
fn milliseconds(time: Option<Duration>) -> Option<u64> {
    let time = time?.as_millis();
    (time > 0).then(|| u64::try_from(time).unwrap_or(u64::MAX))
}

fn request_policy(request: &RequestArgs, policy: &PolicyArgs) -> RequestPolicy {
    let posts = [(policy.post301, 301), (policy.post302, 302), (policy.post303, 303)];
    RequestPolicy {
        keeps_post: posts.into_iter().filter(|(keeps, _)| *keeps).map(|(_, s)| s).collect(),
        sends_get_body: request.method.as_ref().is_some_and(|m| m.eq_ignore_ascii_case("GET")),
        trusts_redirects: policy.location_trusted,
        target: request.request_target.clone(),
        connect_to: [&request.network.connect_to[..], &args::resolved(&request.network.resolve)]
            .concat(),
        tells_referer: request.referer.as_ref().is_some_and(|text| text.ends_with(AUTO)),
        refuses_https: request.network.proto == Some(args::Schemes::Http),
        redirect_schemes: request.network.proto_redir.as_ref().map(|only| only.0.clone()),
        http_version: match (request.network.http10, request.network.http11) {
            (true, _) => Some(HttpVersion::Http10),
            (false, true) => Some(HttpVersion::Http11),
            (false, false) => None,
        },
        authentication_method: match (request.digest, request.basic) {
            (true, _) => AuthenticationMethod::HttpDigest,
            (false, true) => AuthenticationMethod::HttpBasic,
            (false, false) => AuthenticationMethod::Default,
        },
        timeout_interval_for_connection: milliseconds(request.network.connect_timeout),
        required_interface: request.network.interface.clone(),
        unix_socket: request.network.unix_socket.clone(),
        accepts_transfer_codings: policy.tr_encoding,
        ip_version: match (request.network.ipv4, request.network.ipv6) {
            (true, _) => Some(IpVersion::V4),
            (false, true) => Some(IpVersion::V6),
            (false, false) => None,
        },
        ..RequestPolicy::default()
    }
}

/// Makes the path of a file absolute, because the daemon lives in another folder.
fn existing(path: &Path) -> Result<PathBuf, Failure> {
    // The sentence of such an error is about what a server has.
    let wrong = |code: ErrorCode, why: &dyn std::fmt::Display| {
        let message = format!("{}: {why} [{}]", path.display(), code.0);
        let next = Failure::from(Error::new(code)).next;
        Failure { next, ..Failure::new(exit::FILE, message) }
    };
    // Opening tells what the permissions are for this user, which the mode bits do not.
    let opened = File::open(path).and_then(|file| file.metadata());
    match opened.and_then(|about| Ok((about, std::path::absolute(path)?))) {
        Ok((about, _)) if about.is_dir() => Err(wrong(ErrorCode::FILE_IS_DIRECTORY, &"a folder")),
        Ok((_, path)) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(wrong(ErrorCode::NO_PERMISSIONS_TO_READ_FILE, &error))
        }
        Err(error) => Err(wrong(ErrorCode::FILE_DOES_NOT_EXIST, &error)),
    }
}

/// Returns where an answer goes for which no place was typed.
fn printed(talk: Talk) -> HandOver {
    if talk.json { HandOver::Line } else { HandOver::Output }
}

/// Finds where the answer to what is sent goes.
fn answer(args: &GetArgs, entry: &Entry) -> Result<HandOver, Failure> {
    if entry.drops {
        return Ok(HandOver::Nowhere);
    }
    if entry.out.is_none() && !args.output.0.contains(&args::Output::Named) {
        return Ok(printed(args.talk));
    }
    // A URL that is none is told as such later.
    let url = Request::new(&entry.url).map_or_else(|_| entry.url.clone(), |request| request.url);
    Ok(match destination(args, entry, &url)? {
        Destination::File(path) | Destination::Device(path) => HandOver::File(path),
        Destination::Derived { folder, name, most } => HandOver::Free(folder.join(name), most),
        Destination::Output => HandOver::Output,
        Destination::Nowhere => HandOver::Nowhere,
    })
}

/// Finds where the file of an entry goes, and makes the folder that `-d` or `dir=` names.
fn destination(args: &GetArgs, entry: &Entry, url: &str) -> Result<Destination, Failure> {
    if entry.drops {
        return Ok(Destination::Nowhere);
    }
    let given = entry.out.as_ref();
    if given.is_some_and(|path| is_output(path)) {
        return Ok(Destination::Output);
    }
    let folder = match (entry.dir.as_ref().or(args.dir.as_ref()), &args.output_dir) {
        (None, None) => Path::new("."),
        (None, Some(dir)) if !args.create_dirs => match dir.is_dir() {
            true => dir,
            false => return Err(cannot_create(dir, &"no folder; --create-dirs makes it")),
        },
        (Some(dir), _) | (None, Some(dir)) => {
            std::fs::create_dir_all(dir).map_err(|error| match dir.symlink_metadata() {
                Ok(_) if !dir.is_dir() => cannot_create(dir, &"no folder"),
                _ => cannot_create(dir, &error),
            })?;
            dir
        }
    };
    let folder = match given {
        // It needs no folder, which may be gone.
        Some(path) if path.is_absolute() => folder.to_owned(),
        _ => std::path::absolute(folder).map_err(|error| cannot_create(folder, &error))?,
    };
    let path = match given {
        Some(path) => folder.join(path),
        None => folder.join(name_of(args, url)),
    };
    if given.is_some() && special::is_device(&path) {
        return Ok(Destination::Device(path));
    }
    let condition = &args.condition;
    if args.create_dirs
        && let Some(parent) = path.parent()
    {
        std::fs::create_dir_all(parent).map_err(|error| cannot_create(parent, &error))?;
    }
    // What is about the file that is there.
    let is_meant = condition.is_about_file() || args.overwrite;
    if (given.is_none() && !is_meant) || (given.is_some() && condition.no_clobber) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().unwrap_or(&folder).to_owned();
        let most = if given.is_some() { NO_CLOBBER_LIMIT } else { file_name::CLASH_LIMIT };
        return Ok(Destination::Derived { folder, name, most });
    }
    if path.is_dir() {
        Err(cannot_create(&path, &"a folder"))
    } else if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        Err(cannot_create(&path, &"no folder, and a file’s name does not end with ‘/’"))
    } else if !path.parent().is_some_and(Path::is_dir) {
        Err(cannot_create(&path, &"its folder does not exist"))
    } else {
        Ok(Destination::File(path))
    }
}

/// Returns what a URL calls its file. Where it has no name, -O and -J have the one that curl takes.
fn name_of(args: &GetArgs, url: &str) -> String {
    let is_asked = args.remote_header_name || args.output.0.contains(&args::Output::Named);
    let is_nameless = Request::new(url).is_ok_and(|request| {
        let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
        path.split('?').next().unwrap_or_default().bytes().all(|byte| byte == b'/')
    });
    if is_asked && is_nameless { NAMELESS.to_owned() } else { FileName::of_url(url).to_string() }
}

/// Refuses a path that cannot be said to the daemon.
fn check_spelling(to: &Destination) -> Result<(), Failure> {
    let (Destination::File(path) | Destination::Derived { folder: path, .. }) = to else {
        return Ok(());
    };
    let is_spelled = path.to_str().is_some();
    is_spelled.then_some(()).ok_or_else(|| cannot_create(path, &"the path is not UTF-8"))
}

fn cannot_create(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let error = Error::new(ErrorCode::CANNOT_CREATE_FILE);
    error.because(format!("{}: {why}", path.display())).into()
}

#[cfg(test)]
mod tests;
