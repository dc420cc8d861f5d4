//! How long and how often a signature is good on a route.

use std::time::Duration;

use super::Said;
use super::table::Code;
use crate::policy::gate::Gate;
use crate::policy::route::{ReplayBy, Route};
use crate::sig::keyring::Keyring;
use crate::sig::scheme::{Scheme, Stated};

/// The longest window that is usual; Mailgun needs it.
const USUAL: Duration = Duration::from_mins(15);

/// Findings about what a route makes of its gate.
pub(super) fn of(route: &Route, gate: &Gate) -> Vec<Said> {
    let found = [replay(route, gate), several(route, gate), window(gate), keep(route, gate), macs(route, gate)];
    found.into_iter().flatten().chain(nobody(route, gate)).collect()
}

/// Names in the rules of `allow` that no key has. A key may come later, so it is no mistake.
fn nobody(route: &Route, gate: &Gate) -> Vec<Said> {
    let rules = || route.callers.allow.iter();
    let has_key = |id: &str| gate.rings().any(|ring| ring.by_id(id).is_some());
    let speaks = |ring: &Keyring, name: &str| ring.keys().any(|key| *key.principal == *name) || ring.admits(name);
    let has_principal = |name: &str| gate.rings().any(|ring| speaks(ring, name));
    let keys = rules().flat_map(|rule| &rule.keys).filter(|id| !has_key(id)).map(|id| ("key", id));
    let principals = rules().flat_map(|rule| &rule.principals).filter(|name| !has_principal(name));
    let mut names: Vec<_> = keys.chain(principals.map(|name| ("principal", name))).collect();
    names.sort_unstable();
    let said =
        |(kind, name)| Said::new(Code::AllowedNobody, format!("no keyring of the route has the {kind} `{name}`"));
    names.into_iter().map(said).collect()
}

fn replay(route: &Route, gate: &Gate) -> Option<Said> {
    // A token has no repetition to be told from.
    if route.replay.by != ReplayBy::Off || gate.schemes().any(|scheme| scheme.is_token()) {
        return None;
    }
    let (message, fix) = match gate.schemes().find(|scheme| scheme.is_ticket()) {
        None => (format!("a captured request can be sent again {}", open(gate)), None),
        Some(scheme) => ticket(scheme),
    };
    let said = Said { fix: fix.map(str::to_owned), ..Said::new(Code::ReplayOff, message) };
    Some(said.noted_if(route.replay.chosen))
}

/// A token is sent again by its owner too: what may be missing is a bound, or that it is good once.
fn ticket(scheme: &Scheme) -> (String, Option<&'static str>) {
    let (message, fix) = match (scheme.stated(), scheme.facts().window) {
        (Stated::Freely { always: true }, _) => (
            "until it expires, and who writes it says when".to_owned(),
            "write `max_age` in the scheme, and `jti: required` where each token is good once; or `replay: off` if tokens are meant to be sent again",
        ),
        (Stated::Never | Stated::Within { .. }, Some((past, future))) => (
            format!("for {}", humantime::format_duration(past.saturating_add(future))),
            "write `jti: required` in the scheme where each token is good once, or `replay: off` if tokens are meant to be sent again",
        ),
        (Stated::Freely { always: false } | Stated::Never | Stated::Within { .. }, _) => (
            "for ever if it has no `exp`".to_owned(),
            "write `expires: required` and `max_age` in the scheme; or `replay: off` if tokens are meant to be sent again",
        ),
    };
    (format!("a captured token can be sent again {message}"), Some(fix))
}

/// How long what was captured stays good.
fn open(gate: &Gate) -> String {
    let Some((past, future)) = gate.window() else { return "for ever".to_owned() };
    let (made, ends) = spans(gate);
    let whole = past.saturating_add(future);
    match ends {
        Some((life, _)) if !made.0.is_zero() && life > made.0 => {
            let made = humantime::format_duration(made.0.saturating_add(made.1));
            format!(
                "for {made}, and one that says itself when it expires for up to {}",
                humantime::format_duration(life)
            )
        }
        Some(_) | None => format!("for {}", humantime::format_duration(whole)),
    }
}

type Span = (Duration, Duration);

/// The widest window of what says when it was made, and the longest life of what says when it ends, with the option that sets it.
fn spans(gate: &Gate) -> (Span, Option<(Duration, &'static str)>) {
    let (mut made, mut ends) = ((Duration::ZERO, Duration::ZERO), None);
    for scheme in gate.schemes() {
        let (past, future) = match scheme.stated() {
            Stated::Within { life, option, window } => {
                ends = ends.max(Some((life, option)));
                window
            }
            Stated::Never | Stated::Freely { .. } => scheme.facts().window.unwrap_or_default(),
        };
        made = (made.0.max(past), made.1.max(future));
    }
    (made, ends)
}

/// Each alternative has MACs of its own: dropping one signature leaves a request that looks new.
fn several(route: &Route, gate: &Gate) -> Option<Said> {
    let several = route.replay.by == ReplayBy::Signature && gate.schemes().nth(1).is_some();
    let message = "a captured request with signatures of several alternatives can be sent once for each of them";
    several.then(|| Said::new(Code::SeveralAlternatives, message))
}

fn window(gate: &Gate) -> Option<Said> {
    gate.window()?;
    let ((past, future), ends) = spans(gate);
    let widest = past.max(future);
    let good = |time| humantime::format_duration(time);
    if widest > USUAL {
        return Some(Said::new(Code::WideWindow, format!("signatures are good for {}", good(widest))));
    }
    // How long what says itself when it ends may be good is what it is for: a link, a presigned URL.
    let (life, option) = ends.filter(|(life, _)| *life > USUAL)?;
    let said =
        Said::new(Code::WideWindow, format!("what says itself when it expires is good for up to {}", good(life)));
    Some(said.noted_if(true).advised(format!("a shorter `{option}` leaves less to replay")))
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
