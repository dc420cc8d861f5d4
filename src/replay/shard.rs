//! One part of the memory: claims by digest, and how long they live.

use std::collections::HashMap;

use super::digest::Digest;
use super::forgotten::Forgotten;
use crate::sig::time::Moment;

/// Below this many entries a sweep is not worth its while.
const SMALL: usize = 1024;

/// Where a claim stands. Of several names the last of these counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum State {
    /// The upstream has not answered yet.
    Pending,
    /// It has, and took the request.
    Answered,
    /// It may have seen the request, but nobody knows that it took it: no answer came, or one that says no.
    Doubtful,
}

/// Both clocks: what the wall shows, and whole seconds since the store was made, which no clock step changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) wall: Moment,
    pub(super) age: u32,
}

/// A claim. It lives until both clocks say that it is over: a step forward must not forget a request that a step back makes fresh again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// End by the wall clock.
    pub(super) wall: Moment,
    /// End by the age of the store.
    pub(super) age: u32,
    pub(super) state: State,
}

impl Entry {
    /// A pending claim never dies of age: its owner settles it.
    pub(super) fn is_dead(&self, now: Now) -> bool {
        self.state != State::Pending && self.wall <= now.wall && self.age <= now.age
    }
}

/// Claims, some of which may be dead and not yet swept.
#[derive(Default)]
pub(super) struct Shard {
    entries: HashMap<Digest, Entry>,
    forgotten: Forgotten,
    sweep_at: usize,
}

impl Shard {
    /// The claim of this name, dead or alive.
    pub(super) fn entry(&self, digest: &Digest) -> Option<&Entry> {
        self.entries.get(digest)
    }

    /// Every claim.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Digest, &Entry)> {
        self.entries.iter()
    }

    /// Remembers; whether the name was not there before.
    pub(super) fn insert(&mut self, digest: Digest, entry: Entry) -> bool {
        self.entries.insert(digest, entry).is_none()
    }

    /// From now on the claim is kept until its time is over.
    pub(super) fn complete(&mut self, digest: &Digest, state: State) {
        if let Some(entry) = self.entries.get_mut(digest) {
            entry.state = state;
        }
    }

    /// Gives the name back; whether it was there.
    pub(super) fn remove(&mut self, digest: &Digest) -> bool {
        self.entries.remove(digest).is_some()
    }

    /// Whether a claim that ends then may have been here and is forgotten.
    pub(super) fn forgot(&self, end: Moment) -> bool {
        self.forgotten.covers(end)
    }

    /// Whether the shard has doubled since the last sweep: then one costs a constant per claim.
    pub(super) fn is_due(&self) -> bool {
        self.entries.len() >= self.sweep_at.max(SMALL)
    }

    /// Forgets what is dead; how many that were.
    pub(super) fn sweep(&mut self, now: Now) -> usize {
        let before = self.entries.len();
        let mut ended: Option<(Moment, Moment)> = None;
        self.entries.retain(|_, entry| {
            let dead = entry.is_dead(now);
            if dead {
                let (first, last) = ended.unwrap_or((entry.wall, entry.wall));
                ended = Some((first.min(entry.wall), last.max(entry.wall)));
            }
            !dead
        });
        if let Some((first, last)) = ended {
            self.forgotten.add(first, last);
        }
        let after = self.entries.len();
        self.sweep_at = after.saturating_mul(2);
        if after < self.entries.capacity().div_euclid(4) {
            self.entries.shrink_to(after.saturating_mul(2));
        }
        before.saturating_sub(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_stays_small() {
        assert_eq!(size_of::<(Digest, Entry)>(), 48, "a million claims are to fit in 100 MiB");
    }
}
