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
    /// One more is over.
    pub(super) fn push(&self, attempt: Attempt) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
