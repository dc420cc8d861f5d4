//! The only place that asks the system what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sig::time::Moment;

/// Where `now` comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands still until it is set: every clone shows the same time.
    pub fn manual(start: Moment) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.millis()))))
    }

    /// Sets a manual clock; a system clock cannot be set and stays as it is.
    pub fn set(&self, now: Moment) {
        match &self.0 {
            Source::System(_) => {}
            Source::Manual(millis) => millis.store(now.millis(), Ordering::SeqCst),
        }
    }

    /// The wall-clock time. A clock before 1970 counts backwards from the epoch instead of failing.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System(_) => system_now(),
            Source::Manual(millis) => Moment::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Time that has passed since the clock was made, whatever is done to the wall clock. A manual clock has no other time than the one it shows.
    pub fn age(&self) -> Duration {
        match &self.0 {
            Source::System(made) => made.elapsed(),
            Source::Manual(millis) => Duration::from_millis(u64::try_from(millis.load(Ordering::SeqCst)).unwrap_or(0)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
fn system_now() -> Moment {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(after) => Moment::default().plus(after),
        Err(before) => Moment::default().minus(before.duration()),
    }
}
