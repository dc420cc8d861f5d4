//! Routes: the parts put together, and the rules between them.

use super::super::field::{Field, Many};
use super::super::raw::File;
use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::suggest;
use super::super::values::{Of, Origin, Size};
use super::guard::{self, Verified};
use super::{Scope, answers, bounds, callers, certificates, challenge, edits, forward_auth, identity, matches, replay};
use crate::policy::limits::Request;
use crate::policy::route::{BodyMode, ErrorShape, Forward, Guard, ReplayBy, Trailers};
use crate::policy::routes::Match;
use crate::policy::upstream::Upstream;
use crate::policy::{Gate, Route};
use crate::sig::Need;

/// A route, what it is for and where it stands.
pub(crate) struct Placed {
    pub(crate) value: Route,
    pub(crate) matches: Vec<Match>,
    pub(crate) spot: Spot,
}

impl Placed {
    /// Whether it is served on this listener.
    pub(crate) fn is_on(&self, listener: &str) -> bool {
        self.matches.iter().any(|one| one.listeners.is_empty() || one.listeners.iter().any(|name| **name == *listener))
    }
}

/// Every route that is right.
pub(crate) fn compile(file: &File, root: Spot, upstreams: &[Upstream], scope: &Scope<'_>) -> Vec<Placed> {
    let written = file.routes.get().map(Vec::as_slice).unwrap_or_default();
    if written.is_empty() && (!file.routes.is_written() || file.routes.get().is_some()) {
        let fix = "write `routes: [{path: \"/**\", verify: …, keys: …, upstream: …}]`";
        scope.report.error_in(root, "routes", "there is no route", Some(fix));
    }
    let found = written.iter().filter_map(Field::found);
    let mut routes: Vec<_> = found.filter_map(|(raw, spot)| route(raw, spot, file, (upstreams, scope))).collect();
    replay::outlive(&mut routes);
    matches::check_collisions(&routes, scope);
    routes
}

fn route(raw: &raw::Route, spot: Spot, file: &File, (upstreams, scope): (&[Upstream], &Scope<'_>)) -> Option<Placed> {
    let matches = matches::compile(raw, spot, file, scope);
    let verified = guard::gate(&raw.verify, raw, &matches, scope);
    let seal = guard::seal(&raw.sign, raw, scope);
    let upstream = upstream(raw, spot, file, (upstreams, scope));
    let replay = replay::compile(raw, spot, verified.as_ref(), scope);
    let limits = limits(raw, replay.by);
    let (request, response) = edits::both(raw, scope);
    let answers = answers::compile(raw, &matches, scope);
    let rewrite = edits::rewrite(raw, &matches, scope);
    let statuses = edits::statuses(raw, scope);
    let body = body_mode(raw);
    let forward = forward(raw, verified.as_ref(), scope);
    check_body(raw, body, verified.as_ref(), seal.as_ref().map(crate::policy::Seal::need), scope);
    check_settings(raw, file, scope);
    let challenge = challenge::compile(raw, (&matches, body), verified.as_ref(), scope);
    let guard = guard_of(raw, spot, verified.map(|verified| verified.gate), scope);
    Some(Placed {
        value: Route {
            name: matches::name(&matches),
            guard: guard?,
            observe: is_observed(raw),
            seal,
            request,
            response,
            answers,
            rewrite,
            identity: identity::compile(raw, scope),
            body,
            forward,
            limits,
            replay,
            upstream: upstream.ok()?,
            connect_retries: raw.retry.get().map_or(0, |retry| retry.attempts.or(2).saturating_sub(1)),
            errors: errors(raw),
            statuses,
            callers: callers::compile(raw, scope),
            sources: raw.sources.each().map(|(Of(net), _)| *net).collect(),
            client_certificate: raw.client_certificate.get().is_some_and(|short| demands(&short.0)),
            subject_header: identity::subject(raw),
            websocket: raw.upgrade.get().is_some_and(|many| many.iter().next().is_some()),
            preflight: edits::preflight(raw, scope),
            trailers: trailers(raw),
            challenge,
            public_url: raw.public_url.get().map(|Of(Origin(url))| url.as_str().into()),
        },
        matches,
        spot,
    })
}

fn body_mode(raw: &raw::Route) -> BodyMode {
    let mode = raw.body.get().and_then(|short| short.0.mode.get());
    if mode == Some(&raw::BodyMode::Stream) { BodyMode::Stream } else { BodyMode::Hold }
}

fn errors(raw: &raw::Route) -> ErrorShape {
    match raw.errors.get() {
        None | Some(raw::Errors::Problem) => ErrorShape::Problem,
        Some(raw::Errors::Drf) => ErrorShape::Drf,
        Some(raw::Errors::Page) => ErrorShape::Page,
    }
}

/// What the upstream gets of an envelope; a payload has to be said by every scheme.
fn forward(raw: &raw::Route, verified: Option<&Verified>, scope: &Scope<'_>) -> Forward {
    let Some((raw::Forward::Payload, at)) = raw.body.get().and_then(|short| short.0.forward.found()) else {
        return Forward::Envelope;
    };
    if !raw.verify.is_written() {
        scope.report.error(
            at,
            "nothing is verified, so there is no signed payload",
            Some("add `verify`, or remove it"),
        );
    }
    let without = |scheme: &&std::sync::Arc<crate::sig::scheme::Scheme>| !scheme.has_payload();
    if let Some(scheme) = verified.and_then(|verified| verified.gate.schemes().find(without)) {
        let message = format!("what scheme `{}` signs is not one JSON value", scheme.name());
        scope.report.error(at, &message, Some("write `forward: envelope`, or use a scheme like `json-envelope`"));
    }
    Forward::Payload
}

fn trailers(raw: &raw::Route) -> Trailers {
    if raw.trailers.get() == Some(&raw::Trailers::Refuse) { Trailers::Refuse } else { Trailers::Drop }
}

fn is_observed(raw: &raw::Route) -> bool {
    raw.mode.get() == Some(&raw::Mode::Observe)
}

/// A subject header without `required: false` demands the certificate that it is taken from.
pub(super) fn demands(raw: &raw::ClientCertificate) -> bool {
    raw.required.or(true)
}

fn limits(raw: &raw::Route, replay: ReplayBy) -> Request {
    let mut limits = Request::default();
    let bytes = |field: &Field<Of<Size>>| field.get().map(|Of(size)| size.0);
    let memory = |field: &Field<Of<Size>>, default: usize| {
        bytes(field).map_or(default, |size| usize::try_from(size).unwrap_or(usize::MAX))
    };
    if let Some(body) = raw.body.get().map(|short| &short.0) {
        limits.body_max = bytes(&body.max).unwrap_or(limits.body_max);
        limits.memory = memory(&body.memory, limits.memory);
        limits.whole_max = memory(&body.whole_max, limits.whole_max);
        limits.body_rate = bytes(&body.rate).unwrap_or(limits.body_rate);
    }
    if let Some(timeouts) = raw.timeouts.get() {
        limits.total = timeouts.total.get().map(|Of(time)| *time);
        limits.body_idle = timeouts.body_idle.get().map_or(limits.body_idle, |Of(time)| *time);
        limits.response = timeouts.response.get().map_or(limits.response, |Of(time)| *time);
        limits.response_idle = timeouts.response_idle.get().map_or(limits.response_idle, |Of(time)| *time);
        limits.tunnel_age = timeouts.tunnel_age.get().map_or(limits.tunnel_age, |Of(time)| *time);
        limits.tunnel_idle = timeouts.tunnel_idle.get().map_or(limits.tunnel_idle, |Of(time)| *time);
    }
    if replay != ReplayBy::Off {
        limits.total = limits.total.or(Some(replay::TOTAL));
    }
    if let Some(macs) = raw.limits.get().and_then(|limits| limits.macs.get()) {
        limits.macs = usize::try_from(*macs).unwrap_or(usize::MAX);
    }
    limits
}

/// What is wrong with an upstream was said.
struct Unknown;

/// Where it goes: nowhere, if another proxy forwards.
fn upstream(
    raw: &raw::Route,
    spot: Spot,
    file: &File,
    (upstreams, scope): (&[Upstream], &Scope<'_>),
) -> Result<Option<usize>, Unknown> {
    if !raw.upstream.is_written() && forward_auth::is_only_asked(raw, file) {
        return Ok(None);
    }
    if !raw.upstream.is_written() {
        scope.report.error_in(spot, "upstream", "`upstream` is missing", Some("name one of `upstreams`"));
    }
    let (name, at) = raw.upstream.found().ok_or(Unknown)?;
    let place = upstreams.iter().position(|upstream| *upstream.name == **name);
    if place.is_none() {
        let fix = suggest::fix(name, upstreams.iter().map(|upstream| &*upstream.name));
        scope.report.error(at, &format!("unknown upstream {}", suggest::quoted(name)), fix.as_deref());
    }
    place.map(Some).ok_or(Unknown)
}

/// A route is closed by a signature or by a restriction of its callers, or it says that it is open.
fn guard_of(raw: &raw::Route, spot: Spot, gate: Option<Gate>, scope: &Scope<'_>) -> Option<Guard> {
    let certificate = raw.client_certificate.get().is_some_and(|short| demands(&short.0));
    let restricted = certificate || raw.sources.get().is_some_and(|many| !many.0.is_empty());
    let public = raw.public.get() == Some(&true);
    let observed = is_observed(raw);
    if raw.verify.is_written() && public && !observed {
        let fix = "remove one of them";
        scope.report.error(raw.public.spot_or(spot), "`public: true` contradicts `verify`", Some(fix));
    }
    if raw.verify.is_written() && observed && !public && !restricted {
        let message = "`mode: observe` lets every request through";
        scope.report.error(
            raw.mode.spot_or(spot),
            message,
            Some("say `public: true`, or restrict the callers with `sources`"),
        );
    }
    match gate {
        Some(gate) => Some(Guard::Verify(gate)),
        None if raw.verify.is_written() => None,
        None if restricted || raw.sign.is_written() => Some(Guard::Restricted),
        None if public => Some(Guard::Public),
        // What is wrong with it was said.
        None if raw.public.is_written() && raw.public.get().is_none() => None,
        None => {
            let fix =
                "add `verify:`, or say `public: true`, or restrict the callers with `sources` or `client_certificate`";
            scope.report.error(spot, "nothing protects this route", Some(fix));
            None
        }
    }
}

/// What is wrong whatever the route is for.
fn check_settings(raw: &raw::Route, file: &File, scope: &Scope<'_>) {
    check_mode(raw, scope);
    check_retry(raw, scope);
    check_lists(raw, scope);
    check_bounds(raw, scope);
    certificates::check(raw, file, scope);
}

fn check_mode(raw: &raw::Route, scope: &Scope<'_>) {
    let Some(at) = raw.mode.spot.filter(|_| is_observed(raw)) else { return };
    if raw.sign.is_written() {
        let message = "`observe` with `sign` would sign what was not verified";
        scope.report.error(at, message, Some("enforce, or sign on another route"));
    }
    if !raw.verify.is_written() {
        scope.report.error(
            at,
            "`observe` without `verify` has nothing to observe",
            Some("add `verify`, or remove `mode`"),
        );
    }
}

fn check_body(raw: &raw::Route, body: BodyMode, verified: Option<&Verified>, signer: Option<Need>, scope: &Scope<'_>) {
    let (BodyMode::Stream, Some(at)) = (body, raw.body.spot) else { return };
    if verified.is_some_and(|verified| verified.gate.need() == Need::Whole) {
        let message = "the scheme needs the body whole, so it cannot be streamed";
        scope.report.error(at, message, Some("write `body: hold`"));
    }
    if matches!(signer, Some(Need::Feed | Need::Whole)) {
        let message = "the signature covers the body but is sent before it, so it cannot be streamed";
        scope.report.error(at, message, Some("write `body: hold`"));
    }
}

fn check_retry(raw: &raw::Route, scope: &Scope<'_>) {
    let Some((retry, at)) = raw.retry.found() else { return };
    if retry.on.get().is_none_or(|many| many.iter().next().is_none()) {
        let fix = "write `on: [connect]`: nothing else may be sent twice";
        scope.report.error_in(at, "on", "`on` is missing", Some(fix));
    }
    if let Some((_, at)) = retry.attempts.found().filter(|(attempts, _)| !(1..=10).contains(*attempts)) {
        scope.report.error(at, "expected 1 to 10 attempts, the first included", Some("write `attempts: 2`"));
    }
}

/// An empty list could be read as everybody or as nobody.
fn check_lists(raw: &raw::Route, scope: &Scope<'_>) {
    fn empty<T>(field: &Field<Many<T>>) -> Option<Spot> {
        field.found().filter(|(many, _)| many.0.is_empty()).map(|(_, at)| at)
    }
    let lists = [empty(&raw.path), empty(&raw.host), empty(&raw.methods), empty(&raw.listeners), empty(&raw.sources)];
    for at in lists.into_iter().flatten() {
        scope.report.error(at, "an empty list matches nothing", Some("name something, or leave it out for everything"));
    }
}

fn check_bounds(raw: &raw::Route, scope: &Scope<'_>) {
    if let Some(times) = raw.timeouts.get() {
        let always = [&times.total, &times.body_idle, &times.response, &times.response_idle];
        bounds::positive(always.into_iter().chain([&times.tunnel_age, &times.tunnel_idle]), scope);
    }
    bounds::positive(raw.limits.get().map(|limits| &limits.macs), scope);
}
