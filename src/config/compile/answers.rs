//! What a route demands of the upstream's answers, and how it signs them.

use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::values::{Of, Size};
use super::{Scope, guard};
use crate::policy::route::{Answers, BodyMode};
use crate::policy::routes::Match;
use crate::policy::{Gate, Seal};
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
        check_stream(gate.as_ref(), seal.as_ref(), at, scope);
    }
    Answers { gate, seal, body, max }
}

/// What streams is verified as it passes, and signed behind it or in its head.
fn check_stream(gate: Option<&Gate>, seal: Option<&Seal>, at: Spot, scope: &Scope<'_>) {
    if gate.is_some_and(|gate| gate.need() == Need::Whole) {
        let message = "the scheme that verifies needs the answer whole, so it cannot be streamed";
        scope.report.error(at, message, Some("write `body: hold`"));
    }
    let follows = |seal: &Seal| match seal.need() {
        Need::Head => true,
        Need::Feed => seal.scheme().signs_behind(),
        Need::Whole => false,
    };
    if !seal.map_or(gate.is_some(), follows) {
        let fix = "write `body: hold`, or sign with a scheme that feeds the body once, raw";
        scope.report.error(at, "no signature of this scheme can follow its body", Some(fix));
    }
}
