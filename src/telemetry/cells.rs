//! The counters of one route in one shard: atomics that one worker writes and a scrape reads.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::exemplar::Exemplars;
use super::network::Network;
use super::quick::{Named, Quick};
use super::record::{Record, Verdict};
use super::skews::Skews;
use crate::reject::Code;

/// Above this many keys on a route, further ones are counted together as [`OTHER`].
pub(super) const KEYS_MAX: usize = 1000;

/// The label of what is beyond a cap.
pub(super) const OTHER: &str = "other";

/// What a histogram measures.
#[derive(Debug)]
pub(super) struct Measure {
    /// Metric name.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) help: &'static str,
    /// A label beside `route`.
    pub(super) label: Option<(&'static str, &'static str)>,
    /// How many recorded units make one exposed unit.
    pub(super) scale: u32,
    /// Inclusive upper bounds in recorded units.
    pub(super) bounds: &'static [u64],
}

const MICROS: u32 = 1_000_000;
const MILLIS: u32 = 1000;
const TIMES: &[u64] = &[
    250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];
const SIZES: &[u64] =
    &[0, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 1 << 30, 4 << 30];
const SKEWS: &[u64] =
    &[100, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 45_000, 60_000, 120_000, 300_000, 600_000, 3_600_000];

pub(super) static TOTAL: Measure = Measure {
    name: "countersign_request_duration_seconds",
    help: "From the request head read to the last response byte",
    label: None,
    scale: MICROS,
    bounds: TIMES,
};
pub(super) static JUDGED: Measure = Measure {
    name: "countersign_judge_duration_seconds",
    help: "From the request head read to the verdict, the body included",
    label: None,
    scale: MICROS,
    bounds: TIMES,
};
pub(super) static ANSWERED: Measure = Measure {
    name: "countersign_upstream_duration_seconds",
    help: "From the request sent to the head of the upstream's response",
    label: None,
    scale: MICROS,
    bounds: TIMES,
};
pub(super) static RECEIVED: Measure = Measure {
    name: "countersign_request_body_bytes",
    help: "Request body bytes received",
    label: None,
    scale: 1,
    bounds: SIZES,
};
pub(super) static SENT: Measure = Measure {
    name: "countersign_response_body_bytes",
    help: "Response body bytes sent",
    label: None,
    scale: 1,
    bounds: SIZES,
};
pub(super) static BEHIND: Measure = Measure {
    name: "countersign_clock_skew_seconds",
    help: "Distance between our clock and the covered timestamp",
    label: Some(("stamp", "past")),
    scale: MILLIS,
    bounds: SKEWS,
};
pub(super) static AHEAD: Measure = Measure { label: Some(("stamp", "future")), ..BEHIND };

/// Every measure, those of one family side by side.
pub(super) static MEASURES: [&Measure; 7] = [&TOTAL, &JUDGED, &ANSWERED, &RECEIVED, &SENT, &BEHIND, &AHEAD];

/// How often values fell between two bounds, and their sum.
pub(super) struct Histogram {
    pub(super) measure: &'static Measure,
    pub(super) buckets: Box<[AtomicU64]>,
    pub(super) sum: AtomicU64,
}

impl Histogram {
    fn new(measure: &'static Measure) -> Self {
        let buckets = measure.bounds.iter().map(|_| AtomicU64::new(0)).chain([AtomicU64::new(0)]).collect();
        Self { measure, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts; in which bucket.
    fn record(&self, value: u64) -> usize {
        let place = self.measure.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
        place
    }
}

/// How a request ended, as far as a label says it.
pub(super) type Outcome = (Verdict, Option<Code>);

/// Requests by the verified key (`""` without one), and the last use of that key.
#[derive(Default)]
pub(super) struct KeyCells {
    pub(super) outcomes: Quick<Outcome, AtomicU64>,
    pub(super) uses: AtomicU64,
    pub(super) last_used: AtomicI64,
    pub(super) skews: Skews,
    /// Tags of the networks that it was used from of late.
    networks: [AtomicU32; 8],
}

/// Every so many uses of a key are worth a look.
const LOOK: u64 = 16;

/// The counters of one route.
pub(super) struct RouteCells {
    pub(super) histograms: [Histogram; 7],
    pub(super) classes: [AtomicU64; 5],
    /// Of the duration.
    pub(super) exemplars: Exemplars,
    pub(super) keys: RwLock<Named<KeyCells>>,
}

impl RouteCells {
    pub(super) fn new() -> Self {
        Self {
            histograms: MEASURES.map(Histogram::new),
            classes: Default::default(),
            exemplars: Exemplars::default(),
            keys: RwLock::default(),
        }
    }

    /// Counts; whether this use of the key is worth a look, where somebody looks.
    pub(super) fn count(&self, record: &Record, looks: bool) -> bool {
        let is_worth_a_look = self.count_outcome(record, looks);
        self.count_class(record.status);
        let [total, judged, answered, received, sent, behind, ahead] = &self.histograms;
        let (duration, buckets) = (micros(record.total), total.buckets.len());
        self.exemplars.offer(record, (total.record(duration), buckets), duration);
        record.judged.map(|time| judged.record(micros(time)));
        record.answered.map(|time| answered.record(micros(time)));
        received.record(record.received);
        sent.record(record.sent);
        if let Some(skew) = record.skew {
            if skew < 0 { ahead } else { behind }.record(skew.unsigned_abs());
        }
        is_worth_a_look
    }

    fn count_class(&self, status: u16) {
        let place = usize::from(status / 100).saturating_sub(1);
        if let Some(class) = self.classes.get(place) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count_outcome(&self, record: &Record, looks: bool) -> bool {
        // A derived key's id stands in no configuration: its master's does.
        let id = || record.key.as_ref().map_or("", |key| &key.id);
        let key = record.master.as_deref().unwrap_or_else(id);
        let outcome = (record.verdict, record.rejection.as_ref().map(crate::reject::Rejection::code));
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(is_worth_a_look) = keys.get(key).and_then(|cells| cells.count(outcome, record, looks)) {
            return is_worth_a_look;
        }
        drop(keys);
        self.admit(key, outcome);
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let cells = keys.get(key).or_else(|| keys.get(OTHER));
        cells.and_then(|cells| cells.count(outcome, record, looks)).unwrap_or_default()
    }

    /// Makes room for a combination that was not seen before.
    fn admit(&self, key: &str, outcome: Outcome) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let name = if keys.contains_key(key) || keys.len() < KEYS_MAX || key.is_empty() { key } else { OTHER };
        keys.entry(name.into()).or_default().outcomes.entry(outcome).or_default();
    }
}

impl KeyCells {
    /// Counts the request if its outcome has a counter already; whether it is worth a look.
    fn count(&self, outcome: Outcome, record: &Record, looks: bool) -> Option<bool> {
        self.outcomes.get(&outcome)?.fetch_add(1, Ordering::Relaxed);
        if record.key.is_none() || record.verdict != Verdict::Verified {
            return Some(false);
        }
        if let Some(skew) = record.skew {
            self.skews.record(skew);
        }
        let second = record.started.secs();
        let uses = self.uses.fetch_add(1, Ordering::Relaxed);
        let before = self.last_used.fetch_max(second, Ordering::Relaxed);
        let is_familiar = || record.peer.is_none_or(|peer| self.is_familiar(Network::of(peer).tag()));
        Some(looks && (!is_familiar() || uses.is_multiple_of(LOOK) || before / 60 != second / 60))
    }

    /// Whether the network with this tag is among the last ones; it is from now on.
    fn is_familiar(&self, tag: u32) -> bool {
        let place = usize::try_from(tag >> 29_u32).unwrap_or_default();
        let Some(known) = self.networks.get(place) else { return true };
        let is_familiar = known.load(Ordering::Relaxed) == tag;
        if !is_familiar {
            known.store(tag, Ordering::Relaxed);
        }
        is_familiar
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_falls_below_it() {
        let cases = [(0, 0), (250, 0), (251, 1), (60_000_000, 16), (60_000_001, 17)];
        for (value, place) in cases {
            let histogram = Histogram::new(&TOTAL);
            histogram.record(value);
            let filled = histogram.buckets.iter().position(|bucket| bucket.load(Ordering::Relaxed) == 1);
            assert_eq!(filled, Some(place), "{value}");
        }
    }

    #[test]
    fn bounds_rise() {
        for measure in MEASURES {
            assert!(measure.bounds.is_sorted_by(|a, b| a < b), "{}", measure.name);
        }
    }
}
