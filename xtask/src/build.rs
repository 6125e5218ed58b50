//! Builds the executable and says where it is.

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::Command;

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As shipped.
    Release,
    /// As tested.
    Dev,
}

/// Builds the executable `urlsession` and returns its path.
pub(crate) fn executable(profile: Profile) -> Result<PathBuf> {
    let file = format!("urlsession{}", std::env::consts::EXE_SUFFIX);
    Ok(build("urlsession-cli", &[], profile)?.join(file))
}

/// Builds the addon for Node.js as it is shipped and returns the path of its library.
#[cfg(target_os = "linux")]
pub(crate) fn addon() -> Result<PathBuf> {
    Ok(build("urlsession-node", &[], Profile::Release)?.join("liburlsession_node.so"))
}

/// Builds the program that outside suites drive and returns its path.
pub(crate) fn worker() -> Result<PathBuf> {
    testkit(Profile::Dev)
}

/// Builds the testkit's program and returns its path.
pub(crate) fn testkit(profile: Profile) -> Result<PathBuf> {
    let file = format!("urlsession-testkit{}", std::env::consts::EXE_SUFFIX);
    Ok(build("urlsession-testkit", &["--features", "worker"], profile)?.join(file))
}

/// Builds a package and returns the folder of what was built.
fn build(package: &str, features: &[&str], profile: Profile) -> Result<PathBuf> {
    let (name, folder) = match profile {
        Profile::Release => ("release", "release"),
        Profile::Dev => ("dev", "debug"),
    };
    let status = cargo()
        .args(["build", "--quiet", "--package", package, "--profile", name])
        .args(features)
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "cargo build failed");
    Ok(target()?.join(folder))
}

/// Returns the folder that cargo builds in.
pub(crate) fn target() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .context("cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"].as_str().context("there is a target directory")?;
    Ok(PathBuf::from(target))
}

/// Returns cargo, to be run in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::tidy::root());
    command
}
