//! How many refused requests are looked at again: few of each kind from one source, and not many altogether.
//!
//! **Threat:** a look costs what a few refusals cost, and with many keys and a long body what hundreds cost. Who is refused on
//! purpose must not buy many.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use crate::rate;
use crate::reject::Code;
use crate::sig::time::Moment;

/// Kinds of sources that are told apart; those that fall together share what there is.
const SLOTS: usize = 256;

/// What one worker spends.
#[derive(Default)]
pub(super) struct Rations {
    /// On causes for the audit line.
    pub(super) causes: Ration<3, 60>,
    /// On requests that are kept.
    pub(super) captures: Ration<10, 300>,
}

/// At most `EACH` in a minute for a code and a source, and `ALL` altogether.
pub(super) struct Ration<const EACH: u32, const ALL: u32>(RefCell<Spent>);

struct Spent {
    minute: i64,
    all: u32,
    slots: [u32; SLOTS],
    hasher: RandomState,
}

impl<const EACH: u32, const ALL: u32> Default for Ration<EACH, ALL> {
    fn default() -> Self {
        Self(RefCell::new(Spent { minute: 0, all: 0, slots: [0; SLOTS], hasher: RandomState::new() }))
    }
}

impl<const EACH: u32, const ALL: u32> Ration<EACH, ALL> {
    /// Whether there is something left for this refusal; then it is spent.
    pub(super) fn grants(&self, code: Code, peer: Option<IpAddr>, now: Moment) -> bool {
        let Ok(mut spent) = self.0.try_borrow_mut() else { return false };
        let minute = now.secs().div_euclid(60);
        if minute != spent.minute {
            (spent.minute, spent.all, spent.slots) = (minute, 0, [0; SLOTS]);
        }
        if spent.all >= ALL {
            return false;
        }
        let hash = spent.hasher.hash_one((code, peer.map(rate::network)));
        let place = usize::try_from(hash % 256).unwrap_or_default();
        let Some(slot) = spent.slots.get_mut(place).filter(|slot| **slot < EACH) else { return false };
        *slot = slot.saturating_add(1);
        spent.all = spent.all.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_a_few_a_minute_and_everybody_together_not_many() {
        let ration = Ration::<3, 20>::default();
        let granted = |address: &str, second: i64| {
            let peer = Some(address.parse().unwrap());
            (0..10).filter(|_| ration.grants(Code::SignatureInvalid, peer, Moment::from_secs(second))).count()
        };
        assert_eq!((granted("203.0.113.1", 0), granted("203.0.113.1", 59), granted("203.0.113.1", 60)), (3, 0, 3));
        let all: usize = (0..200).map(|last| granted(&format!("198.51.100.{last}"), 120)).sum();
        assert_eq!(all, 20);
    }
}
