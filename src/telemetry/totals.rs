//! The sum of all shards, as of one scrape.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use super::Reloads;
use super::anomaly::Kind;
use super::cells::{Histogram, KeyCells, MEASURES, Measure, RouteCells};
use super::exemplar::Exemplar;
use super::record::Verdict;
use super::shard::Shard;
use super::skews::Counts;
use super::writer::Writer;
use crate::reject::Code;
use crate::sig::time::Moment;

/// Everything that was counted.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) routes: BTreeMap<Arc<str>, RouteTotals>,
    pub(super) upstream_errors: BTreeMap<(Arc<str>, Code), u64>,
    pub(super) in_flight: u64,
    pub(super) trailers_dropped: u64,
    pub(super) reloads_succeeded: u64,
    pub(super) reloads_failed: u64,
    pub(super) last_reload_succeeded: bool,
    pub(super) audit_dropped: [(&'static str, u64); 2],
    pub(super) audit_omitted: [(&'static str, u64); 2],
    pub(super) audit_waiting: u64,
    pub(super) anomalies: Vec<(&'static str, u64)>,
}

/// What was counted on one route.
#[derive(Debug)]
pub(super) struct RouteTotals {
    pub(super) histograms: [Sums; 7],
    pub(super) classes: [u64; 5],
    /// Of the duration, by bucket.
    pub(super) exemplars: Vec<Option<Exemplar>>,
    pub(super) outcomes: BTreeMap<(Arc<str>, Verdict, Option<Code>), u64>,
    pub(super) keys: BTreeMap<Arc<str>, Use>,
}

/// A histogram at rest.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) measure: &'static Measure,
    pub(super) buckets: Vec<u64>,
    pub(super) sum: u64,
}

/// How often and when a key was last good for something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    pub(super) count: u64,
    pub(super) last: i64,
    pub(super) skews: Counts,
}

/// A key that verified requests on a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// The route's name.
    pub route: Arc<str>,
    /// The key id.
    pub key: Arc<str>,
    /// How many requests it verified since the process started.
    pub count: u64,
    /// When the last of them came in, to the second.
    pub last: Moment,
}

impl Totals {
    pub(super) fn new(reloads: &Reloads, audit: Option<&Writer>) -> Self {
        Self {
            routes: BTreeMap::new(),
            upstream_errors: BTreeMap::new(),
            in_flight: 0,
            trailers_dropped: 0,
            reloads_succeeded: reloads.succeeded.load(Relaxed),
            reloads_failed: reloads.failed.load(Relaxed),
            last_reload_succeeded: reloads.last_succeeded.load(Relaxed),
            audit_dropped: audit.map_or([("full", 0), ("write", 0)], Writer::dropped),
            audit_omitted: audit.map_or([("sampled", 0), ("limited", 0)], Writer::omitted),
            audit_waiting: audit.map_or(0, Writer::waiting),
            anomalies: audit.map(anomalies).unwrap_or_default(),
        }
    }

    pub(super) fn add(&mut self, shard: &Shard) {
        let routes = shard.routes.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, cells) in routes {
            self.routes.entry(name).or_insert_with(RouteTotals::new).add(&cells);
        }
        for (error, count) in &*shard.upstream_errors.lock().unwrap_or_else(PoisonError::into_inner) {
            increase(self.upstream_errors.entry(error.clone()).or_default(), *count);
        }
        let ended = shard.ended.load(Relaxed);
        increase(&mut self.in_flight, shard.begun.load(Relaxed).saturating_sub(ended));
        increase(&mut self.trailers_dropped, shard.trailers_dropped.load(Relaxed));
    }

    pub(super) fn key_uses(&self) -> Vec<KeyUse> {
        let uses = |(route, totals): (&Arc<str>, &RouteTotals)| {
            let route = Arc::clone(route);
            let keys: Vec<_> = totals.keys.iter().map(|(key, used)| (Arc::clone(key), *used)).collect();
            keys.into_iter().map(move |(key, used)| KeyUse {
                route: Arc::clone(&route),
                key,
                count: used.count,
                last: Moment::from_secs(used.last),
            })
        };
        self.routes.iter().flat_map(uses).collect()
    }
}

impl RouteTotals {
    fn new() -> Self {
        Self {
            histograms: MEASURES.map(|measure| Sums { measure, buckets: Vec::new(), sum: 0 }),
            classes: [0; 5],
            exemplars: Vec::new(),
            outcomes: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// One for each bucket of the duration, or none.
    pub(super) fn take_exemplars(&mut self) -> Vec<Option<Exemplar>> {
        let mut exemplars = std::mem::take(&mut self.exemplars);
        exemplars.resize(self.histograms.first().map_or(0, |total| total.buckets.len()), None);
        exemplars
    }

    fn add(&mut self, cells: &RouteCells) {
        self.histograms.iter_mut().zip(&cells.histograms).for_each(|(sums, histogram)| sums.add(histogram));
        self.classes.iter_mut().zip(&cells.classes).for_each(|(sum, class)| increase(sum, class.load(Relaxed)));
        cells.exemplars.add_to(&mut self.exemplars);
        for (key, cells) in &*cells.keys.read().unwrap_or_else(PoisonError::into_inner) {
            self.add_key(key, cells);
        }
    }

    fn add_key(&mut self, key: &Arc<str>, cells: &KeyCells) {
        for ((verdict, code), count) in &cells.outcomes {
            increase(self.outcomes.entry((Arc::clone(key), *verdict, *code)).or_default(), count.load(Relaxed));
        }
        let count = cells.uses.load(Relaxed);
        if count > 0 {
            let used = self.keys.entry(Arc::clone(key)).or_default();
            increase(&mut used.count, count);
            used.last = used.last.max(cells.last_used.load(Relaxed));
            cells.skews.add_to(&mut used.skews);
        }
    }
}

impl Sums {
    fn add(&mut self, histogram: &Histogram) {
        self.buckets.resize(histogram.buckets.len(), 0);
        self.buckets.iter_mut().zip(&histogram.buckets).for_each(|(sum, bucket)| increase(sum, bucket.load(Relaxed)));
        increase(&mut self.sum, histogram.sum.load(Relaxed));
    }
}

fn anomalies(audit: &Writer) -> Vec<(&'static str, u64)> {
    Kind::ALL.iter().map(|kind| kind.name()).zip(audit.anomalies()).collect()
}

fn increase(sum: &mut u64, by: u64) {
    *sum = sum.saturating_add(by);
}
