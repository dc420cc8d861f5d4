//! What counts as a repetition on a route: only what the signature covers may tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::values::{MethodName, Of, Status};
use super::Scope;
use super::guard::Verified;
use super::routes::Placed;
use crate::policy::gate::Gate;
use crate::policy::route::{Guard, Replay, ReplayBy, Route};
use crate::sig::keyring::Keyring;
use crate::sig::scheme::{Scheme, Stated};

/// Deadline of a request where replay protection is on and nothing else is said: an entry must outlive every request it judges.
pub(crate) const TOTAL: Duration = Duration::from_mins(1);

/// The rule of one route.
pub(crate) fn compile(raw: &raw::Route, spot: Spot, verified: Option<&Verified>, scope: &Scope<'_>) -> Replay {
    let settings = raw.replay.get().map(|short| &short.0);
    let keep = settings.and_then(|settings| settings.keep.get()).map(|Of(keep)| *keep);
    let covered = verified.map(|verified| Covered::by(verified, keep.is_some()));
    let once = settings.is_some_and(|settings| settings.once.get() == Some(&true));
    let default = match (once, covered.as_ref().is_some_and(|covered| covered.nonce && covered.stamp)) {
        (true, _) => ReplayBy::Signature,
        (false, true) => ReplayBy::Nonce,
        (false, false) => ReplayBy::Off,
    };
    let by = match settings.and_then(|settings| settings.by.get()) {
        Some(raw::ReplayBy::Off) => ReplayBy::Off,
        Some(raw::ReplayBy::Nonce) => ReplayBy::Nonce,
        Some(raw::ReplayBy::Signature) => ReplayBy::Signature,
        None => default,
    };
    let at = raw.replay.spot_or(spot);
    check(by, covered.as_ref(), raw.verify.is_written(), at, scope);
    check_tokens(by, verified, at, scope);
    check_statuses(settings, scope);
    check_once(settings.filter(|_| once), scope);
    let methods = settings.into_iter().flat_map(|settings| settings.methods.each());
    let release_on = settings.into_iter().flat_map(|settings| settings.release_on.each());
    Replay {
        by,
        methods: methods.map(|(Of(MethodName(method)), _)| method.clone()).collect(),
        spares_head: once,
        keep,
        beyond: Duration::ZERO,
        ahead: Duration::ZERO,
        duplicate: settings.and_then(|settings| settings.duplicate.get()).map(|Of(Status(status))| *status),
        release_on: release_on.map(|(Of(Status(status)), _)| *status).collect(),
        open: settings.is_some_and(|settings| settings.outage.get() == Some(&raw::Outage::Open)),
        chosen: settings.is_some_and(|settings| once || settings.by.is_written()),
    }
}

/// **Threat:** what was captured on a route is sent again on another one with the same keys and a wider window, when its claim is over here. So a
/// claim lives as long as the request can be fresh anywhere, and what a restart may have forgotten is guarded as far ahead as any of them looks.
pub(crate) fn outlive(routes: &mut [Placed]) {
    let mut widest: HashMap<Arc<str>, Widest> = HashMap::new();
    let remembers = |route: &&Route| route.replay.by != ReplayBy::Off;
    for route in routes.iter().map(|placed| &placed.value).filter(remembers) {
        for ring in rings(route) {
            widest.entry(Arc::clone(ring.name())).or_default().reach(route);
        }
    }
    for route in routes.iter_mut().map(|placed| &mut placed.value) {
        let mut all = Widest::default();
        rings(route).filter_map(|ring| widest.get(&**ring.name())).for_each(|one| all.join(*one));
        route.replay.beyond = all.life.saturating_sub(life_of(route));
        route.replay.ahead = ahead_of(route).max(all.ahead).max(if ends(route) { all.end } else { Duration::ZERO });
    }
}

/// How far the routes of a keyring reach.
#[derive(Clone, Copy, Default)]
struct Widest {
    life: Duration,
    /// Ahead, where stamps say when a request was signed.
    ahead: Duration,
    /// Ahead, where they say when it ends: a day, which no other request has to wait for.
    end: Duration,
}

impl Widest {
    fn reach(&mut self, route: &Route) {
        let ahead = ahead_of(route);
        let (ahead, end) = if ends(route) { (Duration::ZERO, ahead) } else { (ahead, Duration::ZERO) };
        self.join(Self { life: life_of(route), ahead, end });
    }

    fn join(&mut self, other: Self) {
        self.life = self.life.max(other.life);
        self.ahead = self.ahead.max(other.ahead);
        self.end = self.end.max(other.end);
    }
}

/// Whether what is a stamp to some scheme of it is the end of the request.
fn ends(route: &Route) -> bool {
    let end = |scheme: &Scheme| match scheme.stated() {
        Stated::Within { window, .. } => window == (Duration::ZERO, Duration::ZERO),
        Stated::Freely { .. } => true,
        Stated::Never => false,
    };
    if let Guard::Verify(gate) = &route.guard { gate.schemes().any(|scheme| end(scheme)) } else { false }
}

fn ahead_of(route: &Route) -> Duration {
    route.guard.window().map_or(Duration::ZERO, |(_, future)| future)
}

fn rings(route: &Route) -> impl Iterator<Item = &Arc<Keyring>> {
    let gate = if let Guard::Verify(gate) = &route.guard { Some(gate) } else { None };
    gate.into_iter().flat_map(Gate::rings)
}

fn life_of(route: &Route) -> Duration {
    let past = route.guard.window().map(|(past, _)| past);
    past.max(route.replay.keep).unwrap_or_default().saturating_add(route.limits.total.unwrap_or_default())
}

/// A token is the same in every request.
fn check_tokens(by: ReplayBy, verified: Option<&Verified>, at: Spot, scope: &Scope<'_>) {
    let tokens = verified.and_then(|verified| verified.gate.schemes().find(|scheme| scheme.is_token()));
    if let (ReplayBy::Signature, Some(scheme)) = (by, tokens) {
        let message = format!("scheme `{}` compares a token, which is the same in every request", scheme.name());
        scope.report.error(at, &message, Some("write `replay: off`: a token cannot tell a repetition"));
    }
}

/// `once` says by what and for which methods; nothing beside it may say otherwise.
fn check_once(settings: Option<&raw::Replay>, scope: &Scope<'_>) {
    let Some(settings) = settings else { return };
    if let Some((_, at)) = settings.by.found().filter(|(by, _)| **by != raw::ReplayBy::Signature) {
        scope.report.error(at, "`once` tells a repetition by the signature", Some("remove `by`"));
    }
    if let Some(at) = settings.methods.spot {
        let fix = "remove `methods`, or write `by: signature` instead of `once: true`";
        scope.report.error(at, "`once` counts every method but HEAD", Some(fix));
    }
}

/// **Threat:** a claim that is given back after a success is a replay that succeeds.
fn check_statuses(settings: Option<&raw::Replay>, scope: &Scope<'_>) {
    for (Of(Status(status)), at) in settings.into_iter().flat_map(|settings| settings.release_on.each()) {
        if *status < 400 {
            let fix = "write failures only, such as `[502, 503]`";
            scope.report.error(at, "after a success the same request must not come again", Some(fix));
        }
    }
    if let Some((Of(Status(status)), at)) = settings.and_then(|settings| settings.duplicate.found())
        && !(200..300).contains(status)
    {
        let fix = "write `duplicate: 200`; `statuses: {replayed: …}` sets the status of a refusal";
        scope.report.error(at, "a duplicate is answered like the completed request", Some(fix));
    }
}

/// What the signature covers of what a rule may need.
struct Covered {
    nonce: bool,
    stamp: bool,
    /// Whether it ends whenever its sender likes.
    freely: bool,
    keep: bool,
}

impl Covered {
    fn by(verified: &Verified, keep: bool) -> Self {
        let Verified { gate, nonce } = verified;
        let freely = gate.schemes().any(|scheme| matches!(scheme.stated(), Stated::Freely { .. }));
        Self { nonce: *nonce, stamp: gate.window().is_some(), freely, keep }
    }
}

/// Whether the signature covers what the rule needs: a nonce, a timestamp; or for how long it is kept.
fn check(by: ReplayBy, covered: Option<&Covered>, verifies: bool, at: Spot, scope: &Scope<'_>) {
    let (message, fix) = match (by, covered) {
        (ReplayBy::Nonce | ReplayBy::Signature, None) if !verifies => {
            ("without `verify` nothing tells a repetition", "remove `replay`, or add `verify`")
        }
        (ReplayBy::Nonce, Some(Covered { stamp: false, freely: true, .. }))
        | (ReplayBy::Signature, Some(Covered { stamp: false, freely: true, keep: false, .. })) => (
            "nothing bounds how long a token is good, so nothing says how long to remember it",
            "write `max_age` in the scheme, or `replay: off`",
        ),
        (ReplayBy::Nonce, Some(Covered { nonce: false, .. } | Covered { stamp: false, .. })) => (
            "`nonce` needs a scheme whose signature covers a nonce and a timestamp",
            "write `replay: {by: signature}` or `replay: off`",
        ),
        (ReplayBy::Signature, Some(Covered { stamp: false, keep: false, .. })) => (
            "the signature covers no timestamp, so nothing says how long to remember it",
            "add `keep: 1h`, or write `replay: off`",
        ),
        (ReplayBy::Off | ReplayBy::Nonce | ReplayBy::Signature, _) => return,
    };
    scope.report.error(at, message, Some(fix));
}
