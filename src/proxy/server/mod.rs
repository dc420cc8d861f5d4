//! Accepting connections: sockets, worker threads, and how they come to an end.

mod accept;
mod allowance;
mod arrival;
mod connection;
mod crew;
mod detect;
pub mod guests;
mod http1;
mod http2;
mod inherited;
mod io;
mod lasting;
mod metered;
pub mod proxied;
mod reply;
mod room;
mod sockets;
mod spread;
mod stream;
mod turns;
mod watch;
mod workers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::sockets::Tally;
use self::spread::Spread;
use super::exchange::{Answer, Exchange};
use super::tls::ServerTls;
use crate::policy::listen::{Address, Listener};
use crate::sig::time::Moment;
pub use sockets::BindError;
pub use workers::count as worker_count;

/// A listener as one generation describes it, with its TLS ready for use.
pub struct Door {
    /// What the configuration says.
    pub listener: Arc<Listener>,
    /// `None` on a plain listener.
    pub tls: Option<Arc<ServerTls>>,
}

/// What a worker serves. The gateway is one, a test's handler another.
pub trait Serve: Clone + 'static {
    /// The listener of this name as it stands now; `None` when it is no longer configured.
    fn door(&self, name: &str) -> Option<Arc<Door>>;

    /// The wall-clock time, as answers show it.
    fn now(&self) -> Moment;

    /// Who counts the connections of each source; `None` where nobody does, and no PROXY header is read.
    fn guests(&self) -> Option<&Arc<guests::Guests>> {
        None
    }

    /// Answers one request.
    fn serve(&self, exchange: &mut Exchange) -> impl Future<Output = Answer>;
}

/// A server that accepts. Dropped, it ends at once.
pub struct Running {
    /// Where it listens, by the listener's name; a unix socket as configured.
    pub addresses: Vec<(Arc<str>, Address)>,
    files: Vec<PathBuf>,
    closing: CancellationToken,
    ending: CancellationToken,
    live: TaskTracker,
    threads: Vec<JoinHandle<()>>,
    tallies: Vec<(Arc<str>, Arc<Tally>)>,
    spread: Arc<Spread>,
}

/// What the accepting half counts.
pub struct Census {
    /// By the listener's name: open connections, and attempts to accept one that failed since the start.
    pub listeners: Vec<(Arc<str>, usize, u64)>,
    /// Open connections by worker.
    pub workers: Vec<usize>,
}

/// Binds every listener and starts `workers` threads; `make` is called once on each of them.
pub fn start<S: Serve>(
    listeners: &[Arc<Listener>],
    workers: usize,
    make: impl Fn() -> S + Clone + Send + 'static,
) -> Result<Running, BindError> {
    let bound = sockets::bind(listeners, workers)?;
    let sockets::Bound { addresses, files, workers: sets, tallies } = bound;
    let (closing, ending, live) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    let spread = Spread::over(sets.len());
    let mut running = Running { addresses, files, closing, ending, live, threads: Vec::new(), tallies, spread };
    let crews = crew::crews(&running.spread, sets.len());
    for (place, (sockets, (crew, inbox))) in sets.into_iter().zip(crews).enumerate() {
        let make = make.clone();
        let worker = workers::Worker {
            sockets,
            crew,
            inbox,
            closing: running.closing.child_token(),
            ending: running.ending.child_token(),
            alive: running.live.token(),
        };
        running.threads.push(workers::spawn(place, worker, make).map_err(BindError::Thread)?);
    }
    running.live.close();
    Ok(running)
}

impl Running {
    /// The address of a TCP listener, with the port that the system chose.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|(known, address)| match address {
            Address::Socket(address) if **known == *name => Some(*address),
            Address::Socket(_) | Address::Unix(_) => None,
        })
    }

    /// Counts, whenever it is called.
    pub fn census(&self) -> impl Fn() -> Census + Send + Sync + 'static {
        let (tallies, spread) = (self.tallies.clone(), Arc::clone(&self.spread));
        move || {
            let count = |(name, tally): &(Arc<str>, Arc<Tally>)| {
                let (live, failures) = (tally.live.load(Ordering::Relaxed), tally.failures.load(Ordering::Relaxed));
                (Arc::clone(name), live, failures)
            };
            Census { listeners: tallies.iter().map(count).collect(), workers: spread.loads() }
        }
    }

    /// Accepts what already waits, then no more; every connection ends after its requests in flight.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Until every worker has ended. Without [`Running::close`] that is never.
    pub async fn closed(&self) {
        self.live.wait().await;
    }

    /// Cuts every connection.
    pub fn end(&self) {
        self.closing.cancel();
        self.ending.cancel();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
        sockets::unlink(&self.files);
    }
}

#[cfg(test)]
mod tests;
