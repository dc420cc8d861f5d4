//! A request body that is held until it is judged: in memory, then in an unlinked file.

use bytes::Bytes;

/// A complete, verified body.
pub enum Held {
    /// No body at all.
    Empty,
    /// In memory, in the pieces in which it arrived.
    Memory(Vec<Bytes>),
    /// In an unlinked temporary file of this many bytes.
    Spooled(tokio::fs::File, u64),
}
