//! What one worker thread owns.
use std::rc::Rc;
use std::sync::Arc;

use crate::app::{Generation, Process};
use crate::proxy::upstream::Upstreams;
use crate::telemetry::Shard;

/// One worker.
pub struct Worker {
    /// Shared by all.
    pub process: Arc<Process>,
    /// Its connections.
    pub upstreams: Rc<Upstreams>,
    /// Its counters.
    pub shard: Arc<Shard>,
    /// Its request ids.
    pub ids: super::request_id::Ids,
}

impl Worker {
    /// The rules in force.
    pub fn generation(&self) -> Arc<Generation> {
        self.process.generation.load_full()
    }
}
