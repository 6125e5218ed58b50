//! Builds the addon and the executable and runs the JavaScript tests of the module with them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node.js that the module supports.
const OLDEST_NODE: u32 = 20;

/// Longest a file of tests may take: what hangs must not hang a whole run.
const TEST_LIMIT: &str = "--test-timeout=600000";
/// How many files of tests run at once: some wait most of their time.
const AT_ONCE: &str = "--test-concurrency=4";
/// The first that takes such a number.
const TAKES_AT_ONCE: (u32, u32) = (20, 10);

#[test]
fn javascript_tests_pass() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let version = match node_version() {
        Some(version) if version.0 >= OLDEST_NODE => version,
        found => {
            let sentence = format!(
                "THE JAVASCRIPT MODULE IS NOT TESTED: Node.js {OLDEST_NODE} or later is needed, \
                 found {found:?}"
            );
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{sentence}");
            eprintln!("{sentence}");
            return;
        }
    };
    let built = build(package);
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec", TEST_LIMIT])
        .args((version >= TAKES_AT_ONCE).then_some(AT_ONCE))
        .args(test_files(&package.join("test")))
        .current_dir(package)
        .env("URLSESSION_ADDON", addon(&built))
        .env("URLSESSION_DAEMON", built.join(format!("urlsession{}", std::env::consts::EXE_SUFFIX)))
        .env("URLSESSION_TYPE_DEFINITIONS", concat!(env!("OUT_DIR"), "/urlsession-node"))
        .env_remove("URLSESSION_HOME")
        .env_remove("NODE_OPTIONS")
        .status()
        .expect("Node.js was there a moment ago");
    assert!(status.success(), "the JavaScript tests failed: {status}");
}

/// Finds the first two numbers of the version of Node.js.
fn node_version() -> Option<(u32, u32)> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Every version of Node.js takes a list of files; what it makes of a folder differs.
fn test_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the tests are beside this one");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.to_string_lossy().ends_with(".test.js")).collect();
    files.sort();
    files
}

/// Builds with the profile of this test and returns the folder of what was built.
fn build(package: &Path) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package=urlsession-node", "--package=urlsession-cli"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(package).status().expect("cargo runs this test");
    assert!(status.success(), "cargo build failed: {status}");
    // The test itself is in `deps` of that folder.
    let test = std::env::current_exe().expect("a process knows its executable");
    test.ancestors().nth(2).expect("cargo puts tests two folders deep").to_owned()
}

/// Node.js loads an addon by its suffix; the library gets a second name.
fn addon(built: &Path) -> PathBuf {
    let library =
        format!("{}urlsession_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let addon = built.join("urlsession.node");
    std::fs::copy(built.join(library), &addon).expect("cargo built the addon");
    addon
}
