//! What one worker thread owns, and the door through which it reads what is shared.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::exchange::{Answer, Exchange};
use super::ration::Rations;
use super::request_id::Ids;
use super::server::guests::Guests;
use super::server::{Door, Serve};
use super::upstream::Upstreams;
use super::{forward_auth, journey};
use crate::app::{Generation, Process};
use crate::replay::Link;
use crate::sig::time::Moment;
use crate::telemetry::Shard;

/// One worker: everything here is touched by one thread only.
pub struct Worker {
    /// What the workers share.
    pub process: Arc<Process>,
    /// This worker's connections to every upstream.
    pub upstreams: Rc<Upstreams>,
    /// This worker's way to the shared replay store, where there is one.
    pub replay: Option<Rc<Link>>,
    /// This worker's counters.
    pub shard: Arc<Shard>,
    /// This worker's request ids.
    pub ids: Ids,
    /// How many refused requests this worker looks at again.
    pub(super) rations: Rations,
    generation: RefCell<Latest>,
}

impl Worker {
    /// A worker of `process`. Call it on the thread that will use it.
    pub fn new(process: Arc<Process>) -> Rc<Self> {
        let generation = RefCell::new(Latest::of(&process.generation));
        let upstreams = Upstreams::new(Arc::clone(&process.upstreams));
        let shard = process.telemetry.shard();
        let replay = process.replay.link(&process.clock);
        Rc::new(Self { process, upstreams, replay, shard, ids: Ids::new(), rations: Rations::default(), generation })
    }

    /// The rules in force. Take it once per request: a request ends under the rules it began with.
    pub fn generation(&self) -> Rc<Rules> {
        self.generation.borrow_mut().load()
    }
}

/// The rules in force, held once per worker: workers that counted references in one place would wait for each other at every request.
pub struct Rules(Arc<Generation>);

impl Rules {
    /// The same for another thread.
    pub(super) fn shared(&self) -> Arc<Generation> {
        Arc::clone(&self.0)
    }
}

impl Deref for Rules {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.0
    }
}

struct Latest {
    cache: Cache<Arc<ArcSwap<Generation>>, Arc<Generation>>,
    held: Rc<Rules>,
}

impl Latest {
    fn of(shared: &Arc<ArcSwap<Generation>>) -> Self {
        Self { held: Rc::new(Rules(shared.load_full())), cache: Cache::new(Arc::clone(shared)) }
    }

    fn load(&mut self) -> Rc<Rules> {
        let current = self.cache.load();
        if !Arc::ptr_eq(current, &self.held.0) {
            self.held = Rc::new(Rules(Arc::clone(current)));
        }
        Rc::clone(&self.held)
    }
}

impl Serve for Rc<Worker> {
    fn door(&self, name: &str) -> Option<Arc<Door>> {
        self.generation().doors.iter().find(|door| *door.listener.name == *name).cloned()
    }

    fn now(&self) -> Moment {
        self.process.clock.now()
    }

    fn guests(&self) -> Option<&Arc<Guests>> {
        Some(&self.process.guests)
    }

    async fn serve(&self, exchange: &mut Exchange) -> Answer {
        match exchange.connection.listener.forward_auth {
            None => journey::serve(exchange, self).await,
            Some(auth) => Box::pin(forward_auth::serve(auth, exchange, self)).await,
        }
    }
}
