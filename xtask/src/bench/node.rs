//! Many small files through the JavaScript module, beside undici.

use super::{House, process};
use crate::{build, tidy};
use anyhow::{Context as _, Result};
use std::process::Command;

/// Runs the module's own benchmark and prints what it says; says what is missing, if it cannot run.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn measure(house: &House) -> Result<()> {
    let package = tidy::root().join("crates/urlsession-node");
    println!("1,000 files of 10 KiB through Node.js, 20 at a time, medians of one interleaved run");
    if !process::exists("node") {
        println!("not measured: there is no node");
        return Ok(());
    }
    let finds_undici = Command::new("node")
        .args(["-e", "require.resolve('undici')"])
        .current_dir(&package)
        .output()
        .context("node")?;
    if !finds_undici.status.success() {
        println!(
            "not compared: `npm install --no-save undici` in {} makes that possible",
            package.display()
        );
    }
    let folder = house.folder().join("node");
    std::fs::create_dir_all(&folder)?;
    // Node.js knows an addon by its suffix.
    let addon = folder.join("urlsession.node");
    std::fs::copy(build::addon()?, &addon)?;
    let output = process::output(
        Command::new("node")
            .arg("bench/downloads.mjs")
            .current_dir(&package)
            .env("URLSESSION_ADDON", addon)
            .env("URLSESSION_DAEMON", &house.executable)
            .env("TMPDIR", folder),
    )?;
    println!("{}", String::from_utf8_lossy(&output));
    Ok(())
}
