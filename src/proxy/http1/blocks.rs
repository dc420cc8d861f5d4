//! Space for large reads, used again: memory that goes back to the system after every body costs a page fault for each page of the next.

use std::cell::RefCell;

use bytes::Bytes;

/// Bytes of a block, and most bytes of one read.
pub(super) const BLOCK: usize = 64 << 10;

/// A read of so many bytes keeps the block that it landed in: at most a third of what it occupies is empty.
const WORTH: usize = 48 << 10;

/// Blocks that a worker keeps for later: 4 MiB.
const KEPT: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

type Block = Box<[u8]>;

/// Where reads land. What it is asked for is zeroed once, and holds bytes of earlier messages afterwards: only what was filled is given out.
pub(super) struct Space(Block);

impl Space {
    /// A free block, or a new one.
    pub(super) fn new() -> Self {
        let free = FREE.try_with(|free| free.borrow_mut().pop()).ok().flatten();
        Self(free.unwrap_or_else(|| vec![0; BLOCK].into()))
    }

    /// All of it.
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Its first `length` bytes: the block itself where they fill it, else a copy.
    pub(super) fn take(&mut self, length: usize) -> Bytes {
        if length < WORTH {
            return Bytes::copy_from_slice(self.0.get(..length).unwrap_or_default());
        }
        let block = std::mem::replace(self, Self::new());
        Bytes::from_owner(Filled { block: block.0, length })
    }
}

/// A block that is read; the last who drops it frees it.
struct Filled {
    block: Block,
    length: usize,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        self.block.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.block);
        // At the end of a thread there is no list any more.
        let _dropped = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(block);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free() -> usize {
        FREE.with_borrow(Vec::len)
    }

    #[test]
    fn a_block_is_given_away_when_it_is_full_enough_and_comes_back() {
        let mut space = Space::new();
        space.as_mut()[..WORTH].fill(b'x');
        let few = space.take(WORTH - 1);
        assert_eq!((few.len(), free()), (WORTH - 1, 0));
        let place = space.as_mut().as_ptr();
        let many = space.take(WORTH);
        assert!(many == "x".repeat(WORTH) && many.as_ptr() == place && space.as_mut().as_ptr() != place);
        let part = many.slice(7..9);
        drop(many);
        assert_eq!((&part[..], free()), (&b"xx"[..], 0), "somebody still reads it");
        drop(part);
        assert_eq!(free(), 1);
        space.take(BLOCK);
        assert_eq!(free(), 1, "the free block was taken, the other came back");
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let mut space = Space::new();
        let all: Vec<_> = (0..KEPT + 9).map(|_| space.take(BLOCK)).collect();
        drop(all);
        assert_eq!(free(), KEPT);
    }
}
