//! Who uses which key: by keyring and id, in either direction. The basis of "safe to retire", so it errs towards "used".

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{PoisonError, RwLock};

use super::quick::Named;
use crate::policy::upkeep::{Direction, Table, Use};
use crate::sig::time::Moment;

/// More keys than these, of all rings, are not told apart on a worker.
pub(super) const MOST: usize = 4096;

/// Seconds of a slot.
const SLOT: i64 = 300;
/// So many slots are a full hour and the slot that has begun.
const SLOTS: usize = 13;

/// One worker's uses. Written by one thread, read by whoever asks.
#[derive(Default)]
pub(super) struct Uses {
    rings: RwLock<Rings>,
    /// Uses of keys that came when there was no more room.
    other: Both,
}

#[derive(Default)]
struct Rings {
    rings: Named<Named<Both>>,
    keys: usize,
}

/// Both directions.
#[derive(Default)]
struct Both {
    verify: Cell,
    sign: Cell,
}

/// One counter with its last hour. A slot holds its number in the upper half and its count in the lower.
#[derive(Default)]
struct Cell {
    count: AtomicU64,
    last: AtomicI64,
    slots: [AtomicU64; SLOTS],
}

impl Uses {
    /// One use, at `now`.
    pub(super) fn count(&self, direction: Direction, (ring, key): (&str, &str), now: Moment) {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(both) = rings.rings.get(ring).and_then(|keys| keys.get(key)) {
            return both.of(direction).count(now);
        }
        drop(rings);
        self.admit(direction, (ring, key), now);
    }

    fn admit(&self, direction: Direction, (ring, key): (&str, &str), now: Moment) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        if rings.keys >= MOST {
            return self.other.of(direction).count(now);
        }
        rings.keys = rings.keys.saturating_add(1);
        rings.rings.entry(ring.into()).or_default().entry(key.into()).or_default().of(direction).count(now);
    }

    /// Everything, as of `now`.
    pub(super) fn collect(&self, now: Moment, into: &mut Table) {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        for (ring, keys) in &rings.rings {
            for (key, both) in keys {
                into.add(ring, key, [both.verify.read(now), both.sign.read(now)]);
            }
        }
        into.add_other(self.other.verify.read(now));
    }
}

impl Both {
    fn of(&self, direction: Direction) -> &Cell {
        match direction {
            Direction::Verify => &self.verify,
            Direction::Sign => &self.sign,
        }
    }
}

impl Cell {
    fn count(&self, now: Moment) {
        self.count.fetch_add(1, Relaxed);
        self.last.fetch_max(now.secs(), Relaxed);
        let number = number(now);
        let place = usize::try_from(number).unwrap_or(0) % SLOTS;
        let Some(slot) = self.slots.get(place) else { return };
        // Whoever begins a slot beside another may lose one count of it; the totals are exact.
        if slot.load(Relaxed) >> 32 == number {
            slot.fetch_add(1, Relaxed);
        } else {
            slot.store((number << 32) | 1, Relaxed);
        }
    }

    fn read(&self, now: Moment) -> Use {
        let count = self.count.load(Relaxed);
        let number = number(now);
        let recent = |slot: u64| number.saturating_sub(slot >> 32) < u64::try_from(SLOTS).unwrap_or(0);
        let slots = self.slots.iter().map(|slot| slot.load(Relaxed)).filter(|slot| recent(*slot));
        let hour = slots.fold(0_u64, |sum, slot| sum.saturating_add(slot & u64::from(u32::MAX)));
        let last = (count > 0).then(|| Moment::from_secs(self.last.load(Relaxed)));
        Use { count, hour, last }
    }
}

/// Slots since the epoch. A clock before it counts as its first.
fn number(now: Moment) -> u64 {
    u64::try_from(now.secs() / SLOT).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_305_600;

    fn told(uses: &Uses, now: i64) -> Table {
        let mut table = Table::default();
        uses.collect(Moment::from_secs(now), &mut table);
        table
    }

    /// Count and last hour, of both directions.
    fn of(table: &Table, ring: &str, key: &str) -> [(u64, u64); 2] {
        table.of(ring, key).map(|used| (used.count, used.hour))
    }

    #[test]
    fn keys_of_two_rings_and_both_directions_are_told_apart() {
        let uses = Uses::default();
        for (direction, ring, times) in
            [(Direction::Verify, "a", 2), (Direction::Verify, "b", 1), (Direction::Sign, "a", 3)]
        {
            (0..times).for_each(|_| uses.count(direction, (ring, "k"), Moment::from_secs(NOW)));
        }
        let table = told(&uses, NOW);
        assert_eq!((of(&table, "a", "k"), of(&table, "b", "k")), ([(2, 2), (3, 3)], [(1, 1), (0, 0)]));
        assert_eq!((of(&table, "a", "x"), of(&table, "c", "k")), ([(0, 0); 2], [(0, 0); 2]));
    }

    #[test]
    fn the_last_hour_is_never_shorter_than_an_hour_and_ends() {
        for offset in [0, 1, 299] {
            let uses = Uses::default();
            uses.count(Direction::Verify, ("a", "k"), Moment::from_secs(NOW + offset));
            for (later, hour) in [(0, 1), (3600, 1), (3899 - offset, 1), (3900 - offset, 0), (1_000_000, 0)] {
                assert_eq!(of(&told(&uses, NOW + offset + later), "a", "k")[0], (1, hour), "{offset} {later}");
            }
        }
    }

    #[test]
    fn a_slot_that_comes_round_again_begins_anew() {
        let uses = Uses::default();
        for (at, hour) in [(0, 1), (10, 2), (3900, 1), (3900 * 5, 1), (3900 * 5 + 300, 2)] {
            uses.count(Direction::Sign, ("a", "k"), Moment::from_secs(NOW + at));
            assert_eq!(of(&told(&uses, NOW + at), "a", "k")[1].1, hour, "{at}");
        }
    }

    #[test]
    fn what_has_no_room_is_counted_without_a_name() {
        let uses = Uses::default();
        for number in 0..MOST {
            uses.count(Direction::Verify, ("a", &number.to_string()), Moment::from_secs(NOW));
        }
        assert_eq!(told(&uses, NOW).other, None);
        uses.count(Direction::Verify, ("a", "one more"), Moment::from_secs(NOW));
        assert_eq!(told(&uses, NOW).other, Some(Moment::from_secs(NOW)));
    }
}
