//! A rotation without downtime: where it stands, read from the keys and their use alone, and what comes next.

use std::sync::Arc;
use std::time::Duration;

use super::retire::{Answer, counted};
use super::{Age, Member, View, is_open, rough};
use crate::policy::seal::With;
use crate::sig::key::Key;
use crate::sig::time::Moment;

/// Where a rotation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// One key, and nothing under way.
    Steady,
    /// A change of the file is not in force yet.
    Loading,
    /// The new key is there; the other side needs it.
    HandOver,
    /// Both are in use.
    Switching,
    /// The old one was not used lately.
    Quiet,
    /// Nobody needs the old one.
    Safe,
    /// The old one has ended and stands there still.
    Retired,
}

impl Step {
    /// As it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Loading => "loading",
            Self::HandOver => "hand_over",
            Self::Switching => "switching",
            Self::Quiet => "quiet",
            Self::Safe => "safe",
            Self::Retired => "retired",
        }
    }
}

/// Whose turn it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nobody's before this moment, where one is known.
    Wait(Option<Moment>),
    /// People's: this cannot be done or seen from here.
    You,
    /// `keys rotate --yes` does it.
    Rotate(Do),
}

impl Next {
    /// As it is written in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::You => "you",
            Self::Rotate(_) => "rotate",
        }
    }
}

/// A change of the key file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Do {
    /// A new key, which signs from this moment on where the ring signs.
    Add {
        /// Begin of `sign`.
        sign_from: Option<Moment>,
    },
    /// The key signs until this moment and goes on verifying.
    EndSigning(Arc<str>, Moment),
    /// The key ends.
    Retire(Arc<str>),
    /// The key is taken out of the file.
    Remove(Arc<str>),
}

/// The rotation of the keys of one principal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// For whom the keys speak.
    pub principal: Arc<str>,
    /// The key that is to go.
    pub old: Option<Arc<str>>,
    /// The key that stays.
    pub new: Option<Arc<str>>,
    /// Where it stands.
    pub step: Step,
    /// Whose turn it is.
    pub next: Next,
    /// What to do, in plain words.
    pub say: String,
}

/// What is decided before the names are put to it.
type Stand = (Step, Next, String);

impl View<'_> {
    /// One plan for each principal; one for all of them where the ring only signs. `overlap` is how long both sides have for a change;
    /// `begin` starts what is not due yet. None of a large ring.
    pub fn plans(&self, overlap: Duration, begin: bool) -> Vec<Plan> {
        if self.upkeep.ring.is_large() {
            return Vec::new();
        }
        let mut groups: Vec<(Arc<str>, Vec<&Member>)> = Vec::new();
        for member in &self.members {
            let ours =
                |(principal, _): &&mut (Arc<str>, _)| !self.upkeep.verifies || *principal == member.key.principal;
            match groups.iter_mut().find(ours) {
                Some((_, members)) => members.push(member),
                None => groups.push((Arc::clone(&member.key.principal), vec![member])),
            }
        }
        groups.into_iter().map(|(principal, members)| self.plan(principal, members, (overlap, begin))).collect()
    }

    fn plan(&self, principal: Arc<str>, mut members: Vec<&Member>, (overlap, begin): (Duration, bool)) -> Plan {
        members.sort_unstable_by_key(|member| (member.key.created, member.key.sign.from, member.place));
        let (open, ended): (Vec<&Member>, Vec<&Member>) =
            members.iter().partition(|member| is_open(&member.key, self.now));
        let (new, old) = match open.split_last() {
            Some((new, olds)) => (Some(*new), olds.first().or(ended.first()).copied()),
            None => (None, ended.first().copied()),
        };
        let waits = members.iter().find(|member| !member.loaded);
        let (step, next, say) = match (waits, new, old) {
            (Some(waits), _, _) => loading(&waits.key),
            (None, Some(new), Some(old)) if is_open(&old.key, self.now) => self.under_way(old, new, overlap),
            (None, Some(_), Some(old)) => retired(&old.key),
            // Nobody speaks for this principal any more, and others do for theirs.
            (None, None, Some(old)) if self.members.iter().any(|other| is_open(&other.key, self.now)) => {
                retired(&old.key)
            }
            (None, new, _) => self.steady(new, overlap, begin),
        };
        let id = |member: &Member| Arc::clone(&member.key.id);
        Plan { principal, old: old.map(id), new: new.map(id), step, next, say }
    }

    fn steady(&self, only: Option<&Member>, overlap: Duration, begin: bool) -> Stand {
        let Some(only) = only else {
            return (Step::Steady, self.add(overlap), "no key is usable: add one".to_owned());
        };
        let (key, max_age) = (&only.key, rough(self.upkeep.max_age));
        let due = self.upkeep.due(key);
        let made = key.created.map(|created| rough(self.now.since(created))).unwrap_or_default();
        let (say, is_due) = match self.upkeep.age(key, self.now) {
            Age::Unknown => {
                (format!("nothing says how old `{}` is: write `created`, or begin with `--now`", key.id), false)
            }
            Age::Fine => (format!("`{}` is {made} old, of {max_age}: nothing to do", key.id), false),
            Age::Aging => (format!("`{}` is {made} old, of {max_age}: add its successor", key.id), true),
            Age::TooOld => (format!("`{}` is {made} old, more than {max_age}: add its successor", key.id), true),
        };
        match (begin, is_due) {
            (true, false) => (Step::Steady, self.add(overlap), format!("add a successor of `{}`", key.id)),
            (_, true) => (Step::Steady, self.add(overlap), say),
            (false, false) => (Step::Steady, Next::Wait(due), say),
        }
    }

    /// Where every signature has one key, the new one waits until the other side has it; in a list it is beside the old one from the beginning.
    fn add(&self, overlap: Duration) -> Next {
        let sign_from = self.upkeep.signs.map(|with| match with {
            With::All => self.now,
            With::Newest => self.now.plus(overlap),
        });
        Next::Rotate(Do::Add { sign_from })
    }

    fn under_way(&self, old: &Member, new: &Member, overlap: Duration) -> Stand {
        if let Some(stand) = self.signing(&old.key, &new.key, overlap) {
            return stand;
        }
        let retire = self.retire(old);
        let (old_id, new_id) = (&old.key.id, &new.key.id);
        let waiting = match (retire.answer, self.watch) {
            (Answer::Yes, _) => {
                let say = format!("`{old_id}` is safe to retire: {}", retire.why);
                return (Step::Safe, Next::Rotate(Do::Retire(Arc::clone(old_id))), say);
            }
            (_, None) => {
                let say = "nobody can tell whether the old key is still used: name the gateway with `--admin`";
                return (Step::Switching, Next::You, say.to_owned());
            }
            (Answer::No | Answer::Unknown, Some(_)) => retire,
        };
        if let Some(begin) = new.key.verify.from.filter(|from| self.now < *from) {
            return (Step::HandOver, Next::Wait(Some(begin)), format!("`{new_id}` is not accepted yet"));
        }
        if new.verified.last.is_none() {
            let say = format!(
                "both keys are accepted, and nobody has used `{new_id}`: give it to those who sign. `{old_id}`: {}",
                waiting.why
            );
            return (Step::HandOver, Next::You, say);
        }
        if old.verified.hour > 0 && old.verified.last >= new.verified.last {
            let say = format!(
                "`{old_id}` is still used: {} in the last hour, `{new_id}`: {}. Whoever signs with the old one has to change over",
                counted(old.verified.hour),
                counted(new.verified.hour)
            );
            return (Step::Switching, Next::You, say);
        }
        (Step::Quiet, Next::Wait(waiting.from), format!("`{new_id}` is in use; `{old_id}`: {}", waiting.why))
    }

    /// What is to be done before the old key signs no more; `None` where it does not.
    fn signing(&self, old: &Key, new: &Key, overlap: Duration) -> Option<Stand> {
        let with = self.upkeep.signs.filter(|_| old.sign.contains(self.now))?;
        let theirs = "those who verify what is signed here";
        match with {
            With::Newest => {
                let begin = new.sign.from.filter(|from| self.now < *from)?;
                let say = format!("give `{}` to {theirs}: it signs in {}", new.id, rough(begin.since(self.now)));
                Some((Step::HandOver, Next::Wait(Some(begin)), say))
            }
            With::All => Some(match old.sign.until {
                None => {
                    let say = format!(
                        "both keys sign. Give `{}` to {theirs}; with `--yes` `{}` signs for {} more and stops by itself",
                        new.id,
                        old.id,
                        rough(overlap)
                    );
                    (Step::HandOver, Next::Rotate(Do::EndSigning(Arc::clone(&old.id), self.now.plus(overlap))), say)
                }
                Some(until) => {
                    let left = rough(until.since(self.now));
                    let say = format!(
                        "both keys sign, `{}` for {left} more: until then `{}` must be with {theirs}",
                        old.id, new.id
                    );
                    (Step::Switching, Next::Wait(Some(until)), say)
                }
            }),
        }
    }
}

fn loading(key: &Key) -> Stand {
    let say =
        format!("the gateway has not loaded `{}` as it stands in the file: wait, or `countersign reload`", key.id);
    (Step::Loading, Next::Wait(None), say)
}

fn retired(key: &Key) -> Stand {
    let say = format!("`{}` has ended: take it out of the file", key.id);
    (Step::Retired, Next::Rotate(Do::Remove(Arc::clone(&key.id))), say)
}
