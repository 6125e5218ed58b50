//! What is asked of the session for what was typed.

use super::*;
use crate::args::{Cli, Command};
use clap::Parser as _;

fn get(words: &[&str]) -> Result<Vec<Plan>, Failure> {
    let words = ["urlsession", "get"].iter().chain(words);
    let mut plans = match Cli::try_parse_from(words).unwrap().command {
        Command::Get(args) => of_get(&args)?,
        other => panic!("{other:?}"),
    };
    settle(&mut plans, HashSet::new())?;
    Ok(plans)
}

fn destination(plan: &Plan) -> &Path {
    match &plan.what {
        What::Download(Destination::File(path)) => path,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_get_fails_and_retries_as_users_of_curl_expect() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let plans = get(&["http://H/a%20b", "-d", dir, "--priority", "low", "-A", "me"]).unwrap();
    let [plan] = &plans[..] else { panic!("{plans:?}") };
    assert_eq!(destination(plan), folder.path().join("a b"));
    assert_eq!(plan.request.url, "http://h/a%20b");
    assert!(plan.options.fail_on_http_error);
    assert_eq!(plan.options.retry_statuses, RETRY_STATUSES);
    assert_eq!(plan.options.priority, Priority(0));
    let plans = get(&["http://h/", "-d", dir, "--no-fail", "--retry", "0"]).unwrap();
    assert!(!plans[0].options.fail_on_http_error && plans[0].options.retry_statuses.is_empty());
    assert_eq!(plans[0].options.maximum_retries, Some(0));
}

/// words => whether what a server may have done is asked for again
#[test]
fn what_is_not_idempotent_is_repeated_where_that_is_typed() {
    for (words, repeats) in [
        (&[][..], false),
        (&["--retry", "2"], true),
        (&["--retry", "0"], true),
        (&["--retry-all-errors"], true),
        (&["--retry-delay", "1"], false),
        (&["--unsafe-retry"], true),
        (&["--retry", "2", "--no-unsafe-retry"], false),
        (&["--no-unsafe-retry", "--retry", "2"], false),
        (&["--unsafe-retry", "--no-unsafe-retry"], false),
        (&["--no-unsafe-retry", "--unsafe-retry"], true),
    ] {
        let plans = get(&[words, &["http://h/", "--data", "a"]].concat()).unwrap();
        assert_eq!(!plans[0].options.no_unsafe_retry, repeats, "{words:?}");
    }
}

#[test]
fn every_file_has_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("made/deep");
    std::fs::write(folder.path().join("f"), "").unwrap();
    let list = folder.path().join("list");
    let text = format!("http://h/f\nhttp://h/f\n  out=own\nhttp://h/f\n  dir={}\n", dir.display());
    std::fs::write(&list, text).unwrap();
    let plans =
        get(&["http://h/x/f", "-d", folder.path().to_str().unwrap(), "-i", list.to_str().unwrap()])
            .unwrap();
    let names: Vec<_> = plans.iter().map(destination).collect();
    let root = folder.path();
    assert_eq!(names, [root.join("f.1"), root.join("f.2"), root.join("own"), dir.join("f")]);
    let mut again = of_get_in(root);
    settle(&mut again, HashSet::from([root.join("f.1")])).unwrap();
    assert_eq!(destination(&again[0]), root.join("f.2"), "a task will make f.1");
    let words = ["http://h/x", "-o", "own", "http://h/own", "-O", "-d", root.to_str().unwrap()];
    let names: Vec<_> = get(&words).unwrap().iter().map(|p| destination(p).to_owned()).collect();
    assert_eq!(names, [root.join("own"), root.join("own.1")]);
    let words = ["http://h/a/g", "http://h/b/g", "--skip-existing", "-d", root.to_str().unwrap()];
    let names: Vec<_> = get(&words).unwrap().iter().map(|p| destination(p).to_owned()).collect();
    assert_eq!(names, [root.join("g"), root.join("g.1")]);
    let again = get(&["http://h/f", "-d", root.to_str().unwrap(), "--overwrite"]).unwrap();
    assert_eq!(destination(&again[0]), root.join("f"));
}

/// names => whether each has its file
#[test]
fn no_two_urls_are_given_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    for (words, is_well) in [
        (&["-o", "a", "-o", "b"][..], true),
        (&["-o", "a", "-o", "a"], false),
        (&["-o", "a", "-o", "./a"], false),
        (&["-o", "a", "-o", "sub/../a"], false),
        (&["-o", "a", "-o", "sub/a"], true),
        (&["-o", "a", "-o", "a", "-c"], false),
        (&["-o", "a", "-o", "a", "--data", "x"], false),
        (&["-o", "a", "-o", "a", "--no-clobber"], true),
        (&["-o", "-", "-o", "-"], true),
        (&["-o", "/dev/null", "-o", "/dev/null"], true),
        (&["-o", "/dev/null", "-o", "/dev/null", "--data", "x"], true),
    ] {
        let urls = ["http://h/1", "http://h/2", "-d", dir];
        match get(&[&urls[..], words].concat()) {
            Ok(_) => assert!(is_well, "{words:?}"),
            Err(failure) => {
                assert!(!is_well && failure.code == exit::USAGE, "{words:?}: {failure:?}");
                assert!(failure.message.contains("one file for"), "{failure:?}");
            }
        }
    }
    let several = ["http://h/1", "-d", dir, "-o", "a", "-T", "{Cargo.toml,Cargo.toml}"];
    assert_eq!(get(&several).map(|plans| plans.len()).ok(), Some(2));
    let list = folder.path().join("list");
    std::fs::write(&list, "http://h/1\n  out=dup\nhttp://h/2\n  out=dup\n").unwrap();
    let failure = get(&["-d", dir, "-i", list.to_str().unwrap()]).unwrap_err();
    assert!(failure.message.contains("line 3: "), "{failure:?}");
}

/// what is typed => how the refusal begins
#[test]
fn a_pattern_that_is_none_tells_no_password() {
    for (url, expected) in [
        ("http://me:SECRET@h/{a", "http://h/{a: a ‘{’ is not closed"),
        ("http://me:SECRET@h/[::g]", "http://h/[::g]: “[::g]” is no range"),
        ("me:SECRET@h/[1-", "h/[1-: a ‘[’ is not closed"),
        ("http://me:SEC{RET@h/f", "http://h/f: a ‘[’, ‘{’ or ‘}’ in front of its ‘@’"),
        ("http://me:SEC[RET@h/f]", "http://h/f]: a ‘[’, ‘{’ or ‘}’ in front of its ‘@’"),
        ("http://me:SEC[RET]@h/f", "http://h/f: a ‘[’, ‘{’ or ‘}’ in front of its ‘@’"),
        ("http://h/[2-1]", "http://h/[2-1]: “[2-1]” is no range"),
    ] {
        let failure = get(&[url]).unwrap_err();
        assert!(failure.message.starts_with(expected), "{url}: {failure:?}");
        let next = failure.next.unwrap_or_default();
        assert!(!failure.message.contains("RET") && !next.contains("RET"), "{url}: {next}");
    }
    let refused = get(&["-O", "http://h/f", "me:SECRET@nas"]).unwrap_err();
    assert!(refused.message.starts_with("“nas” is no URL"), "{refused:?}");
}

fn edit(words: &[&str]) -> Result<RequestEdit, Failure> {
    let words = ["urlsession", "edit", "1"].iter().chain(words);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Edit(args) => of_edit(&args),
        other => panic!("{other:?}"),
    }
}

/// what is typed => the URL
#[test]
fn an_edit_takes_the_urls_that_a_get_takes() {
    for (typed, expected) in [
        ("127.0.0.1:18101/y", Ok("http://127.0.0.1:18101/y")),
        ("Example.org", Ok("http://example.org/")),
        ("me:pw@example.org/f", Ok("http://example.org/f")),
        ("https://h/f", Ok("https://h/f")),
        ("nonsense", Err(exit::USAGE)),
    ] {
        let got = edit(&["--url", typed]).map(|edit| edit.url).map_err(|failure| failure.code);
        assert_eq!(got, expected.map(|url| Some(url.to_owned())), "{typed}");
    }
}

#[test]
fn an_edit_does_not_change_the_part_that_is_asked_for() {
    for field in ["Range: bytes=0-99", "range:bytes=5-"] {
        let refused = edit(&["-H", "X: 1", "-H", field]).unwrap_err();
        assert_eq!(refused.code, exit::USAGE, "{field}");
        assert!(refused.message.contains("another part"), "{field}: {refused:?}");
    }
    assert!(edit(&["-H", "If-Range: x"]).is_ok());
}

#[test]
fn credentials_leave_the_url() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for words in [&["http://me:pass:word@h/"][..], &["http://h/", "-u", "me:pass:word"]] {
        let plans = get(&[words, &["-d", dir]].concat()).unwrap();
        let request = &plans[0].request;
        assert_eq!(request.url, "http://h/");
        let credential = request.credential.as_ref().unwrap();
        assert!(credential.proactive && request.headers.is_empty(), "{request:?}");
        let (user, password) = (credential.user.expose(), credential.password.expose());
        assert_eq!((user, password), ("me", "pass:word"));
        assert!(!format!("{plans:?}").contains("pass:word"));
    }
}

/// words => whether the kept cookies, and those that come, have no part in it
#[test]
fn cookies_that_are_typed_are_all_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    for (words, expected) in [
        (&[][..], false),
        (&["-b", "a=b"], true),
        (&["-b", file], false),
        (&["-b", "a=b", "-b", file], false),
        (&["--cookie-jar", file], false),
        (&["-b", "a=b", "--cookie-jar", file], false),
        (&["--no-cookies"], true),
    ] {
        let plans = get(&[words, &["http://h/", "-o", "-"]].concat()).unwrap();
        assert_eq!(plans[0].options.no_cookies, expected, "{words:?}");
    }
}

#[test]
fn a_pinned_key_can_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, crate::public_key::tests::pem("PUBLIC KEY")).unwrap();
    let words = ["https://h/", "--pinnedpubkey", file.to_str().unwrap()];
    let plans = get(&[&words[..], &["-d", folder.path().to_str().unwrap()]].concat()).unwrap();
    let pins = &plans[0].options.tls.pinned_public_keys;
    assert_eq!(pins[0].to_string(), crate::public_key::tests::DIGEST);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let big = folder.path().join("big");
    std::fs::write(&big, format!("X: {}", "a".repeat(10 << 20))).unwrap();
    let big = format!("@{}", big.display());
    for (words, code, part) in [
        (&["ftp://h/"][..], exit::USAGE, "[-1002]"),
        (&["http://"], exit::USAGE, "[-1000]"),
        (&["no url"], exit::USAGE, "[-1002]"),
        (&["http://h/", "-H", "X: a\r\nY: b"], exit::USAGE, "line break"),
        (&["http://h/", "-H", &big], exit::USAGE, "more than"),
        (&["http://h/", "-X", "A B"], exit::USAGE, "no HTTP method"),
        (&["http://h/", "http://h/", "-o", "x"], exit::USAGE, "-o once for 2 URLs"),
        (&["http://h/", "-o", "x", "-o", "-"], exit::USAGE, "-o 2 times for 1 URL"),
        (&["http://h/", "-o", "x", "-O"], exit::USAGE, "-o and -O 2 times for 1 URL"),
        (&["http://h/", "-T", "x", "-T", "y"], exit::USAGE, "-T 2 times for 1 URL"),
        (&["http://h/", "-o", dir], exit::FILE, "[-3000]"),
        (&["http://h/", "-o", "/nonexistent/folder/x"], exit::FILE, "[-3000]"),
        (&["http://h/", "-T", "/nonexistent"], exit::FILE, "/nonexistent: No such file"),
        (&["http://h/", "-T", dir], exit::FILE, "a folder [-1101]"),
        (&["http://h/", "--cacert", "/nonexistent"], exit::FILE, "(os error 2) [-1100]"),
        (&["-i", "/nonexistent"], exit::FILE, "/nonexistent"),
        (&["-i", "/dev/null"], exit::USAGE, "no URL"),
    ] {
        let failure = get(words).unwrap_err();
        assert_eq!(failure.code, code, "{words:?}: {failure:?}");
        assert!(failure.message.contains(part), "{failure:?}");
    }
}

/// words => whether the file of curl’s -c is seen in them
#[test]
fn a_file_of_cookies_is_no_host() {
    for (words, is_seen) in [
        (&["-c", "jar", "http://h/f"][..], true),
        (&["-c", "jar.txt", "http://h/f"], true),
        (&["-c", "jar.txt", "example.org"], true),
        (&["-c", "/tmp/jar", "http://h/f"], true),
        (&["-c", "-", "http://h/f"], true),
        (&["http://h/f", "-c", "jar.txt"], true),
        (&["-c", "http://h/f", "http://h/g"], false),
        (&["-c", "example.org/f", "http://h/g"], false),
        (&["-c", "nas:80", "http://h/g"], false),
        (&["-c", "example.org"], false),
        (&["example.org", "http://h/g"], false),
    ] {
        let failure = get(&[words, &["-o", "-"]].concat()).err();
        let next = failure.and_then(|failure| failure.next).unwrap_or_default();
        assert_eq!(next.contains("--cookie-jar"), is_seen, "{words:?}: {next}");
    }
}

fn of_get_in(folder: &Path) -> Vec<Plan> {
    let words = ["urlsession", "get", "http://h/f", "-d", folder.to_str().unwrap()];
    match Cli::try_parse_from(words).unwrap().command {
        Command::Get(args) => of_get(&args).unwrap(),
        other => panic!("{other:?}"),
    }
}
