//! One tiny file: what a whole command costs, beside the whole process of another program.

use super::House;
use super::nginx::{Nginx, Way};
use super::process;
use super::race::{OURS, Race, ours};
use anyhow::Result;
use std::process::Command;

/// Rounds; each takes no time.
const ROUNDS: usize = 25;

/// Measures interleaved rounds and prints the medians.
pub(super) fn measure(house: &House, server: &Nginx) -> Result<()> {
    let race = Race { title: "a file of 6 bytes".to_owned(), per: (0.001, "1,000") };
    let url = server.url(Way::Plain, "tiny");
    let file = house.folder().join("fetched");
    let path = file.to_string_lossy();
    race.run(&["curl", "wget", "wget2", "aria2c"], ROUNDS, |name, _| {
        let cost = match name {
            OURS => ours(house, &["-q", "-o", &path, &url])?,
            "curl" => process::cost(Command::new(name).args(["-s", "-o", &path, &url]))?,
            "aria2c" => {
                let folder = house.folder().to_string_lossy();
                let into = ["-q", "-d", &folder, "-o", "fetched", &url];
                process::cost(Command::new(name).args(into))?
            }
            _ => process::cost(Command::new(name).args(["-q", "-O", &path, &url]))?,
        };
        std::fs::remove_file(&file)?;
        Ok(cost)
    })?;
    house.stop()
}
