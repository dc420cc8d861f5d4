//! Whether a reload changed an upstream: connections made under other settings are never used again.

use crate::policy::listen::Certificate;
use crate::policy::upstream::{Tls, Upstream};

/// Whether connections made under `a` may serve requests under `b`. Every field is named, so that a new one cannot be forgotten.
pub(super) fn settings(a: &Upstream, b: &Upstream) -> bool {
    let Upstream {
        name,
        endpoints,
        base_path: _,
        host: _,
        tls,
        protocol,
        max_connections,
        queue,
        connect,
        idle,
        resolve,
        health,
    } = a;
    *name == b.name
        && *endpoints == b.endpoints
        && *protocol == b.protocol
        && *max_connections == b.max_connections
        && *health == b.health
        && (*queue, *connect, *idle, *resolve) == (b.queue, b.connect, b.idle, b.resolve)
        && match (tls, &b.tls) {
            (None, None) => true,
            (Some(a), Some(b)) => same_tls(a, b),
            (None, Some(_)) | (Some(_), None) => false,
        }
}

fn same_tls(a: &Tls, b: &Tls) -> bool {
    let Tls { ca, client, server_name } = a;
    *ca == b.ca
        && *server_name == b.server_name
        && match (client, &b.client) {
            (None, None) => true,
            (Some(a), Some(b)) => same_certificate(a, b),
            (None, Some(_)) | (Some(_), None) => false,
        }
}

fn same_certificate(a: &Certificate, b: &Certificate) -> bool {
    a.chain == b.chain && a.key.expose() == b.key.expose()
}
