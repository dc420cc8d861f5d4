//! The verdict under public keys: the whole message, verified with each key that may have signed it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::claims::Candidate;
use super::parts::Step;
use super::scope::{Scope, Seen};
use crate::reject::{Code, Rejection};
use crate::sig::key::Key;
use crate::sig::permit::Macs;
use crate::sig::ring::Prepared;

/// The key that one of the candidates is a signature under, and what names the request in the replay memory: a digest of message and key, for every key and
/// message that were tried. At most `most` signatures are verified, newest keys first.
///
/// **Threat:** a signature can often be changed into another that holds as well (ECDSA: *s* and −*s*), so its bytes name nothing.
pub(in crate::sig) fn judge(
    scope: Scope<'_>,
    keys: &[Arc<Prepared>],
    candidates: &[Candidate],
    most: usize,
) -> Result<(Arc<Key>, Macs), Rejection> {
    let contents = scope.scheme.contents.iter();
    let messages = contents.map(|steps| message(scope, steps)).collect::<Result<Vec<_>, _>>()?;
    let tried = || keys.iter().flat_map(|key| messages.iter().map(move |message| (key, message)));
    let names = tried().filter(|(key, _)| key.key.is_some()).map(|(key, message)| {
        let mut digest = key.mac.clone();
        digest.update(message);
        Bytes::from(digest.finish())
    });
    let names: Macs = names.collect();
    let trials = tried().flat_map(|(key, message)| candidates.iter().map(move |one| (key, message, one)));
    let mut held = trials.take(most.max(1)).filter(|(key, message, one)| holds(key, message, one));
    let winner = held.find_map(|(key, ..)| key.key.clone());
    winner.map(|key| (key, names)).ok_or_else(|| Code::SignatureInvalid.into())
}

fn holds(key: &Prepared, message: &[u8], candidate: &Candidate) -> bool {
    let id = key.key.as_ref().map(|key| &key.id);
    let allowed = candidate.key.is_none() || candidate.key.as_ref() == id;
    allowed && key.public.as_ref().is_some_and(|public| public.verify(message, &candidate.mac))
}

/// The signed bytes. A body that is signed alone is not copied.
fn message<'a>(scope: Scope<'a>, steps: &'a [Step]) -> Result<Cow<'a, [u8]>, Rejection> {
    if let ([Step::Body], Seen::Whole(body, _)) = (steps, scope.seen) {
        return Ok(Cow::Borrowed(body));
    }
    let mut bytes = Vec::new();
    for step in steps {
        match step {
            Step::Literal(text) => bytes.extend_from_slice(text),
            Step::Value(value) | Step::Late(value) => bytes.extend_from_slice(&scope.value(value)?),
            Step::Body => match scope.seen {
                Seen::Whole(body, _) => bytes.extend_from_slice(body),
                Seen::Nothing | Seen::Digests(_) => return Err(Code::SignatureInvalid.into()),
            },
            Step::Key => return Err(Code::SignatureInvalid.into()),
        }
    }
    Ok(Cow::Owned(bytes))
}
