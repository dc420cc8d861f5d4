//! Refused requests that are kept for a while, so that they can be explained although nobody captured them.
//!
//! **Invariant:** memory only, bounded in number and bytes; what a cookie or an `Authorization` header says is not kept where it proves nothing,
//! and never shown.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use super::{Explanation, Question, explain};
use crate::policy::Policy;
use crate::policy::gate::Gate;
use crate::policy::operations::Capture;
use crate::rate;
use crate::reject::Rejection;
use crate::sig::declared::trace::Traced;
use crate::sig::message::{Fields, Head};
use crate::sig::time::Moment;

/// Header fields that hold credentials.
const CREDENTIALS: [&[u8]; 3] = [b"authorization", b"cookie", b"proxy-authorization"];

/// What stands for them.
const REDACTED: &[u8] = b"[redacted]";

/// Shorter words of a credential are no secret, and stand elsewhere, too.
const WORD: usize = 16;

/// A refused request.
#[derive(Clone)]
pub struct Kept {
    /// Its request id.
    pub id: Arc<str>,
    /// When it arrived.
    pub time: Moment,
    /// Why it was refused.
    pub rejection: Rejection,
    /// The route's name.
    pub route: Arc<str>,
    /// The listener's name.
    pub listener: Arc<str>,
    /// Who sent it.
    pub peer: Option<IpAddr>,
    /// Its head, as it was judged.
    pub head: Head,
    /// Its body.
    pub body: Bytes,
    /// Whether that is all of it.
    pub whole_body: bool,
}

/// The kept requests of a process.
#[derive(Default)]
pub struct Captures(Mutex<VecDeque<Arc<Kept>>>);

impl Captures {
    /// Keeps one more, and forgets what is too old or too much.
    pub fn keep(&self, kept: Kept, settings: &Capture) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expire(&mut all, settings, kept.time);
        while all.len() >= settings.refused.max(1) {
            forget_one(&mut all);
        }
        all.push_back(Arc::new(kept));
    }

    /// Forgets what is too old; everything where nothing is to be kept.
    pub fn sweep(&self, settings: Option<&Capture>, now: Moment) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match settings {
            Some(settings) => expire(&mut all, settings, now),
            None => *all = VecDeque::new(),
        }
    }

    /// What is kept, oldest first.
    pub fn list(&self) -> Vec<Arc<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Why the request with this id was refused, by the rules of `policy`, as JSON with the report as `text`. Blocking.
    pub fn explain(&self, id: &str, policy: &Policy, clock: Moment) -> Result<Value, String> {
        let all = self.list();
        let kept = all.iter().rev().find(|kept| *kept.id == *id).ok_or("no refused request with this id is kept")?;
        Ok(kept.explain(policy, clock))
    }
}

fn expire(all: &mut VecDeque<Arc<Kept>>, settings: &Capture, now: Moment) {
    while all.front().is_some_and(|oldest| now.since(oldest.time) >= settings.keep) {
        all.pop_front();
    }
}

/// **Threat:** who is refused all the time must not push out what others sent: the oldest request of the busiest source goes.
fn forget_one(all: &mut VecDeque<Arc<Kept>>) {
    let source = |kept: &Kept| kept.peer.map(rate::network);
    let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for kept in all.iter() {
        let count = counts.entry(source(kept)).or_default();
        *count = count.saturating_add(1);
    }
    let busiest = counts.into_iter().max_by_key(|(_, count)| *count).map(|(one, _)| one).unwrap_or_default();
    let place = all.iter().position(|kept| source(kept) == busiest).unwrap_or_default();
    all.remove(place);
}

/// A copy of a head that holds on to no buffer.
pub fn copied(head: &Head) -> Head {
    let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
    let mut fields = Fields::with_capacity(head.fields.len());
    head.fields.iter().for_each(|field| fields.append(copy(&field.name), copy(&field.value)));
    let Head { method, target, authority, secure, fields: _ } = head;
    Head { method: method.clone(), target: copy(target), authority: copy(authority), secure: *secure, fields }
}

/// The same without credentials that `gate` does not look at.
pub fn redacted(head: &Head, gate: &Gate) -> Head {
    let mut fields = Fields::with_capacity(head.fields.len());
    for field in head.fields.iter().cloned() {
        let is_kept = !is_credential(&field.name) || gate.protected().contains(&field.name);
        fields.append(field.name, if is_kept { field.value } else { Bytes::from_static(REDACTED) });
    }
    Head { fields, ..head.clone() }
}

fn is_credential(name: &[u8]) -> bool {
    CREDENTIALS.contains(&name)
}

impl Kept {
    fn explain(&self, policy: &Policy, clock: Moment) -> Value {
        let mut notes = vec![format!("refused with {} when it came", self.rejection.code().reason().code)];
        let missing = self.head.fields.iter().filter(|field| field.value == REDACTED);
        notes.extend(missing.map(|field| {
            let name = field.name.escape_ascii();
            format!("its `{name}` was not kept, so that no signature over it can hold here")
        }));
        if !self.whole_body {
            notes.push("its body was not kept, so that no signature over it can hold here".to_owned());
        }
        let (head, body) = (self.head.clone(), self.body.clone());
        let now = Some(self.time);
        let listener = Some(&*self.listener);
        let mut explanation = explain(Question { policy, listener, head, body, now, clock, expected: false });
        self.redact(&mut explanation);
        let mut told = explanation.json(&notes);
        if let Some(told) = told.as_object_mut() {
            told.insert("request_id".to_owned(), Value::from(&*self.id));
            told.insert("text".to_owned(), Value::from(explanation.text(&notes)));
        }
        told
    }

    /// What of the credentials is among the signed bytes was needed to judge, and is for nobody's eyes.
    fn redact(&self, explanation: &mut Explanation) {
        let credentials = self.head.fields.iter().filter(|field| is_credential(&field.name));
        let secrets: Vec<&[u8]> = credentials.flat_map(|field| secrets(&field.value)).collect();
        if let Ok(messages) = &mut explanation.signed {
            messages.iter_mut().flatten().for_each(|part| hide(part, &secrets));
        }
    }
}

/// The value as a whole first, then its longer words.
fn secrets(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = value.split(|byte| b" ,;=\"".contains(byte)).filter(|word| word.len() >= WORD);
    std::iter::once(value.trim_ascii()).filter(|value| !value.is_empty()).chain(words)
}

fn hide(part: &mut Traced, secrets: &[&[u8]]) {
    if let Some(bytes) = &mut part.bytes {
        for secret in secrets {
            *bytes = without(bytes, secret);
        }
    }
    part.of.iter_mut().for_each(|inner| hide(inner, secrets));
}

fn without(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(place) = memchr::memmem::find(rest, secret) {
        let (before, found) = rest.split_at_checked(place).unwrap_or_default();
        out.extend_from_slice(before);
        out.extend_from_slice(REDACTED);
        rest = found.get(secret.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests;
