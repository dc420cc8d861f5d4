//! A request body on its way out: held pieces, a spooled file, or what a provisional request feeds in.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::feed::Fed;
use crate::proxy::held::Held;
use crate::proxy::pieces::Pieces;

/// A spooled body is read in pieces of this many bytes.
pub(super) const PIECE: usize = 64 << 10;
/// A body in memory is handed over in pieces of this many bytes: in one piece nobody could tell how far it is.
const SLICE: usize = 256 << 10;

/// The body that is sent.
pub(super) struct Outflow {
    source: Source,
    /// Bytes still to come; `None` where no length was declared.
    left: Option<u64>,
    progress: Rc<Progress>,
}

enum Source {
    /// Pieces, which one is next, and how much of it was handed over.
    Memory(Pieces, usize, usize),
    Spooled(Box<Spooled>),
    Fed(Fed),
}

struct Spooled {
    file: Box<tokio::fs::File>,
    length: u64,
    piece: Vec<u8>,
}

/// How far a request body is; read by the side that waits for the answer.
pub(super) struct Progress {
    /// Whether the last byte was handed to the connection.
    pub(super) done: Cell<bool>,
    /// Nobody waits for the answer any more: the rest is not sent.
    pub(super) stopped: Cell<bool>,
    /// When a piece was last handed to the connection.
    pub(super) last: Cell<Instant>,
}

impl Outflow {
    /// A held body.
    pub(super) fn held(body: Held) -> Self {
        let (source, length) = match body {
            Held::Empty => (Source::Memory(Pieces::default(), 0, 0), 0),
            Held::Memory(pieces) => {
                let length = u64::try_from(pieces.len()).unwrap_or(u64::MAX);
                (Source::Memory(pieces, 0, 0), length)
            }
            Held::Spooled(mut file, length) => {
                file.set_max_buf_size(PIECE);
                (Source::Spooled(Box::new(Spooled { file, length, piece: Vec::new() })), length)
            }
        };
        Self { source, left: Some(length), progress: Progress::new(length == 0) }
    }

    /// A body that is fed while its verdict is open.
    pub(super) fn fed(feed: Fed, length: Option<u64>) -> Self {
        Self { source: Source::Fed(feed), left: length, progress: Progress::new(false) }
    }

    /// Whether it comes while its verdict is open.
    pub(super) fn is_fed(&self) -> bool {
        matches!(self.source, Source::Fed(_))
    }

    /// Whether all of it is in memory already: to gather it costs none.
    pub(super) fn is_at_hand(&self) -> bool {
        matches!(self.source, Source::Memory(..))
    }

    /// The body as it was, if nothing of it was sent.
    pub(super) fn into_held(self) -> Held {
        match self.source {
            Source::Memory(pieces, ..) if pieces.is_empty() => Held::Empty,
            Source::Memory(pieces, ..) => Held::Memory(pieces),
            Source::Spooled(spooled) => Held::Spooled(spooled.file, spooled.length),
            Source::Fed(_) => Held::Empty,
        }
    }

    /// How far it is, also after it was given away.
    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Bytes of the whole body, before anything was sent.
    pub(super) fn length(&self) -> Option<u64> {
        self.left
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Source::Memory(pieces, place, sent) => {
                let Some(piece) = pieces.get(*place) else { return Poll::Ready(None) };
                let end = sent.saturating_add(SLICE).min(piece.len());
                let slice = piece.slice(*sent..end);
                (*place, *sent) = if end == piece.len() { (place.saturating_add(1), 0) } else { (*place, end) };
                Poll::Ready(Some(Ok(slice)))
            }
            Source::Spooled(spooled) => {
                let Spooled { file, piece, .. } = &mut **spooled;
                let wanted = usize::try_from(self.left.unwrap_or_default()).unwrap_or(PIECE).min(PIECE);
                piece.resize(wanted, 0);
                let mut space = ReadBuf::new(piece);
                ready!(Pin::new(file).poll_read(cx, &mut space))?;
                let filled = space.filled().len();
                piece.truncate(filled);
                Poll::Ready((filled > 0).then(|| Ok(Bytes::from(std::mem::take(piece)))))
            }
            Source::Fed(feed) => feed.poll_piece(cx),
        }
    }
}

impl Progress {
    fn new(done: bool) -> Rc<Self> {
        Rc::new(Self { done: Cell::new(done), stopped: Cell::new(false), last: Cell::new(Instant::now()) })
    }
}

impl Body for Outflow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.progress.stopped.get() {
            return Poll::Ready(Some(Err(given_up())));
        }
        if self.left == Some(0) && !self.is_fed() {
            return Poll::Ready(None);
        }
        let Some(piece) = ready!(self.poll_source(cx)).transpose()? else {
            let short = self.left.is_some_and(|left| left > 0);
            self.progress.done.set(!short);
            return Poll::Ready(short.then(|| Err(io::Error::from(io::ErrorKind::UnexpectedEof))));
        };
        self.progress.last.set(Instant::now());
        if let Some(left) = self.left {
            let left = left.checked_sub(length_of(&piece)).ok_or(io::ErrorKind::InvalidData)?;
            self.left = Some(left);
            self.progress.done.set(left == 0);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn given_up() -> io::Error {
    io::Error::other("the request was given up")
}

pub(super) fn length_of(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}
