//! Looking at the watched files, on one thread of its own. Polling works on every file system and through every Secret mount.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};

use super::Process;
use crate::keys::watch::Watch;

/// Ends the polling when dropped.
pub(super) struct Poller {
    _end: mpsc::Sender<()>,
}

/// Starts the thread. It holds the process only while it looks.
pub(super) fn start(process: &Arc<Process>) -> io::Result<Poller> {
    let (end, ended) = mpsc::channel();
    let process = Arc::downgrade(process);
    std::thread::Builder::new().name("watch".into()).spawn(move || poll(&process, &ended))?;
    Ok(Poller { _end: end })
}

fn poll(process: &Weak<Process>, ended: &mpsc::Receiver<()>) {
    let mut watching = None;
    while let Some(process) = process.upgrade() {
        let generation = process.generation.load_full();
        let (number, watch) =
            watching.get_or_insert_with(|| (generation.number, Watch::new(generation.watched.clone())));
        if *number != generation.number {
            (*number, *watch) = (generation.number, Watch::new(generation.watched.clone()));
        }
        if watch.changed() {
            // Mistakes are logged, counted and shown by the reload itself; the next change is a new chance.
            let _told = process.reload();
        }
        let pause = generation.policy.operations.poll;
        drop((process, generation));
        if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
