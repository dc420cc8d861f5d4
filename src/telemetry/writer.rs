//! Writing audit lines off the request path: a bounded queue and one thread that sleeps when there is nothing to write.
//!
//! **Invariant:** a full queue, a slow reader or a closed pipe costs audit lines, which are counted, and never a request; where the operator
//! chose to wait instead, new requests wait, and nobody else.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::clerk::{Batch, Clerk, Told};
use super::queue::{QUEUE, Queue, Shared, channel};
use super::sample::Sample;
use super::sink::Sink;
use crate::clock::Clock;
use crate::policy::operations::{Anomalies, Audit};

/// About how many bytes are written at once.
const BATCH: usize = 64 << 10;

/// How long the first line of a batch waits for others, unless there is a backlog. While the thread waits so, queueing a line wakes nobody up: under load that
/// wake-up would cost a worker more than the line itself.
const GATHER: Duration = Duration::from_millis(5);

/// How often it is looked whether a minute is over, where somebody counts minutes and nothing happens.
const QUIET: Duration = Duration::from_secs(5);

/// The sending side of the audit log.
pub(super) struct Writer {
    queue: Queue,
}

impl Writer {
    /// A writer to the sink; none where nothing is to be written and nobody looks for anything.
    pub(super) fn open(audit: &Audit, anomalies: Option<&Anomalies>, clock: &Clock) -> io::Result<Option<Self>> {
        match Sink::open(&audit.sink)? {
            None if anomalies.is_none() => Ok(None),
            None => Self::start(Sink::Nowhere, audit, anomalies, clock).map(Some),
            Some(sink) => Self::start(sink, audit, anomalies, clock).map(Some),
        }
    }

    fn start(sink: Sink, audit: &Audit, anomalies: Option<&Anomalies>, clock: &Clock) -> io::Result<Self> {
        let (sender, receiver) = channel(audit.on_full);
        let shared = Arc::new(Shared::default());
        let writes = !matches!(sink, Sink::Nowhere);
        let clerk = Clerk::new(writes, anomalies.cloned(), Arc::clone(&shared.counts));
        let queue = Queue {
            sender,
            shared: Arc::clone(&shared),
            sample: Sample::of(audit.sample),
            writes,
            is_watched: anomalies.is_some(),
        };
        let clock = clock.clone();
        let thread = Thread { receiver, shared, sink, clerk, clock, healthy: true };
        std::thread::Builder::new().name("audit".into()).spawn(move || thread.run())?;
        Ok(Self { queue })
    }

    pub(super) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    pub(super) fn reopen(&self) {
        self.queue.shared.reopen.store(true, Ordering::Relaxed);
    }

    /// Waits until everything is written that is there, counts included.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        // Where there is no room for the word, there is some when the others are through.
        if !self.queue.hand_over(Told::Close) {
            self.wait(limit);
            self.queue.hand_over(Told::Close);
        }
        self.wait(limit)
    }

    fn wait(&self, limit: Duration) -> bool {
        let queued = self.queue.shared.queued.load(Ordering::Acquire);
        let done = self.queue.shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.queue.shared.progress.wait_timeout_while(done, limit, |done| *done < queued);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lines that were lost, by reason.
    pub(super) fn dropped(&self) -> [(&'static str, u64); 2] {
        let Shared { refused, failed, .. } = &*self.queue.shared;
        [("full", refused.load(Ordering::Relaxed)), ("write", failed.load(Ordering::Relaxed))]
    }

    /// Lines that were left out on purpose, by reason.
    pub(super) fn omitted(&self) -> [(&'static str, u64); 2] {
        let Shared { sampled, counts, .. } = &*self.queue.shared;
        [("sampled", sampled.load(Ordering::Relaxed)), ("limited", counts.limited.load(Ordering::Relaxed))]
    }

    /// Lines that wait to be written.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.shared.waiting()
    }

    /// What was found, for [`super::anomaly::Kind::ALL`].
    pub(super) fn anomalies(&self) -> impl Iterator<Item = u64> {
        self.queue.shared.counts.anomalies.iter().map(|count| count.load(Ordering::Relaxed))
    }
}

/// The thread: ends when the last queue is gone.
struct Thread {
    receiver: Receiver<Told>,
    shared: Arc<Shared>,
    sink: Sink,
    clerk: Clerk,
    clock: Clock,
    healthy: bool,
}

impl Thread {
    fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            let first = match self.wait() {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if first.is_some() && batch.bytes.len() < BATCH {
                std::thread::park_timeout(GATHER);
            }
            batch.clear();
            let taken = self.fill(&mut batch, first);
            self.write(&batch);
            self.shared.finished(taken);
        }
        batch.clear();
        self.clerk.close(&mut batch);
        self.write(&batch);
    }

    /// The next to be written; a pause where time may have something to say.
    fn wait(&self) -> Result<Told, RecvTimeoutError> {
        if self.clerk.is_settled() {
            return self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.receiver.recv_timeout(QUIET)
    }

    fn fill(&mut self, batch: &mut Batch, first: Option<Told>) -> u64 {
        let mut taken = 0_u64;
        let Some(first) = first else {
            self.clerk.turn(self.clock.now(), batch);
            return taken;
        };
        let mut next = Some(first);
        while let Some(told) = next {
            taken = taken.saturating_add(1);
            self.clerk.take(told, batch);
            let has_room = batch.bytes.len() < BATCH && taken < QUEUE;
            next = has_room.then(|| self.receiver.try_recv().ok()).flatten();
        }
        taken
    }

    fn write(&mut self, batch: &Batch) {
        if self.shared.reopen.swap(false, Ordering::Relaxed) {
            self.sink.reopen();
        }
        if batch.lines == 0 {
            return;
        }
        let (lost, result) = self.sink.write(&batch.bytes, batch.lines);
        if let Err(error) = &result {
            self.shared.failed.fetch_add(lost, Ordering::Relaxed);
            if self.healthy {
                tracing::warn!(%error, "audit lines cannot be written and are lost until this ends");
            }
        }
        self.healthy = result.is_ok();
    }
}

#[cfg(test)]
mod tests;
