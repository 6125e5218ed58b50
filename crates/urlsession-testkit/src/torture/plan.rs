//! The tasks that are to be done, as a file that every app process reads.

use crate::dice::Dice;
use crate::server::{Answer, Body, Server};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The plan's file.
const FILE: &str = "plan.json";

/// What the app is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) tasks: Vec<Planned>,
}

/// One task of the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) url: String,
    /// The response body.
    pub(super) response: Made,
    /// The request body.
    pub(super) request: Option<Made>,
    /// The file with the request body, if it is one of the app's.
    pub(super) file: Option<PathBuf>,
    /// Whether a download goes into the folder [`downloads`].
    pub(super) keeps: bool,
    /// Whether the server lets a download go on from where it was.
    pub(super) resumable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Download,
    Upload,
    Data,
}

/// A body that follows from a seed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Made {
    seed: u64,
    pub(super) length: u64,
}

impl Made {
    pub(super) fn body(self) -> Body {
        Body::PseudoRandom { seed: self.seed, length: self.length }
    }

    fn answer(self) -> Answer {
        Answer::pseudo_random(self.seed, self.length)
    }
}

impl Plan {
    /// Rolls the tasks, teaches the server their answers and writes the plan down.
    pub(super) fn new(seed: u64, tasks: u32, server: &Server, folder: &Path) -> Result<Self> {
        fs::create_dir(folder.join("uploads"))?;
        fs::create_dir_all(downloads(folder))?;
        let mut dice = Dice(seed ^ 0x5eed);
        let tasks = (0..tasks)
            .map(|index| Planned::new(index, &mut dice, server, folder))
            .collect::<Result<_>>()?;
        let plan = Self { tasks };
        fs::write(folder.join(FILE), serde_json::to_vec_pretty(&plan)?)?;
        Ok(plan)
    }

    pub(super) fn read(folder: &Path) -> Result<Self> {
        let text = fs::read(folder.join(FILE)).context("the plan")?;
        Ok(serde_json::from_slice(&text)?)
    }
}

impl Planned {
    fn new(index: u32, dice: &mut Dice, server: &Server, folder: &Path) -> Result<Self> {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        let path = format!("/task/{index}");
        let mut made = |least: u64, most: u64| Made {
            seed: u64::from(index) + 1,
            length: least + dice.below(most - least),
        };
        let mut planned = Self {
            kind: Kind::Download,
            url: server.url(&path),
            path,
            response: Made { seed: 0, length: 0 },
            request: None,
            file: None,
            keeps: false,
            resumable: false,
        };
        let answer = match index % 6 {
            0 => {
                planned.response = made(2 * MIB, 24 * MIB);
                planned.keeps = true;
                planned.resumable = true;
                planned.response.answer().etag(&format!("\"{index}\"")).rate(6 * MIB)
            }
            1 => {
                planned.response = made(64 * KIB, 2 * MIB);
                planned.response.answer().chunked().rate(4 * MIB)
            }
            2 => {
                planned.response = made(MIB, 8 * MIB);
                planned.keeps = true;
                planned.resumable = true;
                let cut = planned.response.length / 2;
                let date = "Sat, 01 Jan 2022 00:00:00 GMT";
                planned.response.answer().last_modified(date).drop_after(cut).times(2)
            }
            3 => {
                planned.kind = Kind::Upload;
                planned.request = Some(made(256 * KIB, 4 * MIB));
                planned.file = Some(folder.join("uploads").join(index.to_string()));
                Answer::sink().upload_rate(4 * MIB)
            }
            4 => {
                planned.kind = Kind::Upload;
                planned.request = Some(made(KIB, MIB));
                Answer::sink()
            }
            _ => {
                planned.kind = Kind::Data;
                planned.response = made(1, 200 * KIB);
                planned.request = (index % 12 == 5).then(|| made(1, 100 * KIB));
                planned.response.answer()
            }
        };
        if let (Some(file), Some(request)) = (&planned.file, planned.request) {
            let length = usize::try_from(request.length).context("a small file")?;
            fs::write(file, request.body().slice(0, length))?;
        }
        server.on(&planned.path, answer);
        Ok(planned)
    }
}

/// Returns where downloads with a destination go.
pub(super) fn downloads(folder: &Path) -> PathBuf {
    folder.join("downloads")
}
