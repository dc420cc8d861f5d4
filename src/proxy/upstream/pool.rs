//! One worker's connections to one upstream, under one set of settings.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::Guard;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::outflow::Progress;
use super::resolve;
use super::shared::{Common, Shared, Target};
use super::wire::{H1, H2, Wire};
use crate::policy::upstream::Protocol;

/// Most idle HTTP/1.1 connections of one worker to one upstream.
const MOST_IDLE: usize = 256;
/// A body that was given up gets this long to leave its connection, and addresses stay for this long at least.
const REST: Duration = Duration::from_secs(1);
/// With others waiting under the cap, every n-th connection that comes back is given up although this worker has a use for it.
const FAIR: usize = 8;

/// The addresses of an upstream; no counter that the workers share is touched to have them.
type Targets = Guard<Arc<Vec<Arc<Target>>>>;

/// One worker's connections to one upstream.
pub(super) struct Pool {
    pub(super) common: Arc<Common>,
    pub(super) shared: Arc<Shared>,
    #[expect(clippy::vec_box, reason = "a connection goes from the pool into an exchange and back as a pointer")]
    idle: RefCell<Vec<Box<H1>>>,
    /// Wakes whoever closes connections: when an upstream closes one that is idle, its place must not stay taken.
    sweeper: RefCell<Waker>,
    multiplexed: RefCell<Vec<Rc<H2>>>,
    /// Bodies that were given up while on their way over HTTP/2.
    watched: RefCell<Vec<(Rc<H2>, Rc<Progress>)>>,
    /// Rung when a connection came back.
    pub(super) returned: Notify,
    /// Rung when a dial ended.
    pub(super) dialed: Notify,
    /// Requests of this worker that wait under the cap.
    pub(super) waiting: Cell<usize>,
    /// Its connections may switch protocols: HTTP/1.1 only.
    pub(super) upgrade: bool,
    /// Whether the upstream spoke HTTP/2 when last connected to; assumed where it may.
    pub(super) speaks_h2: Cell<bool>,
    /// Whether a connection that others could share is being made.
    pub(super) dialing: Cell<bool>,
    renewal: Cell<Option<Instant>>,
    /// Counts up, to take turns.
    turns: Cell<usize>,
}

impl Pool {
    pub(super) fn new(shared: &Arc<Shared>, common: Arc<Common>, upgrade: bool) -> Rc<Self> {
        let expected = match common.settings.protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => !upgrade,
            Protocol::Auto => common.tls.is_some() && !upgrade,
        };
        let pool = Rc::new(Self {
            speaks_h2: Cell::new(expected),
            upgrade,
            common,
            shared: Arc::clone(shared),
            idle: RefCell::default(),
            sweeper: RefCell::new(Waker::noop().clone()),
            multiplexed: RefCell::default(),
            watched: RefCell::default(),
            returned: Notify::new(),
            dialed: Notify::new(),
            waiting: Cell::new(0),
            dialing: Cell::new(false),
            renewal: Cell::new(None),
            turns: Cell::new(0),
        });
        tokio::task::spawn_local(sweep(Arc::clone(&pool.common), Rc::downgrade(&pool)));
        pool
    }

    /// A connection to `target` that is at rest: the one used last.
    pub(super) fn reuse(&self, target: &Arc<Target>) -> Option<Wire> {
        let shared = self.multiplexed.borrow();
        if let Some(line) = shared.iter().find(|line| Arc::ptr_eq(&line.target, target) && line.has_room()) {
            return Some(Wire::H2(line.seat()));
        }
        self.idle_where(|line| Arc::ptr_eq(&line.target, target)).map(Wire::H1)
    }

    /// A connection to whichever target has one and may be used: better than none when no more may be opened.
    pub(super) fn reuse_any(&self) -> Option<Wire> {
        if let Some(line) = self.idle_where(|line| self.common.is_choice(&line.target)) {
            return Some(Wire::H1(line));
        }
        let shared = self.multiplexed.borrow();
        let open = shared.iter().filter(|line| !line.is_closed() && self.common.is_choice(&line.target));
        open.min_by_key(|line| line.active()).map(|line| Wire::H2(line.seat()))
    }

    /// Gives up connections at rest to addresses that are taken out: under a cap they keep others from being opened.
    pub(super) fn shed(&self) {
        self.idle.borrow_mut().retain(|line| self.common.is_choice(&line.target));
        self.multiplexed.borrow_mut().retain(|line| line.active() > 0 || self.common.is_choice(&line.target));
    }

    /// The one used last that fits. Those that have ended, or speak unasked, are closed on the way.
    fn idle_where(&self, fits: impl Fn(&H1) -> bool) -> Option<Box<H1>> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let place = idle.iter().rposition(|line| fits(line))?;
            let mut line = idle.remove(place);
            if line.is_quiet(&mut Context::from_waker(Waker::noop())) {
                return Some(line);
            }
        }
    }

    /// Keeps a fresh HTTP/2 connection for others as well.
    pub(super) fn share(&self, line: &Rc<H2>) {
        let mut shared = self.multiplexed.borrow_mut();
        shared.retain(|line| !line.is_closed());
        shared.push(Rc::clone(line));
    }

    /// Puts a connection back that is at rest, unless another worker waits for its slot.
    pub(super) fn park(&self, mut line: Box<H1>) {
        let quiet = line.is_quiet(&mut Context::from_waker(&self.sweeper.borrow()));
        if !quiet || self.owes() {
            return;
        }
        line.since = Instant::now();
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= MOST_IDLE {
            idle.remove(0);
        }
        idle.push(line);
        self.returned.notify_one();
    }

    /// No new request takes this connection; it ends with those that are on it.
    pub(super) fn distrust(&self, line: &Rc<H2>) {
        line.distrust();
        self.multiplexed.borrow_mut().retain(|line| !line.is_closed());
    }

    /// A body that was given up must leave its connection soon.
    pub(super) fn watch(&self, line: &Rc<H2>, body: Rc<Progress>) {
        if line.is_closed() {
            return;
        }
        let mut watched = self.watched.borrow_mut();
        watched.retain(|(line, body)| !line.is_closed() && Rc::strong_count(body) > 1);
        watched.push((Rc::clone(line), body));
    }

    /// hyper asks a body for more only when the upstream takes more: an upstream that does not would keep it for ever.
    fn unstick(&self, now: Instant) {
        self.watched.borrow_mut().retain(|(line, body)| {
            let gone = line.is_closed() || Rc::strong_count(body) == 1;
            let stuck = !gone && now.saturating_duration_since(body.last.get()) >= REST;
            if stuck {
                self.distrust(line);
            }
            !gone && !stuck
        });
    }

    fn owes(&self) -> bool {
        let own = self.waiting.get();
        if self.common.cap.waiting.load(Ordering::Relaxed) <= own {
            return false;
        }
        own == 0 || self.turn().is_multiple_of(FAIR)
    }

    /// Another number every time.
    pub(super) fn turn(&self) -> usize {
        self.turns.set(self.turns.get().wrapping_add(1));
        self.turns.get()
    }

    /// The addresses, where they are known; renewed in the background when their time is over.
    pub(super) fn known(&self, now: Instant) -> Option<Targets> {
        let due = self.renewal.get().is_none_or(|due| due <= now);
        if due {
            self.renewal.set(now.checked_add(self.common.settings.resolve.max(REST)));
        }
        let known = self.common.targets.load();
        if !known.is_empty() && due && resolve::changes(&self.common) {
            let common = Arc::clone(&self.common);
            tokio::task::spawn_local(async move { resolve::renew(&common).await });
        }
        (!known.is_empty()).then_some(known)
    }

    /// The addresses, looked up now.
    pub(super) async fn resolved(&self) -> Targets {
        resolve::renew(&self.common).await;
        self.common.targets.load()
    }

    /// Closes what was idle for too long or has ended, or everything idle; says when to look again.
    fn expire(&self, all: bool) -> Instant {
        let sweeper = self.sweeper.borrow();
        let mut cx = Context::from_waker(&sweeper);
        let now = Instant::now();
        let lifetime = self.common.settings.idle;
        self.unstick(now);
        let over = |since: Instant| all || now.saturating_duration_since(since) >= lifetime;
        self.idle.borrow_mut().retain_mut(|line| !over(line.since) && line.is_quiet(&mut cx));
        let mut shared = self.multiplexed.borrow_mut();
        shared.retain(|line| !line.is_closed() && (line.active() > 0 || !over(line.since.get())));
        let idle = self.idle.borrow();
        let oldest = idle.iter().map(|line| line.since);
        let quiet = shared.iter().filter(|line| line.active() == 0).map(|line| line.since.get());
        let first = oldest.chain(quiet).min().unwrap_or(now);
        first.checked_add(lifetime).unwrap_or(now).max(now.checked_add(Duration::from_millis(1)).unwrap_or(now))
    }
}

/// Ends with its pool. A request that waits under the cap, on any worker, makes every pool give up what it does not use.
async fn sweep(common: Arc<Common>, pool: Weak<Pool>) {
    loop {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let wanted = common.cap.wanted.notified();
        let Some(next) = pool.upgrade().map(|pool| {
            let others = common.cap.waiting.load(Ordering::Relaxed) > pool.waiting.get();
            pool.sweeper.replace(waker);
            pool.expire(others)
        }) else {
            return;
        };
        tokio::select! {
            () = wanted => {}
            () = tokio::time::sleep_until(next) => {}
            () = woken() => {}
        }
    }
}

/// Returns when the task is woken, by whatever.
fn woken() -> impl Future<Output = ()> {
    let mut asleep = false;
    poll_fn(move |_| if std::mem::replace(&mut asleep, true) { Poll::Ready(()) } else { Poll::Pending })
}
