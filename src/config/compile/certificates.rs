//! A route that demands a client certificate needs a listener that asks for one.

use super::super::field::Field;
use super::super::raw::File;
use super::super::raw::{listeners, routes as raw};
use super::Scope;
use super::routes::demands;

/// Where no listener asks for a certificate, nobody can show one.
pub(super) fn check(raw: &raw::Route, file: &File, scope: &Scope<'_>) {
    let Some((_, at)) = raw.client_certificate.found().filter(|(short, _)| demands(&short.0)) else { return };
    let served = |name: &str| !raw.listeners.is_written() || raw.listeners.each().any(|(served, _)| served == name);
    let asks = |listener: &listeners::Listener| {
        let Some(tls) = listener.tls.get() else { return listener.tls.is_written() };
        let asked = |clients: &Field<listeners::Clients>| {
            let ignored = clients.get().is_some_and(|one| one.mode.get() == Some(&listeners::ClientMode::Ignored));
            clients.is_written() && !ignored
        };
        asked(&tls.clients) || tls.hosts.get().is_some_and(|named| named.0.iter().any(|(_, clients)| asked(clients)))
    };
    let named = file.listeners.get().map(|named| named.0.as_slice()).unwrap_or_default();
    let mut serving =
        named.iter().filter(|(name, _)| served(name)).filter_map(|(_, listener)| listener.get()).peekable();
    if serving.peek().is_some() && !serving.any(asks) {
        let fix = "give the listener `tls: {…, clients: {mode: optional, ca: …}}`";
        scope.report.error(at, "no listener of this route asks for a client certificate", Some(fix));
    }
}
