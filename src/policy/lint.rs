//! What is not wrong but leaves a door ajar: said by `check` and at start-up, never refused.

use super::Policy;
use super::route::{Guard, ReplayBy, Route};

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
        let found = [replay(route), time(route), keep(route)];
        found.into_iter().flatten().map(move |(message, fix)| Finding { route: place, message, fix: fix.to_owned() })
    })
    .collect()
}

type Said = Option<(String, &'static str)>;

fn replay(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    if route.replay.by != ReplayBy::Off || route.replay.chosen {
        return None;
    }
    let open = match gate.window() {
        Some((past, future)) => format!("for {}", humantime::format_duration(past.saturating_add(future))),
        None => "for ever".to_owned(),
    };
    let fix = "write `replay: {by: signature}` (with `keep:` where nothing is dated), or `replay: off` if the upstream tells repetitions";
    Some((format!("a captured request can be sent again {open}"), fix))
}

fn time(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let (past, _) = gate.window()?;
    let fix = "a shorter `past` leaves less to replay; 5m is usual";
    (past > std::time::Duration::from_secs(3600))
        .then(|| (format!("signatures are good for {}", humantime::format_duration(past)), fix))
}

fn keep(route: &Route) -> Said {
    let Guard::Verify(gate) = &route.guard else { return None };
    let (past, _) = gate.window()?;
    let short = route.replay.by != ReplayBy::Off && route.replay.keep.is_some_and(|keep| keep < past);
    short
        .then(|| ("`keep` is shorter than the time a signature is good for and is ignored".to_owned(), "remove `keep`"))
}
