//! Which URLs of one command would share a file.

use super::{Destination, Plan, What, special};
use crate::args::GetArgs;
use crate::exit::Failure;
use crate::file_name::{self, CLASH_LIMIT};
use crate::hand_over::HandOver;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Returns the files that have their names already.
pub(super) fn named(plans: &[Plan]) -> impl Iterator<Item = PathBuf> {
    plans.iter().filter_map(|plan| match &plan.what {
        What::Download(Destination::File(path)) => Some(path.clone()),
        _ => None,
    })
}

/// The files of URLs.
#[derive(Debug, Default)]
pub(super) struct Apart {
    /// Those that are called as in a URL, and in which.
    named: HashMap<PathBuf, String>,
    /// Those that were typed.
    given: HashSet<PathBuf>,
}

impl Apart {
    /// Refuses a plan whose file was given to another URL, too: both come at once, and which of them
    /// it has in the end would be luck.
    pub(super) fn alone(&mut self, plan: Plan) -> Result<Option<Plan>, Failure> {
        let path = match &plan.what {
            What::Download(Destination::File(path)) => path,
            What::Data(_, HandOver::File(path)) if !special::is_device(path) => path,
            // The files of one -T have one -o for their answers, as for curl.
            _ => return Ok(Some(plan)),
        };
        if self.given.insert(resolved(path)) {
            return Ok(Some(plan));
        }
        let why = format!("{}: one file for what several URLs bring", path.display());
        Err(Failure::usage(why).next("write another name in each -o, or --next between them"))
    }

    /// Keeps a plan whose URL says its name from the file of another; nothing where both are the same.
    pub(super) fn keep(&mut self, mut plan: Plan, args: &GetArgs) -> Result<Option<Plan>, Failure> {
        let What::Download(to) = &mut plan.what else { return Ok(Some(plan)) };
        let Destination::File(path) = to else { return Ok(Some(plan)) };
        // What may replace a file that is there may replace that one.
        if args.overwrite {
            return Ok(Some(plan));
        }
        let url = &plan.request.url;
        let Some(other) = self.named.get(path) else {
            self.named.insert(path.clone(), url.clone());
            return Ok(Some(plan));
        };
        let name = file_name::title(path);
        if !args.condition.skip_existing {
            return Err(Failure::usage(format!("{other} and {url} have the same name: {name}"))
                .next(
                    "write -o once for every URL, or give names in a list: -i FILE with out=NAME",
                ));
        }
        if other == url {
            return Ok(None);
        }
        let folder = path.parent().unwrap_or(path).to_owned();
        *to = Destination::Derived { folder, name, most: CLASH_LIMIT };
        Ok(Some(plan))
    }
}

/// Returns a path that is the same for all spellings of its folder.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
