//! Keys that want to be replaced, and those that will soon.

use std::time::Duration;

use super::super::report::{Report, Spot};
use crate::policy::lint::Code;
use crate::policy::upkeep::early;
use crate::sig::keyring::Keyring;
use crate::sig::time::Moment;

/// More old keys of a ring than these are only counted.
const TOLD: usize = 100;

/// Says which keys are older than `max_age`, and which are in its last tenth.
pub(crate) fn tell(ring: &Keyring, (max_age, now): (Duration, Moment), spot: Spot, report: &Report) {
    let (oldest, begin) = (now.minus(max_age), now.minus(max_age.saturating_sub(early(max_age))));
    let days = max_age.as_secs() / 86_400;
    let old: Vec<usize> = ring.made_before(oldest).collect();
    let aging = ring.made_before(begin).filter(|place| old.binary_search(place).is_err()).collect();
    let say = |code: Code, places: Vec<usize>, what: &str| {
        for key in places.iter().take(TOLD).filter_map(|place| ring.at(*place)) {
            report.warn(spot, code, &format!("key `{}` of `{}` {what} {days} days", key.id, ring.name()));
        }
        let more = places.len().saturating_sub(TOLD);
        if more > 0 {
            report.warn(spot, code, &format!("{more} more keys of `{}`: each {what} {days} days", ring.name()));
        }
    };
    say(Code::KeyTooOld, old, "is older than");
    say(Code::KeyAging, aging, "is in the last tenth of its");
}
