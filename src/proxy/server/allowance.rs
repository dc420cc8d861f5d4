//! What an HTTP/2 connection may do beside asking: frames that carry no request cost us work and the sender next to nothing.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::guests::{Guests, Why};

/// What a connection has at most. A thousand small frames, a hundred changed settings, or ten malformed requests spend it.
const FULL: u64 = 4000;
/// What comes back each second.
const EACH_SECOND: u64 = 400;
/// What a request brings in.
const REQUEST: u64 = 16;
/// What a piece of an answer brings in, whatever its size: who reads it says so with two frames.
const PIECE: u64 = 16;
/// Bytes of an answer for one more, so that a window may be opened for every 4 KiB, of the stream and of the connection.
const BYTES: u64 = 512;

/// What a client does that it may not do without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    /// PING, PRIORITY, `WINDOW_UPDATE`, an empty DATA, an unknown frame.
    Frame,
    /// SETTINGS: each walks over all streams, or resizes a table (CVE-2019-9515).
    Settings,
    /// `RST_STREAM`: with more than half of its requests reset a connection runs dry.
    Reset,
    /// A request whose head was read in vain.
    Malformed,
}

impl Doing {
    fn cost(self) -> u64 {
        match self {
            Self::Frame => 4,
            Self::Settings => 40,
            Self::Reset => 32,
            Self::Malformed => 400,
        }
    }

    fn why(self) -> Why {
        match self {
            Self::Frame => Why::Frames,
            Self::Settings => Why::Settings,
            Self::Reset => Why::Resets,
            Self::Malformed => Why::Malformed,
        }
    }
}

/// The allowance of one connection.
pub(super) struct Allowance {
    left: Cell<u64>,
    /// When time was last counted.
    since: Cell<Instant>,
    overdrawn: Cell<bool>,
    /// Who counts the connections that end so, and under which listener.
    ledger: Option<(Arc<Guests>, Arc<str>)>,
}

impl Allowance {
    /// A full one.
    pub(super) fn new(now: Instant, ledger: Option<(Arc<Guests>, Arc<str>)>) -> Self {
        Self { left: Cell::new(FULL), since: Cell::new(now), overdrawn: Cell::new(false), ledger }
    }

    /// Takes what `doing` costs. Looks at the clock only where the rest would not do.
    pub(super) fn spend(&self, doing: Doing) {
        let cost = doing.cost();
        if self.left.get() < cost {
            self.refill();
        }
        match self.left.get().checked_sub(cost) {
            Some(left) => self.left.set(left),
            None => self.overdraw(doing),
        }
    }

    fn overdraw(&self, doing: Doing) {
        if !self.overdrawn.replace(true)
            && let Some((guests, listener)) = &self.ledger
        {
            guests.end(listener, doing.why());
        }
    }

    /// A request came.
    pub(super) fn asked(&self) {
        self.earn(REQUEST);
    }

    /// A piece of an answer of so many bytes leaves.
    pub(super) fn answered(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.earn(PIECE.saturating_add(bytes / BYTES));
    }

    /// Whether it was spent, once and for all.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.overdrawn.get()
    }

    fn earn(&self, income: u64) {
        self.left.set(self.left.get().saturating_add(income).min(FULL));
    }

    fn refill(&self) {
        let now = Instant::now();
        let passed: Duration = now.saturating_duration_since(self.since.replace(now));
        let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.earn(milliseconds.saturating_mul(EACH_SECOND) / 1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(doing: Doing, times: usize) -> Allowance {
        let allowance = Allowance::new(Instant::now(), None);
        (0..times).for_each(|_| allowance.spend(doing));
        allowance
    }

    #[tokio::test(start_paused = true)]
    async fn each_doing_has_its_number_and_one_more_is_too_many() {
        for (doing, most) in [(Doing::Frame, 1000), (Doing::Settings, 100), (Doing::Reset, 125), (Doing::Malformed, 10)]
        {
            assert!(!spent(doing, most).is_overdrawn(), "{doing:?}");
            assert!(spent(doing, most + 1).is_overdrawn(), "{doing:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_spent_comes_back_with_time_and_never_more() {
        let allowance = spent(Doing::Frame, 1000);
        tokio::time::advance(Duration::from_secs(1)).await;
        (0..100).for_each(|_| allowance.spend(Doing::Frame));
        assert!(!allowance.is_overdrawn());
        tokio::time::advance(Duration::from_hours(1)).await;
        (0..1000).for_each(|_| allowance.spend(Doing::Frame));
        assert!(!allowance.is_overdrawn());
        allowance.spend(Doing::Frame);
        assert!(allowance.is_overdrawn(), "an hour is worth no more than a full one");
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_requests_may_be_reset_and_not_all_of_them() {
        let resetting = |of: usize| {
            let allowance = Allowance::new(Instant::now(), None);
            for number in 0..2000 {
                allowance.asked();
                if number % of == 0 {
                    allowance.spend(Doing::Reset);
                }
            }
            allowance.is_overdrawn()
        };
        assert_eq!([resetting(2), resetting(1)], [false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_answers_may_say_so_for_every_piece() {
        for size in [1, 4 << 10, 64 << 10] {
            let allowance = Allowance::new(Instant::now(), None);
            for _ in 0..10_000 {
                allowance.answered(size);
                (0..2 * size.div_ceil(4 << 10)).for_each(|_| allowance.spend(Doing::Frame));
            }
            assert!(!allowance.is_overdrawn(), "{size}");
        }
    }
}
