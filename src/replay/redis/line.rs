//! One connection with the store: commands go out as they come, and answers are matched in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::Away;
use super::bucket::Taken;
use super::claim::Waiting;
use super::dial::{INFO, MARKED};
use super::link::Link;
use super::resp::{self, Reply};
use super::talk::{Wire, said};
use crate::clock::Clock;
use crate::sig::time::Moment;

/// Most commands without an answer; who comes then is told that the store is away.
const MOST: usize = 4096;
/// A connection on which nothing is heard for so long is given up: so many deadlines, and at least so long. A hiccup is no reason, since what was sent
/// on it could never be given back.
const SILENT: u32 = 4;
const LEAST: Duration = Duration::from_millis(500);

/// A connection, for as long as it lasts.
pub(super) struct Line {
    owner: Weak<Link>,
    jobs: mpsc::UnboundedSender<Job>,
    unanswered: Cell<usize>,
    /// When something was heard last, or first waited for.
    heard: Cell<Instant>,
    end: Notify,
    clock: Clock,
    /// For how long the primary is known, and how old our clock was when that was found out: a wall clock that is set back must not leave a mark
    /// in what is still to come.
    known: Cell<(Duration, Duration)>,
    /// It was told that tokens are not taken.
    pub(super) warned: Cell<bool>,
}

/// What is sent in one piece.
pub(super) struct Job {
    pub(super) bytes: Vec<u8>,
    /// How many answers belong to it.
    pub(super) answers: usize,
    pub(super) then: Then,
}

/// Who waits for the answers.
pub(super) enum Then {
    Nobody,
    Claim(Waiting),
    Look(oneshot::Sender<Look>),
    Take(oneshot::Sender<Option<Taken>>),
}

/// What a primary says of itself.
pub(super) struct Look {
    /// Its clock, since the epoch.
    pub(super) now: Duration,
    /// For how long it is known, if it knows.
    pub(super) age: Option<Duration>,
    pub(super) info: Bytes,
}

/// What was sent and is not answered yet.
struct Open {
    answers: usize,
    got: SmallVec<[Reply; 1]>,
    then: Then,
}

impl Line {
    /// A connection and what keeps it going; when that ends it says why, and the connection is over.
    pub(super) fn over(
        wire: Box<dyn Wire>,
        owner: &Rc<Link>,
        (age, clock): (Duration, Clock),
    ) -> (Rc<Self>, impl Future<Output = String> + use<>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (unanswered, heard, known) = (Cell::new(0), Cell::new(Instant::now()), Cell::new((age, clock.age())));
        let (owner, warned) = (Rc::downgrade(owner), Cell::new(false));
        let line = Rc::new(Self { owner, jobs, unanswered, heard, end: Notify::new(), clock, known, warned });
        let kept = Rc::clone(&line);
        (line, async move { kept.run(wire, queue).await })
    }

    /// Sends what somebody waits for, no longer than `deadline`.
    pub(super) async fn ask<T>(&self, job: Job, heard: oneshot::Receiver<T>, deadline: Duration) -> Result<T, Away> {
        self.send(job)?;
        match tokio::time::timeout(deadline, heard).await {
            Ok(answer) => answer.map_err(|_ended| Away),
            Err(_late) => {
                if self.heard.get().elapsed() >= deadline.saturating_mul(SILENT).max(LEAST) {
                    self.end.notify_one();
                }
                Err(Away)
            }
        }
    }

    /// Looks at the primary. Without its mark its memory was wiped.
    pub(super) async fn look(&self, mark: &[u8], patience: Duration) -> Result<Look, Away> {
        let (told, heard) = oneshot::channel();
        let mut bytes = Vec::new();
        resp::command(&mut bytes, &[b"TIME"]);
        resp::command(&mut bytes, &[b"GETEX", mark, b"PX", MARKED.as_millis().to_string().as_bytes()]);
        resp::command(&mut bytes, &INFO);
        self.ask(Job { bytes, answers: 3, then: Then::Look(told) }, heard, patience).await
    }

    /// From now on it counts as known since `now`, for every gateway.
    pub(super) fn mark_again(&self, mark: &[u8], now: Duration) {
        let (now, life) = (now.as_millis().to_string(), MARKED.as_millis().to_string());
        let mut bytes = Vec::new();
        resp::command(&mut bytes, &[b"SET", mark, now.as_bytes(), b"XX", b"PX", life.as_bytes()]);
        self.tell(bytes, 1);
    }

    /// Since when the primary is known, by our clock as it stands now.
    pub(super) fn since(&self) -> Moment {
        let (age, then) = self.known.get();
        self.clock.now().minus(age.saturating_add(self.clock.age().saturating_sub(then)))
    }

    /// The primary is known for so long.
    pub(super) fn is_known_for(&self, age: Duration) {
        self.known.set((age, self.clock.age()));
    }

    /// Commands without an answer.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.get()
    }

    fn send(&self, job: Job) -> Result<(), Away> {
        if self.unanswered.get() >= MOST { Err(Away) } else { self.push(job) }
    }

    fn push(&self, job: Job) -> Result<(), Away> {
        if self.unanswered.get() == 0 {
            self.heard.set(Instant::now());
        }
        self.unanswered.set(self.unanswered.get().saturating_add(1));
        self.jobs.send(job).map_err(|_ended| Away)
    }

    /// For what nobody waits for.
    pub(super) fn tell(&self, bytes: Vec<u8>, answers: usize) {
        let _ended = self.push(Job { bytes, answers, then: Then::Nobody });
    }

    /// For what is as true on any other connection: where this one is over, on the one that took its place.
    pub(super) fn tell_somehow(&self, bytes: Vec<u8>, answers: usize) {
        let next = if self.jobs.is_closed() { self.owner.upgrade().and_then(|link| link.current()) } else { None };
        next.as_deref().unwrap_or(self).tell(bytes, answers);
    }

    async fn run(self: Rc<Self>, wire: Box<dyn Wire>, mut queue: mpsc::UnboundedReceiver<Job>) -> String {
        let (reader, writer) = tokio::io::split(wire);
        let open = RefCell::new(VecDeque::new());
        tokio::select! {
            () = self.end.notified() => "it does not answer in time".to_owned(),
            () = write(writer, &mut queue, &open) => "the connection ended".to_owned(),
            why = self.read(reader, &open) => why,
        }
    }

    async fn read(self: &Rc<Self>, mut reader: impl AsyncRead + Unpin, open: &RefCell<VecDeque<Open>>) -> String {
        let mut read = BytesMut::new();
        while reader.read_buf(&mut read).await.is_ok_and(|more| more > 0) {
            loop {
                match resp::next(&mut read) {
                    Ok(None) => break,
                    Err(malformed) => return malformed.to_string(),
                    Ok(Some(reply)) => {
                        if let Err(why) = self.hear(reply, &mut open.borrow_mut()) {
                            return why;
                        }
                    }
                }
            }
        }
        "the connection ended".to_owned()
    }

    /// Hands an answer to who waits for it. An error says why the connection is of no use any more: nothing that we ask for is refused by a primary
    /// that is well.
    fn hear(self: &Rc<Self>, reply: Reply, open: &mut VecDeque<Open>) -> Result<(), String> {
        // **Threat:** whatever follows an answer that nobody asked for would be taken for another's.
        let first = open.front_mut().ok_or("it speaks unasked")?;
        first.got.push(reply);
        if first.got.len() < first.answers {
            return Ok(());
        }
        let Some(done) = open.pop_front() else { return Ok(()) };
        self.heard.set(Instant::now());
        self.unanswered.set(self.unanswered.get().saturating_sub(1));
        let refused = done.got.iter().find_map(refusal).map(|error| said(&error));
        match done.then {
            Then::Nobody => {}
            Then::Take(told) => {
                let _nobody_waits = told.send(self.taken(done.got.last(), refused));
                return Ok(());
            }
            Then::Look(told) => {
                if let [time, mark, Reply::Text(info)] = done.got.as_slice()
                    && let Some(now) = resp::time(time)
                {
                    let age = if let Reply::Text(mark) = mark { resp::since(mark, now) } else { None };
                    let _nobody_waits = told.send(Look { now: Duration::from_millis(now), age, info: info.clone() });
                }
            }
            Then::Claim(waiting) => self.claimed(waiting, done.got.last()),
        }
        refused.map_or(Ok(()), Err)
    }
}

/// The first error in an answer.
fn refusal(reply: &Reply) -> Option<Bytes> {
    match reply {
        Reply::Error(error) => Some(error.clone()),
        Reply::List(each) => each.iter().find_map(refusal),
        Reply::Status(_) | Reply::Number(_) | Reply::Text(_) | Reply::Nothing => None,
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    queue: &mut mpsc::UnboundedReceiver<Job>,
    open: &RefCell<VecDeque<Open>>,
) {
    let mut bytes = Vec::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(job) = next {
            bytes.extend_from_slice(&job.bytes);
            open.borrow_mut().push_back(Open { answers: job.answers, got: SmallVec::new(), then: job.then });
            next = queue.try_recv().ok();
        }
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        bytes.clear();
    }
}
