//! What a service manager is told, where `NOTIFY_SOCKET` names one: `sd_notify(3)`.

use std::sync::atomic::{AtomicBool, Ordering};

use sd_notify::NotifyState;

/// Files may be read anew before everything listens: what comes of it is no readiness yet.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Everything listens. `status` is a line for people.
pub(super) fn started(status: &str) {
    STARTED.store(true, Ordering::Relaxed);
    ready(status);
}

/// A reload is over.
pub(super) fn ready(status: &str) {
    if STARTED.load(Ordering::Relaxed) {
        send(&[NotifyState::Ready, NotifyState::Status(status)]);
    }
}

/// Files are being read anew; [`ready`] follows.
pub(super) fn reloading() {
    if !STARTED.load(Ordering::Relaxed) {
        return;
    }
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(cause) => tracing::warn!(%cause, "the service manager was not told of a reload"),
    }
}

/// The drain has begun.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        tracing::warn!(%cause, "the service manager was not told, `NOTIFY_SOCKET` does not answer");
    }
}
