//! What operators learn of requests: one record each, from which the audit line and the metrics are made.

pub mod log;
pub mod record;

use std::sync::Arc;

use record::Record;

/// The process's telemetry: survives reloads. Each worker writes to a shard of its own; a scrape sums them.
pub struct Telemetry {}

/// One worker's counters. Uncontended atomics: written by one thread, read by a scrape.
pub struct Shard {}

/// Counts a request as in flight until dropped.
pub struct InFlight {}

impl Telemetry {
    /// Opens the audit sink. Fails when its file cannot be opened or its thread cannot be started.
    pub fn new(_sink: &crate::policy::operations::AuditSink) -> std::io::Result<Arc<Self>> {
        todo!()
    }

    /// A reload is over: whether the new configuration is in force.
    pub fn reloaded(&self, _succeeded: bool) {
        todo!()
    }

    /// The audit file was rotated: its path is opened anew before the next line.
    pub fn reopen(&self) {
        todo!()
    }

    /// Waits until the audit lines of all finished requests are written, at most `limit`. Blocking; for a clean stop.
    pub fn flush(&self, _limit: std::time::Duration) -> bool {
        todo!()
    }

    /// A new shard for a worker.
    pub fn shard(self: &Arc<Self>) -> Arc<Shard> {
        todo!()
    }
}

impl Shard {
    /// A request has begun.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        todo!()
    }

    /// A request is over: counted, and written as one audit line (queued, never blocking).
    pub fn finish(&self, _record: &Record) {
        todo!()
    }
}
