//! The record of a request, told exactly once: when the last byte of its answer is gone, or when it breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::exchange::{AnswerBody, Broken, Piece, Streaming};
use crate::policy::upkeep::Direction;
use crate::reject::Rejection;
use crate::telemetry::record::{Record, Verdict};
use crate::telemetry::{InFlight, Shard};

/// A record that tells itself when dropped.
pub struct Told {
    /// What will be told.
    pub record: Record,
    /// Bounds the whole exchange, the response body included.
    pub total: Option<Duration>,
    started: Instant,
    complete: bool,
    in_flight: InFlight,
    following: Option<Following>,
}

/// A response body on its way, counted and bounded in time.
struct Following {
    body: Box<dyn Streaming>,
    deadline: Option<Instant>,
    /// Made when a piece lets us wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Told {
    /// Starts the record's clock and counts the request as in flight.
    pub fn new(record: Record, shard: &Arc<Shard>) -> Box<Self> {
        let (started, in_flight) = (Instant::now(), shard.begin());
        Box::new(Self { record, started, total: None, complete: false, in_flight, following: None })
    }

    /// A signature of this exchange held under a key of `ring`, or was made with it: counted at once, whatever becomes of the request.
    pub fn used(&self, direction: Direction, ring: &str, key: &str) {
        self.in_flight.shard().used(direction, ring, key, self.record.started);
    }

    /// Where it is counted, for what outlives this record.
    pub fn shard(&self) -> Arc<Shard> {
        self.in_flight.shared()
    }

    /// Time since the head was read.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The end of so much time since the head was read.
    pub fn deadline(&self, total: Option<Duration>) -> Option<Instant> {
        total.and_then(|total| self.started.checked_add(total))
    }

    /// Follows the answer's body to its end.
    pub fn follow(mut self: Box<Self>, body: AnswerBody) -> AnswerBody {
        match body {
            AnswerBody::Empty => {
                self.complete = true;
                AnswerBody::Empty
            }
            AnswerBody::Bytes(bytes) => {
                sent(&mut self.record, bytes.len());
                self.complete = true;
                AnswerBody::Bytes(bytes)
            }
            AnswerBody::Stream(body) => {
                self.following = Some(Following { body, deadline: self.deadline(self.total), timer: None });
                AnswerBody::Stream(self)
            }
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.record.total = self.started.elapsed();
        self.record.truncated = !self.complete;
        self.in_flight.shard().finish(&mut self.record);
    }
}

impl Following {
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline))).as_mut().poll(cx)
    }
}

impl Streaming for Told {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let Some(following) = &mut self.following else { return Poll::Ready(None) };
        // An upstream that always has more must not outrun the deadline.
        if following.is_late() {
            return Poll::Ready(Some(Err(Broken)));
        }
        let polled = following.body.poll_piece(cx);
        match &polled {
            Poll::Ready(Some(Ok(Piece::Data(bytes)))) => sent(&mut self.record, bytes.len()),
            Poll::Ready(Some(Ok(Piece::Trailers(_))) | None) => self.complete = true,
            Poll::Ready(Some(Err(_))) => broke_off(&mut self.record, following.body.why()),
            Poll::Pending => {
                return following.poll_deadline(cx).map(|()| Some(Err(Broken)));
            }
        }
        if following.body.remaining() == Some(0) {
            self.complete = true;
        }
        polled
    }

    fn remaining(&self) -> Option<u64> {
        self.following.as_ref().map_or(Some(0), |following| following.body.remaining())
    }

    fn ends_by(&self) -> Option<Instant> {
        self.following.as_ref().and_then(|following| following.deadline)
    }
}

/// A verdict that came too late for the head is told all the same.
fn broke_off(record: &mut Record, why: Option<&Rejection>) {
    if let Some(why) = why {
        record.verdict = Verdict::Refused;
        record.rejection = Some(why.clone());
    }
}

fn sent(record: &mut Record, bytes: usize) {
    record.sent = record.sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
}
