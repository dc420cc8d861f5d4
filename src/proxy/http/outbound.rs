//! From our answer to hyper's response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::proxy::exchange::{Answer, AnswerBody, Broken, Piece};
use crate::sig::message::Fields;

/// Who is told what leaves of an answer.
pub(in crate::proxy) trait Sent {
    /// A piece of so many bytes.
    fn piece(&self, bytes: usize);
}

/// A response body on its way out. `G` is kept until it was sent or given up.
pub(in crate::proxy) struct Outbound<G> {
    body: AnswerBody,
    sent: G,
}

/// The response that carries `answer`. Fields that no HTTP message may hold are left out.
pub(in crate::proxy) fn response<G>(answer: Answer, sent: G) -> Response<Outbound<G>> {
    let mut response = Response::new(Outbound { body: answer.body, sent });
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers(&answer.fields);
    response
}

/// Header lines in their order; values share the bytes of `fields`.
fn headers(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_lowercase(&field.name);
        let value = HeaderValue::from_maybe_shared(field.value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

impl<G: Sent + Unpin> Body for Outbound<G> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.body {
            AnswerBody::Empty => Poll::Ready(None),
            AnswerBody::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.sent.piece(bytes.len());
                self.body = AnswerBody::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            AnswerBody::Stream(stream) => {
                let piece = ready!(stream.poll_piece(cx));
                if let Some(Ok(Piece::Data(data))) = &piece {
                    self.sent.piece(data.len());
                }
                Poll::Ready(piece.map(|piece| piece.map(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            AnswerBody::Empty => true,
            AnswerBody::Bytes(bytes) => bytes.is_empty(),
            AnswerBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match &self.body {
            AnswerBody::Empty => Some(0),
            AnswerBody::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            AnswerBody::Stream(stream) => stream.remaining(),
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn frame(piece: Piece) -> Frame<Bytes> {
    match piece {
        Piece::Data(data) => Frame::data(data),
        Piece::Trailers(fields) => Frame::trailers(headers(&fields)),
    }
}
