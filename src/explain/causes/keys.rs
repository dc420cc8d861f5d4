//! Mistakes about keys: the wrong one, or the right one read in another way.

use std::sync::Arc;

use super::{Candidate, Cause, Subject};
use crate::explain::trial;
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::keyring::Keyring;
use crate::sig::scheme::Scheme;

/// From the configured secret to what the sender may take for the key.
type Reading = fn(&[u8]) -> Option<Vec<u8>>;

const READINGS: &[(Cause, &str, Reading)] = &[
    (Cause::KeyNewline, "ours has it", |secret| cut(secret, &[b"\r\n", b"\n"])),
    (Cause::KeyNewline, "the sender's has it", |secret| Some([secret, b"\n"].concat())),
    (Cause::KeyNewline, "the sender's ends in CRLF", |secret| Some([secret, b"\r\n"].concat())),
    (Cause::KeyHex, "", |secret| Encoding::Hex.decode_secret(secret)),
    (Cause::KeyBase64, "", |secret| Encoding::Base64.decode_secret(secret)),
    (Cause::KeyBase64, "in the URL alphabet", |secret| Encoding::Base64Url.decode_secret(secret)),
    (Cause::KeyText, "as it stands", |secret| Some(secret.to_vec())),
    (Cause::KeyPrefix, "what follows is taken as text", |secret| behind_prefix(secret).map(<[u8]>::to_vec)),
    (Cause::KeyPrefix, "what follows is decoded as base64", |secret| {
        Encoding::Base64.decode_secret(behind_prefix(secret)?)
    }),
    (Cause::KeyPrefix, "what follows is decoded as hex", |secret| Encoding::Hex.decode_secret(behind_prefix(secret)?)),
    (Cause::KeyEncoded, "hex", |secret| Some(Encoding::Hex.encode(secret).into_bytes())),
    (Cause::KeyEncoded, "upper-case hex", |secret| {
        Some(Encoding::Hex.encode(secret).to_ascii_uppercase().into_bytes())
    }),
    (Cause::KeyEncoded, "base64", |secret| Some(Encoding::Base64.encode(secret).into_bytes())),
    (Cause::KeyEncoded, "base64url", |secret| Some(Encoding::Base64Url.encode(secret).into_bytes())),
    (Cause::KeyQuotes, "ours has them", |secret| Some(unquoted(secret))),
    (Cause::KeyQuotes, "the sender's has them", |secret| Some([b"\"", secret, b"\""].concat())),
    (Cause::KeyQuotes, "the sender's begins or ends with a space", |secret| Some([secret, b" "].concat())),
];

/// A key of the ring, but not one that may be used now, or not the one that is named.
pub(super) fn own(scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let mut all = vec![Candidate::new(Cause::KeyState, "see the keys above")];
    all.extend(Candidate::changed(Cause::KeyId, "", scheme, &[Change::AnyKey]));
    all
}

/// The right key, but not one that may be used here and now.
pub(super) fn unusable(subject: &Subject<'_>, scheme: &Arc<Scheme>, ring: &Arc<Keyring>) -> Vec<Candidate> {
    let mut all = own(scheme);
    for other in subject.rings.iter().filter(|other| other.name() != ring.name()) {
        let usable = trial::timeless(other);
        let named = |scheme| Candidate {
            ring: usable.clone(),
            scheme,
            ..Candidate::new(Cause::KeyRing, format!("keyring `{}`", other.name()))
        };
        all.push(named(None));
        all.extend(scheme.varied(&[Change::AnyKey]).map(|varied| named(Some(Arc::new(varied)))));
    }
    all
}

/// The right key in another reading.
pub(super) fn encoded<'a>(scheme: &'a Arc<Scheme>, ring: &'a Arc<Keyring>) -> impl Iterator<Item = Candidate> + 'a {
    let raw = scheme.varied(&[Change::RawKey]).map(Arc::new);
    READINGS.iter().filter_map(move |(cause, detail, reading)| {
        let ring = trial::with_secrets(ring, reading)?;
        Some(Candidate { ring: Some(ring), scheme: raw.clone(), ..Candidate::new(*cause, *detail) })
    })
}

fn cut(secret: &[u8], ends: &[&[u8]]) -> Option<Vec<u8>> {
    ends.iter().find_map(|end| secret.strip_suffix(*end)).map(<[u8]>::to_vec)
}

/// What follows the first `_`, as in `whsec_…`.
fn behind_prefix(secret: &[u8]) -> Option<&[u8]> {
    let place = secret.iter().position(|byte| *byte == b'_').filter(|place| (1..=16).contains(place))?;
    secret.get(place.saturating_add(1)..)
}

fn unquoted(secret: &[u8]) -> Vec<u8> {
    let outer = secret.trim_ascii();
    let inner = [b'"', b'\''].iter().find_map(|quote| outer.strip_prefix(&[*quote])?.strip_suffix(&[*quote]));
    inner.unwrap_or(outer).to_vec()
}
