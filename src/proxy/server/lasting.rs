//! How long a connection lasts: until it is done, late, idle, or the server closes.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::accept::Site;
use super::watch::{Activity, Advice};
use crate::policy::limits;

/// A connection of either version.
pub(super) trait Graceful: Future<Output = io::Result<()>> + Unpin {
    /// No further requests; those in flight are answered.
    fn finish(self: Pin<&mut Self>);

    /// Gives up on a head that began and did not end, so that it is refused when the connection is polled next; false when none did.
    fn give_up(self: Pin<&mut Self>) -> bool {
        false
    }
}

/// What can end a connection beside itself.
pub(super) struct Lasting<'a, S> {
    /// Where it was accepted.
    pub(super) site: &'a Site<S>,
    /// Its requests.
    pub(super) activity: &'a Activity,
    /// Its bounds.
    pub(super) limits: &'a limits::Connection,
    /// Whether bytes without a request are a head that began.
    pub(super) heads: bool,
}

impl<S> Lasting<'_, S> {
    /// Drives `connection` until it is over, it is idle or late, or the server closes.
    pub(super) async fn until_done(&self, mut connection: Box<dyn Graceful>) -> io::Result<()> {
        let mut closing = pin!(self.site.closing.begun());
        let mut finishing = false;
        let mut alarm = pin!(tokio::time::sleep(self.limits.head.min(self.limits.idle)));
        // **Invariant:** whoever polls this task uses one waker only, so that who was asked once wakes it later, too. To ask every time costs more
        // than everything else here.
        let (mut asked, mut set) = (false, false);
        loop {
            let closing = poll_fn(|cx| {
                let quiet = std::mem::replace(&mut asked, true) && !self.site.closing.has_begun();
                if quiet { Poll::Pending } else { closing.as_mut().poll(cx) }
            });
            let ringing = poll_fn(|cx| {
                let quiet = std::mem::replace(&mut set, true) && !alarm.is_elapsed();
                // At the end of its turn a task is told that nothing rang without being noted for later.
                let rung = if quiet { Poll::Pending } else { pin!(unconstrained(alarm.as_mut())).poll(cx) };
                set = rung.is_pending();
                rung
            });
            tokio::select! {
                biased;
                ended = &mut connection => return ended,
                () = closing, if !finishing => {
                    finishing = true;
                    Pin::new(&mut *connection).finish();
                }
                () = ringing => match self.activity.advice(Instant::now(), self.limits, self.heads) {
                    Advice::Wait(until) => alarm.as_mut().reset(until),
                    // Who has not said anything yet did not ask anything.
                    Advice::Late if finishing || !Pin::new(&mut *connection).give_up() => return Ok(()),
                    Advice::Late => {
                        finishing = true;
                        alarm.set(tokio::time::sleep(self.limits.write));
                    }
                    Advice::Idle if finishing => return Ok(()),
                    Advice::Idle => {
                        finishing = true;
                        Pin::new(&mut *connection).finish();
                        alarm.set(tokio::time::sleep(self.limits.head));
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;
    use std::time::Duration;

    use tokio::task::coop::poll_proceed;

    use super::super::accept::Closing;
    use super::super::turns::Turns;
    use super::super::watch::Pulse;
    use super::*;

    /// Uses up the whole turn of its task, so many times, and is silent from then on.
    struct Greedy(usize);

    impl Future for Greedy {
        type Output = io::Result<()>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            while self.0 > 0 {
                match poll_proceed(cx) {
                    Poll::Ready(step) => step.made_progress(),
                    Poll::Pending => self.0 = self.0.saturating_sub(1),
                }
                if self.0 == 0 {
                    return Poll::Pending;
                }
            }
            Poll::Pending
        }
    }

    impl Graceful for Greedy {
        fn finish(self: Pin<&mut Self>) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends_in_its_time_whatever_it_did_with_its_turn() {
        let limits =
            limits::Connection { head: Duration::from_secs(10), idle: Duration::from_mins(1), ..Default::default() };
        let (closing, connections, turns) = (Closing::default(), tokio_util::task::TaskTracker::new(), Turns::new());
        let site = Site { serve: (), closing, connections, turns };
        for greed in [0, 1] {
            let began = Instant::now();
            let activity = Activity::new(Pulse::new(began));
            drop(activity.begin());
            let lasting = Lasting { site: &site, activity: &activity, limits: &limits, heads: true };
            lasting.until_done(Box::new(Greedy(greed))).await.unwrap();
            assert_eq!(began.elapsed().as_secs(), 70, "idle, and the time of a head after that");
        }
    }
}
