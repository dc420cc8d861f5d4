//! An upstream's answer in our own words: checked framing, no hop-by-hop fields, a body that ends when it ends.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::Reply;
use super::line::Line;
use super::outflow::Progress;
use crate::proxy::exchange::{Answer, AnswerBody, Broken, Piece, Streaming};
use crate::proxy::hop;
use crate::reject::Code;
use crate::sig::message::Fields;

/// What was asked for, and how long we wait.
pub(super) struct Expected {
    pub(super) upgrade: bool,
    pub(super) progress: Rc<Progress>,
    pub(super) idle: Duration,
}

/// Judges the head and takes charge of the body.
pub(super) fn reply(mut response: Response<Incoming>, line: Line, expected: Expected) -> Result<Reply, Code> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let agreed = expected.upgrade && switches(response.headers());
        let tunnel = agreed.then(|| hyper::upgrade::on(&mut response)).ok_or(Code::UpstreamInvalid)?;
        let (ours, mut theirs) = tokio::io::duplex(64 << 10);
        tokio::task::spawn_local(async move {
            if let Ok(up) = tunnel.await {
                let _ = tokio::io::copy_bidirectional(&mut hyper_util::rt::TokioIo::new(up), &mut theirs).await;
            }
        });
        let tunnel = crate::proxy::exchange::Tunnel { io: Box::new(ours), ahead: bytes::Bytes::new() };
        let mut fields = copied(response.headers());
        hop::strip_response(&mut fields);
        line.let_go();
        let answer = Answer { status: 101, fields, body: AnswerBody::Empty };
        return Ok(Reply { answer, tunnel: Some(tunnel) });
    }
    framing(&response)?;
    let (parts, incoming) = response.into_parts();
    let mut fields = copied(&parts.headers);
    hop::strip_response(&mut fields);
    let body = body(incoming, line, expected);
    Ok(Reply { answer: Answer { status: parts.status.as_u16(), fields, body }, tunnel: None })
}

fn body(incoming: Incoming, line: Line, expected: Expected) -> AnswerBody {
    let ended = incoming.is_end_stream();
    let mut inflow = Inflow {
        incoming,
        line: Some(line),
        progress: expected.progress,
        idle: expected.idle,
        timer: None,
        armed: false,
    };
    if ended {
        inflow.settle();
        return AnswerBody::Empty;
    }
    AnswerBody::Stream(Box::new(inflow))
}

/// A 101 must name the one protocol that was asked for.
fn switches(fields: &HeaderMap) -> bool {
    let mut protocols = fields.get_all(UPGRADE).iter();
    let first = protocols.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    first && protocols.next().is_none()
}

/// hyper takes lengths that repeat each other, and reads an unknown transfer coding until the end. We take neither.
fn framing(response: &Response<Incoming>) -> Result<(), Code> {
    let lengths: Vec<_> = response.headers().get_all(CONTENT_LENGTH).iter().collect();
    let codings: Vec<_> = response.headers().get_all(TRANSFER_ENCODING).iter().collect();
    let right = match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => true,
        ([length], []) => !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit),
        ([], [coding]) => response.version() == Version::HTTP_11 && coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    right.then_some(()).ok_or(Code::UpstreamInvalid)
}

/// Names and values in one allocation.
fn copied(headers: &HeaderMap) -> Fields {
    let size = headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len())).sum();
    let mut buffer = BytesMut::with_capacity(size);
    let mut fields = Fields::with_capacity(headers.len());
    let mut take = |bytes: &[u8]| {
        buffer.extend_from_slice(bytes);
        buffer.split().freeze()
    };
    for (name, value) in headers {
        fields.append(take(name.as_str().as_bytes()), take(value.as_bytes()));
    }
    fields
}

/// A response body as it arrives. Dropped before its end it takes the connection down.
struct Inflow {
    incoming: Incoming,
    line: Option<Line>,
    progress: Rc<Progress>,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Inflow {
    /// The answer is complete. A request that is not was answered early: its connection cannot carry another.
    fn settle(&mut self) {
        if let Some(line) = self.line.take()
            && self.progress.done.get()
        {
            line.settle();
        }
    }

    fn broken(&mut self) -> Poll<Option<Result<Piece, Broken>>> {
        self.line = None;
        Poll::Ready(Some(Err(Broken)))
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let Some(deadline) = Instant::now().checked_add(self.idle) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.armed {
            timer.as_mut().reset(deadline);
            self.armed = true;
        }
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => self.broken(),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Streaming for Inflow {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return self.poll_patience(cx),
                Poll::Ready(None) => {
                    self.settle();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => return self.broken(),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            self.armed = false;
            match frame.into_data().map_err(http_body::Frame::into_trailers) {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    if self.incoming.is_end_stream() {
                        self.settle();
                    }
                    return Poll::Ready(Some(Ok(Piece::Data(data))));
                }
                Err(Ok(trailers)) => {
                    let mut trailers = copied(&trailers);
                    hop::strip_trailers(&mut trailers);
                    // Nothing follows trailers, and nobody may ask again.
                    self.settle();
                    return Poll::Ready(Some(Ok(Piece::Trailers(trailers))));
                }
                Err(Err(_)) => {}
            }
        }
    }

    fn remaining(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }
}
