//! Finding a connection: an idle one of the least loaded address, else a new one within cap and deadline.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::line::Line;
use super::pool::Pool;
use super::shared::{Load, Target};
use super::socket::{self, Unopened};
use super::wire::{self, H1, Wire};
use crate::reject::Code;

/// Between two rounds over all addresses.
const PAUSE: Duration = Duration::from_millis(25);
/// An idle connection older than this is looked at once more: the upstream may have closed it meanwhile.
const COLD: Duration = Duration::from_millis(100);

/// A connection, and the request's weight on its address.
pub(super) async fn line(pool: &Rc<Pool>, retries: u32) -> Result<Line, Code> {
    let mut retries = retries;
    loop {
        let wire = match round(pool).await {
            Err(code @ (Code::UpstreamBusy | Code::UpstreamUnhealthy)) => return Err(code),
            Err(code) if retries == 0 => return Err(code),
            Err(_) => {
                retries = retries.saturating_sub(1);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Ok(wire) => wire,
        };
        return Ok(Line::new(wire, pool));
    }
}

/// One look at every address.
async fn round(pool: &Rc<Pool>) -> Result<Wire, Code> {
    let mut now = Instant::now();
    let deadline = now.checked_add(pool.common.settings.connect).ok_or(Code::UpstreamUnreachable)?;
    let targets = match pool.known(now) {
        Some(targets) => targets,
        None => Box::pin(timeout_at(deadline, pool.resolved())).await.map_err(|_| Code::UpstreamUnreachable)?,
    };
    loop {
        let best = best(pool, &targets).ok_or(Code::UpstreamUnreachable)?;
        if best.vitals.is_out() && pool.common.refuses() {
            return Err(Code::UpstreamUnhealthy);
        }
        if let Some(wire) = warm(now, || pool.reuse(best)).await {
            return Ok(wire);
        }
        if pool.speaks_h2.get() && pool.dialing.get() {
            timeout_at(deadline, pool.dialed.notified()).await.map_err(|_| Code::UpstreamUnreachable)?;
            now = Instant::now();
            continue;
        }
        // Where a connection is at hand, what it takes to make one costs no room.
        return Box::pin(another(pool, &targets, best)).await;
    }
}

/// A new connection, or one that came back while there was no leave to open one.
async fn another(pool: &Rc<Pool>, targets: &[Arc<Target>], best: &Arc<Target>) -> Result<Wire, Code> {
    match slot(pool).await? {
        Slot::Reused(wire) => Ok(wire),
        Slot::Free(slot) => dial(pool, &ranked(pool, targets, best), slot).await,
    }
}

/// The address that is well, failed least lately and has the fewest requests in flight; among equals by turns.
fn best<'a>(pool: &Pool, targets: &'a [Arc<Target>]) -> Option<&'a Arc<Target>> {
    let [only] = targets else {
        let now = pool.shared.millis();
        let (early, late) = targets.split_at_checked(turn(pool, targets))?;
        return late.iter().chain(early).min_by_key(|target| target.rank(now));
    };
    Some(only)
}

/// The addresses that are well, or all where none is, in the order in which they deserve to be tried: the `best` first, since it is its turn.
fn ranked(pool: &Pool, targets: &[Arc<Target>], best: &Arc<Target>) -> Vec<Arc<Target>> {
    let now = pool.shared.millis();
    let mut ranked = targets.to_vec();
    ranked.rotate_left(targets.iter().position(|target| Arc::ptr_eq(target, best)).unwrap_or(0));
    ranked.sort_by_cached_key(|target| target.rank(now));
    if ranked.first().is_some_and(|best| !best.vitals.is_out()) {
        ranked.retain(|target| !target.vitals.is_out());
    }
    ranked
}

fn turn(pool: &Pool, targets: &[Arc<Target>]) -> usize {
    pool.turn().checked_rem(targets.len()).unwrap_or(0)
}

/// Takes idle connections until one proves alive; `now` was lately.
async fn warm(now: Instant, take: impl Fn() -> Option<Wire>) -> Option<Wire> {
    loop {
        let wire = take()?;
        let Wire::H1(mut line) = wire else { return Some(wire) };
        if now.saturating_duration_since(line.since) < COLD {
            return Some(Wire::H1(line));
        }
        // Lets the reactor look at the sockets: a connection that the upstream has closed then says so.
        tokio::task::yield_now().await;
        if line.is_quiet(&mut Context::from_waker(Waker::noop())) {
            return Some(Wire::H1(line));
        }
    }
}

/// Its share of the time is over.
const LATE: Unopened = Unopened::Theirs(Code::UpstreamUnreachable);

enum Slot {
    Free(Option<OwnedSemaphorePermit>),
    Reused(Wire),
}

/// Leave to open a connection, or one that came back in the meantime.
async fn slot(pool: &Rc<Pool>) -> Result<Slot, Code> {
    let Some(slots) = &pool.common.cap.slots else { return Ok(Slot::Free(None)) };
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Ok(Slot::Free(Some(slot)));
    }
    if let Some(wire) = warm(Instant::now(), || pool.reuse_any()).await {
        return Ok(Slot::Reused(wire));
    }
    pool.shed();
    let _waiting = Waiting::new(pool);
    pool.common.cap.wanted.notify_waiters();
    let queued = async {
        let slot = Arc::clone(slots).acquire_owned();
        tokio::pin!(slot);
        loop {
            tokio::select! {
                slot = &mut slot => return slot.map(|slot| Slot::Free(Some(slot))).map_err(|_| Code::UpstreamBusy),
                () = pool.returned.notified() => match pool.reuse_any() {
                    Some(wire) => return Ok(Slot::Reused(wire)),
                    None => pool.shed(),
                },
            }
        }
    };
    timeout(pool.common.settings.queue, queued).await.unwrap_or(Err(Code::UpstreamBusy))
}

/// Counts a request that waits, for this worker and for all.
struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.waiting.set(pool.waiting.get().saturating_add(1));
        pool.common.cap.waiting.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
        self.0.common.cap.waiting.fetch_sub(1, Ordering::Relaxed);
        // A ring meant for a request that has gone is passed on.
        self.0.returned.notify_one();
    }
}

/// Tells the others when the dial has ended, whichever way.
struct Dialing<'a>(&'a Pool);

impl<'a> Dialing<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.dialing.set(true);
        Self(pool)
    }
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        self.0.dialing.set(false);
        self.0.dialed.notify_waiters();
    }
}

/// Connects to the addresses in turn; each gets its share of the time that is left.
async fn dial(pool: &Rc<Pool>, ranked: &[Arc<Target>], slot: Option<OwnedSemaphorePermit>) -> Result<Wire, Code> {
    let _dialing = Dialing::new(pool);
    let deadline = Instant::now().checked_add(pool.common.settings.connect).ok_or(Code::UpstreamUnreachable)?;
    let mut slot = slot;
    let mut last = Code::UpstreamUnreachable;
    for (tried, target) in ranked.iter().enumerate() {
        let left = u32::try_from(ranked.len().saturating_sub(tried)).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()).checked_div(left).unwrap_or_default();
        let _load = Load::on(target);
        match timeout(share, connect(pool, target, &mut slot)).await.unwrap_or(Err(LATE)) {
            Ok(wire) => {
                target.succeeded();
                return Ok(wire);
            }
            Err(unopened) => {
                target.failed(pool.shared.millis());
                pool.common.failures.fetch_add(1, Ordering::Relaxed);
                last = unopened.code();
                if let Unopened::Theirs(code) = unopened {
                    pool.common.blame(target, code);
                }
            }
        }
        if slot.is_none() && pool.common.cap.slots.is_some() {
            break;
        }
    }
    Err(last)
}

async fn connect(
    pool: &Rc<Pool>,
    target: &Arc<Target>,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Result<Wire, Unopened> {
    let (socket, http2) = socket::open(&pool.common, target, pool.upgrade, slot).await?;
    pool.speaks_h2.set(http2);
    if !http2 {
        return Ok(Wire::H1(H1::new(socket, target)));
    }
    let line = wire::http2(socket, target).await.map_err(Unopened::Theirs)?;
    pool.share(&line);
    Ok(Wire::H2(line.seat()))
}
