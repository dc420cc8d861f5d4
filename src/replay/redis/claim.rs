//! Claiming on a connection: what is sent, and what the answer means.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::grant::Grant;
use super::line::{Job, Line, Then};
use super::resp::{self, Reply};
use super::{Away, State};

/// The names of a claim on the store.
pub(super) type Names = SmallVec<[Vec<u8>; 1]>;

/// What a claim found out.
pub(super) enum Outcome {
    /// Nobody had it.
    New(Grant),
    /// Somebody has, and it stands like this.
    Seen(State),
}

/// Who waits for the answer to a claim.
pub(super) struct Waiting {
    names: Names,
    told: oneshot::Sender<Result<Outcome, Away>>,
    /// Whether the request has passed meanwhile.
    passed: Rc<Cell<bool>>,
}

impl Line {
    /// Claims all of `names` for `life` in one step, and waits no longer than `deadline`. Where the request is `open` and passes without an answer, what is
    /// answered too late stays.
    pub(super) async fn claim(
        &self,
        names: Names,
        life: Duration,
        (deadline, open): (Duration, bool),
    ) -> Result<Outcome, Away> {
        let (told, heard) = oneshot::channel();
        let bytes = claiming(&names, life);
        let answers = if names.len() == 1 { 1 } else { names.len().saturating_add(2) };
        let passed = Rc::new(Cell::new(false));
        let waiting = Waiting { names, told, passed: Rc::clone(&passed) };
        match self.ask(Job { bytes, answers, then: Then::Claim(waiting) }, heard, deadline).await {
            Ok(outcome) => outcome,
            // What it says too late is dropped where it arrives, and so given back.
            Err(away) => {
                passed.set(open);
                Err(away)
            }
        }
    }

    /// The last of a claim's answers has come.
    pub(super) fn claimed(self: &Rc<Self>, waiting: Waiting, last: Option<&Reply>) {
        let outcome = self.judge(waiting.names, last);
        // Where nobody waits any more, the claim comes back, and drops.
        if let Err(Ok(Outcome::New(grant))) = waiting.told.send(outcome)
            && waiting.passed.get()
        {
            grant.settle(State::Doubtful);
        }
    }

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
        let grant = Grant::new(Rc::clone(self), made);
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
