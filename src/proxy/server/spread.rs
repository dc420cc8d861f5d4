//! Which worker gets a connection: the one that accepted it, unless another has clearly fewer.
//!
//! The kernel spreads connections by a hash of their addresses. Over a few long-lived ones, as a sidecar sees them, that is far from even.

use std::sync::{Arc, Mutex, PoisonError};

/// A worker keeps what it accepted while it has at most this part more than the least loaded one: of short-lived connections few change
/// threads, and no worker has much more than its share.
const TOLERANCE: usize = 16;

/// Open connections of each worker, over all listeners. Locked twice in the life of a connection, never for a request.
pub(super) struct Spread(Mutex<Vec<usize>>);

/// A place at a worker; given back when dropped.
pub(super) struct Place {
    spread: Arc<Spread>,
    worker: usize,
}

impl Spread {
    /// So many workers without a connection.
    pub(super) fn over(workers: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![0; workers])))
    }

    /// A place for a connection that the worker `own` accepted.
    pub(super) fn place(self: &Arc<Self>, own: usize) -> Place {
        let worker = self.change(|loads| {
            let worker = choose(loads, own);
            if let Some(load) = loads.get_mut(worker) {
                *load = load.saturating_add(1);
            }
            worker
        });
        Place { spread: Arc::clone(self), worker }
    }

    /// Open connections by worker.
    pub(super) fn loads(&self) -> Vec<usize> {
        self.change(|loads| loads.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn choose(loads: &[usize], own: usize) -> usize {
    let least = loads.iter().copied().enumerate().min_by_key(|(_, load)| *load);
    match (least, loads.get(own)) {
        (Some((worker, least)), Some(mine)) if *mine > least.saturating_add(least / TOLERANCE) => worker,
        _ => own,
    }
}

impl Place {
    /// The worker, counted from 0.
    pub(super) const fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.spread.change(|loads| {
            if let Some(load) = loads.get_mut(self.worker) {
                *load = load.saturating_sub(1);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_keeps_what_it_accepted_until_another_has_clearly_fewer() {
        let cases: [(&[usize], usize, usize); 8] = [
            (&[0], 0, 0),
            (&[0, 0], 1, 1),
            (&[1, 0], 0, 1),
            (&[1, 0], 1, 1),
            (&[2, 1, 1], 0, 1),
            (&[17, 16], 0, 0),
            (&[18, 16], 0, 1),
            (&[340, 320, 321], 0, 0),
        ];
        for (loads, own, expected) in cases {
            assert_eq!(choose(loads, own), expected, "{loads:?} {own}");
        }
    }

    #[test]
    fn the_kernel_may_choose_one_worker_always_and_the_spread_is_even() {
        for (workers, connections, most) in [(2, 4, 2), (4, 4, 1), (2, 64, 33), (4, 64, 16), (3, 1000, 350)] {
            let spread = Spread::over(workers);
            let places: Vec<_> = (0..connections).map(|_| spread.place(0)).collect();
            assert!(spread.loads().into_iter().all(|load| load <= most), "{:?}", spread.loads());
            drop(places);
            assert!(spread.loads().into_iter().all(|load| load == 0));
        }
    }
}
