//! Listeners that another proxy asks about its requests, and what routes cannot do there: nothing is forwarded, and the body may stay unseen.

use super::super::field::{Field, Short};
use super::super::raw::File;
use super::super::raw::listeners as raw;
use super::super::raw::routes::Route as RawRoute;
use super::super::report::Report;
use super::Scope;
use super::listeners::Placed as Listener;
use super::routes::Placed as Route;
use super::signing::is_guarded;
use crate::policy::lint::Code;
use crate::policy::listen::{Asker, ForwardAuth};
use crate::policy::route::{BodyMode, Edits, Forward, Guard, Preflight};
use crate::sig::Need;

/// Who asks, and whether the body comes along.
pub(super) fn compile(raw: &Field<Short<raw::ForwardAuth>>, scope: &Scope<'_>) -> Option<ForwardAuth> {
    let (Short(raw), at) = raw.found()?;
    if !raw.from.is_written() {
        let fix = "name the proxy that asks: `from: nginx`, `traefik`, `caddy` or `envoy`";
        scope.report.error_in(at, "from", "`from` is missing", Some(fix));
    }
    let (name, from) = match raw.from.get()? {
        raw::Asker::Nginx => ("nginx", Asker::Nginx),
        raw::Asker::Traefik => ("Traefik", Asker::Traefik),
        raw::Asker::Caddy => ("Caddy", Asker::Caddy),
        raw::Asker::Envoy => ("Envoy", Asker::Envoy),
    };
    let body = raw.body.get() == Some(&true);
    if body && matches!(from, Asker::Nginx | Asker::Caddy) {
        let message = format!("{name} does not send the body along");
        scope.report.error(raw.body.spot_or(at), &message, Some("remove it; Envoy and Traefik can"));
    }
    Some(ForwardAuth { from, body })
}

/// Whether every listener of this route is one where another proxy asks.
pub(super) fn is_only_asked(route: &RawRoute, file: &File) -> bool {
    let listeners = file.listeners.get().map(|named| named.0.as_slice()).unwrap_or_default();
    let is_on = |name: &str| !route.listeners.is_written() || route.listeners.each().any(|(named, _)| named == name);
    let mut served = listeners.iter().filter(|(name, _)| is_on(name)).peekable();
    served.peek().is_some()
        && served.all(|(_, listener)| listener.get().is_some_and(|listener| listener.forward_auth.is_written()))
}

/// Refuses routes that could not do there what they say, and warns of listeners that strangers reach.
pub(super) fn check(routes: &[Route], listeners: &[Listener], report: &Report) {
    for listener in listeners {
        let Some(auth) = listener.value.forward_auth else { continue };
        if !is_guarded(listener) {
            let message = "strangers can say which request they ask about";
            report.warn(listener.spot, Code::ForwardAuthExposed, message);
        }
        for route in routes.iter().filter(|route| route.is_on(&listener.value.name)) {
            if let Some(setting) = without_effect(route) {
                let message = format!(
                    "`{setting}` needs a gateway that forwards, and listener `{}` does not",
                    listener.value.name
                );
                let fix = "remove it, or keep the route off that listener with `listeners`";
                report.error(route.spot, &message, Some(fix));
            }
            check_body(route, listener, auth, report);
        }
    }
}

/// A scheme that covers the body is judged with the body, or not at all.
fn check_body(route: &Route, listener: &Listener, auth: ForwardAuth, report: &Report) {
    let Guard::Verify(gate) = &route.value.guard else { return };
    if auth.body {
        return;
    }
    if let Some(scheme) = gate.schemes().find(|scheme| scheme.facts().covers.body || scheme.need() == Need::Whole) {
        let message = format!(
            "scheme `{}` covers the body, which listener `{}` does not see: nobody could verify it",
            scheme.name(),
            listener.value.name
        );
        let fix = match auth.from {
            Asker::Envoy | Asker::Traefik => {
                "let the proxy send the body and write `body: true` in `forward_auth`, or use another scheme"
            }
            Asker::Nginx | Asker::Caddy => "put the gateway in front of the service, or use a scheme without the body",
        };
        report.error(route.spot, &message, Some(fix));
    }
}

/// A setting of the route that is about forwarding, or would answer the client in the place of the service.
fn without_effect(route: &Route) -> Option<&'static str> {
    let route = &route.value;
    let is_edited = |edits: &Edits| *edits != Edits::default();
    let found = [
        ("sign", route.seal.is_some()),
        ("rewrite", route.rewrite.is_some()),
        ("request", is_edited(&route.request)),
        ("response", is_edited(&route.response) || route.answers.gate.is_some() || route.answers.seal.is_some()),
        ("body: stream", route.body == BodyMode::Stream),
        ("forward: payload", route.forward == Forward::Payload),
        ("challenge", route.challenge.is_some()),
        ("preflight: answer", matches!(route.preflight, Preflight::Answer { .. })),
        ("replay.duplicate", route.replay.duplicate.is_some()),
        ("client_certificate", route.client_certificate || route.subject_header.is_some()),
        ("upgrade", route.websocket),
    ];
    found.into_iter().find_map(|(name, has)| has.then_some(name))
}
