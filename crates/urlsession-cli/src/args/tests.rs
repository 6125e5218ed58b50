//! What is understood, what is refused, and how the help looks.

use super::*;
use crate::exit;
use urlsession::{ChecksumAlgorithm, Segments};

fn parse(line: &str) -> Result<Command, String> {
    let words = std::iter::once("urlsession").chain(line.split_whitespace()).map(OsString::from);
    Cli::try_parse_from(with_default_command(words))
        .map(|cli| cli.command)
        .map_err(|error| format!("{} {:?}", error.exit_code(), error.kind()))
}

#[test]
fn a_bare_url_is_a_get() {
    for line in [
        "http://h/f",
        "HTTP://H/f",
        "-o x http://h/f",
        "get http://h/f",
        "-d /tmp http://h/f http://h/g",
        "-i list",
        "--limit-rate 2M -q http://h/f",
        "download http://h",
        "example.org/file",
        "localhost:8080",
    ] {
        assert!(matches!(parse(line), Ok(Command::Get(_))), "{line}");
    }
}

#[test]
fn every_command_is_understood() {
    for line in [
        "add -q -d dir -j 3 -i - http://h/f",
        "add -c -C - -O http://h/f --retry 0 --max-time 2h --priority high",
        "get -H X:1 -H @file -X POST -A me -e http://r -u me:pw --cacert a --cacert b http://h",
        "get --checksum sha-256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 http://h",
        "get --data a=b http://h",
        "get -OJ http://h",
        "get --remote-header-name --overwrite http://h",
        "get --proxy socks5h://u:p@h:1 --noproxy a,b --cert a --key b --insecure http://h",
        "put --tlsv1.2 --tls-max 1.3 --https-only --pinnedpubkey \
         sha256//AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= f http://h",
        "get -T file http://h",
        "put - http://h --detach --json",
        "ls --all --state waiting --json",
        "show com.example/sync/3 --json",
        "explain 12",
        "wait 1 2 --timeout 60s --any",
        "watch",
        "watch 1 app/s/2 --json",
        "events --follow --json --session app/s",
        "pause 1",
        "resume --all",
        "edit 1 --url http://h/ -H A:1 -H @f -u me:pw",
        "edit a/s/1 -H A:1 -q",
        "retry 1 2",
        "get --recoverable 401,403,410 --anyauth -u me:pw http://h/",
        "get -F a=b -F c=@d;type=x/y -w %{http_code} http://h",
        "put f http://h -w @format",
        "get -n http://h",
        "get --netrc-optional --netrc-file f http://h",
        "cancel 1 2 3 -q",
        "rm --all",
        "daemon",
        "daemon --simulate scenario.txt",
        "daemon run --simulate scenario.txt",
        "daemon enable",
        "daemon disable --force",
        "daemon run",
        "daemon start",
        "daemon stop",
        "daemon status --json",
        "daemon logs -f",
        "completion bash",
        "cookies ls",
        "cookies ls --domain ex.com --reveal --json --app com.example",
        "cookies import cookies.txt",
        "cookies export - --domain ex.com",
        "cookies clear --app com.example",
        "hsts ls --json --app com.example",
        "hsts clear ex.com",
        "get --no-hsts http://h",
        "get --hsts f http://h",
        "put --hsts-file f g http://h",
        "get -C - http://h",
        "get -c http://h",
        "get -z -2030-01-31 --etag-compare a --etag-save a -o f http://h",
        "get -r -500 --max-filesize 2M -f http://h",
        "get -G --data a --data-raw @b --data-urlencode c --url-query d http://h",
        "get -g -D heads -R --create-dirs --output-dir d -o f http://h/[1]",
        "get -p --proxy h:1 -U me:pw --fail-with-body --retry-all-errors http://h",
        "get --skip-existing http://h",
        "get --no-clobber -o f http://h",
        "get -b a=b -b cookies.txt --cookie c=d http://h",
        "demo",
    ] {
        let parsed = parse(line);
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn what_is_so_anyway_may_be_asked_for() {
    for line in [
        "get -1 -# --retry 5 --retry-connrefused --http2 --proxy-anyauth --proxy-basic http://h",
        "put f http://h --tlsv1.1 --tcp-nodelay --no-keepalive --disable --progress-bar",
        "get --remove-on-error --follow -o f --data-ascii a http://h",
        "add --socks5 h:1 --socks5-hostname h:1 http://h",
    ] {
        let parsed = parse(line);
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

/// what is typed => how many are followed, or that it is wrong
#[test]
fn redirects_are_followed_up_to_a_limit() {
    for (typed, expected) in [
        ("--max-redirs -1", Ok(Some(100))),
        ("--max-redirs=-1", Ok(Some(100))),
        ("--max-redirs 0", Ok(Some(0))),
        ("--max-redirs 100", Ok(Some(100))),
        ("--tlsv1", Ok(None)),
        ("--max-redirs 101", Err("2 ValueValidation")),
        ("--max-redirs -2", Err("2 ValueValidation")),
        ("--max-redirs x", Err("2 ValueValidation")),
        ("--max-redirs -q", Err("2 InvalidValue")),
    ] {
        let got = parse(&format!("get {typed} http://h/")).map(|command| match command {
            Command::Get(args) => args.policy.max_redirs,
            other => panic!("{other:?}"),
        });
        assert_eq!(got, expected.map_err(str::to_owned), "{typed}");
    }
}

#[test]
fn texts_may_begin_with_a_dash() {
    for line in [
        "get --data -5 --data-raw --a=b --data-urlencode -q --url-query -a=b http://h",
        "get -H -A:b -A -x -e -e -b -a=b -u -me:pw -U -q -w -%{id} --description --all http://h",
        "get -F -a=b --form-string --a=b --proxy-header -a:b http://h",
        "get --oauth2-bearer -x http://h",
        "put f http://h -H -A:b -w -%{id}",
        "edit 1 -H -A:b -u -me:pw",
        "answer 1 -u -me:pw",
    ] {
        let parsed = parse(line);
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
    // A name that is forgotten is not taken for the next option.
    for line in ["get -o -q http://h", "get -d -q http://h", "get -T -q http://h"] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn misuse_has_exit_code_2() {
    for line in [
        "",
        "fetch http://h",
        "get",
        "get --nonsense http://h",
        "get -o",
        "get --limit-rate fast http://h",
        "get --checksum sha-256=12 http://h",
        "get --checksum crc32=12345678 http://h",
        "get --priority urgent http://h",
        "get -j 0 http://h",
        "get -q -v http://h",
        "get -r 1-2,x http://h",
        "get -r - http://h",
        "get -r 1-2 -c http://h",
        "get -z 2030-01-31 -C 5 http://h",
        "get --fail-with-body --no-fail http://h",
        "get --skip-existing -c http://h",
        "get --remove-on-error -C - http://h",
        "get --http2 --http1.1 http://h",
        "get --data-raw a -T f http://h",
        "get --max-filesize big http://h",
        "get -Y slow http://h",
        "get -y 1.5 http://h",
        "get -y 86401 http://h",
        "put file",
        "show",
        "show x",
        "wait",
        "wait 1 --timeout soon",
        "cancel",
        "cancel 1 --all",
        "edit 1",
        "edit --url http://h",
        "get --recoverable 200 http://h",
        "get --recoverable often http://h",
        "get -s 0 http://h",
        "get -s 17 http://h",
        "get -s many http://h",
        "daemon --simulate a start",
        "daemon --simulate",
        "daemon enable --now",
        "ls --state odd",
        "completion",
    ] {
        let parsed = parse(line);
        assert!(parsed.as_ref().is_err_and(|e| e.starts_with("2 ")), "{line}: {parsed:?}");
    }
}

#[test]
fn options_become_values() {
    let Ok(Command::Get(get)) = parse(
        "http://h/f --limit-rate 2M -m 1m30s --retry 3 --checksum \
         MD5=D41D8CD98F00B204E9800998ECF8427E",
    ) else {
        panic!("not understood");
    };
    assert_eq!(get.policy.limit_rate.and_then(Limit::get), Some(2 << 20));
    assert_eq!(get.policy.max_time, Some(Duration::from_secs(90)));
    assert_eq!(get.policy.retry, Some(3));
    let Ok(Command::Get(free)) = parse("http://h/f --limit-rate 0 --max-filesize 0") else {
        panic!("0 is no limit");
    };
    let limits = [free.policy.limit_rate, free.condition.max_filesize];
    assert_eq!(limits, [Some(Limit(None)); 2]);
    for (line, segments) in [
        ("http://h/f", None),
        ("-s 4 http://h/f", Segments::count(4)),
        ("-s1 http://h/f", Some(Segments::ONE)),
        ("--split=16 http://h/f", Segments::count(16)),
        ("--segments auto http://h/f", Some(Segments::Automatic)),
    ] {
        let Ok(Command::Get(get)) = parse(line) else { panic!("not understood: {line}") };
        assert_eq!(get.policy.segments, segments, "{line}");
    }
    for (words, expected) in [
        ("", None),
        ("-Y 1K", Some((1024, 30))),
        ("-y 5", Some((1, 5))),
        ("-Y1000 -y1m", Some((1000, 60))),
        ("--speed-limit 2M --speed-time 10", Some((2 << 20, 10))),
        ("-Y 0 -y 5", None),
        ("-Y 100 -y 0", None),
    ] {
        let Ok(Command::Get(get)) = parse(&format!("http://h/f {words}")) else {
            panic!("not understood: {words}");
        };
        let lowest = get.policy.lowest_speed();
        let lowest = lowest.map(|lowest| (lowest.bytes_per_second, lowest.seconds));
        assert_eq!(lowest, expected, "{words}");
    }
    let checksum = get.checksum.unwrap();
    assert_eq!(checksum.algorithm, ChecksumAlgorithm::Md5);
    assert_eq!(checksum.hex, "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn header_fields_are_read_as_curl_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fields");
    let lines = "Authorization: Bearer x:y\r\n\nX-B: 2\nno field\n odd name: x\nAccept:\n";
    std::fs::write(&file, lines).unwrap();
    let texts = ["X-A:  1 ".to_owned(), format!("@{}", file.display()), "X-Empty;".to_owned()];
    let fields = header_fields(&texts).unwrap();
    let shown: Vec<_> = fields.sent.iter().map(|h| (h.name.as_str(), h.value.expose())).collect();
    assert_eq!(
        shown,
        [("X-A", "1"), ("Authorization", "Bearer x:y"), ("X-B", "2"), ("X-Empty", "")]
    );
    assert_eq!(fields.omitted, ["Accept"]);
    assert!(fields.speaks_of("x-a") && fields.speaks_of("ACCEPT") && !fields.speaks_of("Host"));
    let omitted = header_fields(&["Expect: ".to_owned()]).unwrap();
    assert!(omitted.sent.is_empty() && omitted.omitted == ["Expect"]);
    for wrong in
        ["X-A", "X-A;  ", "X-A;b", "Host:", "content-length:", ":", "", "@/nonexistent/fields"]
    {
        let failure = header_fields(&[wrong.to_owned()]).unwrap_err();
        assert!(matches!(failure.code, exit::USAGE | exit::FILE), "{wrong}");
    }
    for (text, is_one) in [
        ("X-A: b", true),
        ("X-A :", true),
        ("X-A;", true),
        ("X-A;  ", false),
        ("X-A;b", false),
        ("\u{201c}host: fake", false),
        ("X A: b", false),
        (":", false),
        ("", false),
    ] {
        assert_eq!(parse::is_field(text), is_one, "{text:?}");
        let fields = typed_fields("-H", &[text.to_owned()]).unwrap();
        assert_eq!(fields != HeaderFields::default(), is_one, "{text:?}");
    }
    assert!(typed_fields("-H", &["Host:".to_owned()]).is_err());
    std::fs::write(&file, format!("X: {}", "a".repeat(10 << 20))).unwrap();
    assert_eq!(header_fields(&[format!("@{}", file.display())]).unwrap_err().code, exit::USAGE);
}

#[test]
fn help_fits_a_terminal_of_100_columns() {
    let mut command = Cli::command();
    command.build();
    let mut queue = vec![command];
    while let Some(mut command) = queue.pop() {
        for help in [command.render_help(), command.render_long_help()] {
            for line in help.to_string().lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
            }
        }
        queue.extend(command.get_subcommands().cloned());
    }
    Cli::command().debug_assert();
}
