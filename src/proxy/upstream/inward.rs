//! An upstream's answer in our own words: no hop-by-hop fields, a body that ends when it ends.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::Reply;
use super::launched::{Arrived, Source, copied};
use super::line::Line;
use super::outflow::Progress;
use crate::proxy::exchange::{Answer, AnswerBody, Broken, Piece, Streaming};
use crate::proxy::hop;
use crate::reject::Code;

/// How long we wait, and how far the request is.
pub(super) struct Expected {
    pub(super) progress: Rc<Progress>,
    pub(super) idle: Duration,
}

/// Takes charge of the body.
pub(super) fn reply(arrived: Arrived, line: Line, expected: Expected) -> Result<Reply, Code> {
    let Arrived { status, mut fields, source } = arrived;
    let announced = hop::announced(&fields);
    hop::strip_response(&mut fields);
    if status == 101 {
        // Only the head of an answer to a request that asked for it gets here.
        let Source::H1(dialogue) = source else { return Err(Code::UpstreamInvalid) };
        let tunnel = dialogue.into_tunnel().ok_or(Code::UpstreamInvalid)?;
        let answer = Answer { status, fields, body: AnswerBody::Empty };
        return Ok(Reply { answer, tunnel: Some(tunnel) });
    }
    let body = body(source, line, (expected, announced));
    Ok(Reply { answer: Answer { status, fields, body }, tunnel: None })
}

fn body(source: Source, line: Line, (expected, announced): (Expected, Vec<Bytes>)) -> AnswerBody {
    let Expected { progress, idle } = expected;
    let mut inflow =
        Inflow { source, line: Some(line), progress, idle, announced, timer: None, armed: false, cut: false };
    if inflow.source.is_over() {
        inflow.settle();
        return AnswerBody::Empty;
    }
    AnswerBody::Stream(Box::new(inflow))
}

/// A response body as it arrives. Dropped before its end it takes the connection down.
struct Inflow {
    source: Source,
    line: Option<Line>,
    progress: Rc<Progress>,
    idle: Duration,
    /// Fields of `Trailer`.
    announced: Vec<Bytes>,
    timer: Option<Pin<Box<Sleep>>>,
    armed: bool,
    /// It broke off.
    cut: bool,
}

impl Inflow {
    /// The answer is complete. A request that is not was answered early: its connection cannot carry another.
    fn settle(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Over);
        let Some(line) = self.line.take() else { return };
        match source {
            Source::H1(dialogue) => line.settle(dialogue.into_rest()),
            Source::H2(_) | Source::Over if self.progress.done.get() => line.settle(None),
            Source::H2(_) | Source::Over => drop(line),
        }
    }

    /// What came before goes on first: the client sees an answer that is cut, and not none at all.
    fn broken(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        (self.source, self.line, self.cut) = (Source::Over, None, true);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let Some(deadline) = Instant::now().checked_add(self.idle) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.armed {
            timer.as_mut().reset(deadline);
            self.armed = true;
        }
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => self.broken(cx),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Streaming for Inflow {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        if self.cut {
            return Poll::Ready(Some(Err(Broken)));
        }
        let piece = match self.source.poll_piece(cx) {
            Poll::Pending => return self.poll_patience(cx),
            Poll::Ready(Err(Broken)) => return self.broken(cx),
            Poll::Ready(Ok(piece)) => piece,
        };
        self.armed = false;
        match piece {
            None => {
                self.settle();
                Poll::Ready(None)
            }
            Some(Piece::Data(data)) => {
                if self.source.is_over() {
                    self.settle();
                }
                Poll::Ready(Some(Ok(Piece::Data(data))))
            }
            Some(Piece::Trailers(mut trailers)) => {
                hop::strip_trailers(&mut trailers);
                // Nothing follows trailers, and nobody may ask again.
                self.settle();
                Poll::Ready(Some(Ok(Piece::Trailers(trailers))))
            }
        }
    }

    fn announced(&self) -> &[Bytes] {
        &self.announced
    }

    fn remaining(&self) -> Option<u64> {
        match &self.source {
            Source::H1(dialogue) => dialogue.remaining(),
            Source::H2(incoming) => incoming.size_hint().exact(),
            Source::Over => (!self.cut).then_some(0),
        }
    }
}

impl Source {
    fn is_over(&self) -> bool {
        match self {
            Self::H1(dialogue) => dialogue.is_over(),
            Self::H2(incoming) => incoming.is_end_stream(),
            Self::Over => true,
        }
    }

    /// The next piece of the body.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
        match self {
            Self::H1(dialogue) => dialogue.poll_piece(cx),
            Self::H2(incoming) => poll_incoming(incoming, cx),
            Self::Over => Poll::Ready(Ok(None)),
        }
    }
}

/// The next piece of an HTTP/2 answer that is not empty.
fn poll_incoming(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Broken>> {
    loop {
        let Some(frame) = ready!(Pin::new(&mut *incoming).poll_frame(cx)).transpose().map_err(|_| Broken)? else {
            return Poll::Ready(Ok(None));
        };
        match frame.into_data().map_err(http_body::Frame::into_trailers) {
            Ok(data) if data.is_empty() => {}
            Ok(data) => return Poll::Ready(Ok(Some(Piece::Data(data)))),
            Err(Ok(trailers)) => return Poll::Ready(Ok(Some(Piece::Trailers(copied(&trailers))))),
            Err(Err(_)) => {}
        }
    }
}
