//! One HTTP/2 stream: its task ends when its answer has to be over, whatever its client lets it send.
//!
//! The HTTP/2 library asks a body for its next piece only while the client's window is open, so a body cannot tell that it is late.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::proxy::exchange::{Answer, AnswerBody};

thread_local! {
    static ENDS_BY: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Bounds the stream whose task is being polled: it answers now. What was made here has as long as one write.
pub(super) fn answers(answer: &Answer, write: Duration) {
    ENDS_BY.set(match &answer.body {
        AnswerBody::Empty => None,
        AnswerBody::Bytes(_) => Instant::now().checked_add(write),
        AnswerBody::Stream(body) => body.ends_by(),
    });
}

/// Runs `stream` to its end, or drops it when it is late: the library then resets it (RFC 9113 §8.1).
pub(super) async fn bounded(stream: impl Future) {
    let (mut stream, mut late) = (pin!(stream), pin!(None));
    poll_fn(|cx| {
        ENDS_BY.set(None);
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(deadline) = ENDS_BY.take() {
            late.set(Some(sleep_until(deadline)));
        }
        late.as_mut().as_pin_mut().map_or(Poll::Pending, |late| late.poll(cx))
    })
    .await;
}
