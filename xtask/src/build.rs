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
    let (name, folder) = match profile {
        Profile::Release => ("release", "release"),
        Profile::Dev => ("dev", "debug"),
    };
    let status = cargo()
        .args(["build", "--quiet", "--package", "urlsession-cli", "--profile", name])
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "cargo build failed");

    Ok(target()?.join(folder).join(format!("urlsession{}", std::env::consts::EXE_SUFFIX)))
}

/// Builds the program that outside suites drive and returns its path.
pub(crate) fn worker() -> Result<PathBuf> {
    let status = cargo()
        .args(["build", "--quiet", "--package", "urlsession-testkit", "--features", "worker"])
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "cargo build failed");
    let file = format!("urlsession-testkit{}", std::env::consts::EXE_SUFFIX);
    Ok(target()?.join("debug").join(file))
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

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::tidy::root());
    command
}
