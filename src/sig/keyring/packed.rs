//! Very many keys in little memory: ids and secrets side by side in an arena, what is common to many of them said once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::arena::{Arena, Spot};
use crate::sig::key::{Key, Window};
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// Keys that are made whole when they are asked for.
pub(super) struct Packed {
    arena: Arena,
    entries: Vec<Entry>,
    /// Places by the hash of the id.
    index: HashTable<u32>,
    hasher: RandomState,
    terms: Vec<Terms>,
    /// When any key may verify: windows that do not touch, in order.
    live: Vec<Window>,
}

/// One key: where its record is and which terms it has.
struct Entry {
    spot: Spot,
    terms: u32,
}

/// Everything of a key but its names and its secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Common {
    sign: Window,
    verify: Window,
    created: Option<Moment>,
    observe: bool,
}

/// Terms, how many keys have them, and the place of the last.
struct Terms {
    common: Common,
    count: usize,
    last: usize,
}

/// What the arena holds of a key.
struct Record<'a> {
    id: &'a [u8],
    /// Empty where it is the id.
    principal: &'a [u8],
    secret: &'a [u8],
}

/// Lengths of the id, the principal and the secret, before their bytes.
type Lengths = (u16, u16, u32);

impl Record<'_> {
    fn read(bytes: &[u8]) -> Option<Record<'_>> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (principal, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(u16::from_le_bytes(*id).into())?;
        let (principal, rest) = rest.split_at_checked(u16::from_le_bytes(*principal).into())?;
        let secret = rest.get(..usize::try_from(u32::from_le_bytes(*secret)).ok()?)?;
        Some(Record { id, principal, secret })
    }
}

/// Why a key was not packed.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// Its id is there already.
    Duplicate,
    /// More keys, or longer ones, than can be counted.
    TooMuch,
}

/// Keys on their way into a [`Packed`].
#[derive(Default)]
pub(super) struct Packing {
    packed: Packed,
    known: HashMap<Common, u32>,
}

impl Default for Packed {
    fn default() -> Self {
        Self {
            arena: Arena::default(),
            entries: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
            terms: Vec::new(),
            live: Vec::new(),
        }
    }
}

impl Packing {
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    /// The next key.
    pub(super) fn push(&mut self, key: &Key) -> Result<(), Refused> {
        let packed = &mut self.packed;
        let place = packed.entries.len();
        if packed.place(&key.id).is_some() {
            return Err(Refused::Duplicate);
        }
        let principal = if key.principal == key.id { "" } else { &*key.principal };
        let (id, secret) = (key.id.as_bytes(), key.secret.expose());
        let (a, b, c) = lengths(id, principal, secret).ok_or(Refused::TooMuch)?;
        let record = [&a.to_le_bytes()[..], &b.to_le_bytes(), &c.to_le_bytes(), id, principal.as_bytes(), secret];
        let spot = packed.arena.push(&record).ok_or(Refused::TooMuch)?;
        let number = u32::try_from(place).map_err(|_| Refused::TooMuch)?;
        let terms = self.terms(key, place).ok_or(Refused::TooMuch)?;
        self.packed.entries.push(Entry { spot, terms });
        self.packed.remember(number, &key.id);
        Ok(())
    }

    fn terms(&mut self, key: &Key, place: usize) -> Option<u32> {
        let Key { id: _, principal: _, secret: _, sign, verify, created, observe } = *key;
        let common = Common { sign, verify, created, observe };
        let all = &mut self.packed.terms;
        let number = if let Some(number) = self.known.get(&common) {
            *number
        } else {
            let number = u32::try_from(all.len()).ok()?;
            all.push(Terms { common, count: 0, last: place });
            self.known.insert(common, number);
            number
        };
        let terms = all.get_mut(usize::try_from(number).ok()?)?;
        (terms.count, terms.last) = (terms.count.saturating_add(1), place);
        Some(number)
    }

    /// All of them, ready to be asked for.
    pub(super) fn finish(self) -> Packed {
        let mut packed = self.packed;
        packed.entries.shrink_to_fit();
        packed.terms.shrink_to_fit();
        packed.live = united(packed.terms.iter().map(|terms| terms.common.verify).collect());
        packed
    }
}

fn lengths(id: &[u8], principal: &str, secret: &[u8]) -> Option<Lengths> {
    Some((id.len().try_into().ok()?, principal.len().try_into().ok()?, secret.len().try_into().ok()?))
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The key at `place`, made anew for whoever asks.
    pub(super) fn at(&self, place: usize) -> Option<Arc<Key>> {
        let Record { id, principal, secret } = self.record(place)?;
        let Common { sign, verify, created, observe } = *self.common(place)?;
        let id: Arc<str> = std::str::from_utf8(id).ok()?.into();
        let principal = match principal {
            [] => Arc::clone(&id),
            other => std::str::from_utf8(other).ok()?.into(),
        };
        let secret = Secret::new(secret.to_vec());
        Some(Arc::new(Key { id, principal, secret, sign, verify, created, observe }))
    }

    pub(super) fn secret(&self, place: usize) -> Option<&[u8]> {
        self.record(place).map(|record| record.secret)
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        let same = |place: &u32| self.id(*place) == Some(id.as_bytes());
        self.index.find(self.hasher.hash_one(id.as_bytes()), same).and_then(|place| usize::try_from(*place).ok())
    }

    /// A place that an id which nobody has leads to: always the same one, and of another id another one.
    pub(super) fn place_of_nobody(&self, id: &[u8]) -> usize {
        let all = u64::try_from(self.len()).unwrap_or(u64::MAX);
        let place = self.hasher.hash_one(id).checked_rem(all).unwrap_or(0);
        usize::try_from(place).unwrap_or(0)
    }

    pub(super) fn verify(&self, place: usize) -> Option<Window> {
        self.common(place).map(|common| common.verify)
    }

    pub(super) fn observes(&self, place: usize) -> bool {
        self.common(place).is_some_and(|common| common.observe)
    }

    pub(super) fn created(&self, place: usize) -> Option<Moment> {
        self.common(place).and_then(|common| common.created)
    }

    /// Whether any key may verify at `now`.
    pub(super) fn is_live(&self, now: Moment) -> bool {
        let begun = self.live.partition_point(|window| window.from.is_none_or(|from| from <= now));
        begun.checked_sub(1).and_then(|place| self.live.get(place)).is_some_and(|window| window.contains(now))
    }

    /// How many keys fulfil this; asked once for all that have the same terms.
    pub(super) fn count(&self, holds: impl Fn(Window, Window) -> bool) -> usize {
        let fitting = self.terms.iter().filter(|terms| holds(terms.common.sign, terms.common.verify));
        fitting.map(|terms| terms.count).sum()
    }

    /// Places of keys that may sign at `now`, in the order of the ring.
    pub(super) fn signers(&self, now: Moment) -> impl DoubleEndedIterator<Item = (usize, Option<Moment>)> {
        let sign = move |place| self.common(place).map(|common| common.sign).filter(|sign| sign.contains(now));
        (0..self.len()).filter_map(move |place| sign(place).map(|sign| (place, sign.from)))
    }

    /// The place of the newest key that may sign at `now`: the last declared among those that began last.
    pub(super) fn newest_signer(&self, now: Moment) -> Option<usize> {
        let may = self.terms.iter().filter(|terms| terms.common.sign.contains(now));
        may.max_by_key(|terms| (terms.common.sign.from, terms.last)).map(|terms| terms.last)
    }

    fn remember(&mut self, place: u32, id: &str) {
        let Self { arena, entries, index, hasher, .. } = self;
        let hash = |place: &u32| hasher.hash_one(id_at(arena, entries, *place).unwrap_or_default());
        index.insert_unique(hasher.hash_one(id.as_bytes()), place, hash);
    }

    fn id(&self, place: u32) -> Option<&[u8]> {
        id_at(&self.arena, &self.entries, place)
    }

    fn record(&self, place: usize) -> Option<Record<'_>> {
        Record::read(self.arena.from(self.entries.get(place)?.spot))
    }

    fn common(&self, place: usize) -> Option<&Common> {
        let terms = usize::try_from(self.entries.get(place)?.terms).ok()?;
        self.terms.get(terms).map(|terms| &terms.common)
    }
}

fn id_at<'a>(arena: &'a Arena, entries: &[Entry], place: u32) -> Option<&'a [u8]> {
    let entry = entries.get(usize::try_from(place).ok()?)?;
    Record::read(arena.from(entry.spot)).map(|record| record.id)
}

/// The same moments in as few windows as possible, in order; none of them empty.
fn united(mut windows: Vec<Window>) -> Vec<Window> {
    windows.retain(|window| window.from.zip(window.until).is_none_or(|(from, until)| from < until));
    windows.sort_by_key(|window| window.from);
    let mut united: Vec<Window> = Vec::new();
    for window in windows {
        match united.last_mut() {
            // Nothing begins before it.
            Some(last) if last.until.is_none_or(|end| window.from.is_none_or(|from| from <= end)) => {
                last.until = last.until.zip(window.until).map(|(one, other)| one.max(other));
            }
            _ => united.push(window),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: Option<i64>, until: Option<i64>) -> Window {
        Window { from: from.map(Moment::from_secs), until: until.map(Moment::from_secs) }
    }

    #[test]
    fn windows_are_united_without_losing_or_gaining_a_moment() {
        let edges = [None, Some(-3), Some(0), Some(1), Some(2), Some(5)];
        let all: Vec<Window> = edges.iter().flat_map(|from| edges.map(|until| window(*from, until))).collect();
        for first in &all {
            for second in &all {
                for third in &all {
                    let live = united(vec![*first, *second, *third]);
                    let packed = Packed { live, ..Packed::default() };
                    for now in -5..8 {
                        let now = Moment::from_secs(now);
                        let expected = [first, second, third].iter().any(|window| window.contains(now));
                        assert_eq!(packed.is_live(now), expected, "{first:?} {second:?} {third:?} {now:?}");
                    }
                }
            }
        }
    }
}
