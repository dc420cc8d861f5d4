//! One connection with the store: commands go out as they come, and answers are matched in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, oneshot};

use super::dial::{MARKED, Wire, said};
use super::resp::{self, Reply};
use super::{Away, State};
use crate::sig::time::Moment;

/// Most commands without an answer; who comes then is told that the store is away.
const MOST: usize = 4096;
/// Failures in a row after which a connection is given up.
const FAILURES: u32 = 5;

/// The names of a claim on the store.
pub(super) type Names = SmallVec<[Vec<u8>; 1]>;

/// A connection, for as long as it lasts.
pub(super) struct Line {
    jobs: mpsc::UnboundedSender<Job>,
    unanswered: Cell<usize>,
    failures: Cell<u32>,
    end: Notify,
    /// Since when the primary is known, by our clock.
    since: Cell<Moment>,
}

/// What a claim found out.
pub(super) enum Outcome {
    /// Nobody had it.
    New(Grant),
    /// Somebody has, and it stands like this.
    Seen(State),
}

/// A claim that the store confirmed. Dropped, it is given back, on the connection where it was made: elsewhere it could be somebody else's.
pub(in crate::replay) struct Grant {
    line: Rc<Line>,
    names: Names,
}

struct Job {
    bytes: Vec<u8>,
    /// How many answers belong to it.
    answers: usize,
    then: Then,
}

/// Who waits for the answers.
enum Then {
    Nobody,
    Claim(Names, oneshot::Sender<Result<Outcome, Away>>),
    Mark(oneshot::Sender<Option<Duration>>),
}

/// What was sent and is not answered yet.
struct Open {
    answers: usize,
    got: SmallVec<[Reply; 1]>,
    then: Then,
}

impl Line {
    /// A connection and what keeps it going; when that ends it says why, and the connection is over.
    pub(super) fn over(wire: Box<dyn Wire>, since: Moment) -> (Rc<Self>, impl Future<Output = String>) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (unanswered, failures, end, since) = (Cell::new(0), Cell::new(0), Notify::new(), Cell::new(since));
        let line = Rc::new(Self { jobs, unanswered, failures, end, since });
        let kept = Rc::clone(&line);
        (line, async move { kept.run(wire, queue).await })
    }

    /// Claims all of `names` for `life` in one step, and waits no longer than `deadline`.
    pub(super) async fn claim(
        self: &Rc<Self>,
        names: Names,
        life: Duration,
        deadline: Duration,
    ) -> Result<Outcome, Away> {
        let (told, heard) = oneshot::channel();
        let bytes = claiming(&names, life);
        let answers = if names.len() == 1 { 1 } else { names.len().saturating_add(2) };
        self.send(Job { bytes, answers, then: Then::Claim(names, told) })?;
        match tokio::time::timeout(deadline, heard).await {
            Ok(Ok(outcome)) => {
                self.failures.set(0);
                outcome
            }
            Ok(Err(_ended)) => Err(Away),
            // What it says too late is dropped where it arrives, and so given back.
            Err(_late) => {
                self.failures.set(self.failures.get().saturating_add(1));
                if self.failures.get() >= FAILURES {
                    self.end.notify_one();
                }
                Err(Away)
            }
        }
    }

    /// For how long the primary is known, if it still knows: without its mark, its memory was wiped.
    pub(super) async fn age(&self, mark: &[u8], patience: Duration) -> Result<Option<Duration>, Away> {
        let (told, heard) = oneshot::channel();
        let mut bytes = Vec::new();
        resp::command(&mut bytes, &[b"TIME"]);
        resp::command(&mut bytes, &[b"GETEX", mark, b"PX", MARKED.as_millis().to_string().as_bytes()]);
        self.send(Job { bytes, answers: 2, then: Then::Mark(told) })?;
        tokio::time::timeout(patience, heard).await.ok().and_then(Result::ok).ok_or(Away)
    }

    /// The primary is known since then.
    pub(super) fn is_known_since(&self, since: Moment) {
        self.since.set(since);
    }

    fn send(&self, job: Job) -> Result<(), Away> {
        if self.unanswered.get() >= MOST {
            return Err(Away);
        }
        self.unanswered.set(self.unanswered.get().saturating_add(1));
        self.jobs.send(job).map_err(|_ended| Away)
    }

    /// For what nobody waits for.
    fn tell(&self, bytes: Vec<u8>, answers: usize) {
        let _ended = self.send(Job { bytes, answers, then: Then::Nobody });
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
        self.unanswered.set(self.unanswered.get().saturating_sub(1));
        let refused = done.got.iter().find_map(refusal).map(|error| said(&error));
        match done.then {
            Then::Nobody => {}
            Then::Mark(told) => {
                let age = match done.got.as_slice() {
                    [time, Reply::Text(mark)] => resp::time(time).and_then(|now| resp::since(mark, now)),
                    _ => None,
                };
                let _nobody_waits = told.send(age);
            }
            Then::Claim(names, told) => {
                let outcome = self.judge(names, done.got.last());
                // Where nobody waits any more, the claim comes back, and drops.
                let _late = told.send(outcome);
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// What the last of a claim's answers says.
    fn judge(self: &Rc<Self>, names: Names, last: Option<&Reply>) -> Result<Outcome, Away> {
        let each: &[Reply] = match last {
            Some(Reply::List(each)) => each,
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        if each.len() != names.len() || names.is_empty() {
            return Err(Away);
        }
        let (mut made, mut seen) = (Names::new(), None);
        for (name, said) in names.into_iter().zip(each) {
            match said {
                Reply::Nothing => made.push(name),
                Reply::Text(state) => seen = seen.max(Some(State::of(state))),
                Reply::Status(_) | Reply::Error(_) | Reply::Number(_) | Reply::List(_) => return Err(Away),
            }
        }
        let grant = Grant { line: Rc::clone(self), names: made };
        Ok(match seen {
            None => Outcome::New(grant),
            // What was free of it is given back.
            Some(state) => Outcome::Seen(state),
        })
    }
}

/// A claim of one name is one command; of several, one step of several.
fn claiming(names: &Names, life: Duration) -> Vec<u8> {
    let life = life.as_millis().max(1).to_string();
    let mut bytes = Vec::with_capacity(names.len().saturating_mul(160));
    let several = names.len() > 1;
    if several {
        resp::command(&mut bytes, &[b"MULTI"]);
    }
    for name in names {
        let value = State::Pending.letter();
        resp::command(&mut bytes, &[b"SET", name, value, b"NX", b"GET", b"PX", life.as_bytes()]);
    }
    if several {
        resp::command(&mut bytes, &[b"EXEC"]);
    }
    bytes
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

impl Grant {
    /// Whether a request with this stamp may have been claimed where the primary does not know of it. `future`: how far ahead stamps are accepted.
    pub(in crate::replay) fn guards(&self, stamp: Moment, future: Duration) -> bool {
        stamp <= self.line.since.get().plus(future)
    }

    /// The claim stays; other gateways learn how it stands.
    pub(in crate::replay) fn settle(mut self, state: State) {
        let mut bytes = Vec::new();
        let names = std::mem::take(&mut self.names);
        for name in &names {
            resp::command(&mut bytes, &[b"SET", name, state.letter(), b"XX", b"KEEPTTL"]);
        }
        self.line.tell(bytes, names.len());
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            let mut bytes = Vec::new();
            let parts: Vec<&[u8]> = std::iter::once(&b"DEL"[..]).chain(self.names.iter().map(Vec::as_slice)).collect();
            resp::command(&mut bytes, &parts);
            self.line.tell(bytes, 1);
        }
    }
}
