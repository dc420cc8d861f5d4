//! The record of a request, told exactly once: when the last byte of its answer is gone, or when it breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::exchange::{AnswerBody, Broken, Piece, Streaming};
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
}

impl Told {
    /// Starts the record's clock and counts the request as in flight.
    pub fn new(record: Record, shard: &Arc<Shard>) -> Self {
        Self { record, started: Instant::now(), total: None, complete: false, in_flight: shard.begin() }
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
    pub fn follow(mut self, body: AnswerBody) -> AnswerBody {
        match body {
            AnswerBody::Empty => {
                self.complete = true;
                AnswerBody::Empty
            }
            AnswerBody::Bytes(bytes) => {
                self.sent(bytes.len());
                self.complete = true;
                AnswerBody::Bytes(bytes)
            }
            AnswerBody::Stream(inner) => {
                let deadline = self.deadline(self.total);
                AnswerBody::Stream(Box::new(Followed { inner, deadline, timer: None, told: self }))
            }
        }
    }

    /// A verdict that came too late for the head is told all the same.
    fn broke_off(&mut self, why: Option<&Rejection>) {
        if let Some(why) = why {
            self.record.verdict = Verdict::Refused;
            self.record.rejection = Some(why.clone());
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.record.sent = self.record.sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.record.total = self.started.elapsed();
        self.record.truncated = !self.complete;
        self.in_flight.shard().finish(&mut self.record);
    }
}

/// A response body on its way, counted and bounded in time.
struct Followed {
    inner: Box<dyn Streaming>,
    deadline: Option<Instant>,
    /// Made when a piece lets us wait.
    timer: Option<Pin<Box<Sleep>>>,
    told: Told,
}

impl Followed {
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline))).as_mut().poll(cx)
    }
}

impl Streaming for Followed {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        // An upstream that always has more must not outrun the deadline.
        if self.is_late() {
            return Poll::Ready(Some(Err(Broken)));
        }
        let polled = self.inner.poll_piece(cx);
        match &polled {
            Poll::Ready(Some(Ok(Piece::Data(bytes)))) => self.told.sent(bytes.len()),
            Poll::Ready(Some(Ok(Piece::Trailers(_))) | None) => self.told.complete = true,
            Poll::Ready(Some(Err(_))) => self.told.broke_off(self.inner.why()),
            Poll::Pending => {
                return self.poll_deadline(cx).map(|()| Some(Err(Broken)));
            }
        }
        if self.inner.remaining() == Some(0) {
            self.told.complete = true;
        }
        polled
    }

    fn remaining(&self) -> Option<u64> {
        self.inner.remaining()
    }
}
