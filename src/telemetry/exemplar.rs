//! One traced request for each bucket of a histogram, told beside its count (`OpenMetrics` exemplars).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::record::{Record, Verdict};
use crate::sig::time::Moment;

/// A request of a sampled trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Exemplar {
    /// 32 hexadecimal digits.
    pub(super) trace: String,
    /// What was measured, in recorded units.
    pub(super) value: u64,
    /// When it was over.
    pub(super) at: Moment,
}

/// The last ones of a histogram in one shard, by bucket. Nothing is kept before the first traced request.
#[derive(Default)]
pub(super) struct Exemplars(OnceLock<Box<[Slot]>>);

/// One worker writes, a scrape reads.
struct Slot {
    second: AtomicI64,
    held: Mutex<Option<Exemplar>>,
}

impl Exemplars {
    /// Keeps the request for the bucket at `place` of `buckets`, at most one a second. A scrape that is reading is not waited for.
    pub(super) fn offer(&self, record: &Record, (place, buckets): (usize, usize), value: u64) {
        let Some(trace) = traced(record) else { return };
        let slots = self.0.get_or_init(|| (0..buckets).map(|_| Slot::new()).collect());
        let Some(slot) = slots.get(place) else { return };
        let at = record.started.plus(record.total);
        // Prometheus refuses an exemplar that is older than the one it has.
        if at.secs() <= slot.second.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(mut held) = slot.held.try_lock() {
            slot.second.store(at.secs(), Ordering::Relaxed);
            *held = Some(Exemplar { trace: trace.to_owned(), value, at });
        }
    }

    /// Puts those into `sums` that are newer.
    pub(super) fn add_to(&self, sums: &mut Vec<Option<Exemplar>>) {
        let slots = self.0.get().map(|slots| &**slots).unwrap_or_default();
        sums.resize(sums.len().max(slots.len()), None);
        for (sum, slot) in sums.iter_mut().zip(slots) {
            let held = slot.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if held.as_ref().map(|one| one.at) > sum.as_ref().map(|one| one.at) {
                *sum = held;
            }
        }
    }
}

impl Slot {
    fn new() -> Self {
        Self { second: AtomicI64::new(i64::MIN), held: Mutex::default() }
    }
}

/// The trace, where it is sampled. A stranger who was refused leaves none: what he sent is not shown among the counts.
fn traced(record: &Record) -> Option<&str> {
    let known = record.verdict != Verdict::Refused || record.key.is_some();
    let trace = record.trace_id.as_deref().filter(|_| known && record.parent.is_some())?;
    std::str::from_utf8(trace).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixture::{key, record};
    use super::*;

    fn offered(offers: &[(i64, &str)]) -> Vec<Option<Exemplar>> {
        let exemplars = Exemplars::default();
        for (millis, trace) in offers {
            let mut told = record();
            (told.started, told.total) = (Moment::from_millis(*millis), Duration::from_millis(1));
            (told.trace_id, told.parent) = (Some(trace.to_string().into()), Some("00f067aa0ba902b7".into()));
            exemplars.offer(&told, (1, 3), 1000);
        }
        let mut sums = Vec::new();
        exemplars.add_to(&mut sums);
        sums
    }

    fn traces(sums: &[Option<Exemplar>]) -> Vec<&str> {
        sums.iter().map(|one| one.as_ref().map_or("", |one| &*one.trace)).collect()
    }

    #[test]
    fn a_bucket_keeps_one_request_a_second_and_never_goes_back() {
        assert_eq!(traces(&offered(&[])), [""; 0]);
        assert_eq!(traces(&offered(&[(0, "a"), (900, "b")])), ["", "a", ""]);
        assert_eq!(traces(&offered(&[(0, "a"), (999, "b"), (1500, "c")])), ["", "b", ""]);
        assert_eq!(traces(&offered(&[(5000, "a"), (0, "b")])), ["", "a", ""]);
    }

    #[test]
    fn of_several_workers_the_newest_is_told() {
        let (mut older, newer) = (offered(&[(0, "a")]), offered(&[(5000, "b")]));
        let exemplars = Exemplars::default();
        exemplars.add_to(&mut older);
        assert_eq!(traces(&older), ["", "a", ""]);
        let mut sums = newer;
        exemplars.add_to(&mut sums);
        assert_eq!(traces(&sums), ["", "b", ""]);
    }

    #[test]
    fn who_was_refused_as_a_stranger_or_is_not_sampled_leaves_none() {
        let mut told = record();
        (told.trace_id, told.parent) = (Some("a".into()), Some("b".into()));
        assert_eq!(traced(&told), Some("a"));
        told.verdict = Verdict::Refused;
        assert_eq!(traced(&told), None);
        told.key = Some(key("k"));
        assert_eq!(traced(&told), Some("a"), "an upstream that fails is worth a look");
        told.parent = None;
        assert_eq!(traced(&told), None);
    }
}
