//! How long and how often a signature is good on a route.

use std::time::Duration;

use super::Said;
use super::table::Code;
use crate::policy::gate::Gate;
use crate::policy::route::{ReplayBy, Route};

/// The longest window that is usual; Mailgun needs it.
const USUAL: Duration = Duration::from_mins(15);

/// Findings about what a route makes of its gate.
pub(super) fn of(route: &Route, gate: &Gate) -> Vec<Said> {
    let found = [replay(route, gate), several(route, gate), window(gate), keep(route, gate), macs(route, gate)];
    found.into_iter().flatten().collect()
}

fn replay(route: &Route, gate: &Gate) -> Option<Said> {
    // A token has no repetition to be told from.
    if route.replay.by != ReplayBy::Off || gate.schemes().any(|scheme| scheme.is_token()) {
        return None;
    }
    let open = match gate.window() {
        Some((past, future)) => format!("for {}", humantime::format_duration(past.saturating_add(future))),
        None => "for ever".to_owned(),
    };
    let said = Said::new(Code::ReplayOff, format!("a captured request can be sent again {open}"));
    Some(said.noted_if(route.replay.chosen))
}

/// Each alternative has MACs of its own: dropping one signature leaves a request that looks new.
fn several(route: &Route, gate: &Gate) -> Option<Said> {
    let several = route.replay.by == ReplayBy::Signature && gate.schemes().nth(1).is_some();
    let message = "a captured request with signatures of several alternatives can be sent once for each of them";
    several.then(|| Said::new(Code::SeveralAlternatives, message))
}

fn window(gate: &Gate) -> Option<Said> {
    let (past, future) = gate.window()?;
    let widest = past.max(future);
    let said = Said::new(Code::WideWindow, format!("signatures are good for {}", humantime::format_duration(widest)));
    // An expiry has no past: how far ahead it may lie is what a link is for.
    (widest > USUAL).then(|| said.noted_if(past.is_zero()))
}

fn keep(route: &Route, gate: &Gate) -> Option<Said> {
    let (past, _) = gate.window()?;
    let short = route.replay.by != ReplayBy::Off && route.replay.keep.is_some_and(|keep| keep < past);
    let message = "`keep` is shorter than the time a signature is good for and is ignored";
    short.then(|| Said::new(Code::KeepTooShort, message))
}

fn macs(route: &Route, gate: &Gate) -> Option<Said> {
    let (needed, most) = (gate.macs(), route.limits.macs);
    let message =
        || format!("{needed} MACs try every key, but `macs` allows {most}: the keys declared first are not tried");
    (needed > most).then(|| Said::new(Code::TooManyMacs, message()))
}
