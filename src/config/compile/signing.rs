//! **Threat:** a route that signs without verifying signs for whoever reaches it. It must be out of reach of strangers and of web pages.

use std::sync::Arc;

use super::super::report::Report;
use super::listeners::{Placed as Listener, is_private};
use super::routes::Placed as Route;
use crate::policy::lint::Code;
use crate::policy::listen::Clients;
use crate::policy::route::Guard;

/// Hosts that a page from elsewhere cannot claim.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses signing oracles, and gives their listeners the list of hosts that they answer to.
pub(crate) fn guard_listeners(routes: &[Route], listeners: &mut [Listener], report: &Report) {
    let oracles =
        routes.iter().filter(|route| route.value.seal.is_some() && !matches!(route.value.guard, Guard::Verify(_)));
    for route in oracles {
        let restricted = !route.value.sources.is_empty() || route.value.client_certificate;
        for listener in listeners.iter_mut().filter(|listener| route.is_on(&listener.value.name)) {
            if !restricted && !is_guarded(listener) {
                let message = format!("signs for everybody who reaches listener `{}`", listener.value.name);
                let fix = "verify too, or use a loopback or unix listener, required client certificates, or `sources`";
                report.error(route.spot, &message, Some(fix));
            }
            let hosts = listener.signing_hosts.clone();
            listener.value.signing_hosts = Some(hosts.unwrap_or_else(|| HOSTS.map(Arc::from).to_vec()));
        }
    }
    for listener in listeners.iter().filter(|listener| listener.value.signing_hosts.is_none()) {
        if listener.signing_hosts.is_some() {
            report.warn(listener.spot, Code::SigningHostsUnused, "`signing_hosts` has no effect here");
        }
    }
}

/// Whether strangers cannot connect.
pub(super) fn is_guarded(listener: &Listener) -> bool {
    let required = |clients: &Clients| matches!(clients, Clients::Required { .. });
    let tls = listener.value.tls.as_ref();
    is_private(&listener.value.address)
        || tls.is_some_and(|tls| required(&tls.clients) && tls.hosts.iter().all(|(_, clients)| required(clients)))
}
