//! What the operating system asks: reload, drain, or end at once.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{App, supervisor};

/// The signals that ask a process to end.
struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl App {
    /// Serves until it is asked to end, then drains; a second request ends it at once.
    pub async fn run(&self) -> io::Result<()> {
        let (mut ending, mut hangup) = (Ending::new()?, signal(SignalKind::hangup())?);
        let leave = self.process.state.leave.clone();
        supervisor::started(&format!("serving, generation {}", self.process.generation.load().number));
        loop {
            tokio::select! {
                () = ending.next() => break,
                () = leave.cancelled() => break,
                _ = hangup.recv() => self.reload_aside(),
            }
        }
        tracing::info!("draining");
        supervisor::stopping();
        tokio::select! {
            () = self.drain() => {}
            () = ending.next() => self.shutdown().await,
        }
        Ok(())
    }

    /// Rotated audit files are opened anew with the same signal.
    fn reload_aside(&self) {
        self.process.telemetry.reopen();
        let process = Arc::clone(&self.process);
        let _told_by_the_reload_itself = tokio::task::spawn_blocking(move || process.reload());
    }
}
