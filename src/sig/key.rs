//! One secret with a name, an owner and a lifetime.

use std::sync::Arc;

use super::secret::Secret;
use super::time::Moment;

/// When something may be used: `from` inclusive, `until` exclusive; `None` is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Window {
    /// First usable moment.
    pub from: Option<Moment>,
    /// First moment at which it is no longer usable.
    pub until: Option<Moment>,
}

impl Window {
    /// Whether `now` lies in the window.
    pub fn contains(self, now: Moment) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// Where a key stands in its life, derived from time alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not yet usable for verifying.
    Pending,
    /// Verifies and signs.
    Active,
    /// Still verifies, signs no more.
    Retiring,
    /// Does neither.
    Expired,
}

/// A key of a ring. `sign` and `verify` differ during a rotation: the sender stops first, the receiver days later.
#[derive(Clone)]
pub struct Key {
    /// Unique within its ring; what a key id in a request is compared with.
    pub id: Arc<str>,
    /// Whom a valid signature speaks for; the key id where nothing else is configured.
    pub principal: Arc<str>,
    /// As configured: a scheme says how the text becomes key bytes.
    pub secret: Secret,
    /// When it may sign.
    pub sign: Window,
    /// When it may verify.
    pub verify: Window,
    /// When it was made, where known: the base of `max_age`.
    pub created: Option<Moment>,
    /// Whether its verdicts are only counted, not enforced.
    pub observe: bool,
}

impl Key {
    /// Where the key stands at `now`.
    pub fn state(&self, now: Moment) -> State {
        if self.verify.contains(now) || self.sign.contains(now) {
            if self.sign.contains(now) { State::Active } else { State::Retiring }
        } else if [self.verify.from, self.sign.from].into_iter().flatten().any(|from| now < from) {
            State::Pending
        } else {
            State::Expired
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, until: i64) -> Window {
        Window { from: Some(Moment::from_secs(from)), until: Some(Moment::from_secs(until)) }
    }

    #[test]
    fn a_key_passes_through_its_states_on_the_exact_second() {
        let key = Key {
            id: "k".into(),
            principal: "k".into(),
            secret: Secret::new(vec![1]),
            sign: window(10, 20),
            verify: window(10, 30),
            created: None,
            observe: false,
        };
        let states = [
            (9, State::Pending),
            (10, State::Active),
            (19, State::Active),
            (20, State::Retiring),
            (29, State::Retiring),
            (30, State::Expired),
        ];
        for (now, state) in states {
            assert_eq!(key.state(Moment::from_secs(now)), state, "at {now}");
        }
    }
}
