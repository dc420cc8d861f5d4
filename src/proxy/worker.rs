//! What one worker thread owns, and the door through which it reads what is shared.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::exchange::{Answer, Exchange};
use super::journey;
use super::request_id::Ids;
use super::server::{Door, Serve};
use super::upstream::Upstreams;
use crate::app::{Generation, Process};
use crate::sig::time::Moment;
use crate::telemetry::Shard;

/// One worker: everything here is touched by one thread only.
pub struct Worker {
    /// What the workers share.
    pub process: Arc<Process>,
    /// This worker's connections to every upstream.
    pub upstreams: Rc<Upstreams>,
    /// This worker's counters.
    pub shard: Arc<Shard>,
    /// This worker's request ids.
    pub ids: Ids,
    generation: RefCell<Cache<Arc<ArcSwap<Generation>>, Arc<Generation>>>,
}

impl Worker {
    /// A worker of `process`. Call it on the thread that will use it.
    pub fn new(process: Arc<Process>) -> Rc<Self> {
        let generation = RefCell::new(Cache::new(Arc::clone(&process.generation)));
        let upstreams = Upstreams::new(Arc::clone(&process.upstreams));
        let shard = process.telemetry.shard();
        Rc::new(Self { process, upstreams, shard, ids: Ids::new(), generation })
    }

    /// The rules in force. Take it once per request: a request ends under the rules it began with.
    pub fn generation(&self) -> Arc<Generation> {
        Arc::clone(self.generation.borrow_mut().load())
    }
}

impl Serve for Rc<Worker> {
    fn door(&self, name: &str) -> Option<Arc<Door>> {
        self.generation().doors.iter().find(|door| *door.listener.name == *name).cloned()
    }

    fn now(&self) -> Moment {
        self.process.clock.now()
    }

    async fn serve(&self, exchange: Exchange) -> Answer {
        journey::serve(exchange, self).await
    }
}
