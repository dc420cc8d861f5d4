//! Handshakes take turns: between two of them a worker looks at its other connections.
//!
//! One handshake costs as much as many requests. A flood of them would otherwise be answered in one go, and everybody else wait for it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

/// Handshakes that are computed between two looks at the sockets.
const AT_ONCE: usize = 2;

/// Handshakes that wait for their turn; as long as there are so many, further clients wait in the kernel's queue.
const WAITING: usize = 64;

/// The turns of one worker.
pub(super) struct Turns {
    free: Semaphore,
    waiting: Cell<usize>,
    fewer: Notify,
}

/// Somebody who waits.
struct Waiting<'a>(&'a Turns);

impl Turns {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self { free: Semaphore::new(AT_ONCE), waiting: Cell::new(0), fewer: Notify::new() }
    }

    /// Runs `work`; its first step, up to where it waits for the peer, is made in turn. What is silent takes no turn and blocks nobody.
    pub(super) async fn take<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        let waiting = Waiting::new(self);
        let turn = self.free.acquire().await;
        drop(waiting);
        let first = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        // **Invariant:** the turn ends only after the worker has looked at its sockets.
        yield_now().await;
        drop(turn);
        match first {
            Poll::Ready(done) => done,
            Poll::Pending => work.await,
        }
    }

    /// Until there is room for one more that waits.
    pub(super) async fn room(&self) {
        while self.waiting.get() >= WAITING {
            self.fewer.notified().await;
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(turns: &'a Turns) -> Self {
        turns.waiting.set(turns.waiting.get().saturating_add(1));
        Self(turns)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = self.0.waiting.get().saturating_sub(1);
        self.0.waiting.set(left);
        if left < WAITING {
            self.0.fewer.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    #[tokio::test]
    async fn between_two_handshakes_everybody_else_gets_a_turn() {
        let local = LocalSet::new();
        let (turns, done, most) = (Rc::new(Turns::new()), Rc::new(Cell::new(0_usize)), Rc::new(Cell::new(0)));
        for _ in 0..100 {
            let (turns, done) = (Rc::clone(&turns), Rc::clone(&done));
            local.spawn_local(async move { turns.take(pin!(async { done.set(done.get() + 1) })).await });
        }
        let (seen, between) = (Rc::clone(&done), Rc::clone(&most));
        local.spawn_local(async move {
            let mut before = 0;
            while before < 100 {
                yield_now().await;
                between.set(between.get().max(seen.get() - before));
                before = seen.get();
            }
        });
        local.await;
        assert!(
            done.get() == 100 && most.get() <= 2 * AT_ONCE,
            "one round before it and one behind it: {}",
            most.get()
        );
    }

    #[tokio::test]
    async fn a_silent_peer_keeps_no_turn_and_a_crowd_makes_the_next_ones_wait_outside() {
        LocalSet::new()
            .run_until(async {
                let turns = Rc::new(Turns::new());
                let start = |work: bool| {
                    let turns = Rc::clone(&turns);
                    spawn_local(async move {
                        let work = pin!(async {
                            if work {
                                std::future::pending::<()>().await;
                            }
                        });
                        turns.take(work).await;
                    })
                };
                let silent: Vec<_> = (0..10).map(|_| start(true)).collect();
                start(false).await.unwrap();
                assert_eq!(turns.waiting.get(), 0, "they wait for their peers, not for a turn");

                let all = turns.free.acquire_many(2).await.unwrap();
                let crowd: Vec<_> = (0..WAITING).map(|_| start(false)).collect();
                while turns.waiting.get() < WAITING {
                    yield_now().await;
                }
                let mut room = pin!(turns.room());
                assert!(poll_fn(|cx| Poll::Ready(room.as_mut().poll(cx))).await.is_pending());
                drop(all);
                room.await;
                for one in crowd {
                    one.await.unwrap();
                }
                for one in silent {
                    one.abort();
                }
            })
            .await;
    }
}
