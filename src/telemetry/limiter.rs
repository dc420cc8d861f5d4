//! Which refusals before a MAC matched are written in full: an internet scan must not fill disks.
//!
//! **Invariant:** a refusal is either written or in exactly one count that is written; the table is bounded, whoever sends.

use std::collections::HashMap;

use super::network::Network;
use crate::reject::Code;
use crate::sig::time::Moment;

/// Lines in full in a minute, for each code and source network.
pub(super) const EACH: u64 = 100;

/// Lines in full in a minute, whatever they say.
pub(super) const ALL: u64 = 10_000;

/// Codes and networks that are told apart in a minute; further networks are counted together, for each code.
pub(super) const TOLD_APART: usize = 1024;

const MINUTE: i64 = 60_000;

/// What is counted as one.
type Place = (Code, Option<Network>);

/// The count of one minute.
#[derive(Default)]
pub(super) struct Limiter {
    /// The minute since the epoch that is being counted.
    minute: i64,
    written: u64,
    seen: HashMap<Place, u64>,
    /// Of networks that there was no room for.
    others: HashMap<Code, u64>,
    omitted: HashMap<Place, u64>,
    omitted_others: HashMap<Code, u64>,
}

/// Refusals of one minute that were not written in full.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Summary {
    /// When the minute began.
    pub(super) from: Moment,
    pub(super) code: Code,
    /// Whence; `None`: from a unix socket, or from `others`.
    pub(super) network: Option<Network>,
    /// Whether these are of the networks that were not told apart.
    pub(super) others: bool,
    /// How many.
    pub(super) count: u64,
}

impl Limiter {
    /// Whether this refusal is written in full; else it is counted. Ask [`Limiter::turn`] first.
    pub(super) fn admits(&mut self, code: Code, network: Option<Network>) -> bool {
        let place = (code, network);
        let has_room = self.seen.len() < TOLD_APART;
        let (seen, apart) = match self.seen.get_mut(&place) {
            Some(seen) => (seen, true),
            None if has_room => (self.seen.entry(place).or_default(), true),
            None => (self.others.entry(code).or_default(), false),
        };
        *seen = seen.saturating_add(1);
        if *seen <= EACH && self.written < ALL {
            self.written = self.written.saturating_add(1);
            return true;
        }
        let omitted =
            if apart { self.omitted.entry(place).or_default() } else { self.omitted_others.entry(code).or_default() };
        *omitted = omitted.saturating_add(1);
        false
    }

    /// What is to be said of the minute before, where `now` lies in another one.
    pub(super) fn turn(&mut self, now: Moment) -> Vec<Summary> {
        let minute = now.millis().div_euclid(MINUTE);
        // A request that began before the minute's end is of this one; a clock that was set back is not waited for.
        if (self.minute.saturating_sub(1)..=self.minute).contains(&minute) {
            return Vec::new();
        }
        let ended = self.close();
        self.minute = minute;
        ended
    }

    /// What is to be said of the minute so far.
    pub(super) fn close(&mut self) -> Vec<Summary> {
        let from = Moment::from_millis(self.minute.saturating_mul(MINUTE));
        let mut ended: Vec<_> = self
            .omitted
            .drain()
            .map(|((code, network), count)| Summary { from, code, network, others: false, count })
            .collect();
        let others = self.omitted_others.drain();
        ended.extend(others.map(|(code, count)| Summary { from, code, network: None, others: true, count }));
        ended.sort_unstable();
        self.seen.clear();
        self.others.clear();
        self.written = 0;
        ended
    }

    /// Whether nothing is left to be said.
    pub(super) fn is_settled(&self) -> bool {
        self.omitted.is_empty() && self.omitted_others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(place: usize) -> Network {
        let [.., a, b] = place.to_be_bytes();
        Network::of([10, a, b, 1].into())
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_secs(1_760_000_040_i64.saturating_add(seconds))
    }

    #[test]
    fn a_hundred_are_written_and_the_rest_is_counted_exactly() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.turn(at(0)), []);
        for (code, from, times) in [
            (Code::SignatureMissing, Some(network(1)), 99_u64),
            (Code::SignatureInvalid, Some(network(1)), 100),
            (Code::SignatureMissing, Some(network(2)), 101),
            (Code::SignatureMissing, None, 350),
        ] {
            let written = (0..times).filter(|_| limiter.admits(code, from)).count();
            assert_eq!(u64::try_from(written).unwrap(), times.min(EACH), "{code:?} {from:?}");
        }
        assert_eq!(limiter.turn(at(59)), [], "the minute is not over");
        let summary =
            |network, count| Summary { from: at(0), code: Code::SignatureMissing, network, others: false, count };
        assert_eq!(limiter.turn(at(60)), [summary(None, 250), summary(Some(network(2)), 1)]);
        assert!(limiter.admits(Code::SignatureMissing, None), "a new minute");
        assert_eq!(limiter.turn(at(180)), [], "nothing was omitted");
    }

    #[test]
    fn nothing_is_lost_in_a_flood_from_everywhere_and_little_is_kept() {
        let mut limiter = Limiter::default();
        limiter.turn(at(0));
        let (networks, times) = (3 * TOLD_APART, 20);
        let mut written = 0_u64;
        for place in 0..networks * times {
            written += u64::from(limiter.admits(Code::RouteNotFound, Some(network(place % networks))));
        }
        assert!(limiter.seen.len() <= TOLD_APART && limiter.omitted.len() <= TOLD_APART);
        assert!(written <= ALL, "{written}");
        let ended = limiter.turn(at(60));
        let counted: u64 = ended.iter().map(|summary| summary.count).sum();
        assert_eq!(usize::try_from(written + counted).unwrap(), networks * times);
        assert_eq!(ended.iter().filter(|summary| summary.others).count(), 1);
    }

    #[test]
    fn a_late_end_belongs_to_this_minute_and_a_clock_set_back_begins_a_new_one() {
        let mut limiter = Limiter::default();
        limiter.turn(at(60));
        (0..150).for_each(|_| _ = limiter.admits(Code::BadRequest, None));
        assert_eq!(limiter.turn(at(59)), []);
        assert_eq!(limiter.turn(at(-3600)).iter().map(|summary| summary.count).sum::<u64>(), 50);
        assert!(limiter.is_settled());
    }
}
