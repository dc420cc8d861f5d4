//! Hashing much without keeping the worker from its other connections.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{spawn_blocking, yield_now};

use crate::reject::{Code, Rejection};

/// Bytes that are hashed before the worker looks at its other connections; half of them where two MACs run.
const STINT: usize = 128 << 10;

/// From this size on, bytes that must be judged in one piece (parsed, sorted, printed again) are judged on another thread: a hand-over costs
/// less than what the others would wait.
const ASIDE: usize = 64 << 10;

/// What one request has hashed since the worker looked at its others.
#[derive(Clone, Copy, Default)]
pub struct Stint(usize);

impl Stint {
    /// The task has waited for something: the others had their turn.
    pub fn renew(&mut self) {
        self.0 = 0;
    }

    /// Gives `bytes` to `feed`, which runs `macs` over them, and lets others go first in between.
    pub async fn feed(&mut self, bytes: &[u8], macs: usize, mut feed: impl FnMut(&[u8])) {
        let step = STINT.checked_div(macs).unwrap_or(STINT).max(1);
        for piece in bytes.chunks(step) {
            if self.0 >= STINT {
                yield_now().await;
                self.renew();
            }
            feed(piece);
            self.0 = self.0.saturating_add(piece.len().saturating_mul(macs.max(1)));
        }
    }
}

/// Whether work over so many bytes in one piece belongs on another thread.
pub const fn is_long(bytes: usize) -> bool {
    bytes > ASIDE
}

/// So many bodies of one worker are judged on other threads at once.
const AT_ONCE: usize = 2;

thread_local! {
    static PLACES: Arc<Semaphore> = Arc::new(Semaphore::new(AT_ONCE));
}

/// Does `work` on another thread. **Threat:** what was handed over cannot be called back when its client goes: who waits has not handed over yet.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    let place = PLACES.with(Arc::clone).acquire_owned().await.map_err(|_| Rejection::from(Code::Internal))?;
    let work = move || {
        let done = work();
        drop(place);
        done
    };
    spawn_blocking(work).await.map_err(|_| Rejection::from(Code::Internal).because("the judgement broke off"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    /// The most bytes that `macs` run over between two turns of somebody else, for a body in pieces of `size`.
    async fn longest(size: usize, macs: usize) -> usize {
        let local = LocalSet::new();
        let (hashed, most, over) = (Rc::new(Cell::new(0_usize)), Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let (seen, between, ended) = (Rc::clone(&hashed), Rc::clone(&most), Rc::clone(&over));
        local.spawn_local(async move {
            while !ended.get() {
                between.set(between.get().max(seen.take()));
                yield_now().await;
            }
        });
        local
            .run_until(async move {
                let (mut stint, body) = (Stint::default(), vec![0; 4 << 20]);
                for piece in body.chunks(size) {
                    stint.feed(piece, macs, |bytes| hashed.set(hashed.get().saturating_add(bytes.len()))).await;
                }
                over.set(true);
            })
            .await;
        most.get()
    }

    #[tokio::test]
    async fn a_body_that_is_there_at_once_is_hashed_in_turns_with_the_others() {
        for (size, macs, most) in [(4 << 20, 1, STINT), (64 << 10, 1, STINT), (4 << 20, 8, STINT / 8), (7, 2, STINT)] {
            assert!((1..=most).contains(&longest(size, macs).await), "{size} {macs}");
        }
    }

    #[tokio::test]
    async fn a_judgement_that_breaks_off_refuses() {
        let broken = aside(|| assert!(std::hint::black_box(false))).await;
        assert_eq!(broken.unwrap_err().code(), Code::Internal);
        assert_eq!(aside(|| 7).await.unwrap(), 7);
    }
}
