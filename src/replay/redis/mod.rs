//! Claims and token buckets on a Redis or Valkey that several gateways share.
//!
//! **Invariant:** only digests leave the process, and a claim that the store did not confirm in time is not a claim.

mod bucket;
mod claim;
mod dial;
mod grant;
mod info;
mod line;
mod link;
mod names;
pub mod resp;
mod talk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::ClientConfig;

pub use self::bucket::Taken;
pub(super) use self::grant::Grant;
pub use self::link::Link;
use super::digest::Digest;
use super::shard::State;
use crate::policy::operations::Redis;
use crate::reject::Code;

/// What the workers share of a store that others share with us.
pub struct Remote {
    settings: Redis,
    tls: Option<Arc<ClientConfig>>,
    counters: Counters,
    /// How many workers cannot ask it.
    away: AtomicUsize,
    /// Why one of them could not last.
    reason: ArcSwapOption<String>,
}

/// What has happened since the start; for metrics.
#[derive(Default)]
pub struct Counters {
    /// Claims that were new.
    pub new: AtomicU64,
    /// Claims that another gateway had.
    pub seen: AtomicU64,
    /// Claims that the store did not answer in time.
    pub away: AtomicU64,
    /// Requests that passed although it did not.
    pub unchecked: AtomicU64,
    /// Tokens that a gateway took from its own buckets alone.
    pub alone: AtomicU64,
}

/// The store did not answer in time, answered with an error, or cannot be reached. The claim may have been written all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the shared replay store does not answer")]
pub(super) struct Away;

impl Remote {
    /// The store of `settings`. Nothing is connected yet.
    pub(super) fn new(settings: Redis, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { settings, tls, counters: Counters::default(), away: AtomicUsize::new(0), reason: ArcSwapOption::empty() }
    }

    /// Logs in once, and leaves no trace; says where, or why it cannot be used.
    /// `counts`: whether it has to take tokens, too.
    pub async fn probe(&self, counts: bool) -> Result<String, String> {
        dial::probe(self, counts).await
    }

    /// What has happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Why it cannot be asked, while a worker cannot.
    pub fn trouble(&self) -> Option<Arc<String>> {
        let away = self.away.load(Ordering::Relaxed) > 0;
        away.then(|| self.reason.load_full().unwrap_or_default())
    }

    /// A worker cannot ask it: `before` says why it could not already, if it could not.
    fn lost(&self, before: Option<&String>, why: &Arc<String>) {
        self.reason.store(Some(Arc::clone(why)));
        let first = before.is_none() && self.away.fetch_add(1, Ordering::Relaxed) == 0;
        if first || before.is_some_and(|before| before != &**why) {
            tracing::error!(cause = &**why, "the shared replay store is away");
        }
    }

    /// A worker can ask it that could not.
    fn found(&self) {
        if self.away.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("the shared replay store is back");
        }
    }
}

impl Link {
    /// Counts a request that passes although nobody could check it.
    pub(super) fn passes_unchecked(&self) {
        self.remote().counters.unchecked.fetch_add(1, Ordering::Relaxed);
    }

    /// Claims what is already claimed here for everybody else, too. [`Ok`]`(`[`Err`]`(state))`: another gateway has it.
    /// `open`: without an answer in time the request passes all the same.
    pub(super) async fn share(
        &self,
        digests: &[Digest],
        life: Duration,
        open: bool,
    ) -> Result<Result<Grant, State>, Away> {
        let counters = &self.remote().counters;
        let outcome = self.claim(digests, life, open).await;
        let counter = match &outcome {
            Ok(claim::Outcome::New(_)) => &counters.new,
            Ok(claim::Outcome::Seen(_)) => &counters.seen,
            Err(Away) => &counters.away,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome.map(|outcome| match outcome {
            claim::Outcome::New(grant) => Ok(grant),
            claim::Outcome::Seen(state) => Err(state),
        })
    }
}

impl State {
    /// How it is written on the store.
    fn letter(self) -> &'static [u8] {
        match self {
            Self::Pending => b"p",
            Self::Answered => b"a",
            Self::Doubtful => b"d",
        }
    }

    /// As it was written; what nobody wrote leaves it open.
    fn of(letter: &[u8]) -> Self {
        match letter {
            b"p" => Self::Pending,
            b"a" => Self::Answered,
            _ => Self::Doubtful,
        }
    }

    /// What a copy is told.
    pub(super) fn refusal(self) -> Code {
        match self {
            Self::Pending => Code::ReplayPending,
            Self::Answered => Code::Replayed,
            Self::Doubtful => Code::ReplayUnsettled,
        }
    }
}

#[cfg(test)]
mod tests;
