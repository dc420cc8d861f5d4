//! A request body that is held until it is judged: in memory, then in an unlinked file.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;

use super::budget::{Budget, Holder, Share};
use super::pieces::{Growing, Pieces};
use crate::reject::{Code, Rejection};

/// A complete body.
pub enum Held {
    /// No body at all.
    Empty,
    /// In memory.
    Memory(Pieces),
    /// In an unlinked temporary file of this many bytes.
    Spooled(Box<tokio::fs::File>, u64),
}

impl Held {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Memory(pieces) => u64::try_from(pieces.len()).unwrap_or(u64::MAX),
            Self::Spooled(_, length) => *length,
        }
    }

    /// Its bytes in one piece, unless they are on disk.
    pub fn whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Empty => Some(Bytes::new()),
            Self::Memory(pieces) => Some(pieces.whole()),
            Self::Spooled(..) => None,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where held bodies may be kept, for the whole process.
pub struct Store {
    /// Bytes in memory.
    pub memory: Arc<Budget>,
    /// Bytes on disk; the memory budget itself where the directory is on tmpfs.
    pub spool: Arc<Budget>,
    /// Where unlinked files are made.
    pub directory: PathBuf,
}

/// A body that is still growing.
pub struct Holding<'a> {
    store: &'a Store,
    holder: Holder,
    threshold: usize,
    state: State,
    memory: Option<Share>,
    spool: Option<Share>,
}

enum State {
    Empty,
    One(Bytes),
    Several(Growing),
    Spooled(Box<Spooling>),
}

struct Spooling {
    file: Box<tokio::fs::File>,
    /// How long the body is so far.
    length: u64,
    /// What is not yet written of it.
    pending: BytesMut,
}

/// **Threat:** a write is a journey to another thread and back: so many bytes are gathered for one, however small the pieces are that come.
const GATHER: usize = 64 << 10;

impl<'a> Holding<'a> {
    /// Nothing yet. Above `threshold` bytes it goes to disk.
    pub fn new(store: &'a Store, holder: Holder, threshold: usize) -> Self {
        Self { store, holder, threshold, state: State::Empty, memory: None, spool: None }
    }

    /// Adds the next bytes. `last` is known to be the end: a body of one piece costs neither a copy nor an account.
    pub async fn add(&mut self, chunk: Bytes, last: bool) -> Result<(), Rejection> {
        match &mut self.state {
            State::Empty if last && chunk.len() <= self.threshold => {
                self.state = State::One(chunk);
                Ok(())
            }
            State::Empty | State::One(_) | State::Several(_) => self.gather(chunk).await,
            State::Spooled(_) => self.spill(&chunk).await,
        }
    }

    async fn gather(&mut self, chunk: Bytes) -> Result<(), Rejection> {
        let mut growing = match std::mem::replace(&mut self.state, State::Empty) {
            State::Several(growing) => growing,
            State::One(first) => first.into(),
            State::Empty | State::Spooled(_) => Growing::default(),
        };
        if growing.len().saturating_add(chunk.len()) > self.threshold {
            return Box::pin(self.onto_disk(growing.finish(), &chunk)).await;
        }
        reserve(&mut self.memory, (&self.store.memory, self.holder), chunk.len())?;
        growing.add(chunk);
        self.state = State::Several(growing);
        Ok(())
    }

    async fn onto_disk(&mut self, so_far: Pieces, next: &[u8]) -> Result<(), Rejection> {
        let directory = self.store.directory.clone();
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(directory)).await;
        let file =
            file.map_err(|_| disk("cannot start a spool file"))?.map_err(|_| disk("cannot create a spool file"))?;
        let file = Box::new(tokio::fs::File::from_std(file));
        self.state = State::Spooled(Box::new(Spooling { file, length: 0, pending: BytesMut::new() }));
        for piece in so_far {
            self.spill(&piece).await?;
        }
        self.memory = None;
        self.spill(next).await
    }

    async fn spill(&mut self, chunk: &[u8]) -> Result<(), Rejection> {
        reserve(&mut self.spool, (&self.store.spool, self.holder), chunk.len())?;
        let State::Spooled(spooling) = &mut self.state else { return Err(disk("no spool file")) };
        spooling.pending.extend_from_slice(chunk);
        spooling.length = spooling.length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if spooling.pending.len() >= GATHER {
            Box::pin(spooling.write()).await?;
        }
        Ok(())
    }

    /// The complete body, and the shares that it occupies until they are dropped.
    pub async fn finish(self) -> Result<(Held, Kept), Rejection> {
        let held = match self.state {
            State::Empty => Held::Empty,
            State::One(piece) => Held::Memory(piece.into()),
            State::Several(growing) => Held::Memory(growing.finish()),
            State::Spooled(spooling) => Box::pin(spooling.finish()).await?,
        };
        Ok((held, Kept { _memory: self.memory, _spool: self.spool }))
    }
}

impl Spooling {
    async fn write(&mut self) -> Result<(), Rejection> {
        self.file.write_all(&self.pending).await.map_err(|_| disk("cannot write to the spool file"))?;
        self.pending.clear();
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Held, Rejection> {
        self.write().await?;
        self.file.flush().await.map_err(|_| disk("cannot write to the spool file"))?;
        Ok(Held::Spooled(self.file, self.length))
    }
}

/// The budget that a held body occupies; dropped when its bytes are gone.
pub struct Kept {
    _memory: Option<Share>,
    _spool: Option<Share>,
}

/// A share is made when the first byte has to be counted.
fn reserve(share: &mut Option<Share>, of: (&Arc<Budget>, Holder), bytes: usize) -> Result<(), Rejection> {
    let share = share.get_or_insert_with(|| of.0.share(of.1));
    if share.grow(u64::try_from(bytes).unwrap_or(u64::MAX)) { Ok(()) } else { Err(Rejection::from(Code::Overloaded)) }
}

fn disk(note: &'static str) -> Rejection {
    Rejection::from(Code::Overloaded).because(note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncSeekExt};

    fn store(memory: u64, spool: u64) -> Store {
        Store { memory: Budget::new(memory), spool: Budget::new(spool), directory: std::env::temp_dir() }
    }

    const ANYBODY: Holder = Holder { source: None, known: true };

    #[tokio::test]
    async fn a_body_of_one_piece_is_not_copied_and_not_accounted() {
        let store = store(0, 0);
        let piece = Bytes::from_static(b"hello");
        let mut holding = Holding::new(&store, ANYBODY, 64);
        holding.add(piece.clone(), true).await.unwrap();
        let (held, _kept) = holding.finish().await.unwrap();
        assert!(matches!(held, Held::Memory(pieces) if pieces.iter().all(|kept| kept.as_ptr() == piece.as_ptr())));
    }

    #[tokio::test]
    async fn one_byte_over_the_threshold_goes_to_disk_whole() {
        let store = store(800, 800);
        for (size, spooled) in [(8, false), (9, true)] {
            let mut holding = Holding::new(&store, ANYBODY, 8);
            for _ in 0..size {
                holding.add(Bytes::from_static(b"x"), false).await.unwrap();
            }
            let (held, kept) = holding.finish().await.unwrap();
            assert_eq!((held.len(), store.spool.used() > 0), (size, spooled));
            if let Held::Spooled(mut file, _) = held {
                let mut text = String::new();
                file.rewind().await.unwrap();
                file.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "x".repeat(9));
            }
            drop(kept);
            assert_eq!((store.memory.used(), store.spool.used()), (0, 0));
        }
    }

    #[tokio::test]
    async fn small_pieces_are_gathered_and_none_is_lost_on_either_side_of_a_write() {
        for size in [GATHER - 1, GATHER, GATHER + 1, 2 * GATHER + 3] {
            let store = store(64 << 20, 64 << 20);
            let mut holding = Holding::new(&store, ANYBODY, 8);
            let whole: Vec<u8> = (0..size).map(|place| u8::try_from(place % 251).unwrap()).collect();
            for piece in whole.chunks(7) {
                holding.add(Bytes::copy_from_slice(piece), false).await.unwrap();
            }
            let (held, _kept) = holding.finish().await.unwrap();
            let Held::Spooled(mut file, length) = held else { panic!("in memory") };
            let mut read = Vec::new();
            file.rewind().await.unwrap();
            file.read_to_end(&mut read).await.unwrap();
            assert!(read == whole && length == u64::try_from(size).unwrap(), "{size}");
        }
    }

    #[tokio::test]
    async fn an_exhausted_budget_is_an_overload() {
        let store = store(8, 80);
        let mut holding = Holding::new(&store, ANYBODY, 8);
        holding.add(Bytes::from_static(b"x"), false).await.unwrap();
        assert_eq!(holding.add(Bytes::from_static(b"y"), false).await.unwrap_err().code(), Code::Overloaded);
    }
}
