//! From names to addresses, again and again; what was found last stays while resolving fails.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use super::shared::{Common, Dial, Target};
use crate::policy::upstream::Endpoint;

/// Resolves every endpoint and publishes what was found. An endpoint that cannot be resolved keeps its last addresses.
pub(super) async fn renew(common: &Common) {
    let mut found = Vec::new();
    for (place, endpoint) in common.settings.endpoints.iter().enumerate() {
        found.push((place, addresses(endpoint).await));
    }
    publish(common, &found);
}

/// Whether an answer can change at all: address literals and unix sockets cannot.
pub(super) fn changes(common: &Common) -> bool {
    common.settings.endpoints.iter().any(|endpoint| match endpoint {
        Endpoint::Tcp { host, .. } => host.parse::<IpAddr>().is_err(),
        Endpoint::Unix(_) => false,
    })
}

async fn addresses(endpoint: &Endpoint) -> Option<Vec<Dial>> {
    let (host, port) = match endpoint {
        Endpoint::Unix(path) => return Some(vec![Dial::Unix(path.clone())]),
        Endpoint::Tcp { host, port } => (host, *port),
    };
    if let Ok(literal) = host.parse::<IpAddr>() {
        return Some(vec![Dial::Tcp(SocketAddr::new(literal, port))]);
    }
    let mut found: Vec<Dial> = tokio::net::lookup_host((&**host, port)).await.ok()?.map(Dial::Tcp).collect();
    found.dedup();
    (!found.is_empty()).then_some(found)
}

/// Addresses that stay keep their counters.
fn publish(common: &Common, found: &[(usize, Option<Vec<Dial>>)]) {
    let _one_at_a_time = common.renewal.lock().unwrap_or_else(PoisonError::into_inner);
    let known = common.targets.load();
    let mut targets = Vec::new();
    for (place, addresses) in found {
        let before = known.iter().filter(|target| target.endpoint == *place);
        match addresses {
            None => targets.extend(before.cloned()),
            Some(addresses) => targets.extend(addresses.iter().map(|address| {
                let same = before.clone().find(|target| target.address == *address);
                same.cloned().unwrap_or_else(|| Target::new(*place, address.clone()))
            })),
        }
    }
    common.targets.store(Arc::new(targets));
}
