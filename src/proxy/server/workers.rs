//! Worker threads: a runtime each, nothing shared on the path of a request.

use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, LocalOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Serve;
use super::accept::{self, Closing, Site};
use super::crew::{Crew, Inbox};
use super::sockets::Listening;
use super::turns::Turns;

/// A pod on a machine with 64 cores must not start 64 threads.
const MOST: usize = 4;

/// Threads of a worker for what would block it: spool files, names to look up, bodies that are judged in one piece. A thousand uploads
/// that are spooled at once must not be a thousand threads.
const ASIDE: usize = 16;

/// What a worker thread is given.
pub(super) struct Worker {
    /// Its listening sockets.
    pub(super) sockets: Vec<Listening>,
    /// Where it hands connections over.
    pub(super) crew: Crew,
    /// What it is handed.
    pub(super) inbox: Inbox,
    /// Accept no more, finish what is under way.
    pub(super) closing: CancellationToken,
    /// Finish nothing.
    pub(super) ending: CancellationToken,
    /// Held until the worker has ended.
    pub(super) alive: TaskTrackerToken,
}

/// Starts a worker thread.
pub(super) fn spawn<S: Serve>(
    place: usize,
    worker: Worker,
    make: impl Fn() -> S + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (report, started) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name(format!("worker-{place}")).spawn(move || {
        // It never leaves its thread: tasks are queued without a lock.
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(ASIDE).build_local(LocalOptions::default());
        let (runtime, outcome) = match runtime {
            Ok(runtime) => (Some(runtime), Ok(())),
            Err(cause) => (None, Err(cause)),
        };
        // Who started the thread waits for this.
        let _heard = report.send(outcome);
        if let Some(runtime) = runtime {
            runtime.block_on(run(worker, &make));
        }
    })?;
    started.recv().map_err(io::Error::other)??;
    Ok(thread)
}

async fn run<S: Serve>(worker: Worker, make: &impl Fn() -> S) {
    let Worker { sockets, crew, inbox, closing, ending, alive } = worker;
    let (connections, turns) = (TaskTracker::new(), Turns::new());
    let site = Rc::new(Site { serve: make(), closing: Closing::default(), connections, turns });
    site.connections.spawn_local(accept::take_over(Rc::clone(&site), inbox));
    let crew = Rc::new(crew);
    for listening in sockets {
        let task = accept::accept(Rc::clone(&site), Rc::clone(&crew), listening);
        site.connections.spawn_local(async move {
            if let Err(cause) = task.await {
                tracing::error!(%cause, "a listener is lost");
            }
        });
    }
    // **Invariant:** only those who accept can hand over: when the last of them is done, every inbox ends.
    drop(crew);
    site.connections.close();
    let over = async {
        tokio::select! {
            () = closing.cancelled() => site.closing.begin(),
            () = site.connections.wait() => {}
        }
        site.connections.wait().await;
    };
    tokio::select! {
        () = over => {}
        () = ending.cancelled() => {}
    }
    drop(alive);
}

/// How many workers: as configured, else as many as the cgroup's CPU quota or the machine has, at most four.
pub fn count(configured: Option<usize>) -> usize {
    configured.unwrap_or_else(|| quota().unwrap_or(MOST).min(cores()).min(MOST)).max(1)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The CPU quota of this cgroup, rounded up: version 2, then version 1; `None` without one.
fn quota() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let second = read("/sys/fs/cgroup/cpu.max").and_then(|text| {
        let (quota, period) = text.trim().split_once(' ')?;
        ratio(quota, period)
    });
    second.or_else(|| {
        let quota = read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?;
        ratio(quota.trim(), read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?.trim())
    })
}

fn ratio(quota: &str, period: &str) -> Option<usize> {
    let (quota, period) = (quota.parse::<usize>().ok()?, period.parse::<usize>().ok()?);
    (quota > 0 && period > 0).then(|| quota.div_ceil(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_rounded_up_and_no_quota_is_none() {
        assert_eq!(ratio("50000", "100000"), Some(1));
        assert_eq!(ratio("100000", "100000"), Some(1));
        assert_eq!(ratio("100001", "100000"), Some(2));
        assert_eq!(ratio("max", "100000"), None);
        assert_eq!(ratio("-1", "100000"), None);
    }

    #[test]
    fn a_configured_number_of_workers_is_obeyed_and_never_zero() {
        assert_eq!((count(Some(7)), count(Some(0))), (7, 1));
        assert!((1..=MOST).contains(&count(None)));
    }
}
