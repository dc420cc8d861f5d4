//! Operations servers with nothing behind them, for tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::policy::operations::{Audit, AuditSink};
use crate::policy::upkeep::Origin;
use crate::sig::key::{Key, Window};
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// A free port of this machine.
pub(crate) const LOOPBACK: Address = Address::Socket(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

/// The secret that must never be seen.
pub(crate) const CANARY: &str = "canary-secret";

/// One keyring, a clock that stands still, and a reload that ends as said.
pub(crate) fn ops(readiness: &Arc<Readiness>, drained: &Arc<AtomicU64>, reload: Result<u64, Vec<Problem>>) -> Ops {
    let key = Key {
        id: "2026-a".into(),
        principal: "shop".into(),
        secret: Secret::new(CANARY.into()),
        sign: Window::default(),
        verify: Window::default(),
        created: Some(Moment::from_secs(90)),
        observe: false,
    };
    let ring = Arc::new(Keyring::new("partners", vec![key]).unwrap());
    let upkeep = Upkeep {
        ring: Arc::clone(&ring),
        origin: Origin::Configuration,
        max_age: Duration::from_hours(1),
        quiet: Duration::from_mins(1),
        verifies: true,
        signs: None,
    };
    let upkeep: Arc<[Upkeep]> = Arc::new([upkeep]);
    let clock = Clock::manual(Moment::from_secs(100));
    let telemetry = Telemetry::new(&Audit::to(AuditSink::Off), None, &clock).unwrap();
    let drained = Arc::clone(drained);
    Ops {
        clock,
        telemetry,
        history: History::default(),
        readiness: Arc::clone(readiness),
        gauges: Box::new(|| Gauges { generation: 4, ..Gauges::default() }),
        health: Box::new(Vec::new),
        store: Box::new(|| None),
        status: Box::new(|| Status { started: Moment::from_secs(40), ..Status::default() }),
        keyrings: Box::new(move || vec![Arc::clone(&ring)]),
        upkeep: Box::new(move || Arc::clone(&upkeep)),
        reload: Box::new(move || reload.clone()),
        explain: Box::new(|_| None),
        drain: Box::new(move || {
            drained.fetch_add(1, Ordering::Relaxed);
        }),
    }
}
