//! What was counted, in short: for people, where a scrape is for machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::Verdict;
use super::skews::Counts;
use super::totals::Totals;
use crate::reject::Code;

/// The counters of the whole process since it started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Summary {
    /// Requests that are over, by verdict.
    pub(crate) verdicts: Verdicts,
    /// What they were refused or failed for.
    pub(crate) codes: BTreeMap<Code, u64>,
    /// Verified requests by key id and by how old their stamp was; only keys whose scheme has one.
    pub(crate) skews: BTreeMap<Arc<str>, Counts>,
}

/// Requests by verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) verified: u64,
    pub(crate) observed: u64,
    pub(crate) public: u64,
    pub(crate) refused: u64,
}

impl Summary {
    pub(super) fn of(totals: &Totals) -> Self {
        let mut summary = Self::default();
        for route in totals.routes.values() {
            for ((_, verdict, code), count) in &route.outcomes {
                summary.verdicts.add(*verdict, *count);
                if let Some(code) = code {
                    increase(summary.codes.entry(*code).or_default(), *count);
                }
            }
            for (key, used) in route.keys.iter().filter(|(_, used)| used.skews.iter().any(|count| *count > 0)) {
                let sums = summary.skews.entry(Arc::clone(key)).or_default();
                sums.iter_mut().zip(used.skews).for_each(|(sum, count)| increase(sum, count));
            }
        }
        summary
    }
}

impl Verdicts {
    fn add(&mut self, verdict: Verdict, count: u64) {
        let sum = match verdict {
            Verdict::Verified => &mut self.verified,
            Verdict::Observed => &mut self.observed,
            Verdict::Public => &mut self.public,
            Verdict::Refused => &mut self.refused,
        };
        increase(sum, count);
    }

    /// What came since `before` was read.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            verified: self.verified.saturating_sub(before.verified),
            observed: self.observed.saturating_sub(before.observed),
            public: self.public.saturating_sub(before.public),
            refused: self.refused.saturating_sub(before.refused),
        }
    }
}

fn increase(sum: &mut u64, by: u64) {
    *sum = sum.saturating_add(by);
}
