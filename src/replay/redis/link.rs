//! A worker's way to the store: a connection that is kept, and asked while there is one.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::{Bucket, Taken};
use super::claim::{Names, Outcome};
use super::dial::Mark;
use super::info::Info;
use super::line::Line;
use super::{Away, Remote, dial, names};
use crate::clock::Clock;
use crate::policy::rate::Pool;
use crate::rate::Id;
use crate::replay::digest::Digest;

/// Between two attempts to connect: twice as long after each that fails, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(1);
/// Between two looks at a connection, and the longest that one may take.
const LOOK: Duration = Duration::from_secs(1);

/// Belongs to one worker: its claims share a connection and wait for no other's answer.
pub struct Link {
    remote: Arc<Remote>,
    state: RefCell<State>,
    first: Notify,
    /// Why there is no connection, since it was told.
    trouble: RefCell<Option<Arc<String>>>,
}

enum State {
    /// The first connection is being made: who comes now waits for it.
    Fresh,
    Up(Rc<Line>),
    Down,
}

impl Link {
    /// Connects, and again whenever the connection is lost, for as long as the worker lives.
    pub(in crate::replay) fn new(remote: Arc<Remote>, clock: Clock) -> Rc<Self> {
        let link = Rc::new(Self {
            remote,
            state: RefCell::new(State::Fresh),
            first: Notify::new(),
            trouble: RefCell::default(),
        });
        tokio::task::spawn_local(keep(Rc::downgrade(&link), Arc::clone(&link.remote), clock));
        link
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Whether what a primary may have forgotten is refused.
    pub(in crate::replay) fn guards(&self) -> bool {
        self.remote.settings.guard
    }

    /// Asks the store for all of `digests`.
    pub(super) async fn claim(&self, digests: &[Digest], lasting: Duration, open: bool) -> Result<Outcome, Away> {
        let deadline = self.remote.settings.deadline;
        let line = self.reached(deadline).await?;
        let namespace = &self.remote.settings.namespace;
        let names: Names = digests.iter().map(|digest| names::claim(namespace, digest)).collect();
        line.claim(names, lasting, (deadline, open)).await
    }

    /// Takes a token of `id` in `pool`. [`None`]: nobody says whether there is one.
    pub async fn take(&self, pool: &Pool, id: Id<'_>) -> Option<Taken> {
        let settings = &self.remote.settings;
        let bucket = Bucket::of(&settings.namespace, pool, id);
        let taken = match self.reached(settings.deadline).await {
            Ok(line) => line.take(&bucket, settings.deadline).await,
            Err(away) => Err(away),
        };
        if taken.is_err() {
            self.remote.counters.alone.fetch_add(1, Ordering::Relaxed);
        }
        taken.ok()
    }

    /// The connection, for the first of which is waited so long.
    async fn reached(&self, deadline: Duration) -> Result<Rc<Line>, Away> {
        match self.line() {
            Err(State::Fresh) => {
                let _late = tokio::time::timeout(deadline, self.first.notified()).await;
                self.line().map_err(|_| Away)
            }
            line => line.map_err(|_| Away),
        }
    }

    fn line(&self) -> Result<Rc<Line>, State> {
        match &*self.state.borrow() {
            State::Up(line) => Ok(Rc::clone(line)),
            State::Fresh => Err(State::Fresh),
            State::Down => Err(State::Down),
        }
    }

    /// The connection that there is.
    pub(super) fn current(&self) -> Option<Rc<Line>> {
        self.line().ok()
    }

    fn is_up(&self, line: Rc<Line>) {
        *self.state.borrow_mut() = State::Up(line);
        self.first.notify_waiters();
        if self.trouble.take().is_some() {
            self.remote.found();
        }
    }

    fn is_down(&self, why: String) {
        *self.state.borrow_mut() = State::Down;
        self.first.notify_waiters();
        let why = Arc::new(why);
        let before = self.trouble.replace(Some(Arc::clone(&why)));
        self.remote.lost(before.as_deref(), &why);
    }
}

async fn keep(owner: Weak<Link>, remote: Arc<Remote>, clock: Clock) {
    let mut pause = PAUSE;
    loop {
        let dialed = dial::dial(&remote).await;
        let Some(held) = owner.upgrade() else { return };
        let why = match dialed {
            Err(why) => {
                pause = pause.saturating_mul(2).min(LONGEST);
                why
            }
            Ok(dialed) => {
                pause = PAUSE;
                let (line, running) = Line::over(dialed.wire, &held, (dialed.age, clock.clone()));
                held.is_up(Rc::clone(&line));
                drop(held);
                tokio::select! {
                    biased;
                    why = running => why,
                    why = watch(line, dialed.mark, &remote) => why,
                }
            }
        };
        let Some(held) = owner.upgrade() else { return };
        held.is_down(why);
        drop(held);
        tokio::time::sleep(pause).await;
    }
}

/// Looks whether the primary still answers, is still the same and to be trusted, and still knows since when; says what is wrong when it does not.
///
/// **Threat:** a clock of the server that is set forward ends claims before their time. Whoever notices writes down that what came before may be forgotten.
async fn watch(line: Rc<Line>, mark: Mark, remote: &Remote) -> String {
    let mut last: Option<(Duration, Instant)> = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let look = match line.look(&mark.name, LOOK).await {
            Ok(look) => look,
            Err(Away) => return "it does not answer in time".to_owned(),
        };
        match Info::of(&look.info, remote.settings.wants_cluster()) {
            Ok(info) if info.identity == mark.identity => {}
            Ok(_) => return "it is another one now".to_owned(),
            Err(why) => return why,
        }
        let Some(age) = look.age else { return "its memory was wiped".to_owned() };
        let jumped = last.is_some_and(|(then, at)| look.now > then.saturating_add(at.elapsed()).saturating_add(LOOK));
        if jumped {
            line.mark_again(&mark.name, look.now);
        }
        last = Some((look.now, Instant::now()));
        line.is_known_for(if jumped { Duration::ZERO } else { age });
    }
}
