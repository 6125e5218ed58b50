//! Every kind of message, byte for byte as it is on the wire: `tests/golden/*.json`.
//!
//! The messages are made here; `URLSESSION_BLESS=1 cargo test -p urlsession-protocol` writes the
//! files. A change of a file is a change of the protocol.
#![cfg(test)]

use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession_protocol::line::{LINE_LIMIT, decode, encode};
use urlsession_protocol::*;

#[test]
fn messages_are_as_they_were() {
    let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for message in client_messages() {
        expected.insert(name("client", &message), check(&message));
    }
    for message in daemon_messages() {
        expected.insert(name("daemon", &message), check(&message));
    }
    if std::env::var_os("URLSESSION_BLESS").is_some() {
        for (name, line) in &expected {
            std::fs::write(golden().join(name), line).unwrap();
        }
    }
    let found: BTreeMap<String, Vec<u8>> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (file_name(&path), std::fs::read(path).unwrap()))
        .collect();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "one golden file per kind of message");
    for (name, line) in expected {
        assert_eq!(text(&found[&name]), text(&line), "{name}");
    }
}

#[test]
fn every_kind_has_a_golden_file() {
    let found: BTreeSet<String> =
        std::fs::read_dir(golden()).unwrap().map(|e| file_name(&e.unwrap().path())).collect();
    let kinds = [
        ("client", variants::<ClientMessage>(r#"{"message":"?"}"#), "call"),
        ("client.call", variants::<Call>(r#"{"call":"?"}"#), ""),
        ("daemon", variants::<DaemonMessage>(r#"{"message":"?"}"#), "event reply"),
        ("daemon.event", variants::<Event>(r#"{"event":"?"}"#), ""),
        ("daemon.reply", variants::<Reply>(r#"{"reply":"?"}"#), ""),
    ];
    for (prefix, variants, nested) in kinds {
        assert!(variants.len() > 1, "{prefix}: {variants:?}");
        for variant in variants {
            let file = format!("{prefix}.{variant}.json");
            assert!(found.contains(&file) || nested.split(' ').any(|n| n == variant), "{file}");
        }
    }
}

/// Fields that a newer side adds must not disturb an older one.
#[test]
fn unknown_fields_are_ignored_everywhere() {
    for message in client_messages() {
        assert_eq!(decode::<ClientMessage>(&with_unknown_fields(&message)).unwrap(), message);
    }
    for message in daemon_messages() {
        assert_eq!(decode::<DaemonMessage>(&with_unknown_fields(&message)).unwrap(), message);
    }
}

#[test]
fn what_a_client_may_leave_out() {
    let line = br#"{"message":"call","id":3,"call":"create_task",
        "session":{"application":"com.example","session":"files"},"task":1,"kind":"download",
        "request":{"url":"http://example.com/","method":"GET"}}"#;
    let new = NewTask {
        task: TaskIdentifier(1),
        kind: TaskKind::Download { destination: None },
        request: Request::new("http://example.com").unwrap(),
        options: TaskOptions::default(),
        resume: false,
        resume_data: None,
    };
    let call = Call::CreateTask { session: key(), new: Box::new(new) };
    assert_eq!(decode::<ClientMessage>(line).unwrap(), ClientMessage::Call { id: CallId(3), call });
    let line = br#"{"message":"call","id":4,"call":"attach",
        "session":{"application":"com.example","session":"files"},"configuration":{}}"#;
    let call = Call::Attach {
        session: key(),
        configuration: Box::new(SessionConfiguration::default()),
        wait: false,
        owner: None,
    };
    assert_eq!(decode::<ClientMessage>(line).unwrap(), ClientMessage::Call { id: CallId(4), call });
}

#[test]
fn identifiers_are_checked_on_the_way_in() {
    let too_long = "x".repeat(256);
    for identifier in ["", "a\\nb", "\\u0000", too_long.as_str()] {
        let line = format!(
            r#"{{"message":"ack","session":{{"application":"a","session":"{identifier}"}},"number":1}}"#
        );
        assert!(decode::<ClientMessage>(line.as_bytes()).is_err(), "{identifier}");
    }
}

/// Encodes the message and checks that the line means the same again.
fn check<M: Serialize + DeserializeOwned + PartialEq + Debug>(message: &M) -> Vec<u8> {
    let line = encode(message).unwrap();
    assert!(line.len() <= LINE_LIMIT);
    let decoded: M = decode(&line).unwrap_or_else(|error| panic!("{error}: {}", text(&line)));
    assert_eq!(&decoded, message, "{}", text(&line));
    assert_eq!(text(&encode(&decoded).unwrap()), text(&line));
    line
}

/// Names a message's file after its kind, such as `client.call.attach.json`.
fn name<M: Serialize>(side: &str, message: &M) -> String {
    let value = serde_json::to_value(message).unwrap();
    let kind = value["message"].as_str().unwrap();
    let detail = match kind {
        "call" => value["call"].as_str(),
        "event" => value["event"].as_str(),
        "reply" => Some(value["result"]["Ok"]["reply"].as_str().unwrap_or("error")),
        _ => None,
    };
    let name: Vec<&str> = [side, kind].into_iter().chain(detail).chain(["json"]).collect();
    name.join(".")
}

/// Asks serde for the names of an enum's variants: it lists them when it meets an unknown one.
fn variants<M: DeserializeOwned + Debug>(unknown: &str) -> Vec<String> {
    let error = decode::<M>(unknown.as_bytes()).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected ").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Adds a field to every object of the message that has named fields.
fn with_unknown_fields<M: Serialize>(message: &M) -> Vec<u8> {
    fn add(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.values_mut().for_each(add);
                if !fields.contains_key("Ok") && !fields.contains_key("Err") {
                    fields.insert("from_the_future".into(), serde_json::json!({"a": [1, null]}));
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(add),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(message).unwrap();
    add(&mut value);
    serde_json::to_vec(&value).unwrap()
}

fn client_messages() -> Vec<ClientMessage> {
    let (session, task) = (key(), TaskIdentifier(7));
    let calls = [
        Call::Attach {
            session: key(),
            configuration: Box::new(configuration()),
            wait: true,
            owner: Some(OwnerToken(u64::MAX)),
        },
        Call::Detach { session: key() },
        Call::CreateTask { session: key(), new: Box::new(new_task()) },
        Call::Resume { session: key(), task },
        Call::Suspend { session: key(), task },
        Call::Cancel { session: key(), task },
        Call::CancelByProducingResumeData { session: key(), task },
        Call::Remove { session: key(), task },
        Call::FinishTasksAndInvalidate { session: key() },
        Call::InvalidateAndCancel { session: key() },
        Call::Tasks { session: Some(key()), after: Some((key(), task)), limit: 500 },
        Call::Task { session: key(), task },
        Call::Watch { session: Some(key()), replay: true },
        Call::Status,
        Call::Shutdown,
        Call::Reset { session: key() },
        Call::Flush { session: key() },
        Call::Session { session: key() },
        Call::Cookies {
            storage: CookieStorage { session: Some(key().session), ..cookies_of() },
            domain: Some("example.com".into()),
            after: Some(Box::new(cookie().identity)),
        },
        Call::SetCookies { storage: cookies_of(), cookies: vec![cookie()] },
        Call::ClearCookies { storage: cookies_of(), domain: None },
        Call::Edit { session: key(), task, edit: Box::new(edit()) },
        Call::Answer { session: key(), task, question: 3, disposition: Box::new(disposition()) },
        Call::Credentials { application: key().application, after: Some(space()) },
        Call::SetCredential {
            application: key().application,
            protection_space: space(),
            credential: credential(),
        },
        Call::RemoveCredentials { application: key().application, protection_space: None },
    ];
    let mut messages =
        vec![ClientMessage::Hello(hello()), ClientMessage::Ack { session, number: EventNumber(9) }];
    messages.extend(
        calls.into_iter().zip(1..).map(|(call, id)| ClientMessage::Call { id: CallId(id), call }),
    );
    messages
}

fn daemon_messages() -> Vec<DaemonMessage> {
    let replies = [
        Ok(Reply::Done),
        Ok(Reply::Attached { next_task: TaskIdentifier(8), owned_from: TaskIdentifier(3) }),
        Ok(Reply::ResumeData { resume_data: Some(ResumeData(Secret::new("b3BhcXVl"))) }),
        Ok(Reply::Tasks { tasks: vec![waiting_task(), completed_task()], more: true }),
        Ok(Reply::Task { task: Box::new(completed_task()) }),
        Ok(Reply::Status(status())),
        Err(error()),
        Ok(Reply::Session { session: Box::new(session_status()) }),
        Ok(Reply::Cookies { cookies: vec![cookie()], more: true }),
        Ok(Reply::CookiesChanged { count: 1 }),
        Ok(Reply::Credentials { credentials: vec![stored()], more: false }),
        Ok(Reply::CredentialsChanged { count: 1 }),
    ];
    let mut messages = vec![
        DaemonMessage::Hello(hello()),
        DaemonMessage::Goodbye { reason: "a line is longer than 1048576 bytes".into() },
    ];
    messages.extend(
        replies
            .into_iter()
            .zip(1..)
            .map(|(result, id)| DaemonMessage::Reply { id: CallId(id), result }),
    );
    messages.extend(events().into_iter().map(|event| {
        DaemonMessage::Event {
            session: key(),
            task: (!matches!(event, Event::DidFinishEvents | Event::DidBecomeInvalid { .. }))
                .then_some(TaskIdentifier(7)),
            number: event.is_kept().then_some(EventNumber(9)),
            event,
        }
    }));
    messages
}

fn events() -> Vec<Event> {
    vec![
        Event::DidWriteData {
            bytes_written: 65536,
            total_bytes_written: 131_072,
            total_bytes_expected_to_write: Some(209_715_200),
        },
        Event::DidSendBodyData {
            bytes_sent: 65536,
            total_bytes_sent: 65536,
            total_bytes_expected_to_send: None,
        },
        Event::DidResumeAtOffset {
            file_offset: 8_388_608,
            expected_total_bytes: Some(209_715_200),
            rung: ResumeRung::StrongEtag,
        },
        Event::WillBeginDelayedRequest { error: Some(error()) },
        Event::DidReceiveChallenge { challenge: Box::new(challenge()) },
        Event::DidChangeState {
            state: TaskState::Running,
            reason: Some(Reason::RetryAt(Timestamp(1_790_000_001_000))),
            error: Some(error()),
        },
        Event::DidReceiveData { path: "/state/bodies/1-7".into(), length: 512 },
        Event::DidFinishDownloading { path: "/state/files/1-7".into(), length: 209_715_200 },
        Event::DidComplete {
            error: None,
            response: Some(response()),
            metrics: Some(Box::new(metrics())),
        },
        Event::DidFinishEvents,
        Event::DidBecomeInvalid { error: None },
    ]
}

fn key() -> SessionKey {
    SessionKey {
        application: ApplicationId::new("com.example").unwrap(),
        session: SessionIdentifier::new("files").unwrap(),
    }
}

fn hello() -> Hello {
    Hello { protocol: PROTOCOL_VERSION, program: "urlsession 0.1.0".into(), pid: 4711 }
}

fn configuration() -> SessionConfiguration {
    SessionConfiguration {
        http_additional_headers: vec![Header::new("User-Agent", "Example/1.0")],
        timeout_interval_for_request: Duration::from_secs(60),
        timeout_interval_for_resource: Duration::from_secs(604_800),
        http_maximum_connections_per_host: 6,
        connection_proxy: Some(Box::default()),
        tls: Box::default(),
        ca_certificates: Vec::new(),
        maximum_concurrent_tasks: Some(2),
        launch_command: Some(LaunchCommand {
            program: "/usr/bin/node".into(),
            arguments: vec!["app.js".into()],
            directory: "/home/user".into(),
            environment: vec![("MODE".into(), "background".into())],
        }),
        http_cookie_accept_policy: HttpCookieAcceptPolicy::Always,
        http_should_set_cookies: false,
        http_cookie_storage: HttpCookieStorage::Private,
        request_cache_policy: RequestCachePolicy::ReturnCacheDataElseLoad,
        url_cache: Some(UrlCache::default()),
        answers_challenges: true,
        credential: Some(Credential::new("me", "secret")),
    }
}

fn cookies_of() -> CookieStorage {
    CookieStorage { application: key().application, session: None }
}

fn cookie() -> Cookie {
    Cookie {
        identity: CookieIdentity {
            domain: "example.com".into(),
            host_only: true,
            path: "/docs".into(),
            name: "id".into(),
        },
        value: Secret::new("b3BhcXVl"),
        secure: true,
        http_only: true,
        same_site: Some(SameSite::Lax),
        expires: Some(Timestamp(1_790_000_001_000)),
        created: Timestamp(1_790_000_000_000),
    }
}

fn new_task() -> NewTask {
    let mut request = Request::new("https://example.com/upload?a=b").unwrap();
    request.method = "PUT".into();
    request.headers = vec![Header::new("X-Note", "“quoted”")];
    request.body = Some(Body::Spool { path: "/state/spool/1".into(), length: 5 });
    request.credential = Some(Credential::new("me", "opensesame").proactive());
    NewTask {
        task: TaskIdentifier(7),
        kind: TaskKind::Download { destination: Some("/home/user/file".into()) },
        request,
        options: TaskOptions {
            description: Some("a file".into()),
            priority: Priority(255),
            limit_rate: Some(1_000_000),
            earliest_begin_date: Some(Timestamp(1_790_000_000_000)),
            timeout_interval_for_request: Some(30_000),
            timeout_interval_for_resource: Some(3_600_000),
            checksum: Some(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: "00ff".into() }),
            maximum_retries: Some(0),
            fail_on_http_error: true,
            retry_statuses: vec![429, 503],
            recoverable_statuses: vec![401, 403],
            no_unsafe_retry: true,
            allow_insecure_redirect: true,
            ignores_redirects: true,
            maximum_redirects: Some(3),
            decodes_content: true,
            ca_certificates: vec!["/etc/ssl/own.pem".into()],
            no_cookies: true,
            main_document_url: Some("https://example.com/".into()),
            connection_proxy: Some(connection_proxy()),
            tls: tls(),
            suggested_filename: Some(NameClash::TakeFree),
            request_cache_policy: Some(RequestCachePolicy::ReloadRevalidatingCacheData),
        },
        resume: true,
        resume_data: Some(ResumeData(Secret::new("b3BhcXVl"))),
    }
}

fn space() -> ProtectionSpace {
    ProtectionSpace {
        realm: Some("the house".into()),
        authentication_method: AuthenticationMethod::HttpDigest,
        ..ProtectionSpace::of_url("https://example.com").unwrap()
    }
}

fn challenge() -> AuthenticationChallenge {
    AuthenticationChallenge {
        question: 3,
        protection_space: space(),
        previous_failure_count: 1,
        proposed_user: Some(Secret::new("me")),
        until: Timestamp(1_790_000_000_000),
    }
}

fn credential() -> Credential {
    Credential::new("me", "opensesame").kept(CredentialPersistence::Permanent)
}

fn disposition() -> AuthChallengeDisposition {
    AuthChallengeDisposition::UseCredential { credential: credential() }
}

fn stored() -> StoredCredential {
    StoredCredential {
        protection_space: space(),
        user: Secret::new("me"),
        persistence: CredentialPersistence::ForSession,
    }
}

fn edit() -> RequestEdit {
    RequestEdit {
        url: Some("https://example.com/fresh".into()),
        headers: vec![Header::new("Authorization", "Bearer fresh")],
        credential: Some(Credential::new("me", "opensesame")),
    }
}

fn connection_proxy() -> ConnectionProxy {
    let proxy = Proxy::parse("socks5h://user:pass@proxy.example:1080").unwrap();
    ConnectionProxy { https: Some(proxy), ..ConnectionProxy::default() }.except("10.0.0.0/8,.local")
}

fn tls() -> TlsPolicy {
    TlsPolicy {
        minimum_version: Some(TlsVersion::Tls13),
        maximum_version: Some(TlsVersion::Tls13),
        client_certificate: Some(ClientCertificate {
            certificate: "/home/user/own.pem".into(),
            key: Some("/home/user/own.key".into()),
            password: Some(Secret::new("distinctive")),
        }),
        pinned_public_keys: vec![PublicKeyPin::new([1; 32])],
        allow_any_certificate: true,
        https_only: true,
    }
}

fn waiting_task() -> TaskStatus {
    TaskStatus {
        session: key(),
        task: TaskIdentifier(7),
        kind: TaskKind::Download { destination: None },
        url: "https://example.com/file".into(),
        method: "GET".into(),
        description: None,
        state: TaskState::Running,
        reason: Some(Reason::Slot),
        attempts: 0,
        count_of_bytes_received: 0,
        count_of_bytes_expected_to_receive: None,
        count_of_bytes_sent: 0,
        count_of_bytes_expected_to_send: None,
        created: Timestamp(1_790_000_000_000),
        completed: None,
        response: None,
        error: None,
        file: None,
        metrics: None,
        challenge: None,
    }
}

fn completed_task() -> TaskStatus {
    TaskStatus {
        kind: TaskKind::Upload,
        method: "PUT".into(),
        description: Some("a file".into()),
        state: TaskState::Completed,
        reason: None,
        attempts: 2,
        count_of_bytes_received: 512,
        count_of_bytes_expected_to_receive: Some(512),
        count_of_bytes_sent: 5,
        count_of_bytes_expected_to_send: Some(5),
        completed: Some(Timestamp(1_790_000_002_000)),
        response: Some(response()),
        error: Some(error()),
        file: Some("/state/bodies/1-7".into()),
        metrics: Some(Box::new(metrics())),
        ..waiting_task()
    }
}

fn response() -> Response {
    Response {
        suggested_filename: Some(FileName::sanitized("file.bin")),
        url: "https://example.com/file".into(),
        status_code: 404,
        network_protocol: Some("h2".into()),
        resource_fetch_type: ResourceFetchType::LocalCache,
        headers: vec![("content-length".into(), "512".into())],
    }
}

fn metrics() -> TaskMetrics {
    let at = |offset: u64| Some(Date(1_790_000_000_000_000 + offset));
    let refused = TransactionMetrics {
        request: TransactionRequest::new("http://example.com/old", "GET"),
        fetch_start_date: at(0),
        connect_start_date: at(20),
        ..TransactionMetrics::default()
    };
    let loaded = TransactionMetrics {
        request: TransactionRequest::new("https://example.com/file", "PUT"),
        response: Some(TransactionResponse { status_code: 404 }),
        fetch_start_date: at(1000),
        domain_lookup_start_date: at(1010),
        domain_lookup_end_date: at(1020),
        connect_start_date: at(1030),
        secure_connection_start_date: at(1040),
        secure_connection_end_date: at(1050),
        connect_end_date: at(1060),
        request_start_date: at(1070),
        request_end_date: at(1080),
        response_start_date: at(1090),
        response_end_date: at(1100),
        network_protocol_name: Some("h2".into()),
        is_proxy_connection: true,
        is_reused_connection: true,
        resource_fetch_type: ResourceFetchType::LocalCache,
        count_of_request_header_bytes_sent: 1,
        count_of_request_body_bytes_sent: 2,
        count_of_request_body_bytes_before_encoding: 3,
        count_of_response_header_bytes_received: 4,
        count_of_response_body_bytes_received: 5,
        count_of_response_body_bytes_after_decoding: 6,
        local: Some("192.0.2.1:50000".parse().unwrap()),
        remote: Some("[2001:db8::1]:443".parse().unwrap()),
        negotiated_tls_protocol_version: Some(TlsVersion::Tls13),
        negotiated_tls_cipher_suite: Some("TLS_AES_256_GCM_SHA384".into()),
    };
    TaskMetrics {
        transaction_metrics: vec![refused, loaded],
        task_interval: DateInterval {
            start: Timestamp(1_790_000_000_000).into(),
            end: Timestamp(1_790_000_002_000).into(),
        },
        redirect_count: 1,
        omitted_transactions: 3,
    }
}

fn error() -> Error {
    let mut error = Error::new(ErrorCode::CANCELLED)
        .because("removed at the shell")
        .for_url("https://user:password@example.com/file");
    error.status_code = Some(503);
    error.cancelled_reason = Some(CancelledReason::UserForceQuitApplication);
    error.resume_data = Some(ResumeData(Secret::new("b3BhcXVl")));
    error
}

fn session_status() -> SessionStatus {
    SessionStatus {
        session: key(),
        owned: false,
        invalidating: false,
        tasks: 2,
        events_owed: 3,
        launch: Some(LaunchStatus {
            state: LaunchState::Due(Timestamp(1_790_000_000_000)),
            attempts: 2,
            error: Some("the command ended with exit status: 1".into()),
        }),
    }
}

fn status() -> DaemonStatus {
    DaemonStatus {
        pid: 4711,
        version: "0.1.0".into(),
        protocol: PROTOCOL_VERSION,
        uptime: 60_000,
        sessions: 1,
        tasks_running: 2,
        tasks_waiting: 3,
        tasks_suspended: 4,
        tasks_completed: 5,
        events_owed: 6,
        clients: 7,
        memory: Some(12_582_912),
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
