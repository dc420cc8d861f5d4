//! What counts as a repetition on a route: only what the signature covers may tell.

use std::time::Duration;

use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::values::{MethodName, Of, Status};
use super::Scope;
use super::guard::Verified;
use crate::policy::route::{Replay, ReplayBy};

/// Deadline of a request where replay protection is on and nothing else is said: an entry must outlive every request it judges.
pub(crate) const TOTAL: Duration = Duration::from_secs(60);

/// The rule of one route.
pub(crate) fn compile(raw: &raw::Route, spot: Spot, verified: Option<&Verified>, scope: &Scope<'_>) -> Replay {
    let settings = raw.replay.get().map(|short| &short.0);
    let nonces = verified.is_some_and(|verified| verified.nonce);
    let stamped = verified.is_some_and(|verified| verified.gate.window().is_some());
    let keep = settings.and_then(|settings| settings.keep.get()).map(|Of(keep)| *keep);
    let by = match settings.and_then(|settings| settings.by.get()) {
        Some(raw::ReplayBy::Off) => ReplayBy::Off,
        Some(raw::ReplayBy::Nonce) => ReplayBy::Nonce,
        Some(raw::ReplayBy::Signature) => ReplayBy::Signature,
        None if nonces && stamped => ReplayBy::Nonce,
        None => ReplayBy::Off,
    };
    let at = raw.replay.spot_or(spot);
    match (by, verified) {
        (ReplayBy::Off, _) => {}
        // What is wrong with it was said.
        (ReplayBy::Nonce | ReplayBy::Signature, None) if raw.verify.is_written() => {}
        (ReplayBy::Nonce | ReplayBy::Signature, None) => {
            scope.report.error(
                at,
                "without `verify` nothing tells a repetition",
                Some("remove `replay`, or add `verify`"),
            );
        }
        (ReplayBy::Nonce, Some(_)) if !nonces || !stamped => {
            let message = "`nonce` needs a scheme whose signature covers a nonce and a timestamp";
            scope.report.error(at, message, Some("write `replay: {by: signature}` or `replay: off`"));
        }
        (ReplayBy::Signature, Some(_)) if !stamped && keep.is_none() => {
            let message = "the signature covers no timestamp, so nothing says how long to remember it";
            scope.report.error(at, message, Some("add `keep: 1h`, or write `replay: off`"));
        }
        (ReplayBy::Nonce | ReplayBy::Signature, Some(_)) => {}
    }
    let methods = settings.and_then(|settings| settings.methods.get()).into_iter().flat_map(|many| many.iter());
    let release_on = settings.and_then(|settings| settings.release_on.get()).into_iter().flat_map(|many| many.iter());
    Replay {
        by,
        methods: methods.map(|(Of(MethodName(method)), _)| method.clone()).collect(),
        keep,
        duplicate: settings.and_then(|settings| settings.duplicate.get()).map(|Of(Status(status))| *status),
        release_on: release_on.map(|(Of(Status(status)), _)| *status).collect(),
        chosen: settings.is_some_and(|settings| settings.by.is_written()),
    }
}
