//! One download over several connections: what each of them brings, and what of it is durable.

pub(super) mod journal;
mod plan;
pub(super) mod policy;
pub(super) mod ranges;
pub(super) mod run;
pub(super) mod span;

use self::plan::SEGMENT_MINIMUM;
use self::policy::{AUTOMATIC_MINIMUM, Policy};
use super::Attempt;
use super::request::Final;
use super::resume;
use http::Version;
use urlsession_core::ResumeState;
use urlsession_protocol::{ResourceFetchType, Segments};

/// Says over how many connections a file may come whose first response is there; `None` is one from
/// start to end. Whether its bytes can be proved is settled.
pub(super) fn policy_for(
    attempt: &Attempt,
    got: &Final,
    state: &ResumeState,
    total: u64,
) -> Option<Policy> {
    // Holes are filled one after the other where nothing more is possible.
    let one = state.further.is_some().then(|| Policy::exactly(1));
    let head = &got.answer.head;
    let left = total.saturating_sub(state.synced_bytes());
    let may_split = resume::has_ranges(head.status, &head.headers)
        && got.response.resource_fetch_type == ResourceFetchType::NetworkLoad
        // The app would be asked again for each of them.
        && !(attempt.asks_about_redirects && got.response.url != attempt.order.request.url);
    if !may_split {
        return one;
    }
    let options = &attempt.order.options;
    let most = attempt.connections_per_host;
    let policy = match options.segments.unwrap_or(Segments::ONE) {
        Segments::Automatic => {
            // Requests of one such connection are streams of it: more of them gain nothing.
            let is_alone = head.version < Version::HTTP_2;
            let is_worth_it = left >= AUTOMATIC_MINIMUM && options.limit_rate.is_none();
            (is_alone && is_worth_it && most > 1).then(|| Policy::automatic(most))
        }
        Segments::Count(number) => {
            let fitting = u32::try_from(left / SEGMENT_MINIMUM).unwrap_or(u32::MAX);
            let number = u32::from(number.get()).min(most).min(fitting);
            (number > 1).then(|| Policy::exactly(number))
        }
    };
    policy.or(one)
}
