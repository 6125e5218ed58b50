//! Runs the fuzz targets under libFuzzer, built by the toolchain that builds everything else.

use crate::build;
use crate::tidy::root;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes a program tell libFuzzer which ways it went, as cargo-fuzz asks for it.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Longest input, in bytes.
const LENGTH: u32 = 4096;
/// Most memory of a target, in MiB, and most seconds that one input may take.
const MEMORY: u32 = 1024;
const SLOW: u32 = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The targets; all of them if none is named.
    targets: Vec<String>,
    /// How long each one runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets one after the other; an input that fails is kept and named.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn fuzz(arguments: &Arguments) -> Result<()> {
    let known = names(&root().join("fuzz/targets"))?;
    let wanted = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    for name in wanted {
        ensure!(known.contains(name), "there is no target {name}; there are {}", known.join(", "));
    }
    let target = build::target()?.join("fuzz");
    let programs = programs(&target, wanted)?;
    let mut failed = Vec::new();
    for name in wanted {
        match run(&programs.join(name), name, &target, arguments.seconds)? {
            Ok(runs) => println!("{name:20} {runs:>12} inputs, none fails"),
            Err(found) => {
                println!("{name:20} fails with {}", found.display());
                failed.push(name.as_str());
            }
        }
    }
    ensure!(
        failed.is_empty(),
        "mend {}, and keep the inputs in fuzz/corpus under names that say what they are",
        failed.join(", ")
    );
    Ok(())
}

/// Builds the targets and returns the folder of the programs.
fn programs(target: &Path, wanted: &[String]) -> Result<PathBuf> {
    let output = Command::new("rustc").arg("-vV").current_dir(root()).output().context("rustc")?;
    let said = String::from_utf8(output.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc names its host")?;
    // What is fuzzed has the dependencies of what is shipped.
    std::fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"))?;
    let status = build::cargo()
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"])
        .args(wanted.iter().flat_map(|name| ["--bin", name.as_str()]))
        // With a target named, build scripts and macros stay as they are.
        .args(["--target", host, "--target-dir"])
        .arg(target)
        .env("RUSTFLAGS", FLAGS)
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "the targets cannot be built");
    Ok(target.join(host).join("release"))
}

/// Runs one target and returns how many inputs it had, or the one that it failed with.
fn run(program: &Path, name: &str, target: &Path, seconds: u32) -> Result<Result<String, PathBuf>> {
    let grown = target.join("corpus").join(name);
    let artifacts = target.join("artifacts").join(name);
    for folder in [&grown, &artifacts] {
        std::fs::create_dir_all(folder)?;
    }
    let output = Command::new(program)
        .args([&grown, &root().join("fuzz/corpus").join(name)])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LENGTH}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-timeout={SLOW}"))
        .args(["-print_final_stats=1", "-verbosity=0"])
        .output()
        .with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let after = |mark: &str| {
        let rest = said.split_once(mark).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.lines().next()).map(str::trim)
    };
    if output.status.success() {
        return Ok(Ok(after("stat::number_of_executed_units:").unwrap_or("?").to_owned()));
    }
    match after("Test unit written to ") {
        Some(found) => {
            let why = said.lines().filter(|line| !line.starts_with('#')).take(4);
            tell(&why.collect::<Vec<_>>().join("\n"));
            Ok(Err(PathBuf::from(found)))
        }
        None => bail!("{name} ended with {}:\n{said}", output.status),
    }
}

#[expect(clippy::print_stderr, reason = "why a target fails is for people to read")]
fn tell(why: &str) {
    eprintln!("{why}");
}

/// Returns the names in a folder, without their endings.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{names, root};

    /// The crates check that each of their targets has a corpus.
    #[test]
    fn every_corpus_has_a_program() {
        let fuzz = root().join("fuzz");
        let programs = names(&fuzz.join("targets")).unwrap();
        assert_eq!(names(&fuzz.join("corpus")).unwrap(), programs);
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let page = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
        for name in programs {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
            assert!(page.contains(&format!("`{name}`")), "{name} is not in CONTRIBUTING.md");
        }
    }
}
