//! One MAC per key and message, fed side by side and never concatenated.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use subtle::{Choice, ConstantTimeEq};

use super::claims::Candidate;
use super::parts::Step;
use super::scope::{Scope, Seen};
use crate::reject::{Code, Rejection};
use crate::sig::key::Key;
use crate::sig::mac::Mac;
use crate::sig::permit::Macs;
use crate::sig::ring::Prepared;

/// A key and the raw MAC it makes.
type Tried = (Arc<Prepared>, Vec<u8>);

/// MACs under way: nearly always one key and one message.
pub(in crate::sig) struct Lanes {
    /// A lane is large: moved about within a check it would cost more than its place on the heap.
    lanes: Vec<Lane>,
    /// What follows the body, per message.
    tails: SmallVec<[Vec<Tail>; 1]>,
}

struct Lane {
    key: Arc<Prepared>,
    content: usize,
    mac: Mac,
    /// Whether the body goes in as it arrives.
    takes_body: bool,
}

enum Tail {
    Bytes(Bytes),
    Key,
    /// The step of the message, evaluated when the body's digests are known.
    Late(usize),
}

impl Lanes {
    /// Feeds everything before the body and keeps what comes after it. With the whole body at hand nothing is left over.
    pub(in crate::sig) fn open(scope: Scope<'_>, keys: &[Arc<Prepared>]) -> Result<Self, Rejection> {
        let contents = &scope.scheme.contents;
        let mut all = Self { lanes: Vec::with_capacity(keys.len()), tails: SmallVec::new() };
        for (content, steps) in contents.iter().enumerate() {
            let lane =
                |key: &Arc<Prepared>| Lane { key: Arc::clone(key), content, mac: key.mac.clone(), takes_body: false };
            let first = all.lanes.len();
            all.lanes.extend(keys.iter().map(lane));
            let mut tail = Vec::new();
            let lanes = all.lanes.get_mut(first..).unwrap_or_default();
            open_content(scope, steps, lanes, &mut tail)?;
            all.tails.push(tail);
        }
        Ok(all)
    }

    /// The next bytes of the body.
    pub(in crate::sig) fn feed(&mut self, chunk: &[u8]) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.takes_body) {
            lane.mac.update(chunk);
        }
    }

    pub(in crate::sig) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Feeds what follows the body; the raw MAC of every lane.
    pub(in crate::sig) fn finish(mut self, scope: Option<Scope<'_>>) -> Result<SmallVec<[Tried; 1]>, Rejection> {
        for lane in &mut self.lanes {
            for tail in self.tails.get(lane.content).into_iter().flatten() {
                match tail {
                    Tail::Bytes(bytes) => lane.mac.update(bytes),
                    Tail::Key => feed_key(lane),
                    Tail::Late(step) => feed_late(lane, *step, scope)?,
                }
            }
        }
        let made = self.lanes.into_iter().map(|lane| Ok((lane.key, lane.mac.tag()?)));
        made.collect()
    }

    /// The key whose MAC one of the candidates is, and every MAC. All lanes and candidates are compared: no early exit.
    pub(in crate::sig) fn close(
        self,
        scope: Option<Scope<'_>>,
        candidates: &[Candidate],
    ) -> Result<(Arc<Key>, Macs), Rejection> {
        let mut winner: Option<Arc<Key>> = None;
        let mut macs = Macs::new();
        for (prepared, mac) in self.finish(scope)? {
            let mut held = Choice::from(0);
            for candidate in candidates {
                let key = prepared.key.as_ref().map(|key| &key.id);
                let allowed = candidate.key.is_none() || candidate.key.as_ref() == key;
                held |= candidate.mac.ct_eq(&mac) & Choice::from(u8::from(allowed));
            }
            if bool::from(held) && winner.is_none() {
                winner.clone_from(&prepared.key);
            }
            // What a stand-in makes of a message names nobody's request, and two tenants may send the same one.
            if prepared.key.is_some() {
                macs.push(Bytes::from(mac));
            }
        }
        winner.map(|key| (key, macs)).ok_or_else(|| Code::SignatureInvalid.into())
    }
}

fn open_content(scope: Scope<'_>, steps: &[Step], lanes: &mut [Lane], tail: &mut Vec<Tail>) -> Result<(), Rejection> {
    let mut streaming = false;
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Literal(text) if streaming => tail.push(Tail::Bytes(text.clone())),
            Step::Literal(text) => feed_all(lanes, text),
            Step::Key if streaming => tail.push(Tail::Key),
            Step::Key => lanes.iter_mut().for_each(feed_key),
            Step::Value(value) => {
                let bytes = scope.value(value)?;
                if streaming { tail.push(Tail::Bytes(bytes.into_owned().into())) } else { feed_all(lanes, &bytes) }
            }
            Step::Body => match scope.seen {
                Seen::Whole(body, _) => feed_all(lanes, body),
                Seen::Nothing | Seen::Digests(_) => {
                    take_body(lanes);
                    streaming = true;
                }
            },
            Step::Late(value) => match scope.seen {
                Seen::Nothing => {
                    tail.push(Tail::Late(place));
                    streaming = true;
                }
                Seen::Whole(..) | Seen::Digests(_) => feed_all(lanes, &scope.value(value)?),
            },
        }
    }
    Ok(())
}

fn feed_all(lanes: &mut [Lane], bytes: &[u8]) {
    for lane in lanes {
        lane.mac.update(bytes);
    }
}

fn take_body(lanes: &mut [Lane]) {
    for lane in lanes {
        lane.takes_body = true;
    }
}

fn feed_key(lane: &mut Lane) {
    if let Some(bytes) = &lane.key.bytes {
        lane.mac.update(bytes.expose());
    }
}

fn feed_late(lane: &mut Lane, step: usize, scope: Option<Scope<'_>>) -> Result<(), Rejection> {
    let scope = scope.ok_or(Code::SignatureInvalid)?;
    let step = scope.scheme.contents.get(lane.content).and_then(|steps| steps.get(step));
    if let Some(Step::Late(value)) = step {
        lane.mac.update(&scope.value(value)?);
    }
    Ok(())
}
