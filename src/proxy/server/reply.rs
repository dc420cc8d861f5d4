//! An answer on its way to an HTTP/1.1 client.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::http1::Lane;
use crate::proxy::exchange::{Answer, AnswerBody, Broken, Piece, Streaming};
use crate::proxy::http1::{Follows, Form, Stream, Turn, chunk_size, last_chunk, write_answer};
use crate::sig::date;
use crate::sig::time::Moment;

/// Sends one answer.
pub(super) struct Sending {
    body: Option<Box<dyn Streaming>>,
    follows: Follows,
    trailers: bool,
    /// A piece waits to be written.
    full: bool,
    /// The last piece was taken.
    last: bool,
    broken: Option<Broken>,
    /// Before the first write.
    turn: Turn,
    deadline: Option<Instant>,
    /// Made when the client takes nothing.
    late: Option<Pin<Box<Sleep>>>,
}

impl Sending {
    /// Writes the head, and a body that is there already.
    pub(super) fn start<I>(lane: &Lane<I>, answer: Answer, form: Form, now: Moment) -> Self {
        let stream = &mut *lane.stream.borrow_mut();
        let follows = with_date(now, |date| write_answer(stream.lead(), &answer, form, date));
        let deadline = if let AnswerBody::Stream(body) = &answer.body { body.ends_by() } else { None };
        let body = match answer.body {
            AnswerBody::Stream(body) if follows != Follows::Nothing => Some(body),
            AnswerBody::Bytes(bytes) if follows != Follows::Nothing => {
                stream.put(bytes, b"");
                None
            }
            AnswerBody::Stream(_) | AnswerBody::Bytes(_) | AnswerBody::Empty => None,
        };
        Self {
            last: body.is_none(),
            body,
            follows,
            trailers: form.trailers,
            full: false,
            broken: None,
            turn: Turn::default(),
            deadline,
            late: None,
        }
    }

    /// Whether the client will take the end of the connection for the end of the answer.
    pub(super) fn ends_with_the_connection(&self) -> bool {
        self.follows == Follows::UntilClose
    }

    /// Until everything is sent: whether only the end of the connection tells so.
    pub(super) fn poll<I>(&mut self, lane: &Lane<I>, cx: &mut Context<'_>) -> Poll<io::Result<bool>>
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        loop {
            if self.full || self.last {
                ready!(self.turn.poll(cx));
                let Poll::Ready(written) = lane.stream.borrow_mut().poll_written(cx) else {
                    return self.poll_late(cx).map(Err);
                };
                written?;
                self.full = false;
            }
            if let Some(broken) = self.broken {
                return Poll::Ready(Err(io::Error::other(broken)));
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(self.follows == Follows::UntilClose));
            };
            match body.poll_piece(cx) {
                // What came before the end that should not be one is the client's.
                Poll::Ready(Some(Err(broken))) => {
                    (self.full, self.broken, self.body) = (true, Some(broken), None);
                }
                Poll::Ready(piece) => {
                    self.put(&mut lane.stream.borrow_mut(), piece.and_then(Result::ok))?;
                    // Told before the last byte leaves: whoever has the whole answer finds it counted.
                    if self.last {
                        self.body = None;
                    }
                }
                Poll::Pending => {
                    ready!(self.turn.poll(cx));
                    ready!(lane.stream.borrow_mut().poll_written(cx))?;
                    return lane.poll_gone(cx).map(Err);
                }
            }
        }
    }

    /// While the client takes nothing nobody asks the body, which has a clock of its own: only then somebody looks at the time here.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        late.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    /// Frames the next piece. A body that is not as long as announced ends the connection: the client must see that.
    fn put<I>(&mut self, stream: &mut Stream<I>, piece: Option<Piece>) -> io::Result<()> {
        self.full = true;
        match (&mut self.follows, piece) {
            // An empty chunk would be the last one.
            (_, Some(Piece::Data(data))) if data.is_empty() => {}
            (Follows::Sized(left), Some(Piece::Data(data))) => {
                let length = u64::try_from(data.len()).map_err(io::Error::other)?;
                *left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
                self.last = *left == 0;
                stream.put(data, b"");
            }
            (Follows::Sized(0) | Follows::UntilClose | Follows::Nothing, None | Some(Piece::Trailers(_))) => {
                self.last = true;
            }
            (Follows::Sized(_), None | Some(Piece::Trailers(_))) => return Err(io::ErrorKind::UnexpectedEof.into()),
            (Follows::UntilClose, Some(Piece::Data(data))) => stream.put(data, b""),
            (Follows::Chunked, Some(Piece::Data(data))) => {
                chunk_size(stream.lead(), data.len());
                stream.put(data, b"\r\n");
            }
            (Follows::Chunked, end) => {
                let trailers = end.and_then(Piece::into_trailers).filter(|_| self.trailers);
                last_chunk(stream.lead(), trailers.as_ref());
                self.last = true;
            }
            (Follows::Nothing, Some(Piece::Data(_))) => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }
}

thread_local! {
    /// The second that was last printed, and how.
    static DATE: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// The time as answers show it (RFC 9110 §5.6.7), printed once a second.
fn with_date<T>(now: Moment, show: impl FnOnce(&[u8]) -> T) -> T {
    DATE.with_borrow_mut(|(second, text)| {
        let this = now.millis().div_euclid(1000);
        if *second != this {
            (*second, *text) = (this, date::print_http(this));
        }
        show(text.as_bytes())
    })
}
