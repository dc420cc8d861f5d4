//! One worker's counters: a hash look-up and a few relaxed additions per request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::cells::{OTHER, RouteCells};
use super::otlp::Spans;
use super::queue::Queue;
use super::quick::Named;
use super::record::Record;
use super::uses::Uses;
use crate::policy::upkeep::Direction;
use crate::reject::{Blame, Code};
use crate::sig::time::Moment;

/// Above this many route names (over all reloads), further ones are counted together.
const ROUTES_MAX: usize = 10_000;

/// One worker's counters. Uncontended atomics: written by one thread, read by a scrape.
pub struct Shard {
    /// By route name; `""` is requests that no route matched. Locked for writing only when a name is new.
    pub(super) routes: RwLock<Named<Arc<RouteCells>>>,
    /// By upstream and code. Locked only when an upstream fails.
    pub(super) upstream_errors: Mutex<BTreeMap<(Arc<str>, Code), u64>>,
    /// By keyring and key.
    pub(super) uses: Uses,
    pub(super) begun: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) trailers_dropped: AtomicU64,
    audit: Option<Queue>,
    spans: Option<Spans>,
}

/// Counts a request as in flight until dropped.
pub struct InFlight(Arc<Shard>);

impl Shard {
    pub(super) fn new(audit: Option<Queue>, spans: Option<Spans>) -> Self {
        Self {
            routes: RwLock::default(),
            upstream_errors: Mutex::default(),
            uses: Uses::default(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            trailers_dropped: AtomicU64::new(0),
            audit,
            spans,
        }
    }

    /// A request has begun.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A signature held under a key of a ring, or was made with it.
    pub fn used(&self, direction: Direction, ring: &str, key: &str, now: Moment) {
        self.uses.count(direction, (ring, key), now);
    }

    /// Request trailers were dropped.
    pub fn trailers_dropped(&self) {
        self.trailers_dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over: counted, and written as one audit line (queued, never blocking).
    pub fn finish(&self, record: &mut Record) {
        let is_worth_a_look = self.count(record, self.is_watched());
        self.count_upstream_error(record);
        if let Some(spans) = &self.spans {
            spans.offer(record);
        }
        if let Some(audit) = &self.audit {
            audit.push(record, is_worth_a_look);
        }
    }

    /// Whether audit lines wait to be written, and new requests are to wait for them.
    pub fn is_full(&self) -> bool {
        self.audit.as_ref().is_some_and(Queue::is_full)
    }

    /// Waits until there is room for further lines.
    pub async fn room(&self) {
        if let Some(audit) = &self.audit {
            audit.room().await;
        }
    }

    /// Whether somebody looks for anomalies.
    pub fn is_watched(&self) -> bool {
        self.audit.as_ref().is_some_and(Queue::is_watched)
    }

    fn count(&self, record: &Record, looks: bool) -> bool {
        let name = record.route.as_ref().map_or("", |route| &route.name);
        if let Some(cells) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return cells.count(record, looks);
        }
        self.admit(name).count(record, looks)
    }

    fn admit(&self, name: &str) -> Arc<RouteCells> {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let name = if routes.len() < ROUTES_MAX || name.is_empty() { name } else { OTHER };
        Arc::clone(routes.entry(name.into()).or_insert_with(|| Arc::new(RouteCells::new())))
    }

    fn count_upstream_error(&self, record: &Record) {
        let (Some(upstream), Some(rejection)) = (&record.upstream, &record.rejection) else { return };
        if rejection.code().reason().blame == Blame::Upstream {
            let mut errors = self.upstream_errors.lock().unwrap_or_else(PoisonError::into_inner);
            let count = errors.entry((Arc::clone(upstream), rejection.code())).or_default();
            *count = count.saturating_add(1);
        }
    }
}

impl InFlight {
    /// Where it is counted, to keep.
    pub fn shared(&self) -> Arc<Shard> {
        Arc::clone(&self.0)
    }

    /// Where it is counted.
    pub fn shard(&self) -> &Shard {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
