//! What is not wrong but leaves a door ajar: said by `check` and at start-up, never refused.

use super::Policy;
use super::route::{Forward, Guard, ReplayBy, Route};
use crate::sig::mac::Algorithm;
use crate::sig::scheme::Scheme;

/// Something worth saying about a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Place of the route in [`super::Routes::all`].
    pub route: usize,
    /// What is ajar.
    pub message: String,
    /// What closes it.
    pub fix: String,
}

/// Findings about every route, in the order of the file.
pub fn routes(policy: &Policy) -> Vec<Finding> {
    let all = policy.routes.all().iter().enumerate();
    all.flat_map(|(place, route)| {
        let found = [
            replay(route),
            twice(route),
            time(route),
            keep(route),
            macs(route),
            body(route),
            stamp(route),
            hash(route),
        ];
        found.into_iter().flatten().map(move |(message, fix)| Finding { route: place, message, fix: fix.to_owned() })
    })
    .collect()
}

type Said = Option<(String, &'static str)>;

fn replay(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    if route.replay.by != ReplayBy::Off || route.replay.chosen || gate.schemes().any(|scheme| scheme.is_token()) {
        return None;
    }
    let open = match gate.window() {
        Some((past, future)) => format!("for {}", humantime::format_duration(past.saturating_add(future))),
        None => "for ever".to_owned(),
    };
    let fix = "write `replay: {by: signature}` (with `keep:` where nothing is dated), or `replay: off` if the upstream tells repetitions";
    Some((format!("a captured request can be sent again {open}"), fix))
}

/// Each alternative has MACs of its own: dropping one signature leaves a request that looks new.
fn twice(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let several = route.replay.by == ReplayBy::Signature && gate.schemes().nth(1).is_some();
    let fix = "accept one scheme, or make sure that nobody signs a request in two ways";
    let message = "a captured request with signatures of several alternatives can be sent once for each of them";
    several.then(|| (message.to_owned(), fix))
}

fn macs(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let (needed, most) = (gate.macs(), route.limits.macs);
    let fix = "remove keys that are no longer used, or raise `limits.macs` of the route";
    (needed > most).then(|| {
        (format!("{needed} MACs try every key, but `macs` allows {most}: the keys declared first are not tried"), fix)
    })
}

fn time(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let (past, _) = gate.window()?;
    let fix = "a shorter `past` leaves less to replay; 5m is usual";
    (past > std::time::Duration::from_hours(1))
        .then(|| (format!("signatures are good for {}", humantime::format_duration(past)), fix))
}

fn keep(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let (past, _) = gate.window()?;
    let short = route.replay.by != ReplayBy::Off && route.replay.keep.is_some_and(|keep| keep < past);
    short
        .then(|| ("`keep` is shorter than the time a signature is good for and is ignored".to_owned(), "remove `keep`"))
}

fn body(route: &Route) -> Said {
    // What is forwarded is what was signed, whatever stood beside it.
    if route.forward == Forward::Payload {
        return None;
    }
    let fix = "choose a scheme that covers the body where the sender can";
    let token = "covers nothing: whoever sees its token once can send anything, as often as they like";
    if let Some(said) = say(route, Scheme::is_token, token, fix) {
        return Some(said);
    }
    say(route, |scheme| !scheme.facts().covers.body, "does not cover the body: anybody on the way can change it", fix)
}

fn stamp(route: &Route) -> Said {
    let bare = |scheme: &Scheme| scheme.facts().window.is_some() && !scheme.facts().covers.timestamp;
    let fix = "put `{timestamp}` into the message where the sender can";
    say(route, bare, "does not cover its timestamp: a captured request can be given a new one", fix)
}

fn hash(route: &Route) -> Said {
    let fix = "sha256 or better where the sender can";
    say(
        route,
        |scheme| scheme.facts().key_use.primitive.algorithm() == Algorithm::Sha1,
        "uses SHA-1, which is kept for old senders",
        fix,
    )
}

/// The first scheme of the route's gate that is so.
fn say(route: &Route, is_so: impl Fn(&Scheme) -> bool, what: &str, fix: &'static str) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let scheme = gate.schemes().find(|scheme| is_so(scheme))?;
    Some((format!("scheme `{}` {what}", scheme.name()), fix))
}
