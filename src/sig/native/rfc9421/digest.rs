//! Content-Digest (RFC 9530): which digests of the body are covered, and how ours is written.

use super::components::{Component, Form, Part};
use super::structured::{self, Bare, Item, Member};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Fields;
use crate::sig::native::BodyRule;

/// The field's name.
pub(super) const FIELD: &str = "content-digest";

/// What we write.
pub(super) const WRITTEN: Algorithm = Algorithm::Sha256;

/// The algorithms that are not broken (RFC 9530 §5). Others are no proof, and no reason to refuse beside one of these.
const KNOWN: [(&str, Algorithm); 2] = [("sha-256", Algorithm::Sha256), ("sha-512", Algorithm::Sha512)];

/// What must hold of the body, given what is covered.
pub(super) fn rule(components: &[Component], fields: &Fields, required: bool) -> Result<BodyRule, Rejection> {
    let forms: Vec<&Form> = components
        .iter()
        .filter_map(|component| match component.part() {
            Part::Field { form, .. } if component.is_digest() => Some(form),
            _ => None,
        })
        .collect();
    if forms.is_empty() {
        return Ok(if required { BodyRule::Empty } else { BodyRule::Free });
    }
    let covered = |name: &str| {
        forms.iter().any(|form| match form {
            Form::Member(key) => key == name,
            Form::Lines | Form::Structured | Form::Binary => true,
        })
    };
    let lines: Vec<&[u8]> = fields.all(FIELD).map(AsRef::as_ref).collect();
    let dictionary = structured::dictionary(&lines.join(&b", "[..])).map_err(|_| invalid("not a dictionary"))?;
    let mut digests = Vec::new();
    for (name, member) in dictionary.iter().filter(|(name, _)| covered(name)) {
        if let Some((_, algorithm)) = KNOWN.iter().find(|(known, _)| known == name) {
            digests.push((*algorithm, digest(*algorithm, member)?));
        }
    }
    if digests.is_empty() { Err(invalid("neither sha-256 nor sha-512")) } else { Ok(BodyRule::Digests(digests)) }
}

fn digest(algorithm: Algorithm, member: &Member) -> Result<Vec<u8>, Rejection> {
    match member {
        Member::Item(Item { bare: Bare::Bytes(digest), .. }) if digest.len() == algorithm.size() => Ok(digest.clone()),
        Member::Item(_) | Member::List(_) => Err(invalid("not a digest of its algorithm")),
    }
}

/// The field's value for these digests of the outgoing body.
pub(super) fn print(digests: &[(Algorithm, Vec<u8>)]) -> Option<String> {
    let (_, digest) = digests.iter().find(|(algorithm, _)| *algorithm == WRITTEN)?;
    Some(format!("sha-256=:{}:", Encoding::Base64.encode(digest)))
}

fn invalid(note: &'static str) -> Rejection {
    Rejection::from(Code::DigestInvalid).because(note)
}
