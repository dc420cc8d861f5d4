//! When a connection without a request in flight has waited long enough.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::policy::limits;

/// No byte of a head has come.
const NONE: u64 = u64::MAX;

/// When the first byte of a head came, and how the connection has to end. Crosses threads only because a taken-over connection may.
pub(super) struct Pulse {
    opened: Instant,
    first: AtomicU64,
    open_ended: AtomicBool,
}

/// The requests of one connection.
pub(super) struct Activity {
    pulse: Arc<Pulse>,
    in_flight: Cell<usize>,
    quiet_since: Cell<Instant>,
}

/// A request in flight, until dropped.
pub(super) struct InFlight(Rc<Activity>);

/// What to do with a connection now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Advice {
    /// Look again then.
    Wait(Instant),
    /// A head began and did not end in time.
    Late,
    /// Nothing came for too long.
    Idle,
}

impl Pulse {
    /// A new connection: its first head is awaited from now on.
    pub(super) fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self { opened: now, first: AtomicU64::new(0), open_ended: AtomicBool::new(false) })
    }

    /// Bytes came.
    pub(super) fn beat(&self) {
        if self.first.load(Ordering::Relaxed) == NONE {
            let age = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0).max(1);
            self.first.store(age, Ordering::Relaxed);
        }
    }

    /// Whether the end of the connection would be taken for the end of an answer that is not whole.
    pub(super) fn is_open_ended(&self) -> bool {
        self.open_ended.load(Ordering::Relaxed)
    }

    fn rest(&self) {
        self.first.store(NONE, Ordering::Relaxed);
    }

    fn first(&self) -> Option<Instant> {
        let age = self.first.load(Ordering::Relaxed);
        if age == NONE { None } else { self.opened.checked_add(Duration::from_millis(age)) }
    }
}

impl Activity {
    /// A connection that has not seen a request.
    pub(super) fn new(pulse: Arc<Pulse>) -> Rc<Self> {
        let quiet_since = Cell::new(pulse.opened);
        Rc::new(Self { pulse, in_flight: Cell::new(0), quiet_since })
    }

    /// Bytes of a head are there already.
    pub(super) fn beat(&self) {
        self.pulse.beat();
    }

    /// An answer begins that only the end of the connection ends, or it is whole.
    pub(super) fn open_ended(&self, is: bool) {
        self.pulse.open_ended.store(is, Ordering::Relaxed);
    }

    /// A head is complete.
    pub(super) fn begin(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        self.pulse.rest();
        InFlight(Rc::clone(self))
    }

    /// What the limits say at `now`. On HTTP/2 bytes are not a head that began (`heads` is false): pings and settings come too.
    pub(super) fn advice(&self, now: Instant, limits: &limits::Connection, heads: bool) -> Advice {
        let soon = now.checked_add(limits.head).unwrap_or(now);
        if self.in_flight.get() > 0 {
            return Advice::Wait(soon);
        }
        let begun = self.pulse.first().filter(|first| heads || *first == self.pulse.opened);
        let (limit, since, end) = match begun {
            Some(first) => (limits.head, first, Advice::Late),
            None => (limits.idle, self.quiet_since.get(), Advice::Idle),
        };
        match since.checked_add(limit) {
            Some(until) if until <= now => end,
            Some(until) => Advice::Wait(until.min(soon)),
            None => Advice::Wait(soon),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
        self.0.quiet_since.set(Instant::now());
        self.0.pulse.rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_and_silence_has_its_own() {
        let limits =
            limits::Connection { head: Duration::from_secs(10), idle: Duration::from_mins(1), ..Default::default() };
        let pulse = Pulse::new(Instant::now());
        let activity = Activity::new(Arc::clone(&pulse));
        let after = |secs| Instant::now() + Duration::from_secs(secs);

        assert_eq!(activity.advice(after(9), &limits, true), Advice::Wait(after(10)), "the first head is awaited");
        assert_eq!(activity.advice(after(10), &limits, true), Advice::Late);

        let request = activity.begin();
        assert_eq!(
            activity.advice(after(1000), &limits, true),
            Advice::Wait(after(1010)),
            "a request may take its time"
        );
        drop(request);
        assert_eq!(activity.advice(after(59), &limits, true), Advice::Wait(after(60)));
        assert_eq!(activity.advice(after(60), &limits, true), Advice::Idle);

        tokio::time::advance(Duration::from_secs(5)).await;
        pulse.beat();
        assert_eq!(activity.advice(after(10), &limits, true), Advice::Late, "a head began and did not end");
        assert_eq!(activity.advice(after(10), &limits, false), Advice::Wait(after(20)), "on HTTP/2 bytes are no head");
    }
}
