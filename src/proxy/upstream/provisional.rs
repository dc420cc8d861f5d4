//! A request that the upstream must not see completed before the verdict.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::line::{Line, within};
use super::outflow::{Feed, Outflow, Progress, length_of};
use super::outward::{self, Shape};
use super::wire::{Outcome, blame};
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
    feed: mpsc::Sender<Feed>,
    progress: Rc<Progress>,
    /// Announced bytes that were not sent yet.
    left: Option<u64>,
    departed: Departed,
    // Dropped last: cuts the connection, unless the answer took it over.
    line: Line,
}

enum Stage {
    /// A request without body is complete with its head: it waits here.
    Waiting(Box<Request<Outflow>>),
    Launched(Pin<Box<dyn Future<Output = Outcome>>>),
    /// The upstream answered early and takes no more: what still comes is judged, and goes nowhere.
    Answered(Response<Incoming>),
}

impl Provisional {
    pub(super) fn begin(mut line: Line, head: &Head, length: Option<u64>, departed: &Departed) -> Result<Self, Code> {
        let (feed, source) = mpsc::channel(1);
        let flow = Outflow::fed(source, length);
        let progress = flow.progress();
        let shape = Shape { length, http2: line.is_http2(), upgrade: false };
        let request = outward::request(head, shape)?.map(|()| flow);
        let answer = if length == Some(0) {
            Stage::Waiting(Box::new(request))
        } else {
            departed.mark();
            Stage::Launched(Box::pin(line.launch(request).ok_or(Code::Internal)?))
        };
        Ok(Self { answer, feed, progress, left: length, departed: departed.clone(), line })
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
        match self.feed.send(Feed::Data(chunk)).await {
            Ok(()) => Ok(()),
            Err(_) => self.deaf().await,
        }
    }

    /// The upstream takes no more. Without an answer that explains it the request is lost.
    async fn deaf(&mut self) -> Result<(), Code> {
        if let Stage::Launched(answer) = &mut self.answer {
            let response = answer.as_mut().await.map_err(|failure| blame(failure.error()))?;
            self.answer = Stage::Answered(response);
        }
        Ok(())
    }

    /// The verdict is in: sends the bytes that were kept back, completes the message and waits for the answer's head.
    pub async fn finish(self, _proof: &Admission, last: Bytes, patience: Patience) -> Result<Reply, Code> {
        let Self { answer, feed, progress, left, departed, mut line } = self;
        if left.is_some_and(|left| left != length_of(&last)) {
            return Err(Code::BodyIncomplete);
        }
        let answer = match answer {
            Stage::Launched(answer) => answer,
            Stage::Waiting(request) => {
                departed.mark();
                Box::pin(line.launch(*request).ok_or(Code::Internal)?)
            }
            Stage::Answered(response) => return line.answer(response, false, progress, patience.idle),
        };
        // Beside the answer: an upstream that answers early may never take the rest. Ends with the connection at the latest.
        tokio::task::spawn_local(complete(feed, last));
        match within(answer, &progress, patience.response).await {
            Some(Ok(response)) => line.answer(response, false, progress, patience.idle),
            Some(Err(failure)) => {
                if failure.message().is_some() {
                    departed.recall();
                }
                Err(blame(failure.error()))
            }
            None => Err(line.silent()),
        }
    }
}

async fn complete(feed: mpsc::Sender<Feed>, last: Bytes) -> Result<(), mpsc::error::SendError<Feed>> {
    if !last.is_empty() {
        feed.send(Feed::Data(last)).await?;
    }
    feed.send(Feed::End).await
}
