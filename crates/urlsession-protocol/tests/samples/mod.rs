//! One message of every kind, with every field that it can have.

use std::time::Duration;
use urlsession_protocol::*;

pub(crate) fn client_messages() -> Vec<ClientMessage> {
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
        listing(task),
        Call::Task { session: key(), task, with_cookies: false },
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
        Call::Credentials { application: key().application, after: Some(space()) },
        Call::SetCredential {
            application: key().application,
            protection_space: space(),
            credential: credential(),
        },
        Call::RemoveCredentials { application: key().application, protection_space: None },
        Call::Redirect {
            session: key(),
            task,
            question: 129,
            disposition: HttpRedirectDisposition::UseRequest { request: redirected() },
        },
        Call::KnownHosts { application: key().application, session: None },
        Call::AddKnownHosts {
            application: key().application,
            session: Some(key().session),
            hosts: vec![known_host()],
        },
        Call::ClearKnownHosts {
            application: key().application,
            session: None,
            host: Some("example.com".into()),
        },
        Call::Edit { session: key(), task, edit: Box::new(edit()) },
        Call::Answer { session: key(), task, question: 3, disposition: Box::new(disposition()) },
        Call::Sessions { application: Some(key().application), after: Some(key()) },
        Call::SpeedLimits,
        Call::LimitSpeed(speed_limits()),
    ];
    let (number, through) = (EventNumber(9), Some(EventNumber(11)));
    let mut messages =
        vec![ClientMessage::Hello(hello()), ClientMessage::Ack { session, number, through }];
    messages.extend(
        calls.into_iter().zip(1..).map(|(call, id)| ClientMessage::Call { id: CallId(id), call }),
    );
    messages
}

fn listing(last: TaskIdentifier) -> Call {
    let (session, destined) = (Some(key()), vec!["/tmp/f".into()]);
    Call::Tasks { session, after: Some((key(), last)), limit: 500, destined }
}

pub(crate) fn daemon_messages() -> Vec<DaemonMessage> {
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
        Ok(Reply::KnownHosts { hosts: vec![known_host()] }),
        Ok(Reply::KnownHostsChanged { count: 1 }),
        Ok(Reply::Sessions { sessions: vec![session_status()], more: true }),
        Ok(Reply::SpeedLimits(speed_limits())),
    ];
    let mut messages = vec![
        DaemonMessage::Hello(Hello { state: Some("/state".into()), ..hello() }),
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

pub(crate) fn events() -> Vec<Event> {
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
        Event::WillPerformHttpRedirection {
            redirection: Box::new(HttpRedirection {
                question: 129,
                response: response(),
                new_request: *redirected(),
                until: Timestamp(1_790_000_000_000),
            }),
        },
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

pub(crate) fn key() -> SessionKey {
    SessionKey {
        application: ApplicationId::new("com.example").unwrap(),
        session: SessionIdentifier::new("files").unwrap(),
    }
}

pub(crate) fn hello() -> Hello {
    Hello { protocol: PROTOCOL_VERSION, program: "urlsession 0.1.0".into(), pid: 4711, state: None }
}

pub(crate) fn configuration() -> SessionConfiguration {
    SessionConfiguration {
        http_additional_headers: vec![Header::new("User-Agent", "Example/1.0")],
        timeout_interval_for_request: Duration::from_secs(60),
        timeout_interval_for_resource: Duration::from_secs(604_800),
        waits_for_connectivity: false,
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
        strict_transport_security: StrictTransportSecurity::Private,
        request_cache_policy: RequestCachePolicy::ReturnCacheDataElseLoad,
        url_cache: Some(UrlCache::default()),
        answers_challenges: true,
        http3: Some(Http3::Auto),
        segments: Some(Segments::Automatic),
        answers_redirections: true,
        credential: Some(Credential::new("me", "secret")),
        url_credential_storage: UrlCredentialStorage::None,
    }
}

pub(crate) fn cookies_of() -> CookieStorage {
    CookieStorage { application: key().application, session: None }
}

pub(crate) fn known_host() -> KnownHost {
    KnownHost {
        host: "example.com".into(),
        include_subdomains: true,
        expires: Timestamp(1_790_000_001_000),
    }
}

pub(crate) fn cookie() -> Cookie {
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

pub(crate) fn new_task() -> NewTask {
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
            lowest_speed: Some(LowestSpeed { bytes_per_second: 1000, seconds: 30 }),
            earliest_begin_date: Some(Timestamp(1_790_000_000_000)),
            timeout_interval_for_request: Some(30_000),
            timeout_interval_for_resource: Some(3_600_000),
            checksum: Some(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: "00ff".into() }),
            maximum_retries: Some(0),
            retry_interval: Some(2000),
            timeout_interval_for_retries: Some(600_000),
            fail_on_http_error: true,
            retry_statuses: vec![429, 503],
            recoverable_statuses: vec![401, 403],
            no_unsafe_retry: true,
            allow_insecure_redirect: true,
            ignores_redirects: true,
            maximum_redirects: Some(3),
            maximum_response_size: Some(1_000_000),
            decodes_content: true,
            ca_certificates: vec!["/etc/ssl/own.pem".into()],
            no_cookies: true,
            no_strict_transport_security: true,
            main_document_url: Some("https://example.com/".into()),
            connection_proxy: Some(connection_proxy()),
            tls: tls(),
            suggested_filename: Some(NameClash::TakeFree),
            destination_clash: Some(NameClash::Replace),
            request_cache_policy: Some(RequestCachePolicy::ReloadRevalidatingCacheData),
            http3: Some(Http3::Only),
            assumes_http3_capable: true,
            segments: Segments::count(4),
            request_policy: request_policy(),
        },
        resume: true,
        resume_data: Some(ResumeData(Secret::new("b3BhcXVl"))),
    }
}

pub(crate) fn request_policy() -> RequestPolicy {
    RequestPolicy {
        omitted_headers: vec!["User-Agent".into()],
        keeps_post: vec![303],
        sends_get_body: true,
        trusts_redirects: true,
        target: Some("*".into()),
        path: Some("/a/../b".into()),
        connect_to: vec![ConnectTo {
            host: Some("example.com".into()),
            port: Some(443),
            to_host: Some("::1".into()),
            to_port: Some(8443),
            is_local: true,
        }],
        tells_referer: true,
        refuses_https: true,
        redirect_schemes: Some(vec![UrlScheme::Https]),
        http_version: Some(HttpVersion::Http10),
        authentication_method: AuthenticationMethod::HttpDigest,
        timeout_interval_for_connection: Some(5000),
        ip_version: Some(IpVersion::V4),
        required_interface: Some("eth0".into()),
        unix_socket: Some("/run/example.sock".into()),
        accepts_transfer_codings: true,
    }
}

pub(crate) fn space() -> ProtectionSpace {
    ProtectionSpace {
        realm: Some("the house".into()),
        authentication_method: AuthenticationMethod::HttpDigest,
        ..ProtectionSpace::of_url("https://example.com").unwrap()
    }
}

pub(crate) fn challenge() -> AuthenticationChallenge {
    AuthenticationChallenge {
        question: 3,
        protection_space: space(),
        previous_failure_count: 1,
        proposed_user: Some(Secret::new("me")),
        server_trust: vec![Certificate::new([0x30, 0x80])],
        reason: Some("no trusted authority signed the certificate".into()),
        until: Timestamp(1_790_000_000_000),
    }
}

pub(crate) fn redirected() -> Box<Request> {
    let mut request = Request::new("https://example.com/elsewhere").unwrap();
    request.headers.push(Header::new("Accept", "text/plain"));
    Box::new(request)
}

pub(crate) fn credential() -> Credential {
    Credential::new("me", "opensesame").kept(CredentialPersistence::Permanent)
}

pub(crate) fn disposition() -> AuthChallengeDisposition {
    AuthChallengeDisposition::UseCredential { credential: credential() }
}

pub(crate) fn stored() -> StoredCredential {
    StoredCredential {
        protection_space: space(),
        user: Secret::new("me"),
        persistence: CredentialPersistence::ForSession,
        seal: Seal::Locked,
    }
}

pub(crate) fn edit() -> RequestEdit {
    RequestEdit {
        url: Some("https://example.com/fresh".into()),
        headers: vec![Header::new("Authorization", "Bearer fresh")],
        credential: Some(Credential::new("me", "opensesame")),
    }
}

pub(crate) fn connection_proxy() -> ConnectionProxy {
    let proxy = Proxy::parse("socks5h://user:pass@proxy.example:1080").unwrap();
    ConnectionProxy {
        https: Some(proxy),
        headers: vec![Header::new("X-Note", "for the proxy")],
        speaks_http10: true,
        tls: TlsPolicy { allow_any_certificate: true, ..TlsPolicy::default() },
        ca_certificates: vec!["/etc/ssl/proxy.pem".into()],
        ..ConnectionProxy::default()
    }
    .except("10.0.0.0/8,.local")
}

pub(crate) fn tls() -> TlsPolicy {
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

pub(crate) fn waiting_task() -> TaskStatus {
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

pub(crate) fn completed_task() -> TaskStatus {
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

pub(crate) fn response() -> Response {
    Response {
        suggested_filename: Some(FileName::sanitized("file.bin")),
        url: "https://example.com/file".into(),
        status_code: 404,
        network_protocol: Some("h2".into()),
        resource_fetch_type: ResourceFetchType::LocalCache,
        headers: vec![("content-length".into(), "512".into())].into(),
    }
}

pub(crate) fn metrics() -> TaskMetrics {
    let at = |offset: u64| Some(Date(1_790_000_000_000_000 + offset));
    let refused = TransactionMetrics {
        request: TransactionRequest::new("http://example.com/old", "GET"),
        fetch_start_date: at(0),
        connect_start_date: at(20),
        ..TransactionMetrics::default()
    };
    let loaded = TransactionMetrics {
        request: TransactionRequest::new("https://example.com/file", "PUT"),
        response: Some(TransactionResponse {
            status_code: 404,
            headers: vec![("a".to_owned(), "b".to_owned())].into(),
        }),
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
        proxy_status_code: Some(200),
        is_proxy_connection: true,
        is_reused_connection: true,
        resource_fetch_type: ResourceFetchType::LocalCache,
        count_of_request_header_bytes_sent: 1,
        count_of_request_body_bytes_sent: 2,
        count_of_request_body_bytes_before_encoding: 3,
        count_of_response_header_bytes_received: 4,
        count_of_proxy_header_bytes_received: 7,
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

pub(crate) fn error() -> Error {
    let mut error = Error::new(ErrorCode::CANCELLED)
        .because("removed at the shell")
        .for_url("https://user:password@example.com/file");
    error.status_code = Some(503);
    error.cancelled_reason = Some(CancelledReason::UserForceQuitApplication);
    error.resume_data = Some(ResumeData(Secret::new("b3BhcXVl")));
    error
}

pub(crate) fn session_status() -> SessionStatus {
    SessionStatus {
        session: key(),
        owned: false,
        invalidating: false,
        tasks: 10,
        tasks_running: 1,
        tasks_waiting: 2,
        tasks_suspended: 3,
        tasks_completed: 4,
        events_owed: 3,
        http_maximum_connections_per_host: 6,
        maximum_concurrent_tasks: Some(2),
        launch_program: Some("/usr/bin/app".into()),
        launch: Some(LaunchStatus {
            state: LaunchState::Due(Timestamp(1_790_000_000_000)),
            attempts: 2,
            error: Some("the command ended with exit status: 1".into()),
        }),
    }
}

fn speed_limits() -> SpeedLimits {
    SpeedLimits { download: std::num::NonZeroU64::new(1_048_576), upload: None }
}

pub(crate) fn status() -> DaemonStatus {
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
