//! What an HTTP/2 connection may do beside asking: frames that carry no request cost us work and the sender next to nothing.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::guests::{Guests, Why};

/// What a connection has at most. A thousand small frames, a hundred changed settings, or ten malformed requests spend it;
/// of requests with a thousand fields, two.
const FULL: u64 = 4000;
/// What comes back each second.
const EACH_SECOND: u64 = 400;
/// What a request brings in.
const REQUEST: u64 = 16;
/// What a piece of an answer brings in, whatever its size: who reads it says so with two frames.
const PIECE: u64 = 16;
/// Bytes of an answer for one more, so that a window may be opened for every 4 KiB, of the stream and of the connection.
const BYTES: u64 = 512;

/// Bytes of heads in one turn of a connection, before what they ask for is looked at.
const HEADS: usize = 8 << 10;

/// What a client does that it may not do without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    /// PING, PRIORITY, `WINDOW_UPDATE`, an empty DATA, an unknown frame.
    Frame,
    /// SETTINGS: each walks over all streams, or resizes a table (CVE-2019-9515).
    Settings,
    /// `RST_STREAM`: with more than half of its requests reset a connection runs dry.
    Reset,
    /// A request whose head was read in vain, of so many fields.
    Malformed(usize),
}

impl Doing {
    fn cost(self) -> u64 {
        match self {
            Self::Frame => 4,
            Self::Settings => 40,
            Self::Reset => 32,
            Self::Malformed(fields) => u64::try_from(fields).unwrap_or(u64::MAX).saturating_mul(2).max(400),
        }
    }

    fn why(self) -> Why {
        match self {
            Self::Frame => Why::Frames,
            Self::Settings => Why::Settings,
            Self::Reset => Why::Resets,
            Self::Malformed(_) => Why::Malformed,
        }
    }
}

/// The allowance of one connection.
pub(super) struct Allowance {
    left: Cell<u64>,
    /// When time was last counted.
    since: Cell<Instant>,
    overdrawn: Cell<bool>,
    /// Bytes of heads that may still be read in this turn.
    heads: Cell<usize>,
    /// Who counts the connections that end so, and under which listener.
    ledger: Option<(Arc<Guests>, Arc<str>)>,
}

impl Allowance {
    /// A full one.
    pub(super) fn new(now: Instant, ledger: Option<(Arc<Guests>, Arc<str>)>) -> Self {
        Self {
            left: Cell::new(FULL),
            since: Cell::new(now),
            overdrawn: Cell::new(false),
            heads: Cell::new(HEADS),
            ledger,
        }
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

    /// The connection begins a turn: the requests of the one before were looked at.
    pub(super) fn turn(&self) {
        self.heads.set(HEADS);
    }

    /// So many bytes of a head are read.
    pub(super) fn head(&self, bytes: usize) {
        self.heads.set(self.heads.get().saturating_sub(bytes));
    }

    /// Whether requests are to be looked at before more is read.
    pub(super) fn is_turn_over(&self) -> bool {
        self.heads.get() == 0
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
        for (doing, most) in [
            (Doing::Frame, 1000),
            (Doing::Settings, 100),
            (Doing::Reset, 125),
            (Doing::Malformed(200), 10),
            (Doing::Malformed(1000), 2),
        ] {
            assert!(!spent(doing, most).is_overdrawn(), "{doing:?}");
            assert!(spent(doing, most + 1).is_overdrawn(), "{doing:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_spends_the_last_of_it_is_counted_once() {
        let guests = Arc::new(Guests::default());
        for doing in [Doing::Frame, Doing::Settings, Doing::Reset, Doing::Malformed(1)] {
            let ledger = Some((Arc::clone(&guests), "public".into()));
            let allowance = Allowance::new(Instant::now(), ledger);
            (0..2000).for_each(|_| allowance.spend(doing));
        }
        let counted = guests.cut_off().into_iter().map(|(_, reason, count)| (reason, count)).collect::<Vec<_>>();
        assert_eq!(counted, [("frames", 1), ("malformed", 1), ("resets", 1), ("settings", 1)]);
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
    async fn a_turn_is_over_with_eight_kibibytes_of_heads() {
        let allowance = Allowance::new(Instant::now(), None);
        let ends = |bytes: usize| {
            allowance.head(bytes);
            allowance.is_turn_over()
        };
        assert_eq!([ends(4096), ends(4095), ends(1)], [false, false, true]);
        allowance.turn();
        assert_eq!([ends(0), ends(usize::MAX)], [false, true]);
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
