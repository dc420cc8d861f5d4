//! Looking at the watched files, on one thread of its own. Polling works on every file system and through every Secret mount.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Generation, Process};
use crate::keys::watch::Watch;

/// Ends the polling when dropped.
pub(super) struct Poller {
    _end: mpsc::Sender<()>,
}

/// Looks once, and starts the thread that goes on looking. It holds the process only while it looks.
pub(super) fn start(process: &Arc<Process>) -> io::Result<Poller> {
    let mut watching = Watching { number: 0, watch: Watch::new(Vec::new()) };
    let pause = watching.look(process);
    let (end, ended) = mpsc::channel();
    let process = Arc::downgrade(process);
    std::thread::Builder::new().name("watch".into()).spawn(move || poll(&process, watching, pause, &ended))?;
    Ok(Poller { _end: end })
}

fn poll(process: &Weak<Process>, mut watching: Watching, mut pause: Duration, ended: &mpsc::Receiver<()>) {
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let Some(process) = process.upgrade() else { return };
        pause = watching.look(&process);
    }
}

/// The watched files, as the generation in force names them.
struct Watching {
    number: u64,
    watch: Watch,
}

impl Watching {
    /// Reloads where something changed; returns how long to wait until the next look.
    fn look(&mut self, process: &Arc<Process>) -> Duration {
        let generation = process.generation.load_full();
        if self.asks_for_reload(&generation) && process.reload().is_err() {
            self.watch.failed();
        }
        process.retry();
        process.retired.let_go();
        process.captures.sweep(generation.policy.operations.capture.as_ref(), process.clock.now());
        generation.policy.operations.poll
    }

    /// Whether anything changed since the generation in force was read. What changed while it was read counts, too.
    fn asks_for_reload(&mut self, generation: &Generation) -> bool {
        if self.number == generation.number {
            return self.watch.changed();
        }
        self.number = generation.number;
        self.watch.replace(generation.watched.clone());
        self.watch.touched_since(generation.began)
    }
}
