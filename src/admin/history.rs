//! The last hour of traffic: what was counted by every half minute, kept for the status page.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::telemetry::summary::Verdicts;

/// How long a step is.
pub(super) const STEP: Duration = Duration::from_secs(30);

/// So many whole steps are told: an hour.
pub(super) const STEPS: usize = 120;

/// The counters at the end of each step, oldest first; one more than steps are told.
#[derive(Default)]
pub struct History(Mutex<VecDeque<Verdicts>>);

impl History {
    /// A step is over.
    pub(super) fn step(&self, counted: Verdicts) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > STEPS {
            all.pop_front();
        }
        all.push_back(counted);
    }

    /// Requests of each step, oldest first, the last of which is not over yet: `counted` is up to now. At least one step, [`STEPS`] + 1 at most.
    pub(super) fn steps(&self, counted: Verdicts) -> Vec<Verdicts> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The oldest of more than an hour is where the first step that is told began.
        let is_full = all.len() > STEPS;
        let mut before = all.front().copied().filter(|_| is_full).unwrap_or_default();
        let ends = all.iter().skip(usize::from(is_full));
        let steps = ends.copied().chain([counted]);
        steps.map(|end| end.since(std::mem::replace(&mut before, end))).collect()
    }

    /// The same as JSON: a list for each verdict.
    pub(super) fn told(&self, counted: Verdicts) -> Value {
        let steps = self.steps(counted);
        let list = |count: fn(&Verdicts) -> u64| steps.iter().map(count).collect::<Vec<_>>();
        json!({
            "step_seconds": STEP.as_secs(),
            "total": {
                "verified": counted.verified,
                "observed": counted.observed,
                "public": counted.public,
                "refused": counted.refused,
            },
            "verified": list(|step| step.verified),
            "observed": list(|step| step.observed),
            "public": list(|step| step.public),
            "refused": list(|step| step.refused),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(verified: u64) -> Verdicts {
        Verdicts { verified, ..Verdicts::default() }
    }

    #[test]
    fn the_step_that_is_not_over_is_told_from_the_start() {
        let history = History::default();
        assert_eq!(history.steps(verified(3)), [verified(3)]);
        history.step(verified(3));
        history.step(verified(5));
        assert_eq!(history.steps(verified(5)), [verified(3), verified(2), verified(0)]);
    }

    #[test]
    fn an_hour_is_told_and_no_more() {
        let history = History::default();
        for step in 1..=500 {
            history.step(verified(step * 10));
        }
        let steps = history.steps(verified(5007));
        assert_eq!((steps.len(), steps[0], steps[STEPS]), (STEPS + 1, verified(10), verified(7)));
        assert_eq!(history.told(verified(5007))["verified"].as_array().map(Vec::len), Some(STEPS + 1));
    }
}
