//! A point in time as a request sees it: handed in once, never asked for.

use std::time::Duration;

/// Milliseconds since the Unix epoch. One is taken per request, at the top, and passed down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Moment(i64);

impl Moment {
    /// The latest moment that can be expressed; used where a lifetime has no end.
    pub const FOREVER: Self = Self(i64::MAX);

    /// From whole milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved into the future; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(by)))
    }

    /// This moment moved into the past; saturates.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(by)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_towards_the_past_on_both_sides_of_the_epoch() {
        assert_eq!(Moment::from_millis(1999).secs(), 1);
        assert_eq!(Moment::from_millis(-1).secs(), -1);
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Moment::FOREVER.plus(Duration::MAX), Moment::FOREVER);
        assert_eq!(Moment::from_secs(5).since(Moment::from_secs(9)), Duration::ZERO);
    }
}
