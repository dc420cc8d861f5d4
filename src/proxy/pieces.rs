//! A body in memory, in the pieces in which it came: nothing is copied to make one of them.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::stint::Stint;
use crate::sig::signing::Signing;

/// **Threat:** a piece keeps all of the buffer that it was cut from, and chunks can be cut so that most of a buffer is not body. What is smaller than
/// three quarters of a read is copied together, or a body would occupy several times what it is counted for.
const CRUMB: usize = 48 << 10;

/// The bytes of a body, in order.
#[derive(Default)]
pub struct Pieces(SmallVec<[Bytes; 1]>);

impl Pieces {
    /// Bytes in all of them.
    pub fn len(&self) -> usize {
        self.0.iter().fold(0, |sum, piece| sum.saturating_add(piece.len()))
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// The piece at this place.
    pub fn get(&self, place: usize) -> Option<&Bytes> {
        self.0.get(place)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Bytes> {
        self.0.iter()
    }

    /// Gives all of it to a signature that is being made; where it is much, the worker's other connections get their turn in between.
    pub(super) async fn sign(&self, signing: &mut Signing) {
        let mut stint = Stint::default();
        for piece in self {
            stint.feed(piece, 1, |bytes| signing.feed(bytes)).await;
        }
    }

    /// All of it in one piece, which it is from now on.
    pub fn whole(&mut self) -> Bytes {
        if self.0.len() > 1 {
            *self = Bytes::from(self.0.concat()).into();
        }
        self.0.first().cloned().unwrap_or_default()
    }
}

impl<'a> IntoIterator for &'a Pieces {
    type Item = &'a Bytes;
    type IntoIter = std::slice::Iter<'a, Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = smallvec::IntoIter<[Bytes; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Bytes> for Pieces {
    fn from(piece: Bytes) -> Self {
        Self(SmallVec::from_buf([piece]))
    }
}

/// Pieces that are still coming.
#[derive(Default)]
pub(super) struct Growing {
    pieces: Pieces,
    crumbs: BytesMut,
    length: usize,
}

impl From<Bytes> for Growing {
    fn from(first: Bytes) -> Self {
        let mut growing = Self::default();
        growing.add(first);
        growing
    }
}

impl Growing {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds the next bytes.
    pub(super) fn add(&mut self, piece: Bytes) {
        self.length = self.length.saturating_add(piece.len());
        if piece.len() < CRUMB {
            self.crumbs.extend_from_slice(&piece);
        }
        if piece.len() >= CRUMB || self.crumbs.len() >= CRUMB {
            self.sweep();
        }
        if piece.len() >= CRUMB {
            self.pieces.0.push(piece);
        }
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Pieces {
        self.sweep();
        self.pieces
    }

    fn sweep(&mut self) {
        if !self.crumbs.is_empty() {
            self.pieces.0.push(self.crumbs.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(body: &[u8], sizes: &[usize]) -> Pieces {
        let (mut growing, mut rest) = (Growing::default(), body);
        for size in sizes.iter().cycle() {
            let (piece, more) = rest.split_at((*size).min(rest.len()));
            growing.add(Bytes::copy_from_slice(piece));
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(growing.len(), body.len());
        growing.finish()
    }

    #[test]
    fn pieces_of_every_size_keep_their_order_and_crumbs_are_swept_together() {
        let body: Vec<u8> = (0..200_000_u32).map(|place| u8::try_from(place % 251).unwrap()).collect();
        for sizes in [&[1][..], &[CRUMB - 1], &[CRUMB], &[65_536, 7], &[3, 40_000, 16_383, 16_385], &[200_000]] {
            let mut pieces = grown(&body, sizes);
            assert!(pieces.iter().count() <= body.len().div_ceil(CRUMB) * 2, "{sizes:?}");
            assert_eq!((pieces.len(), pieces.iter().flatten().copied().eq(body.iter().copied())), (body.len(), true));
            assert!(pieces.whole() == body && pieces.iter().count() == 1, "{sizes:?}");
        }
    }

    #[test]
    fn a_small_part_of_a_buffer_does_not_keep_all_of_it() {
        let buffer = Bytes::from(vec![0; 64 << 10]);
        for (size, kept) in [(CRUMB - 1, false), (CRUMB, true)] {
            let pieces = Growing::from(buffer.slice(..size)).finish();
            assert_eq!(pieces.iter().any(|piece| piece.as_ptr() == buffer.as_ptr()), kept, "{size}");
        }
    }

    #[test]
    fn nothing_is_no_piece() {
        assert!(Growing::default().finish().is_empty() && Pieces::default().whole().is_empty());
    }
}
