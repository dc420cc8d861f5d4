//! Messages from bytes at hand and back, through the framing of a connection: for whoever checks it without sockets, such as a fuzzer.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::exchange::{Answer, AnswerBody, Broken, Piece, Receiving, Streaming};
use super::http::{Bounds, arrived, nowhere};
use super::http1::{Body, Follows, Form, Framing, Reader, Request, Stream, chunk_size, last_chunk, write_answer};
use super::upstream::{Asked, Ear, Shape, size_line, words};
use crate::policy::limits;
use crate::reject::Code;
use crate::sig::message::{Fields, Head};

/// Chunk extensions of an answer that are skipped, in bytes.
const EXTENSIONS: usize = 4 << 10;

/// Bytes, and the sizes of the pieces that they come in, over and over; 0 is a read that finds nothing yet. Without sizes they come at
/// once.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    /// All bytes.
    pub text: &'a [u8],
    /// Sizes in bytes.
    pub sizes: &'a [u8],
}

/// Requests as they were read from a connection.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Requests {
    /// In their order; the last one may be broken.
    pub taken: Vec<Taken>,
    /// What follows them is refused.
    pub refused: bool,
}

/// A request as it was framed.
#[derive(PartialEq, Eq, Debug)]
pub struct Taken {
    /// Method and target as sent, and every line.
    pub line: (Bytes, Bytes),
    /// Every header line, names in lower case.
    pub fields: Fields,
    /// HTTP/1.0.
    pub old: bool,
    /// Another request may follow.
    pub keeps: bool,
    /// As it goes on its journey, or why it does not.
    pub head: Result<Head, Code>,
    /// What follows the head.
    pub content: Content,
}

/// A body as it was read.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Bytes announced by a length.
    pub announced: Option<u64>,
    /// Data, also of a body that is broken.
    pub data: Vec<u8>,
    /// Lines behind it.
    pub trailers: Fields,
    /// It ended as its framing says.
    pub whole: bool,
    /// Bytes taken up to its end, from the beginning of everything.
    pub end: usize,
}

/// An answer as it was read from an upstream.
#[derive(PartialEq, Eq, Debug)]
pub struct Heard {
    /// Status code.
    pub status: u16,
    /// Every header line, names in lower case.
    pub fields: Fields,
    /// The connection may be used again.
    pub keeps: bool,
    /// What follows the head.
    pub content: Content,
}

/// The requests in `cut`; a head of more than `lines` lines is refused.
pub fn requests(cut: Cut<'_>, lines: usize) -> Requests {
    let limits = limits::Connection { fields_max: lines, ..limits::Connection::default() };
    let (bounds, connection) = (Bounds::from(&limits), Rc::new(nowhere(limits)));
    let (mut stream, mut read) = (Stream::new(Pieces::from(cut)), Requests::default());
    loop {
        let request = match request(&mut stream, &bounds) {
            Ok(Some(request)) => request,
            Ok(None) => return read,
            Err(Refused) => return Requests { refused: true, ..read },
        };
        let keeps = request.keeps();
        let content = content(&mut stream, request.framing, 0);
        // Nothing may come before an upgrade is granted, and here nobody grants it.
        if request.fields.contains("upgrade") && request.framing == Framing::Sized(0) {
            let quiet = stream.ahead().is_empty() && polled(|cx| stream.poll_fill(cx)).is_ok_and(|length| length == 0);
            if !quiet {
                return Requests { refused: true, ..read };
            }
        }
        let (line, fields, old) =
            ((request.method.clone(), request.target.clone()), request.fields.clone(), request.old);
        let (exchange, _) = arrived(request, Receiving::empty(), Rc::clone(&connection));
        let head = exchange.defect.map_or(Ok(exchange.head), |defect| Err(defect.code()));
        let whole = content.whole;
        read.taken.push(Taken { line, fields, old, keeps, head, content });
        if !(whole && keeps) {
            return read;
        }
    }
}

struct Refused;

fn request(stream: &mut Stream<Pieces<'_>>, bounds: &Bounds) -> Result<Option<Request>, Refused> {
    let mut reader = Reader::default();
    loop {
        if let Some(request) = reader.take(stream.ahead(), bounds).map_err(|_| Refused)? {
            return Ok(Some(request));
        }
        if polled(|cx| stream.poll_fill(cx)).map_err(|_| Refused)? == 0 {
            return if reader.has_begun(stream.ahead()) { Err(Refused) } else { Ok(None) };
        }
    }
}

/// The answer in `cut` to a request that was a HEAD, or not; `None` where it is none.
pub fn answer(cut: Cut<'_>, to_head: bool) -> Option<Heard> {
    let (mut stream, mut ear) = (Stream::new(Pieces::from(cut)), Ear::default());
    let heard = loop {
        if let Some(heard) = ear.hear(stream.ahead(), Asked { head: to_head, upgrade: false }).ok()? {
            break heard;
        }
        if polled(|cx| stream.poll_fill(cx)).ok()? == 0 {
            return None;
        }
    };
    let content = content(&mut stream, heard.framing, EXTENSIONS);
    Some(Heard { status: heard.status, fields: heard.fields, keeps: heard.keep, content })
}

fn content(stream: &mut Stream<Pieces<'_>>, framing: Framing, extensions: usize) -> Content {
    let (mut body, mut content) = (Body::new(framing, extensions), Content::default());
    content.announced = if let Framing::Sized(length) = framing { Some(length) } else { None };
    loop {
        match polled(|cx| body.poll_piece(stream, cx)) {
            Ok(Some(Piece::Data(data))) => content.data.extend_from_slice(&data),
            Ok(Some(Piece::Trailers(trailers))) => content.trailers = trailers,
            Ok(None) => {
                content.whole = true;
                break;
            }
            Err(Broken) => break,
        }
    }
    content.end = stream.io().given.saturating_sub(stream.ahead().len());
    content
}

/// A request as an upstream gets it, in chunks of at most `chunk` bytes or with its length; `None` where it is not sent.
pub fn sent(head: &Head, data: &[u8], chunk: Option<u8>) -> Option<BytesMut> {
    let length = u64::try_from(data.len()).ok().filter(|_| chunk.is_none());
    let mut text = words(head, Shape { length, upgrade: false }).ok()?.head;
    match chunk {
        None => text.extend_from_slice(data),
        Some(most) => {
            chunks(&mut text, data, most, size_line);
            last_chunk(&mut text, None);
        }
    }
    Some(text)
}

/// An answer as a client gets it: in chunks where `chunk` says how large, else with its length.
pub fn told(heard: &Heard, to_head: bool, chunk: Option<u8>) -> BytesMut {
    let body = match chunk {
        None => AnswerBody::Bytes(Bytes::copy_from_slice(&heard.content.data)),
        Some(_) => AnswerBody::Stream(Box::new(Endless)),
    };
    let answer = Answer { status: heard.status, fields: heard.fields.clone(), body };
    let form = Form { head: to_head, old: false, keep: true, trailers: true };
    let mut text = BytesMut::new();
    match write_answer(&mut text, &answer, form, b"Thu, 01 Jan 1970 00:00:00 GMT") {
        Follows::Nothing => {}
        Follows::Sized(_) | Follows::UntilClose => text.extend_from_slice(&heard.content.data),
        Follows::Chunked => {
            chunks(&mut text, &heard.content.data, chunk.unwrap_or_default(), chunk_size);
            last_chunk(&mut text, Some(&heard.content.trailers));
        }
    }
    text
}

fn chunks(text: &mut BytesMut, data: &[u8], most: u8, size: impl Fn(&mut BytesMut, usize)) {
    for chunk in data.chunks(usize::from(most).max(1)) {
        size(text, chunk.len());
        text.extend_from_slice(chunk);
        text.extend_from_slice(b"\r\n");
    }
}

/// A body whose length nobody knows.
struct Endless;

impl Streaming for Endless {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        Poll::Ready(None)
    }

    fn remaining(&self) -> Option<u64> {
        None
    }
}

/// What waits is there at the next look.
fn polled<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(found) = poll(&mut cx) {
            return found;
        }
    }
}

/// A connection that gives its bytes piece by piece.
struct Pieces<'a> {
    left: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    waited: bool,
    given: usize,
}

impl<'a> From<Cut<'a>> for Pieces<'a> {
    fn from(cut: Cut<'a>) -> Self {
        Self { left: cut.text, sizes: cut.sizes.iter().cycle(), waited: false, given: 0 }
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let size = self.sizes.next().map_or(usize::MAX, |size| usize::from(*size));
        self.waited = size == 0 && !self.waited;
        if self.waited {
            return Poll::Pending;
        }
        let size = size.max(1).min(space.remaining());
        let (piece, left) = self.left.split_at_checked(size).unwrap_or((self.left, &[]));
        space.put_slice(piece);
        self.left = left;
        self.given = self.given.saturating_add(piece.len());
        Poll::Ready(Ok(()))
    }
}
