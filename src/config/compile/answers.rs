//! What a route demands of the upstream's answers, and how it signs them.

use super::super::raw::routes as raw;
use super::super::values::{Of, Size};
use super::{Scope, guard};
use crate::policy::route::{Answers, BodyMode};
use crate::policy::routes::Match;
use crate::sig::Need;

/// Most bytes of an answer that are held.
const MAX: usize = 1 << 20;

/// The part of `response` that is about signatures.
pub(crate) fn compile(route: &raw::Route, matches: &[Match], scope: &Scope<'_>) -> Answers {
    let Some(raw) = route.response.get() else {
        return Answers { gate: None, seal: None, body: BodyMode::Hold, max: MAX };
    };
    let gate = guard::gate(&raw.verify, route, matches, scope).map(|verified| verified.gate);
    let seal = guard::seal(&raw.sign, route, scope);
    let max = raw.max.get().map_or(MAX, |Of(Size(bytes))| usize::try_from(*bytes).unwrap_or(usize::MAX));
    let body = match raw.body.get() {
        Some(raw::BodyMode::Stream) => BodyMode::Stream,
        Some(raw::BodyMode::Hold) | None => BodyMode::Hold,
    };
    if let (BodyMode::Stream, Some(at)) = (body, raw.body.spot) {
        let late = seal.as_ref().is_some_and(|seal| seal.need() != Need::Whole && seal.scheme().signs_behind());
        let heads = seal.as_ref().is_some_and(|seal| seal.need() == Need::Head);
        if gate.is_some() {
            let message = "an answer is verified before the client sees any of it, so it cannot be streamed";
            scope.report.error(at, message, Some("write `body: hold`, or do not verify it"));
        } else if !late && !heads {
            let message = "no signature of this scheme can follow its body";
            scope.report.error(
                at,
                message,
                Some("write `body: hold`, or sign with a scheme that feeds the body once, raw"),
            );
        }
    }
    Answers { gate, seal, body, max }
}
