//! Addresses to listen on, and where things are kept.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use super::Finding;
use crate::app;
use crate::policy::Policy;
use crate::policy::listen::{Address, ListenAt};
use crate::policy::operations::{AuditSink, ReplayStore};
use crate::proxy::held::Store;
use crate::replay;
use crate::sig::time::Moment;

pub(super) fn look(policy: &Policy) -> Vec<Finding> {
    let operations = &policy.operations;
    let others = [("health", operations.health.as_ref()), ("admin", operations.admin.as_ref())];
    let others = others.into_iter().filter_map(|(name, address)| Some((name, address?)));
    let own = policy.listeners.iter().map(|listener| match &listener.address {
        ListenAt::Address(address) => place(&listener.name, address),
        inherited @ ListenAt::Inherited(_) => {
            Finding::good("listeners", format!("listener `{}` on {inherited}: handed over at the start", listener.name))
        }
    });
    let mut findings: Vec<_> = own.chain(others.map(|(name, address)| place(name, address))).collect();
    findings.push(match Store::open(&policy.limits) {
        Ok(store) => Finding::good("storage", format!("large bodies: {} takes files", store.directory.display())),
        Err(cause) => {
            Finding::wrong("storage", cause.to_string(), "mount a writable directory there: the gateway does not start")
        }
    });
    if let AuditSink::File(path) = &operations.audit.sink {
        findings.push(file("audit lines", path));
    }
    let ReplayStore { persist, capacity, redis, .. } = &operations.replay;
    findings.extend(redis.as_ref().map(|_| shared(policy)));
    findings.push(match persist {
        Some(path) => file("replay claims", path),
        None => Finding::good("storage", format!("replay claims: in memory, at most {capacity}")),
    });
    findings
}

/// Whether the shared replay store can be used.
fn shared(policy: &Policy) -> Finding {
    let operations = &policy.operations;
    let counts = policy.pools.iter().any(|pool| pool.shared);
    let hint = "requests of routes with replay protection end with 503 replay_store_away until it can";
    let wrong = |why: String| Finding::wrong("storage", format!("shared replay store: {why}"), hint);
    let tls = match app::store_tls(operations) {
        Ok(tls) => tls,
        Err(why) => return wrong(why),
    };
    let (store, _) =
        replay::Store::open(&ReplayStore { persist: None, ..operations.replay.clone() }, tls, Moment::from_secs(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match (store.remote(), runtime) {
        (Some(remote), Ok(runtime)) => match runtime.block_on(remote.probe(counts)) {
            Ok(at) => Finding::good(
                "storage",
                format!(
                    "shared replay store: {at} {}",
                    if counts { "takes claims and counts" } else { "takes claims" }
                ),
            ),
            Err(why) => wrong(why),
        },
        (_, Err(cause)) => wrong(cause.to_string()),
        (None, Ok(_)) => wrong("nothing is configured".to_owned()),
    }
}

fn place(name: &str, address: &Address) -> Finding {
    let what = format!("listener `{name}` on {address}");
    match address {
        Address::Socket(socket) => match TcpListener::bind(socket) {
            Ok(_free) => Finding::good("listeners", format!("{what}: free")),
            Err(cause) if cause.kind() == ErrorKind::AddrInUse => {
                let hint = "if that is not a running countersign, another process has the port";
                Finding::doubtful("listeners", format!("{what}: taken"), hint)
            }
            Err(cause) => Finding::wrong(
                "listeners",
                format!("{what}: {cause}"),
                "choose an address of this host, and a port above 1023",
            ),
        },
        Address::Unix(path) => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                Finding::wrong("listeners", format!("{what}: there is no such directory"), "make it, or mount it")
            }
            _ => Finding::good("listeners", what),
        },
    }
}

/// Whether a file could be made beside it; nothing is.
fn file(what: &str, path: &Path) -> Finding {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(directory) {
        Ok(_unlinked) => Finding::good("storage", format!("{what}: {} can be written", path.display())),
        Err(cause) => {
            Finding::wrong("storage", format!("{what}: {}: {cause}", path.display()), "make the directory writable")
        }
    }
}
