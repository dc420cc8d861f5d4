//! When a signature ends that says so itself: what the window does not tell.

use std::time::Duration;

/// When a signature ends that says so itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stated {
    /// None does: the window alone bounds them, where there is one.
    Never,
    /// After `life` at most, which `option` of the scheme sets; those that do not say so are good for `window`, past and future.
    Within {
        /// The longest life.
        life: Duration,
        /// What sets it.
        option: &'static str,
        /// How far the others may lie from now.
        window: (Duration, Duration),
    },
    /// Whenever the sender likes: nothing bounds it.
    Freely {
        /// Whether each has to say so.
        always: bool,
    },
}
