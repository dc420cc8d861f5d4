//! The trough of a provisional request: pieces that wait to be sent, from whoever judges to whoever sends, on one worker.
//!
//! **Invariant:** only [`Feed::finish`] lets the message end; a feed that is dropped before is an abort.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The side that feeds.
pub(super) struct Feed(Rc<RefCell<Trough>>);

/// The side that sends.
pub(super) struct Fed(Rc<RefCell<Trough>>);

#[derive(Default)]
struct Trough {
    pieces: VecDeque<Bytes>,
    /// No piece follows: the message is complete.
    finished: bool,
    /// No piece follows: the message is not to be completed.
    abandoned: bool,
    /// Nobody sends any more.
    deaf: bool,
    waker: Option<Waker>,
}

/// Both sides of an empty trough.
pub(super) fn trough() -> (Feed, Fed) {
    let trough = Rc::new(RefCell::default());
    (Feed(Rc::clone(&trough)), Fed(trough))
}

impl Feed {
    /// Adds a piece behind those that wait.
    pub(super) fn push(&self, piece: Bytes) {
        let mut trough = self.0.borrow_mut();
        trough.pieces.push_back(piece);
        trough.wake();
    }

    /// Adds what was kept back and lets the message end.
    pub(super) fn finish(self, last: Bytes) {
        let mut trough = self.0.borrow_mut();
        if !last.is_empty() {
            trough.pieces.push_back(last);
        }
        trough.finished = true;
        trough.wake();
    }

    /// Whether every piece was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().pieces.is_empty()
    }

    /// Whether nobody takes pieces any more.
    pub(super) fn is_deaf(&self) -> bool {
        self.0.borrow().deaf
    }

    /// Returns when every piece was taken, or nobody takes any.
    pub(super) fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut trough = self.0.borrow_mut();
        if trough.pieces.is_empty() || trough.deaf {
            return Poll::Ready(());
        }
        trough.wait(cx);
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut trough = self.0.borrow_mut();
        trough.abandoned = !trough.finished;
        trough.wake();
    }
}

impl Fed {
    /// The next piece, `None` at the end of a complete message. A message that was given up is an error, whatever still waits.
    pub(super) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut trough = self.0.borrow_mut();
        if trough.abandoned {
            return Poll::Ready(Some(Err(io::Error::other("the request was given up"))));
        }
        if let Some(piece) = trough.pieces.pop_front() {
            trough.wake();
            return Poll::Ready(Some(Ok(piece)));
        }
        if trough.finished {
            return Poll::Ready(None);
        }
        trough.wait(cx);
        Poll::Pending
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let mut trough = self.0.borrow_mut();
        trough.deaf = true;
        trough.wake();
    }
}

impl Trough {
    /// One side waits while the other works: the feeder for an empty trough, the sender for a full one.
    fn wait(&mut self, cx: &Context<'_>) {
        self.waker = Some(cx.waker().clone());
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fed: &Fed) -> Poll<Option<Result<Bytes, ()>>> {
        fed.poll_piece(&mut Context::from_waker(Waker::noop())).map(|piece| piece.map(|piece| piece.map_err(drop)))
    }

    #[test]
    fn a_message_ends_when_its_feed_was_finished_and_not_when_it_was_dropped() {
        let (feed, sender) = trough();
        feed.push(Bytes::from_static(b"a"));
        assert!(!feed.is_empty());
        feed.finish(Bytes::from_static(b"b"));
        assert_eq!(taken(&sender), Poll::Ready(Some(Ok(Bytes::from_static(b"a")))));
        assert_eq!(taken(&sender), Poll::Ready(Some(Ok(Bytes::from_static(b"b")))));
        assert_eq!(taken(&sender), Poll::Ready(None));

        let (feed, sender) = trough();
        assert_eq!(taken(&sender), Poll::Pending);
        feed.push(Bytes::from_static(b"a"));
        drop(feed);
        assert_eq!(taken(&sender), Poll::Ready(Some(Err(()))));
    }

    #[test]
    fn a_feed_knows_when_nobody_takes_any_more() {
        let (feed, sender) = trough();
        feed.push(Bytes::from_static(b"a"));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!((feed.is_deaf(), feed.poll_taken(&mut cx)), (false, Poll::Pending));
        drop(sender);
        assert_eq!((feed.is_deaf(), feed.poll_taken(&mut cx)), (true, Poll::Ready(())));
    }
}
