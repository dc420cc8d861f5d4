//! Bytes of very many keys in few blocks that never move and are wiped on drop.

use zeroize::Zeroize;

/// The first block; each of the next ones has twice the room.
const SMALLEST: usize = 32 << 10;
/// So many blocks are small.
const SMALL: usize = 10;
/// Any further block, unless one record is larger. So large a block is always given back to the system at once (`mallopt(3)`, `M_MMAP_THRESHOLD`).
const LARGEST: usize = 32 << 20;

/// Records that are added at the end and never change.
///
/// **Invariant:** a block is never more than its first capacity: a buffer that grows leaves a copy of its secrets behind.
#[derive(Default)]
pub(super) struct Arena {
    blocks: Vec<Vec<u8>>,
}

/// What was never written is not wiped: to touch it would take the memory that it did not take so far.
impl Drop for Arena {
    fn drop(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    }
}

/// Where a record begins.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    block: u32,
    offset: u32,
}

impl Arena {
    /// Adds one record, made of `parts`; `None` where there is no more room to count.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Option<Spot> {
        let length = parts.iter().map(|part| part.len()).sum();
        let fits = |block: &Vec<u8>| block.capacity().saturating_sub(block.len()) >= length;
        if !self.blocks.last().is_some_and(fits) {
            let number = self.blocks.len();
            let room = if number < SMALL { SMALLEST.checked_shl(u32::try_from(number).ok()?)? } else { LARGEST };
            self.blocks.push(Vec::with_capacity(room.max(length)));
        }
        let number = u32::try_from(self.blocks.len().checked_sub(1)?).ok()?;
        let block = self.blocks.last_mut()?;
        let spot = Spot { block: number, offset: u32::try_from(block.len()).ok()? };
        for part in parts {
            block.extend_from_slice(part);
        }
        Some(spot)
    }

    /// What stands at `spot`, and everything after it in its block.
    pub(super) fn from(&self, spot: Spot) -> &[u8] {
        let block = usize::try_from(spot.block).ok().and_then(|block| self.blocks.get(block));
        let offset = usize::try_from(spot.offset).ok();
        block.zip(offset).and_then(|(block, offset)| block.get(offset..)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_where_it_was_put() {
        let mut arena = Arena::default();
        let records: Vec<Vec<u8>> =
            (0..3000_usize).map(|number| vec![b'x'; number]).chain([vec![7; 3 << 20]]).collect();
        let spots: Vec<_> = records.iter().map(|record| arena.push(&[&record[..], b"."]).unwrap()).collect();
        let starts: Vec<_> = arena.blocks.iter().map(|block| (block.as_ptr(), block.capacity())).collect();
        for (record, spot) in records.iter().zip(spots) {
            assert!(arena.from(spot).starts_with(&[&record[..], b"."].concat()), "{}", record.len());
        }
        assert!(starts.iter().all(|(_, room)| (SMALLEST..=LARGEST + 2).contains(room)));
        assert!(starts.windows(2).all(|pair| pair[0].1 <= pair[1].1), "each has at least the room of the one before");
    }

    #[test]
    fn a_block_never_grows() {
        let mut arena = Arena::default();
        arena.push(&[b"a"]).unwrap();
        let first = (arena.blocks[0].as_ptr(), arena.blocks[0].capacity());
        for _ in 0..10_000 {
            arena.push(&[b"0123456789abcdef", b"0123456789"]).unwrap();
        }
        assert_eq!((arena.blocks[0].as_ptr(), arena.blocks[0].capacity()), first);
        assert!(arena.blocks.len() > 2);
    }
}
