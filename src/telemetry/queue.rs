//! The way of records to the audit thread: bounded in lines, or in requests that may begin.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::Notify;

use super::aside::Aside;
use super::audit;
use super::clerk::{Counts, Told};
use super::record::Record;
use super::sample::Sample;
use crate::policy::operations::OnFull;

/// Most lines that wait to be written.
pub(super) const QUEUE: u64 = 4096;

/// Room for a line as most are.
const USUAL: usize = 640;

/// Takes records; every shard has one.
#[derive(Clone)]
pub(super) struct Queue {
    pub(super) sender: Sender,
    pub(super) shared: Arc<Shared>,
    pub(super) sample: Option<Sample>,
    pub(super) writes: bool,
    pub(super) is_watched: bool,
}

/// The near end.
#[derive(Clone)]
pub(super) enum Sender {
    /// What does not fit is lost.
    Bounded(SyncSender<Told>),
    /// Everything fits: requests begin only while there is room, so that as many lines wait as were in flight, and [`QUEUE`].
    Patient(mpsc::Sender<Told>),
}

/// What both ends know.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) queued: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) sampled: AtomicU64,
    pub(super) reopen: AtomicBool,
    pub(super) taken: AtomicU64,
    pub(super) counts: Arc<Counts>,
    pub(super) done: Mutex<u64>,
    pub(super) progress: Condvar,
    room: Notify,
}

/// Both ends of the way.
pub(super) fn channel(on_full: OnFull) -> (Sender, Receiver<Told>) {
    match on_full {
        OnFull::Drop => {
            let (sender, receiver) = mpsc::sync_channel(usize::try_from(QUEUE).unwrap_or_default());
            (Sender::Bounded(sender), receiver)
        }
        OnFull::Block => {
            let (sender, receiver) = mpsc::channel();
            (Sender::Patient(sender), receiver)
        }
    }
}

impl Queue {
    pub(super) fn push(&self, record: &mut Record, is_worth_a_look: bool) {
        let mut line = Vec::new();
        if self.writes {
            if self.sample.is_some_and(|sample| sample.omits(record)) {
                self.shared.sampled.fetch_add(1, Ordering::Relaxed);
            } else {
                line.reserve(USUAL);
                audit::write(record, &mut line);
            }
        }
        match Aside::of(record, is_worth_a_look) {
            Some(aside) => _ = self.hand_over(Told::Judged(Box::new((line, aside)))),
            None if line.is_empty() => {}
            None => _ = self.hand_over(Told::Line(line)),
        }
    }

    pub(super) fn hand_over(&self, told: Told) -> bool {
        let is_line = !matches!(told, Told::Close);
        let taken = match &self.sender {
            Sender::Bounded(sender) => sender.try_send(told).is_ok(),
            Sender::Patient(sender) => sender.send(told).is_ok(),
        };
        match (taken, is_line) {
            (true, _) => self.shared.queued.fetch_add(1, Ordering::Release),
            (false, true) => self.shared.refused.fetch_add(1, Ordering::Relaxed),
            (false, false) => 0,
        };
        taken
    }

    /// Whether new requests are to wait.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.sender, Sender::Patient(_)) && self.shared.waiting() >= QUEUE
    }

    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Waits for room.
    pub(super) async fn room(&self) {
        loop {
            let mut written = pin!(self.shared.room.notified());
            written.as_mut().enable();
            if !self.is_full() {
                return;
            }
            written.await;
        }
    }
}

impl Shared {
    pub(super) fn waiting(&self) -> u64 {
        self.queued.load(Ordering::Acquire).saturating_sub(self.taken.load(Ordering::Acquire))
    }

    pub(super) fn finished(&self, taken: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = done.saturating_add(taken);
        self.taken.store(*done, Ordering::Release);
        drop(done);
        self.progress.notify_all();
        self.room.notify_waiters();
    }
}
