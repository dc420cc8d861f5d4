//! Whether a key may go: computed from who used it, never guessed.

use std::sync::Arc;

use super::{Member, View, is_open, rough};
use crate::policy::seal::With;
use crate::sig::key::State;
use crate::sig::time::Moment;

/// Whether a key is safe to retire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nobody needs it any more.
    Yes,
    /// Somebody does.
    No,
    /// Nobody can tell, or not yet.
    Unknown,
}

impl Answer {
    /// As it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// An answer with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retire {
    /// Yes, no or not known.
    pub answer: Answer,
    /// Why, in plain words.
    pub why: String,
    /// The first moment at which it can be yes, if nothing else happens.
    pub from: Option<Moment>,
}

impl Retire {
    fn new(answer: Answer, why: impl Into<String>) -> Self {
        Self { answer, why: why.into(), from: None }
    }
}

impl View<'_> {
    /// Whether the key is safe to retire.
    ///
    /// **Invariant:** "yes" for a key that verifies takes a whole quiet time that was watched from end to end, and a successor that is
    /// used where there is one.
    pub fn retire(&self, member: &Member) -> Retire {
        let (key, now) = (&member.key, self.now);
        match key.state(now) {
            State::Expired => return Retire::new(Answer::Yes, "it has ended"),
            State::Pending => return Retire::new(Answer::No, "it has not begun"),
            State::Active | State::Retiring => {}
        }
        if self.upkeep.signs_with(member.place, now) {
            let why = match (self.upkeep.signs, key.sign.until) {
                (Some(With::All), Some(_)) => "it signs until its `sign.until`",
                (Some(With::All), None) => "it signs, and nothing says until when",
                (Some(With::Newest) | None, _) => "it is the newest key, which signs",
            };
            return Retire { from: key.sign.until, ..Retire::new(Answer::No, why) };
        }
        if self.upkeep.verifies && key.verify.contains(now) {
            self.unused(member)
        } else {
            Retire::new(Answer::Yes, "nothing needs it")
        }
    }

    /// The same of a key that verifies.
    fn unused(&self, member: &Member) -> Retire {
        let (now, quiet) = (self.now, self.upkeep.quiet);
        if !self.members.iter().any(|other| other.place != member.place && other.key.verify.contains(now)) {
            return Retire::new(Answer::No, "no other key could take its place");
        }
        let Some(watch) = self.watch else { return Retire::new(Answer::Unknown, "no gateway was asked") };
        let last = member.verified.last;
        if let Some(last) = last.filter(|last| now < last.plus(quiet)) {
            let why =
                format!("used {} ago, {} in the last hour", rough(now.since(last)), counted(member.verified.hour));
            return Retire { from: Some(last.plus(quiet)), ..Retire::new(Answer::No, why) };
        }
        let known = watch.since.plus(quiet);
        if now < known {
            let why = format!("not known yet: seen for {} of {}", rough(now.since(watch.since)), rough(quiet));
            return Retire { from: Some(known), ..Retire::new(Answer::Unknown, why) };
        }
        if watch.blurred {
            return Retire::new(Answer::Unknown, "more keys are in use than are told apart");
        }
        let others = || self.successors(&member.key.principal, member.place);
        if others().next().is_some() && !others().any(|other| other.verified.last.is_some_and(|used| Some(used) > last))
        {
            return Retire::new(Answer::Unknown, format!("no other key of `{}` was used since", member.key.principal));
        }
        let why = match last {
            Some(last) => format!("not used for {}", rough(now.since(last))),
            None => format!("not used in the {} since the gateway started", rough(now.since(watch.since))),
        };
        Retire::new(Answer::Yes, why)
    }

    /// Other keys that speak for the same principal and have not ended.
    fn successors<'a>(&'a self, principal: &'a Arc<str>, place: usize) -> impl Iterator<Item = &'a Member> {
        let fits = move |other: &&Member| other.place != place && other.key.principal == *principal;
        self.members.iter().filter(fits).filter(|other| is_open(&other.key, self.now))
    }
}

/// So many requests.
pub fn counted(requests: u64) -> String {
    format!("{requests} request{}", if requests == 1 { "" } else { "s" })
}
