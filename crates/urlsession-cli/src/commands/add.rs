//! `add`: refuses what asks for more than to be queued, and queues the rest.

use super::transfer::{Keeps, enqueue, keep_cookies};
use crate::args::{GetArgs, Output};
use crate::exit::{self, Failure};
use crate::hand_over::HandOver;
use crate::plan::{self, Destination, Plan, What, is_output};

/// Queues what all parts ask for. Where one of them cannot be queued none is: who types it again
/// would have the others twice.
pub(crate) fn add(parts: &[GetArgs]) -> Result<u8, Failure> {
    let planned = parts.iter().map(plans_to_add).collect::<Result<Vec<_>, _>>()?;
    let mut common = exit::DONE;
    for (args, plans) in parts.iter().zip(planned).filter(|(_, plans)| !plans.is_empty()) {
        keep_cookies(&args.request, &plans, args.talk)?;
        common = super::joined(common, enqueue(plans, args.max_concurrent, args.talk)?);
    }
    Ok(common)
}

/// Plans a part of `add`, and refuses what asks for more than to be queued.
fn plans_to_add(args: &GetArgs) -> Result<Vec<Plan>, Failure> {
    let plans = plan::of_get(args)?;
    let is_saved = |plan: &Plan| match &plan.what {
        What::Data(_, answer) | What::Upload(_, answer) => {
            matches!(answer, HandOver::File(_) | HandOver::Free(..))
        }
        What::Download(_) => false,
    };
    if plans.iter().any(is_saved) {
        return Err(Failure::usage("add cannot save the answer to what is sent in a file")
            .next("use get, or find the answer later with: urlsession show ID"));
    }
    let goes = |to: fn(&Destination) -> bool| {
        plans.iter().any(|plan| matches!(&plan.what, What::Download(place) if to(place)))
    };
    let is_printed = |output: &Output| matches!(output, Output::File(path) if is_output(path));
    let prints = args.output.0.iter().any(is_printed) || goes(|to| *to == Destination::Output);
    let condition = &args.condition;
    let keeps = Keeps::of(&args.request).typed();
    for (is_typed, what) in [
        (args.write_out.is_some(), "-w"),
        (args.dump_header.is_some(), "-D"),
        (args.head, "-I"),
        (args.include, "--include"),
        (keeps.is_some(), keeps.unwrap_or_default()),
        (args.remote_time, "-R"),
        (args.fail_early, "--fail-early"),
        (prints, "-o -"),
        (args.output.0.contains(&Output::Nowhere), "--out-null"),
        (goes(|to| matches!(to, Destination::Device(_))), "-o with a device or a pipe"),
        (condition.etag_save.is_some(), "--etag-save"),
        (args.policy.fail_with_body, "--fail-with-body"),
        (plans.iter().any(|plan| plan.finish.is_some()), "-c, -C, -z or --etag-compare"),
    ] {
        if is_typed {
            let why = format!("add does not wait for a file’s end, as {what} would have to");
            return Err(Failure::usage(why).next("use get"));
        }
    }
    Ok(plans)
}
