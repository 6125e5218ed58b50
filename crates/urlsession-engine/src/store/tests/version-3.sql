-- A store as the program of version 3 left it.
CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT;
INSERT INTO sessions VALUES(1,'{"number":1,"key":{"application":"com.example","session":"session 1 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared"},"next_task":8,"next_event":9,"invalidating":false,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":1,"error":"why"}}');
INSERT INTO sessions VALUES(2,'{"number":2,"key":{"application":"com.example","session":"session 2 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared"},"next_task":8,"next_event":9,"invalidating":true,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":2,"error":"why"}}');
INSERT INTO sessions VALUES(4294967295,'{"number":4294967295,"key":{"application":"com.example","session":"session 4294967295 “ü”"},"configuration":{"http_additional_headers":[{"name":"Authorization","value":"Bearer secret"}],"timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,"http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null,"http_cookie_accept_policy":"only_from_main_document_domain","http_should_set_cookies":true,"http_cookie_storage":"shared"},"next_task":8,"next_event":9,"invalidating":false,"last_owner":18446744073709551615,"owned_from":7,"launch":{"attempts":4294967295,"error":"why"}}');
CREATE TABLE tasks (
        session INTEGER NOT NULL REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
        task    INTEGER NOT NULL,
        facts   TEXT NOT NULL,
        state   TEXT NOT NULL,
        PRIMARY KEY (session, task)
    ) STRICT, WITHOUT ROWID;
INSERT INTO tasks VALUES(1,2,'{"kind":"download","host":"example.com:443","priority":128,"created":1,"begin":2,"resource_timeout":3000,"maximum_retries":4,"no_unsafe_retry":true,"owns_file":true,"spool":"/state/spool/5"}','{"stage":{"completed":{"at":9,"done":{"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]},"file":"/file","length":1,"sent":2}}},"attempts":1,"failures":2}');
INSERT INTO tasks VALUES(2,1,'{"kind":"download","host":"example.com:443","priority":128,"created":1,"begin":2,"resource_timeout":3000,"maximum_retries":4,"no_unsafe_retry":true,"owns_file":true,"spool":"/state/spool/5"}','{"stage":"suspended","attempts":1,"failures":2,"deadline":18446744073709551615,"resume":{"part":"/state/files/1/1.part","inode":1,"durable_bytes":2,"total_bytes":3,"etag":"\"1\"","response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}}');
INSERT INTO tasks VALUES(4294967295,-1,'{"kind":"download","host":"example.com:443","priority":128,"created":1,"begin":2,"resource_timeout":3000,"maximum_retries":4,"no_unsafe_retry":true,"owns_file":true,"spool":"/state/spool/5"}','{"stage":"active","attempts":1,"failures":2}');
CREATE TABLE orders (
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, task),
        FOREIGN KEY (session, task) REFERENCES tasks ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
INSERT INTO orders VALUES(1,2,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
INSERT INTO orders VALUES(2,1,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
INSERT INTO orders VALUES(4294967295,-1,'{"kind":"download","destination":"/home/user/file","request":{"url":"https://example.com/file?token=1","method":"GET","headers":[{"name":"Cookie","value":"a=b"}]},"options":{"priority":128,"fail_on_http_error":true},"idle_timeout":60000}');
CREATE TABLE events (
        session INTEGER NOT NULL,
        number  INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, number),
        FOREIGN KEY (session, task) REFERENCES tasks DEFERRABLE INITIALLY DEFERRED
    ) STRICT, WITHOUT ROWID;
INSERT INTO events VALUES(1,2,2,'{"event":"did_complete","error":{"code":-1001,"message":"The request timed out.","failing_url":"https://example.com/"},"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}');
INSERT INTO events VALUES(2,7,1,'{"event":"did_complete","error":{"code":-1001,"message":"The request timed out.","failing_url":"https://example.com/"},"response":{"url":"https://example.com/","status_code":200,"network_protocol":"h2","headers":[["etag","\"1\""]]}}');
CREATE TABLE last_removed (session INTEGER) STRICT;
INSERT INTO last_removed VALUES(9);
CREATE TABLE cookies (
        application TEXT NOT NULL,
        domain      TEXT NOT NULL,
        host_only   INTEGER NOT NULL,
        path        TEXT NOT NULL,
        name        TEXT NOT NULL,
        content     TEXT NOT NULL,
        PRIMARY KEY (application, domain, host_only, path, name)
    ) STRICT, WITHOUT ROWID;
CREATE INDEX events_of_task ON events (session, task);
PRAGMA application_id = 1970433139;
PRAGMA user_version = 3;
