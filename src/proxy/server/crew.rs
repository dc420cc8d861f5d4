//! Handing a connection from the worker that accepted it to the one that shall serve it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::accept::Seat;
use super::io::Loose;
use super::spread::{Place, Spread};

/// A connection for another worker. Their number is bounded by the seats of their listener.
pub(super) struct Handed {
    /// The name of the listener.
    pub(super) listener: Arc<str>,
    /// The connection.
    pub(super) socket: Loose,
    /// Who is at its other end.
    pub(super) peer: Option<SocketAddr>,
    /// Its place.
    pub(super) seat: Seat,
}

/// What a worker is handed. It ends when nobody is left who accepts.
pub(super) type Inbox = UnboundedReceiver<Handed>;

/// Every worker, as one of them sees it.
pub(super) struct Crew {
    own: usize,
    spread: Arc<Spread>,
    inboxes: Arc<[UnboundedSender<Handed>]>,
}

/// For each worker what it needs to hand connections over and to be handed some.
pub(super) fn crews(spread: &Arc<Spread>, workers: usize) -> Vec<(Crew, Inbox)> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = std::iter::repeat_with(unbounded_channel).take(workers).unzip();
    let senders: Arc<[_]> = senders.into();
    let crew = |own| Crew { own, spread: Arc::clone(spread), inboxes: Arc::clone(&senders) };
    inboxes.into_iter().enumerate().map(|(own, inbox)| (crew(own), inbox)).collect()
}

impl Crew {
    /// A place for a connection that this worker accepted, and whether it is at this worker.
    pub(super) fn place(&self) -> (Place, bool) {
        let place = self.spread.place(self.own);
        let stays = place.worker() == self.own;
        (place, stays)
    }

    /// Hands a connection to the worker `worker`; gives it back where that one is gone.
    pub(super) fn hand(&self, worker: usize, handed: Handed) -> Result<(), Box<Handed>> {
        match self.inboxes.get(worker) {
            Some(inbox) => inbox.send(handed).map_err(|SendError(back)| Box::new(back)),
            None => Err(Box::new(handed)),
        }
    }
}
