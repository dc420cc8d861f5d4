//! What claims are called on the store.
//!
//! **Invariant:** every name of a namespace has the same hash tag, so that a claim of several names is one step on one node of a cluster.

use data_encoding::BASE64URL_NOPAD;

use super::super::digest::Digest;

/// The name of a claim.
pub(super) fn claim(namespace: &str, digest: &Digest) -> Vec<u8> {
    let mut name = tagged(namespace);
    name.extend_from_slice(BASE64URL_NOPAD.encode(digest).as_bytes());
    name
}

/// The name of a token bucket.
pub(super) fn bucket(namespace: &str, digest: &Digest) -> Vec<u8> {
    let mut name = tagged(namespace);
    name.extend_from_slice(b"rate:");
    name.extend_from_slice(BASE64URL_NOPAD.encode(digest).as_bytes());
    name
}

/// The name under which is written since when a primary is known.
pub(super) fn mark(namespace: &str, identity: &str) -> Vec<u8> {
    let mut name = tagged(namespace);
    name.extend_from_slice(b"since:");
    name.extend_from_slice(identity.as_bytes());
    name
}

fn tagged(namespace: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(namespace.len().saturating_add(100));
    name.push(b'{');
    name.extend_from_slice(namespace.as_bytes());
    name.extend_from_slice(b"}:");
    name
}
