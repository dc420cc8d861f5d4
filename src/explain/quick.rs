//! The cheap part of an explanation, for the audit line of every failed proof: common mistakes, tried in a fraction of the time.

use super::causes::{self, Depth, Subject};
use super::{Question, chosen, doors, find, judged, own_stamp, public_url_of, time};
use crate::policy::route::Guard;
use crate::reject::{Code, Rejection};
use crate::sig::Site;
use crate::sig::declared::trace::Whole;

/// Said where nobody looked.
pub const UNEXAMINED: &str = "unexamined";

/// Said where no common mistake makes the signature hold.
pub const UNKNOWN: &str = "unknown";

/// What a refusal's code alone says: an id of the causes, or [`UNEXAMINED`].
pub fn cause_of(code: Code) -> &'static str {
    causes::of_code(code).map_or(UNEXAMINED, super::Cause::id)
}

/// The likeliest cause of `refusal`: an id of the causes, [`UNKNOWN`], or [`UNEXAMINED`]. Without its whole body the head is looked at alone.
pub fn cause(mut question: Question<'_>, whole_body: bool, refusal: &Rejection) -> &'static str {
    let said = cause_of(refusal.code());
    let Ok((matched, listener)) = find(&mut question) else { return said };
    let Guard::Verify(gate) = &matched.route.guard else { return said };
    let public_url = public_url_of(&question, &matched.route, listener);
    let site = Site { public_url: public_url.as_deref(), captures: &matched.captures };
    let whole = Whole { head: &question.head, body: &question.body, site };
    let doors = doors(gate, whole);
    let Some((scheme, ring)) = chosen(&doors, whole.head) else { return said };
    let (clock, rings) = (question.clock, question.policy.keyrings.as_slice());
    let now = time(&question, scheme, whole).0;
    let made = own_stamp(&question, scheme, whole).unwrap_or(now);
    let subject = Subject { doors: &doors, scheme, ring: ring.as_ref(), whole, time: made, clock, rings };
    if !whole_body {
        return causes::of_head(&subject, refusal).map_or(said, |found| found.cause.id());
    }
    match judged(gate, whole, now, matched.route.limits.macs) {
        Ok(_) => UNKNOWN,
        Err(refusal) => {
            let found = causes::find(&subject, Some(&refusal), Depth::Common);
            found.map_or(UNKNOWN, |found| found.cause.id())
        }
    }
}
