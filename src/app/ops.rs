//! What the operations listeners are lent: handles, never the process's insides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{App, Generation, Process};
use crate::admin::{self, History, ListenerStatus, Ops, Status, UpstreamStatus};
use crate::explain;
use crate::policy::Policy;
use crate::policy::listen::{self, Address};
use crate::policy::upstream::{Endpoint, Upstream};
use crate::proxy::budget::Budget;
use crate::proxy::server::Census;
use crate::proxy::tls;
use crate::replay::Remote;
use crate::sig::time::Moment;
use crate::telemetry::Gauges;
use crate::telemetry::gauges::{Certificate, Fill, Replay, SharedStore};

/// Reads the counts of the accepting half.
type Counts = Box<dyn Fn() -> Census + Send + Sync>;

impl Process {
    /// Everything that operators can ask or order. `addresses` are the listeners as bound.
    pub(super) fn ops(self: &Arc<Self>, addresses: &[(Arc<str>, Address)], counts: Counts) -> Ops {
        let own = || Arc::clone(self);
        let (gauges, status, keyrings, reload, drain) = (own(), own(), own(), own(), own());
        let (explain, health, store, upkeep) = (own(), own(), own(), own());
        let addresses = addresses.to_vec();
        Ops {
            clock: self.clock.clone(),
            telemetry: Arc::clone(&self.telemetry),
            history: History::default(),
            readiness: Arc::clone(&self.state.readiness),
            gauges: Box::new(move || gauges.gauges(&counts())),
            health: Box::new(move || health.health()),
            store: Box::new(move || store.replay.remote().and_then(Remote::trouble)),
            status: Box::new(move || status.status(&addresses)),
            keyrings: Box::new(move || keyrings.generation.load().policy.keyrings.clone()),
            upkeep: Box::new(move || Arc::clone(&upkeep.generation.load().policy.upkeep)),
            reload: Box::new(move || reload.reload()),
            explain: Box::new(move |request| explain.explain(request)),
            drain: Box::new(move || drain.leave()),
        }
    }

    /// Why the request in this JSON would be refused; `None` where the configuration does not allow the question.
    fn explain(&self, request: &[u8]) -> Option<Result<serde_json::Value, String>> {
        let generation = self.generation.load();
        let (policy, now) = (&generation.policy, self.clock.now());
        if let Some(id) = explain::request::kept_id(request) {
            let settings = policy.operations.capture.as_ref()?;
            self.captures.sweep(Some(settings), now);
            return Some(self.captures.explain(&id, policy, now));
        }
        policy.operations.explain.then(|| explain::answer(policy, request, now))
    }

    /// Not ready from this moment on, and on the way out.
    fn leave(&self) {
        self.state.readiness.draining();
        self.state.leave.cancel();
    }

    fn gauges(&self, census: &Census) -> Gauges {
        self.replay.sweep(self.clock.now());
        let generation = self.generation.load();
        let counters = self.replay.counters();
        let replay = Replay {
            fill: Fill { used: wide(self.replay.len()), capacity: wide(self.replay.capacity()) },
            claimed: counters.claims.load(Ordering::Relaxed),
            replayed: counters.replays.load(Ordering::Relaxed),
            released: counters.released.load(Ordering::Relaxed),
        };
        Gauges {
            generation: generation.number,
            loaded: generation.loaded,
            connections: census.listeners.iter().map(|(name, open, _)| (Arc::clone(name), wide(*open))).collect(),
            accept_failures: census.listeners.iter().map(|(name, _, failed)| (Arc::clone(name), *failed)).collect(),
            worker_connections: census.workers.iter().map(|open| wide(*open)).collect(),
            upstream_in_flight: with_idle(&generation.policy, self.upstreams.in_flight()),
            connect_failures: with_idle(&generation.policy, self.upstreams.failures()),
            health: self.health(),
            replay,
            shared: self.replay.remote().map(shared),
            rates: self.rates.sweep(self.clock.age()),
            turned_away: self.guests.turned_away(),
            cut_off: self.guests.cut_off(),
            certificates: certificates(&generation),
            rings: Vec::new(),
            budgets: vec![("memory", fill(&self.bodies.memory)), ("spool", fill(&self.bodies.spool))],
        }
    }

    fn status(&self, addresses: &[(Arc<str>, Address)]) -> Status {
        let generation = self.generation.load();
        self.captures.sweep(generation.policy.operations.capture.as_ref(), self.clock.now());
        let settings = |name: &str| {
            let door = generation.doors.iter().find(|door| *door.listener.name == *name);
            door.and_then(|door| door.listener.tls.as_ref())
        };
        let listener = |(name, address): &(Arc<str>, Address)| ListenerStatus {
            name: Arc::clone(name),
            address: address.to_string(),
            tls: settings(name).is_some(),
            certificates: settings(name).map_or(&[][..], |tls| &tls.certificates).iter().map(lifetime).collect(),
        };
        Status {
            started: self.started,
            problems: self.state.problems.load().to_vec(),
            warnings: generation.warnings.clone(),
            attempts: self.state.attempts.list(),
            pending: self.state.pending.load().to_vec(),
            listeners: addresses.iter().map(listener).collect(),
            upstreams: generation.policy.upstreams.iter().map(|upstream| described(upstream)).collect(),
            captured: self.captures.list(),
        }
    }
}

impl App {
    /// Binds the operations listeners, where the configuration names some.
    pub(super) fn operate(
        process: &Arc<Process>,
        running: &crate::proxy::server::Running,
    ) -> std::io::Result<admin::Running> {
        let operations = process.generation.load().policy.operations.clone();
        let ops = process.ops(&running.addresses, Box::new(running.census()));
        admin::start(operations.health.as_ref(), operations.admin.as_ref(), ops)
    }
}

/// With a zero for every upstream that was sent nothing yet: the first failure is seen as a change.
fn with_idle(policy: &Policy, counts: Vec<(Arc<str>, u64)>) -> Vec<(Arc<str>, u64)> {
    let idle = policy.upstreams.iter().map(|upstream| (Arc::clone(&upstream.name), 0));
    idle.chain(counts).collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn certificates(generation: &Generation) -> Vec<Certificate> {
    let doors = generation.doors.iter().filter_map(|door| Some((&door.listener.name, door.tls.as_ref()?)));
    let ends = doors.flat_map(|(listener, tls)| tls.ends().iter().map(move |end| (listener, end)));
    let of = |(listener, (name, ends)): (&Arc<str>, &(Arc<str>, Moment))| Certificate {
        listener: Arc::clone(listener),
        name: Arc::clone(name),
        ends: *ends,
    };
    ends.map(of).collect()
}

fn described(upstream: &Upstream) -> UpstreamStatus {
    let scheme = if upstream.tls.is_some() { "https" } else { "http" };
    let endpoints: Vec<String> = upstream.endpoints.iter().map(place).collect();
    let first = endpoints.first().map(String::as_str).unwrap_or_default();
    UpstreamStatus {
        name: Arc::clone(&upstream.name),
        url: format!("{scheme}://{first}{}", upstream.base_path),
        endpoints,
    }
}

fn lifetime(certificate: &listen::Certificate) -> (String, Option<Moment>) {
    (certificate.origin.clone(), tls::ends(certificate))
}

fn place(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn fill(budget: &Budget) -> Fill {
    Fill { used: budget.used(), capacity: budget.limit() }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn shared(store: &Remote) -> SharedStore {
    let counters = store.counters();
    SharedStore {
        trouble: store.trouble(),
        new: counters.new.load(Ordering::Relaxed),
        seen: counters.seen.load(Ordering::Relaxed),
        away: counters.away.load(Ordering::Relaxed),
        unchecked: counters.unchecked.load(Ordering::Relaxed),
        alone: counters.alone.load(Ordering::Relaxed),
    }
}
