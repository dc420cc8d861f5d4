//! How long a connection lasts: until it is done, late, idle, or the server closes.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

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
    pub(super) async fn until_done(&self, mut connection: impl Graceful) -> io::Result<()> {
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
                let rung = if quiet { Poll::Pending } else { alarm.as_mut().poll(cx) };
                set = rung.is_pending();
                rung
            });
            tokio::select! {
                biased;
                ended = &mut connection => return ended,
                () = closing, if !finishing => {
                    finishing = true;
                    Pin::new(&mut connection).finish();
                }
                () = ringing => match self.activity.advice(Instant::now(), self.limits, self.heads) {
                    Advice::Wait(until) => alarm.as_mut().reset(until),
                    // Who has not said anything yet did not ask anything.
                    Advice::Late if finishing || !Pin::new(&mut connection).give_up() => return Ok(()),
                    Advice::Late => {
                        finishing = true;
                        alarm.set(tokio::time::sleep(self.limits.write));
                    }
                    Advice::Idle if finishing => return Ok(()),
                    Advice::Idle => {
                        finishing = true;
                        Pin::new(&mut connection).finish();
                        alarm.set(tokio::time::sleep(self.limits.head));
                    }
                },
            }
        }
    }
}
