//! A request on its way and the answer that it yields, whichever version of HTTP carries it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::dialogue::Dialogue;
use super::outflow::Outflow;
use crate::reject::Code;
use crate::sig::message::Fields;

/// What hyper makes of an attempt.
type Outcome = Result<Response<Incoming>, TrySendError<Request<Outflow>>>;

/// A request on its way. Over HTTP/1.1 it moves only while somebody waits for it.
pub(super) enum Launched {
    H1(Option<Dialogue>),
    H2(Pin<Box<dyn Future<Output = Outcome>>>),
}

/// The head of an answer, judged, and where the rest of it comes from.
pub(super) struct Arrived {
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) source: Source,
}

/// Where an answer's body comes from.
pub(super) enum Source {
    H1(Dialogue),
    H2(Incoming),
    /// It is complete.
    Over,
}

/// Why there is no answer.
pub(super) struct Fault {
    pub(super) code: Code,
    /// The body, where provably no byte of the request reached the upstream.
    pub(super) unsent: Option<Outflow>,
}

impl Fault {
    /// The upstream may have seen the request.
    pub(super) fn lost(code: Code) -> Self {
        Self { code, unsent: None }
    }
}

impl Future for Launched {
    type Output = Result<Arrived, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::H1(talk) => {
                let dialogue = talk.as_mut().ok_or_else(|| Fault::lost(Code::Internal))?;
                let heard = ready!(dialogue.poll_answer(cx))?;
                let source = talk.take().map_or(Source::Over, Source::H1);
                Poll::Ready(Ok(Arrived { status: heard.status, fields: heard.fields, source }))
            }
            Self::H2(answer) => Poll::Ready(ready!(answer.as_mut().poll(cx)).map_err(fault).and_then(arrived)),
        }
    }
}

impl Launched {
    /// Whether the connection has taken everything that it was given so far. What hyper was given, it takes by itself.
    pub(super) fn is_written(&self) -> bool {
        match self {
            Self::H1(talk) => talk.as_ref().is_none_or(Dialogue::is_written),
            Self::H2(_) => true,
        }
    }
}

impl Source {
    /// Goes on with a request that was answered before it was complete; says whether everything so far was taken.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::H1(dialogue) => {
                dialogue.poll_rest(cx);
                dialogue.is_written()
            }
            Self::H2(_) | Self::Over => true,
        }
    }
}

fn fault(mut failure: TrySendError<Request<Outflow>>) -> Fault {
    match failure.take_message() {
        None => Fault::lost(blame(failure.error())),
        Some(request) => Fault { code: Code::UpstreamClosed, unsent: Some(request.into_body()) },
    }
}

/// Whose fault an exchange's end was.
fn blame(error: &hyper::Error) -> Code {
    if error.is_user() {
        Code::Internal
    } else if error.is_parse() {
        Code::UpstreamInvalid
    } else {
        Code::UpstreamClosed
    }
}

fn arrived(response: Response<Incoming>) -> Result<Arrived, Fault> {
    framing(response.headers()).map_err(Fault::lost)?;
    let (parts, incoming) = response.into_parts();
    Ok(Arrived { status: parts.status.as_u16(), fields: copied(&parts.headers), source: Source::H2(incoming) })
}

/// hyper takes lengths that repeat each other. We do not; and nothing has a transfer coding here.
fn framing(fields: &HeaderMap) -> Result<(), Code> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let plain =
        lengths.next().is_none_or(|length| !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit));
    let right = plain && lengths.next().is_none() && !fields.contains_key(TRANSFER_ENCODING);
    right.then_some(()).ok_or(Code::UpstreamInvalid)
}

/// Names and values in one allocation.
pub(super) fn copied(headers: &HeaderMap) -> Fields {
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
