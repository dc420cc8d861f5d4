//! One gRPC call from Envoy: a message in, a message and a status behind it out (gRPC over HTTP/2).

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::timeout;

use super::REMOVED;
use super::asked::{self, Line, untold};
use super::check::{self, Asked};
use crate::policy::listen::{Asker, ForwardAuth};
use crate::proxy::budget::Holder;
use crate::proxy::exchange::{Answer, AnswerBody, Broken, Exchange, Piece, Receiving, Streaming};
use crate::proxy::held::{Holding, Kept, Store};
use crate::proxy::http1::{is_text, is_token};
use crate::reject::{Code, Rejection};
use crate::sig::message::Fields;

/// Where Envoy calls.
const PLACE: &[u8] = b"/envoy.service.auth.v3.Authorization/Check";

/// Most bytes of a message, as usual for gRPC.
const MOST: usize = 4 << 20;

/// Longest time for them: they come from the proxy's memory.
const TIME: Duration = Duration::from_secs(10);

/// Whether this is a call, and not a question over plain HTTP.
pub(super) fn is_one(auth: ForwardAuth, exchange: &Exchange) -> bool {
    auth.from == Asker::Envoy && exchange.http2 && exchange.head.target == PLACE
}

/// Turns the call into the request that it is about. What is wrong with it becomes the defect. What is returned is what its bytes occupy: they stay
/// until the verdict.
pub(super) async fn recover(auth: ForwardAuth, exchange: &mut Exchange, store: &Store) -> Option<Kept> {
    let asker = Holder { source: exchange.connection.peer, known: false };
    let most = exchange.connection.listener.limits.fields_max;
    let reading = message(&mut exchange.body, Holding::new(store, asker, MOST));
    let read = timeout(TIME, reading).await.unwrap_or_else(|_late| Err(Code::BodyTimeout.into()));
    exchange.body = Receiving::empty();
    match read.and_then(|(message, kept)| Ok((content(auth, message, most)?, kept))) {
        Ok(((line, fields, body), kept)) => {
            asked::become_it(exchange, line, fields, auth.from);
            exchange.body = asked::given(body);
            Some(kept)
        }
        Err(rejection) => {
            exchange.defect = Some(rejection);
            None
        }
    }
}

/// The one message of a call, without the five bytes before it.
///
/// **Threat:** bodies in it come from strangers, however well known the proxy is: they count as held bodies do.
async fn message(body: &mut Receiving, mut holding: Holding<'_>) -> Result<(Bytes, Kept), Rejection> {
    let mut length = 0_usize;
    while let Some(chunk) = body.chunk().await.map_err(|_broken| Code::BodyIncomplete)? {
        length = length.saturating_add(chunk.len());
        if length > MOST {
            return Err(Code::BodyTooLarge.into());
        }
        holding.add(chunk, body.is_end()).await?;
    }
    let (mut held, kept) = holding.finish().await?;
    let whole = held.whole().unwrap_or_default();
    let Some(([compressed, length @ ..], message)) = whole.split_first_chunk::<5>() else {
        return Err(untold("no gRPC message".to_owned()));
    };
    let length = u32::from_be_bytes(*length);
    if *compressed != 0 || u32::try_from(message.len()) != Ok(length) {
        return Err(untold("not one plain gRPC message".to_owned()));
    }
    Ok((whole.slice_ref(message), kept))
}

/// The line, the header lines and the body of the request.
fn content(auth: ForwardAuth, message: Bytes, most: usize) -> Result<(Line, Fields, Bytes), Rejection> {
    let asked = check::read(message, most.saturating_add(1)).map_err(|_| untold("not a CheckRequest".to_owned()))?;
    let Asked { method, path: target, host, scheme, body, lines } = asked;
    let lines = lines.ok_or_else(|| untold("no header_map: set encode_raw_headers".to_owned()))?;
    if lines.len() > most {
        return Err(Code::HeadTooLarge.into());
    }
    let mut fields = Fields::with_capacity(lines.len());
    for (name, value) in lines.into_iter().filter(|(name, _)| !name.starts_with(b":")) {
        let is_lower = !name.iter().any(u8::is_ascii_uppercase);
        if !(is_lower && is_token(&name) && is_text(&value)) {
            return Err(untold("a header line that HTTP does not allow".to_owned()));
        }
        fields.append(name, value);
    }
    if scheme == "https" {
        fields.set("x-forwarded-proto", "https");
    }
    seen(auth, &fields, &body)?;
    Ok((Line { method, target, host }, fields, body))
}

/// Refuses a body that is known to be another than the one of the request.
fn seen(auth: ForwardAuth, fields: &Fields, body: &Bytes) -> Result<(), Rejection> {
    asked::whole(auth, fields)?;
    if !auth.body {
        return Ok(());
    }
    let length = fields.one("content-length").map_err(|_twice| Code::BadRequest)?;
    let differs = length.is_some_and(|length| *length != body.len().to_string());
    if differs { Err(Code::BodyUnseen.into()) } else { Ok(()) }
}

/// The answer as a message, with the status of the call, which is well whatever the verdict.
pub(super) fn answer(verdict: &Answer) -> Answer {
    let message = if verdict.status == 200 {
        let removed = verdict.fields.all(REMOVED).flat_map(|names| names.split(|byte| *byte == b','));
        check::granted(verdict.fields.iter().filter(|field| field.name != REMOVED), removed)
    } else {
        let body = match &verdict.body {
            AnswerBody::Bytes(body) => &body[..],
            AnswerBody::Empty | AnswerBody::Stream(_) => &[],
        };
        check::denied(verdict.status, &verdict.fields, body)
    };
    let mut framed = BytesMut::with_capacity(message.len().saturating_add(5));
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or_default());
    framed.extend_from_slice(&message);
    let mut fields = Fields::with_capacity(1);
    fields.append("content-type", "application/grpc");
    let told = Told { message: Some(framed.freeze()), over: false };
    Answer { status: 200, fields, body: AnswerBody::Stream(Box::new(told)) }
}

/// A message and the status behind it.
struct Told {
    message: Option<Bytes>,
    over: bool,
}

impl Streaming for Told {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Piece::Data(message))));
        }
        let mut status = Fields::with_capacity(1);
        status.append("grpc-status", "0");
        let over = std::mem::replace(&mut self.over, true);
        Poll::Ready((!over).then_some(Ok(Piece::Trailers(status))))
    }

    fn remaining(&self) -> Option<u64> {
        None
    }
}
