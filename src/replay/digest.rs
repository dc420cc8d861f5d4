//! What a request is remembered by: fixed-size digests of authenticated values, and of nothing else.
//!
//! **Invariant:** no method, target, header text or route goes in: whoever repeats a request could change them.

use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use crate::policy::route::ReplayBy;
use crate::sig::permit::Permit;

/// The name of a claim.
pub(super) type Digest = [u8; 32];

/// The names of one request: a nonce and a MAC at most, where one key was tried.
pub(super) type Digests = SmallVec<[Digest; 2]>;

/// Every digest that must be free for the request to be new, without repetitions, in order. Empty: nothing authentic identifies it.
pub(super) fn of(permit: &Permit, by: ReplayBy) -> Digests {
    match by {
        ReplayBy::Off => Digests::new(),
        ReplayBy::Nonce => {
            nonce(permit).into_iter().flat_map(|nonce| std::iter::once(nonce).chain(signatures(permit))).collect()
        }
        ReplayBy::Signature => signatures(permit),
    }
}

/// Honest retries may keep a message id and change the stamp (Standard Webhooks): the stamp is part of the name. The signatures are claimed beside it:
/// a request that two keys signed has another principal when one of its signatures is dropped, and an alias of the scheme has another name.
fn nonce(permit: &Permit) -> Option<Digest> {
    let nonce = permit.nonce()?;
    let stamp = permit.stamp()?.millis().to_be_bytes();
    let principal = permit.key().principal.as_bytes();
    Some(digest(&[b"countersign/replay/nonce/1", principal, permit.scheme().as_bytes(), nonce, &stamp]))
}

/// The scheme's name is left out on purpose: no MAC covers it, and under an alias the same request would pass again.
fn signatures(permit: &Permit) -> Digests {
    let mut digests: Digests =
        permit.macs().iter().map(|mac| digest(&[b"countersign/replay/signature/1", mac.as_ref()])).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

/// Each part with its length, so that no two lists of parts run together to the same bytes.
fn digest(parts: &[&[u8]]) -> Digest {
    of_parts(parts.iter().copied())
}

/// [`digest`] of parts that are nowhere together.
pub(super) fn of_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"ab"]), digest(&[b"ab", b""]));
    }
}
