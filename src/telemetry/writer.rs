//! Writing audit lines off the request path: a bounded queue and one thread that sleeps when there is nothing to write.
//!
//! **Invariant:** a full queue, a slow reader or a closed pipe costs audit lines, which are counted, and never a request.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::audit;
use super::record::Record;
use crate::policy::operations::AuditSink;

/// Most lines that wait to be written.
const QUEUE: usize = 4096;

/// Room for a line as most are.
const USUAL: usize = 640;

/// About how many bytes are written at once.
const BATCH: usize = 64 << 10;

/// How long the first line of a batch waits for others, unless there is a backlog. While the thread waits so, queueing a line wakes nobody up: under load that
/// wake-up would cost a worker more than the line itself.
const GATHER: Duration = Duration::from_millis(5);

/// The sending side of the audit log.
pub(super) struct Writer {
    queue: Queue,
}

/// Takes records; every shard has one.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queued: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    reopen: AtomicBool,
    done: Mutex<u64>,
    progress: Condvar,
}

enum Sink {
    Stdout,
    File { path: PathBuf, file: File },
}

impl Writer {
    /// A writer to `sink`; none where nothing is to be written.
    pub(super) fn open(sink: &AuditSink) -> io::Result<Option<Self>> {
        match sink {
            AuditSink::Off => Ok(None),
            AuditSink::Stdout => Self::start(Sink::Stdout).map(Some),
            AuditSink::File(path) => Self::start(Sink::File { path: path.clone(), file: append(path)? }).map(Some),
        }
    }

    fn start(sink: Sink) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let queue = Queue { sender, shared: Arc::clone(&shared) };
        std::thread::Builder::new().name("audit".into()).spawn(move || write(&receiver, &shared, sink))?;
        Ok(Self { queue })
    }

    pub(super) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    pub(super) fn reopen(&self) {
        self.queue.shared.reopen.store(true, Ordering::Relaxed);
    }

    pub(super) fn flush(&self, limit: Duration) -> bool {
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
}

impl Queue {
    pub(super) fn push(&self, record: &Record) {
        let mut line = Vec::with_capacity(USUAL);
        audit::write(record, &mut line);
        let counter = match self.sender.try_send(line) {
            Ok(()) => &self.shared.queued,
            Err(_full) => &self.shared.refused,
        };
        counter.fetch_add(1, Ordering::Release);
    }
}

/// The thread: ends when the last queue is gone.
fn write(receiver: &Receiver<Vec<u8>>, shared: &Shared, mut sink: Sink) {
    let mut batch = Vec::new();
    let mut healthy = true;
    while let Ok(line) = receiver.recv() {
        if batch.len() < BATCH {
            std::thread::park_timeout(GATHER);
        }
        let lines = fill(&mut batch, &line, receiver);
        if shared.reopen.swap(false, Ordering::Relaxed) {
            sink.reopen();
        }
        let result = sink.write_all(&batch);
        if let Err(error) = &result {
            shared.failed.fetch_add(lines, Ordering::Relaxed);
            if healthy {
                tracing::warn!(%error, "audit lines cannot be written and are lost until this ends");
            }
        }
        healthy = result.is_ok();
        shared.finished(lines);
    }
}

fn fill(batch: &mut Vec<u8>, first: &[u8], receiver: &Receiver<Vec<u8>>) -> u64 {
    batch.clear();
    batch.extend_from_slice(first);
    let mut lines = 1_u64;
    while batch.len() < BATCH
        && let Ok(line) = receiver.try_recv()
    {
        batch.extend_from_slice(&line);
        lines = lines.saturating_add(1);
    }
    lines
}

impl Shared {
    fn finished(&self, lines: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = done.saturating_add(lines);
        self.progress.notify_all();
    }
}

impl Sink {
    fn write_all(&mut self, batch: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(batch)?;
                out.flush()
            }
            Self::File { file, .. } => file.write_all(batch),
        }
    }

    /// A path that cannot be opened leaves the old file in use.
    fn reopen(&mut self) {
        if let Self::File { path, file } = self {
            match append(path) {
                Ok(opened) => *file = opened,
                Err(error) => tracing::warn!(%error, "the audit file cannot be reopened"),
            }
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    let told = |cause: io::Error| io::Error::new(cause.kind(), format!("`{}`: {cause}", path.display()));
    OpenOptions::new().append(true).create(true).mode(0o640).open(path).map_err(told)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;

    use super::super::Telemetry;
    use super::super::fixture::record;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn piped() -> (io::PipeReader, Arc<Telemetry>) {
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(OwnedFd::from(writer));
        let sink = Sink::File { path: "/nonexistent/audit".into(), file };
        (reader, Telemetry::with(Some(Writer::start(sink).unwrap())))
    }

    fn dropped(telemetry: &Telemetry) -> (u64, u64) {
        let [(_, refused), (_, failed)] = telemetry.audit.as_ref().unwrap().dropped();
        (refused, failed)
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_never_a_request() {
        let (reader, telemetry) = piped();
        let shard = telemetry.shard();
        for _ in 0..10_000 {
            shard.finish(&record());
        }
        let (refused, failed) = dropped(&telemetry);
        assert!(refused > 0 && failed == 0, "{refused} {failed}");
        assert!(!telemetry.flush(Duration::from_millis(1)));

        drop((shard, telemetry));
        let written =
            BufReader::new(reader).lines().map(|line| line.unwrap()).filter(|line| line.ends_with('}')).count();
        assert_eq!(u64::try_from(written).unwrap() + refused, 10_000);
    }

    #[test]
    fn a_closed_pipe_costs_lines_and_nothing_else() {
        let (reader, telemetry) = piped();
        drop(reader);
        let shard = telemetry.shard();
        shard.finish(&record());
        assert!(telemetry.flush(LONG));
        shard.finish(&record());
        assert!(telemetry.flush(LONG));
        assert_eq!(dropped(&telemetry), (0, 2));
    }

    #[test]
    fn a_rotated_file_is_written_under_its_name_again() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let (path, rotated) = (place.path().join("audit"), place.path().join("audit.1"));
        let telemetry = Telemetry::new(&AuditSink::File(path.clone())).unwrap();
        let shard = telemetry.shard();
        shard.finish(&record());
        assert!(telemetry.flush(LONG));
        std::fs::rename(&path, &rotated).unwrap();
        telemetry.reopen();
        shard.finish(&record());
        assert!(telemetry.flush(LONG));
        for file in [&path, &rotated] {
            assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 1, "{}", file.display());
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o137, 0, "{}", file.display());
        }
    }

    #[test]
    fn a_sink_that_cannot_be_opened_is_said_at_once() {
        assert!(Telemetry::new(&AuditSink::File("/nonexistent/audit".into())).is_err());
    }
}
