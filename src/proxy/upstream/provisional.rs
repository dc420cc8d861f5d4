//! A request that the upstream must not see completed before the verdict.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::feed::{self, Feed};
use super::launched::{Arrived, Fault, Launched};
use super::line::{Line, within};
use super::outflow::{Outflow, Progress, length_of};
use super::outward::Shape;
use super::wire::Prepared;
use super::{Admission, Patience, Reply};
use crate::reject::Code;
use crate::replay::Departed;
use crate::sig::message::Head;

/// A request that the upstream must not see completed before the verdict. Dropped, it is aborted: on HTTP/1.1 the connection ends
/// before the final chunk or short of the announced length, on HTTP/2 the stream is reset.
///
/// **Invariant:** the answer is not given out before [`Provisional::finish`].
pub struct Provisional {
    answer: Stage,
    feed: Feed,
    progress: Rc<Progress>,
    /// Announced bytes that were not sent yet.
    left: Option<u64>,
    departed: Departed,
    // Dropped last: cuts an HTTP/2 stream, unless the answer took it over.
    line: Line,
}

enum Stage {
    /// A request without body is complete with its head: it waits here.
    Waiting(Box<(Prepared, Outflow)>),
    Launched(Launched),
    /// The upstream answered early. It may take more, or not: what still comes is judged in any case.
    Answered(Box<Arrived>),
    /// There will be no answer.
    Failed(Code),
}

impl Provisional {
    pub(super) async fn begin(
        mut line: Line,
        head: &Head,
        length: Option<u64>,
        departed: &Departed,
    ) -> Result<Self, Code> {
        let (feed, source) = feed::trough();
        let flow = Outflow::fed(source, length);
        let progress = flow.progress();
        let prepared = line.prepare(head, Shape { length, upgrade: false })?;
        let departed = departed.clone();
        if length == Some(0) {
            let answer = Stage::Waiting(Box::new((prepared, flow)));
            return Ok(Self { answer, feed, progress, left: length, departed, line });
        }
        departed.mark();
        let answer = Stage::Launched(line.launch(prepared, flow).ok_or(Code::Internal)?);
        let mut begun = Self { answer, feed, progress, left: length, departed, line };
        // The head leaves now, whenever the body comes.
        poll_fn(|cx| Poll::Ready(begun.advance(cx))).await;
        match begun.answer {
            Stage::Failed(code) => Err(code),
            Stage::Waiting(_) | Stage::Launched(_) | Stage::Answered(_) => Ok(begun),
        }
    }

    /// Sends the next body bytes; waits for the upstream to take them, unless it has answered and takes no more. The last non-empty bytes must be kept back for [`Provisional::finish`].
    pub async fn send(&mut self, chunk: Bytes) -> Result<(), Code> {
        if chunk.is_empty() {
            return Ok(());
        }
        // What reaches the announced length would complete the message.
        let left = self.left.map(|left| left.checked_sub(length_of(&chunk)));
        if matches!(left, Some(None | Some(0))) {
            return Err(Code::Internal);
        }
        self.left = left.flatten();
        poll_fn(|cx| self.feed.poll_taken(cx)).await;
        self.feed.push(chunk);
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// Returns when the upstream takes no more, or nothing of what it was given waits. Over HTTP/2 one piece may.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        let written = self.advance(cx);
        match &self.answer {
            Stage::Failed(code) => Poll::Ready(Err(*code)),
            // Without an answer that explains it the request is lost.
            Stage::Launched(_) if self.feed.is_deaf() => Poll::Pending,
            Stage::Answered(_) if self.feed.is_deaf() => Poll::Ready(Ok(())),
            Stage::Waiting(_) | Stage::Launched(_) | Stage::Answered(_) if written => Poll::Ready(Ok(())),
            Stage::Waiting(_) | Stage::Launched(_) | Stage::Answered(_) => Poll::Pending,
        }
    }

    /// Moves the exchange as far as it goes; says whether the connection took all that it was given.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.answer {
            Stage::Launched(launched) => match Pin::new(&mut *launched).poll(cx) {
                Poll::Pending => launched.is_written() && self.is_taken(),
                Poll::Ready(Ok(arrived)) => {
                    self.answer = Stage::Answered(Box::new(arrived));
                    self.advance(cx)
                }
                Poll::Ready(Err(fault)) => {
                    self.answer = Stage::Failed(failed(&fault, &self.departed));
                    true
                }
            },
            Stage::Answered(arrived) => arrived.source.poll_rest(cx) && self.is_taken(),
            Stage::Waiting(_) | Stage::Failed(_) => true,
        }
    }

    fn is_taken(&self) -> bool {
        self.line.is_http2() || self.feed.is_empty()
    }

    /// The verdict is in: sends the bytes that were kept back, completes the message and waits for the answer's head.
    pub async fn finish(mut self, _proof: &Admission, last: Bytes, patience: Patience) -> Result<Reply, Code> {
        if self.left.is_some_and(|left| left != length_of(&last)) {
            return Err(Code::BodyIncomplete);
        }
        poll_fn(|cx| Poll::Ready(self.advance(cx))).await;
        let Self { answer, feed, progress, departed, mut line, .. } = self;
        // An upstream that answers early may never take the rest: it goes beside the answer.
        feed.finish(last);
        let launched = match answer {
            Stage::Launched(launched) => launched,
            Stage::Waiting(waiting) => {
                departed.mark();
                line.launch(waiting.0, waiting.1).ok_or(Code::Internal)?
            }
            Stage::Answered(mut arrived) => {
                poll_fn(|cx| Poll::Ready(arrived.source.poll_rest(cx))).await;
                return line.answer(*arrived, progress, patience.idle);
            }
            Stage::Failed(code) => {
                // What was kept back never left: nobody saw the request whole.
                departed.recall();
                return Err(code);
            }
        };
        progress.last.set(Instant::now());
        match within(launched, &progress, patience.response).await {
            Some(Ok(arrived)) => line.answer(arrived, progress, patience.idle),
            Some(Err(fault)) if fault.unsent.is_none() => Err(line.failed(fault.code)),
            Some(Err(fault)) => Err(failed(&fault, &departed)),
            None => Err(line.silent()),
        }
    }
}

/// What is said of a request that has no answer. Where nothing of it left, its claim is given back.
fn failed(fault: &Fault, departed: &Departed) -> Code {
    if fault.unsent.is_some() {
        departed.recall();
    }
    fault.code
}
