-- A store as the program of version 9 left it.
CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT;
CREATE TABLE last_removed (session INTEGER) STRICT;
CREATE TABLE cookies (
        application TEXT NOT NULL,
        domain      TEXT NOT NULL,
        host_only   INTEGER NOT NULL,
        path        TEXT NOT NULL,
        name        TEXT NOT NULL,
        content     TEXT NOT NULL,
        PRIMARY KEY (application, domain, host_only, path, name)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE credentials (
        application TEXT NOT NULL,
        space       TEXT NOT NULL,
        content     TEXT NOT NULL,
        PRIMARY KEY (application, space)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE results (
        number  INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        state   TEXT,
        metrics TEXT,
        events  TEXT NOT NULL
    ) STRICT;
CREATE TABLE "tasks" (
        session  INTEGER NOT NULL,
        task     INTEGER NOT NULL,
        kind     INTEGER NOT NULL,
        host     TEXT NOT NULL,
        priority INTEGER NOT NULL,
        created  INTEGER NOT NULL,
        begin    INTEGER,
        timeout  INTEGER NOT NULL,
        retries  INTEGER,
        flags    INTEGER NOT NULL,
        spool    TEXT,
        stage    INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        deadline INTEGER,
        -- Where it is there, it counts instead of the four before it.
        state    TEXT,
        metrics  TEXT,
        content  TEXT,
        PRIMARY KEY (session, task)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE known_hosts (
        application        TEXT NOT NULL,
        host               TEXT NOT NULL,
        include_subdomains INTEGER NOT NULL,
        expires            INTEGER NOT NULL,
        PRIMARY KEY (application, host)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE settings (
        name    TEXT PRIMARY KEY,
        content TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
INSERT INTO sessions VALUES(1,'{"number":1,"key":{"application":"com.example","session":"session 1 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared","request_cache_policy":"use_protocol_cache_policy"},"next_task":8,"next_event":9,"invalidating":false,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":1,"error":"why"}}');
INSERT INTO sessions VALUES(2,'{"number":2,"key":{"application":"com.example","session":"session 2 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared","request_cache_policy":"use_protocol_cache_policy"},"next_task":8,"next_event":9,"invalidating":true,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":2,"error":"why"}}');
INSERT INTO sessions VALUES(4294967295,'{"number":4294967295,"key":{"application":"com.example","session":"session 4294967295 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared","request_cache_policy":"use_protocol_cache_policy"},"next_task":8,"next_event":9,"invalidating":false,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":4294967295,"error":"why"}}');
INSERT INTO last_removed VALUES(9);
INSERT INTO results VALUES(1,1,2,'{"stage":{"completed":{"at":9,"done":{"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]},"file":"/file","length":1,"sent":2}}},"attempts":1,"failures":2}',NULL,'[[2,{"other":{"event":"did_complete","error":{"code":-1001,"message":"The request timed out.","failing_url":"https://example.com/"},"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}}]]');
INSERT INTO results VALUES(2,2,1,NULL,NULL,'[[7,{"other":{"event":"did_complete","error":{"code":-1001,"message":"The request timed out.","failing_url":"https://example.com/"},"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}}]]');
INSERT INTO tasks VALUES(1,2,0,'example.com:443',128,1,2,3000,4,3,'/state/spool/5',1,1,2,NULL,NULL,NULL,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
INSERT INTO tasks VALUES(2,1,0,'example.com:443',128,1,2,3000,4,3,'/state/spool/5',0,0,0,NULL,'{"stage":"suspended","attempts":1,"failures":2,"deadline":18446744073709551615,"resume":{"part":"/state/files/1/1.part","inode":1,"durable_bytes":2,"total_bytes":3,"etag":"\"1\"","response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}}',NULL,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
INSERT INTO tasks VALUES(4294967295,-1,0,'example.com:443',128,1,2,3000,4,3,'/state/spool/5',1,1,2,NULL,NULL,NULL,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
INSERT INTO settings VALUES('speed_limits','{"download":1048576}');
PRAGMA application_id = 1970433139;
PRAGMA user_version = 9;
