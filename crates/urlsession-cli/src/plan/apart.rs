//! Which URLs of one command would share a file that none of them was given.

use super::{Destination, Plan, What};
use crate::args::GetArgs;
use crate::exit::Failure;
use crate::file_name::{self, CLASH_LIMIT};
use std::collections::HashMap;
use std::path::PathBuf;

/// Returns the files that have their names already.
pub(super) fn named(plans: &[Plan]) -> impl Iterator<Item = PathBuf> {
    plans.iter().filter_map(|plan| match &plan.what {
        What::Download(Destination::File(path)) => Some(path.clone()),
        _ => None,
    })
}

/// The files that URLs have by their names, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Apart(HashMap<PathBuf, String>);

impl Apart {
    /// Keeps a plan whose URL says its name from the file of another; nothing where both are the same.
    pub(super) fn keep(&mut self, mut plan: Plan, args: &GetArgs) -> Result<Option<Plan>, Failure> {
        let What::Download(to) = &mut plan.what else { return Ok(Some(plan)) };
        let Destination::File(path) = to else { return Ok(Some(plan)) };
        // What may replace a file that is there may replace that one.
        if args.overwrite {
            return Ok(Some(plan));
        }
        let url = &plan.request.url;
        let Some(other) = self.0.get(path) else {
            self.0.insert(path.clone(), url.clone());
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
