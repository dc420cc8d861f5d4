//! When the claims ended that were forgotten: a clock that is set back makes their requests fresh again, and new they are not.

use std::time::Duration;

use crate::sig::time::Moment;

/// More than this many spans of time are told apart by nobody: the nearest ones become one, and that refuses more, never less.
const SPANS: usize = 8;

/// Spans of time, both ends included, in ascending order and apart from each other. Not the latest end alone: a clock that was hours ahead, and the
/// clients' with it, would leave a mark by which everything is refused for hours after it was put right.
#[derive(Default)]
pub(super) struct Forgotten(Vec<(Moment, Moment)>);

impl Forgotten {
    /// Claims that ended from `first` to `last` are forgotten from now on.
    pub(super) fn add(&mut self, first: Moment, last: Moment) {
        self.0.push((first, last));
        self.0.sort_unstable();
        self.unite(Duration::ZERO);
        while self.0.len() > SPANS {
            self.unite(self.nearest());
        }
    }

    /// Whether a claim that ends then may have been forgotten. While the clock goes forward no fresh request's does.
    pub(super) fn covers(&self, end: Moment) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&end))
    }

    fn unite(&mut self, gap: Duration) {
        self.0.dedup_by(|later, kept| {
            let near = later.0.since(kept.1) <= gap;
            if near {
                kept.1 = kept.1.max(later.1);
            }
            near
        });
    }

    /// The smallest gap between two spans.
    fn nearest(&self) -> Duration {
        let gaps = self.0.iter().zip(self.0.iter().skip(1)).map(|(earlier, later)| later.0.since(earlier.1));
        gaps.min().unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgotten(spans: &[(i64, i64)]) -> Forgotten {
        let mut forgotten = Forgotten::default();
        for (first, last) in spans {
            forgotten.add(Moment::from_secs(*first), Moment::from_secs(*last));
        }
        forgotten
    }

    #[test]
    fn a_span_includes_its_ends_and_nothing_beyond() {
        let forgotten = forgotten(&[(10, 20), (40, 40), (15, 25)]);
        for (second, covered) in [(9, false), (10, true), (25, true), (26, false), (39, false), (40, true), (41, false)]
        {
            assert_eq!(forgotten.covers(Moment::from_secs(second)), covered, "{second}");
        }
    }

    #[test]
    fn of_many_spans_the_nearest_become_one_and_none_is_lost() {
        let spans: Vec<(i64, i64)> = (0..100).map(|at| (at * 10, at * 10 + 1)).chain([(5000, 5001)]).collect();
        let forgotten = forgotten(&spans);
        assert!(forgotten.0.len() <= SPANS);
        assert!(
            spans
                .iter()
                .all(|(first, last)| [first, last].iter().all(|end| forgotten.covers(Moment::from_secs(**end))))
        );
        assert!(!forgotten.covers(Moment::from_secs(3000)), "what is far apart stays apart");
    }
}
