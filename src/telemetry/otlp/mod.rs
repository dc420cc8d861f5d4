//! Requests of sampled traces as spans, sent to an OpenTelemetry collector in batches (OTLP over HTTP, JSON).
//!
//! **Invariant:** a request never waits for the collector, and a collector that is away costs bounded memory.

mod send;
mod span;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::send::Collector;
use self::span::Span;
use super::record::Record;
use crate::config::environment;

/// Spans of one worker that wait at most.
const WAITING: usize = 2048;

/// Spans of one message at most.
const BATCH: usize = 512;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(1);

/// The exporter. Dropped, it sends what is there and ends.
pub(super) struct Traces {
    workers: Workers,
    orders: Option<SyncSender<SyncSender<()>>>,
    thread: Option<JoinHandle<()>>,
}

/// What one worker has to tell. Its lock is taken by that worker, and once a second by the exporter.
#[derive(Clone)]
pub(super) struct Spans(Arc<Waiting>);

/// What every worker has to tell.
type Workers = Arc<Mutex<Vec<Spans>>>;

#[derive(Default)]
struct Waiting {
    spans: Mutex<Vec<Span>>,
    lost: AtomicU64,
}

impl Traces {
    /// The exporter that the usual variables of OpenTelemetry ask for; `None` where they name no collector.
    pub(super) fn start() -> io::Result<Option<Self>> {
        let traces = environment::variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = || environment::variable("OTEL_EXPORTER_OTLP_ENDPOINT");
        let endpoint = traces.or_else(|| base().map(|base| format!("{}/v1/traces", base.trim_end_matches('/'))));
        let Some(endpoint) = endpoint else { return Ok(None) };
        let service = environment::variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "countersign".to_owned());
        let Some(collector) = Collector::at(&endpoint, service) else {
            tracing::error!(
                "no traces are sent: the endpoint of OTEL_EXPORTER_OTLP_ENDPOINT is not http://HOST[:PORT][/PATH]"
            );
            return Ok(None);
        };
        Self::to(collector).map(Some)
    }

    fn to(collector: Collector) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
        let (orders, received) = mpsc::sync_channel(1);
        let workers = Workers::default();
        let mut exporter = Exporter { workers: Arc::clone(&workers), collector, runtime, is_away: false };
        let thread = std::thread::Builder::new().name("traces".into()).spawn(move || exporter.run(&received))?;
        Ok(Self { workers, orders: Some(orders), thread: Some(thread) })
    }

    /// A place for the spans of a new worker.
    pub(super) fn spans(&self) -> Spans {
        let spans = Spans(Arc::default());
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(spans.clone());
        spans
    }

    /// Waits until what is there was sent, or could not be.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let (done, told) = mpsc::sync_channel(1);
        let ordered = self.orders.as_ref().is_some_and(|orders| orders.try_send(done).is_ok());
        ordered && told.recv_timeout(limit).is_ok()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        self.orders.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of traces ended in an unexpected way");
        }
    }
}

impl Spans {
    /// A request is over. Without a sampled trace it costs a look at it.
    pub(super) fn offer(&self, record: &Record) {
        let Some(span) = Span::of(record) else { return };
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < WAITING {
            spans.push(span);
        } else {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> (Vec<Span>, u64) {
        let spans = std::mem::take(&mut *self.0.spans.lock().unwrap_or_else(PoisonError::into_inner));
        (spans, self.0.lost.swap(0, Ordering::Relaxed))
    }
}

/// The far end, on a thread that serves nobody.
struct Exporter {
    workers: Workers,
    collector: Collector,
    runtime: tokio::runtime::Runtime,
    is_away: bool,
}

impl Exporter {
    fn run(&mut self, orders: &Receiver<SyncSender<()>>) {
        loop {
            let order = orders.recv_timeout(ROUND);
            self.round();
            match order {
                // Nobody may wait for the end of the round any more.
                Ok(done) => drop(done.try_send(())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn round(&mut self) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut all, mut lost) = (Vec::new(), 0_u64);
        for (spans, more) in workers.iter().map(Spans::take) {
            all.extend(spans);
            lost = lost.saturating_add(more);
        }
        let mut said = None;
        for batch in all.chunks(BATCH) {
            // After one failure the rest of the round would only take its time, too.
            let sent =
                if said.is_none() { self.runtime.block_on(self.collector.send(batch)) } else { Err(String::new()) };
            if let Err(cause) = sent {
                lost = lost.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
                said.get_or_insert(cause);
            }
        }
        self.tell(said.as_deref(), lost, all.is_empty());
    }

    /// Once when it begins and once when it is over, however long it lasts.
    fn tell(&mut self, cause: Option<&str>, lost: u64, idle: bool) {
        let is_away = cause.is_some() || lost > 0;
        if is_away && !self.is_away {
            tracing::warn!(lost, cause, "spans are lost until the collector takes them again");
        } else if self.is_away && !is_away && !idle {
            tracing::info!("the collector takes spans again");
        }
        self.is_away = is_away || (self.is_away && idle);
    }
}
