//! What operators learn of requests: one record each, from which the audit line and the metrics are made.
//!
//! **Invariant:** a metric label comes from the configuration, never from a request; nothing here waits for a reader.

mod anomaly;
mod aside;
mod audit;
mod cells;
mod clerk;
mod escape;
mod event;
mod exemplar;
mod exposition;
#[cfg(test)]
mod fixture;
pub mod gauges;
mod limiter;
pub mod log;
#[cfg(test)]
mod manual;
mod network;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "no_otlp.rs"]
mod otlp;
mod process;
mod queue;
pub(crate) mod quick;
pub mod record;
mod redact;
mod sample;
mod series;
mod shard;
mod sighting;
mod sink;
pub(crate) mod skews;
pub(crate) mod summary;
mod totals;
mod uses;
mod watch;
mod writer;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use audit::rfc3339;
pub(crate) use escape::deceives;
pub use exposition::form::Form;
pub use gauges::Gauges;
pub use shard::{InFlight, Shard};
pub use totals::KeyUse;

use crate::clock::Clock;
use crate::policy::operations::{Anomalies, Audit};
use crate::policy::upkeep::Table;
use crate::sig::time::Moment;
use otlp::Traces;
use summary::Summary;
use totals::Totals;
use writer::Writer;

/// The process's telemetry: survives reloads. Each worker writes to a shard of its own; a scrape sums them.
pub struct Telemetry {
    shards: Mutex<Vec<Arc<Shard>>>,
    reloads: Reloads,
    audit: Option<Writer>,
    traces: Option<Traces>,
}

/// How reloads went. The first load is not one of them.
pub(crate) struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
    last_succeeded: AtomicBool,
}

impl Telemetry {
    /// Opens the audit sink. Fails when its file or socket cannot be opened or its thread cannot be started.
    pub fn new(audit: &Audit, anomalies: Option<&Anomalies>, clock: &Clock) -> io::Result<Arc<Self>> {
        Ok(Self::with(Writer::open(audit, anomalies, clock)?, Traces::start()?))
    }

    fn with(audit: Option<Writer>, traces: Option<Traces>) -> Arc<Self> {
        let reloads =
            Reloads { succeeded: AtomicU64::new(0), failed: AtomicU64::new(0), last_succeeded: AtomicBool::new(true) };
        Arc::new(Self { shards: Mutex::default(), reloads, audit, traces })
    }

    /// A new shard for a worker.
    pub fn shard(self: &Arc<Self>) -> Arc<Shard> {
        let shard =
            Arc::new(Shard::new(self.audit.as_ref().map(Writer::queue), self.traces.as_ref().map(Traces::spans)));
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&shard));
        shard
    }

    /// A reload is over: whether the new configuration is in force.
    pub fn reloaded(&self, succeeded: bool) {
        let counter = if succeeded { &self.reloads.succeeded } else { &self.reloads.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        self.reloads.last_succeeded.store(succeeded, Ordering::Relaxed);
    }

    /// Everything as text.
    pub fn render(&self, gauges: &Gauges, form: Form) -> String {
        exposition::render(self.totals(), gauges, form)
    }

    /// Which keys verified requests on which routes.
    pub fn key_uses(&self) -> Vec<KeyUse> {
        self.totals().key_uses()
    }

    /// Who used which key of which ring, in either direction, as of `now`: the basis of "safe to retire".
    pub fn uses(&self, now: Moment) -> Table {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut table = Table::default();
        for shard in &shards {
            shard.uses.collect(now, &mut table);
        }
        table
    }

    /// The counters in short.
    pub(crate) fn summary(&self) -> Summary {
        Summary::of(&self.totals())
    }

    /// Requests that have begun and are not over.
    pub fn in_flight(&self) -> u64 {
        self.totals().in_flight
    }

    /// The audit file was rotated: its path is opened anew before the next line.
    pub fn reopen(&self) {
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
    }

    /// Waits until the audit lines of all finished requests are written, at most `limit`, and as long for their spans. Blocking; for a clean stop.
    pub fn flush(&self, limit: Duration) -> bool {
        let told = self.audit.as_ref().is_none_or(|audit| audit.flush(limit));
        self.traces.as_ref().is_none_or(|traces| traces.flush(limit)) && told
    }

    fn totals(&self) -> Totals {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut totals = Totals::new(&self.reloads, self.audit.as_ref());
        for shard in &shards {
            totals.add(shard);
        }
        totals
    }
}
