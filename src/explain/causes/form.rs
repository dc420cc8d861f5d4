//! Mistakes of form: what is missing, repeated or misspelt. No secret is to blame then, and none is blamed.

use std::sync::Arc;

use super::{Candidate, Cause, Found, Subject};
use crate::reject::{Code, Rejection};
use crate::sig::declared::vary::Change;
use crate::sig::keyring::Keyring;
use crate::sig::places::{Misspelt, Place};
use crate::sig::scheme::Scheme;

/// What is said of a refusal that no change of the request undoes, and that comes before any key.
const FORMS: [(Code, Cause); 8] = [
    (Code::SignatureMissing, Cause::SignatureMissing),
    (Code::SignatureRepeated, Cause::SignatureRepeated),
    (Code::SignatureMalformed, Cause::SignatureMalformed),
    (Code::TimestampInvalid, Cause::TimestampMalformed),
    (Code::NonceInvalid, Cause::NonceMalformed),
    (Code::CoveredFieldMissing, Cause::FieldMissing),
    (Code::RequirementUnmet, Cause::Requirement),
    (Code::DigestInvalid, Cause::DigestMalformed),
];

/// What the code alone says.
pub(in crate::explain) fn of_code(code: Code) -> Option<Cause> {
    FORMS.iter().find(|(known, _)| *known == code).map(|(_, cause)| *cause)
}

/// Whether a signature was compared, or something that it covers.
pub(super) fn is_compared(code: Code) -> bool {
    matches!(code, Code::SignatureInvalid | Code::DigestInvalid)
}

/// The scheme without its demands: whether the signature holds, and only something beside it is wanted.
pub(super) fn undemanding(
    subject: &Subject<'_>,
    scheme: &Arc<Scheme>,
    refused: Option<&Rejection>,
) -> Option<Candidate> {
    let refused = refused?;
    let note = refused.note().unwrap_or_default().to_owned();
    let (cause, told) = match scheme.other_scope(subject.whole.head) {
        Some(told) => (Cause::Scope, told),
        None if refused.code() == Code::DigestInvalid => (Cause::BodyNotSigned, String::new()),
        None => (Cause::Requirement, note),
    };
    Candidate::changed(cause, told, scheme, &[Change::Undemanding(subject.whole.head.clone())])
}

/// What is wrong with the form of the request, given why it is refused whatever the time is.
pub(super) fn judge(subject: &Subject<'_>, (scheme, ring): (&Scheme, &Keyring), refused: &Rejection) -> Option<Found> {
    let found = |cause, detail| Some(Found { cause, detail, key: None });
    if refused.code() == Code::SignatureInvalid {
        return found(Cause::KeyUnknown, unknown_key(subject, scheme, ring)?);
    }
    let (_, cause) = FORMS.iter().find(|(code, _)| *code == refused.code())?;
    let note = refused.note().map(str::to_owned);
    let (cause, told) = match (cause, scheme.misspelt(subject.whole)) {
        (Cause::SignatureMalformed, Some(Misspelt::Size(size, wanted))) => {
            (Cause::SignatureLength, Some(format!("it has {size} bytes, and {wanted} are wanted")))
        }
        (Cause::SignatureMalformed, Some(Misspelt::Prefix(prefix))) => {
            (*cause, Some(format!("it does not begin with `{prefix}`")))
        }
        (Cause::SignatureMalformed, Some(Misspelt::Encoding(name))) => (*cause, Some(format!("it is not {name}"))),
        // The gateway told nothing more: every form was right, and the body alone is another.
        (Cause::DigestMalformed, _) if note.is_none() => (Cause::BodyAltered, None),
        (Cause::Requirement, _) => match scheme.other_scope(subject.whole.head) {
            Some(told) => return found(Cause::Scope, told),
            None => (*cause, None),
        },
        (cause, _) => (*cause, None),
    };
    let place = place(cause, &scheme.places(subject.whole));
    let detail: Vec<String> = [place, told, note].into_iter().flatten().collect();
    found(cause, detail.join("; "))
}

/// Where something is, or should be.
fn place(cause: Cause, places: &[Place]) -> Option<String> {
    let told = |place: &Place| format!("{} in {}", place.what, place.told);
    let of = |what: &str| places.iter().find(|place| place.what == what).map(told);
    match cause {
        Cause::SignatureMissing => {
            let absent = places.iter().find(|place| place.found == 0).map(|place| format!("no {}", told(place)));
            absent.or_else(|| places.first().map(|place| format!("it is read as {}", told(place))))
        }
        Cause::SignatureRepeated => {
            let repeated = places.iter().find(|place| place.found > 1);
            repeated.map(|place| format!("{} times: {}", place.found, told(place)))
        }
        Cause::SignatureMalformed | Cause::SignatureLength => of("signature").or_else(|| of("token")),
        Cause::TimestampMalformed => of("timestamp"),
        Cause::NonceMalformed => of("nonce"),
        _ => None,
    }
}

/// The claimed key id, where nobody in the ring has it.
fn unknown_key(subject: &Subject<'_>, scheme: &Scheme, ring: &Keyring) -> Option<String> {
    let id = scheme.claims_key(subject.whole.head)?;
    let known = std::str::from_utf8(&id).is_ok_and(|id| ring.by_id(id).is_some());
    (!known).then(|| format!("`{}` is not in keyring `{}`", id.escape_ascii(), ring.name()))
}
