//! How many connections the file descriptors of the process allow: upstreams, files and health checks need theirs, too.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, getrlimit};

/// Descriptors of the process itself: listening sockets, runtimes, files, health checks.
const OWN: u64 = 32;

/// Room for connections on all listeners together.
///
/// **Threat:** whoever opens connections until no descriptor is left stops everybody's requests, since each may need one to the upstream, and
/// the health checks; an orchestrator that does not hear from us ends us.
pub(super) struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    /// What the limit of this process gives.
    pub(super) fn of_process() -> Self {
        Self::within(getrlimit(Resource::Nofile).current)
    }

    /// Half of what is left beside our own is for clients, the other half for upstreams. Without a limit there is no end.
    fn within(descriptors: Option<u64>) -> Self {
        let most = descriptors.map_or(u64::MAX, |all| (all.saturating_sub(OWN) / 2).max(1));
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), taken: AtomicUsize::new(0) }
    }

    /// Whether the next connection has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.most
    }

    /// One more.
    pub(super) fn enter(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(super) fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_half_of_what_is_left() {
        for (all, most) in [(Some(256), 112), (Some(1024), 496), (Some(20), 1), (None, usize::MAX)] {
            let room = Room::within(all);
            assert_eq!(room.most, most);
            room.taken.store(most - 1, Ordering::Relaxed);
            assert!(!room.is_full());
            room.enter();
            assert!(room.is_full());
            room.leave();
            assert!(!room.is_full());
        }
    }
}
