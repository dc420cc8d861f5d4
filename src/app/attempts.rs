//! The last reloads and how they went.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::admin::Attempt;

/// So many are remembered.
const MOST: usize = 20;

/// Oldest first.
#[derive(Default)]
pub struct Attempts(Mutex<VecDeque<Attempt>>);

impl Attempts {
    /// One more is over. A mistake that is still there is told once, with the last time that it was seen.
    pub(super) fn push(&self, attempt: Attempt) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |last: &Attempt| last.generation == attempt.generation && last.problems == attempt.problems;
        if all.back().is_some_and(same) {
            all.pop_back();
        }
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(attempt);
    }

    /// What is remembered, newest first.
    pub(super) fn list(&self) -> Vec<Attempt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::time::Moment;

    fn attempt(second: i64, generation: Option<u64>) -> Attempt {
        Attempt { time: Moment::from_secs(second), generation, problems: Vec::new() }
    }

    #[test]
    fn the_last_are_remembered_newest_first_and_a_mistake_that_stays_once() {
        let attempts = Attempts::default();
        (1..=30).for_each(|second| attempts.push(attempt(second, u64::try_from(second).ok())));
        attempts.push(attempt(31, None));
        attempts.push(attempt(36, None));
        let told: Vec<_> = attempts.list().iter().map(|attempt| (attempt.time.secs(), attempt.generation)).collect();
        assert_eq!((told.len(), told[0], told[1], told[19]), (20, (36, None), (30, Some(30)), (12, Some(12))));
    }
}
