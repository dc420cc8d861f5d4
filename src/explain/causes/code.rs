//! Mistakes with schemes in code: the evidence spelled or placed otherwise, the signed bytes or the signing key made otherwise.

use std::sync::Arc;

use bytes::Bytes;

use super::spelling::replaced;
use super::{Candidate, Cause, Subject};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::form;
use crate::sig::message::{Field, Head};
use crate::sig::scheme::Scheme;

/// Most spellings that are tried.
const MOST: usize = 256;

/// Lengths of signatures, in bytes.
const SIZES: [usize; 4] = [20, 32, 48, 64];

/// Decodes the text of a signature.
type Reading = fn(&[u8]) -> Option<Vec<u8>>;

const READINGS: [(Cause, &str, Reading); 5] = [
    (Cause::SignatureCase, "", |text| {
        text.iter().any(u8::is_ascii_uppercase).then(|| Encoding::Hex.decode(text, true))?
    }),
    (Cause::SignatureEncoding, "it is hex", |text| Encoding::Hex.decode(text, false)),
    (Cause::SignatureEncoding, "it is base64", |text| Encoding::Base64.decode_secret(text)),
    (Cause::SignatureEncoding, "it is base64url", |text| Encoding::Base64Url.decode_secret(text)),
    (Cause::SignatureTwice, "", |text| Encoding::Hex.decode(&Encoding::Base64.decode_secret(text)?, true)),
];

/// The signing key and the signed bytes, made otherwise.
pub(super) fn made(scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let all = [
        (Cause::KeyBare, "", Change::BareKey),
        (Cause::KeyDerivation, "without `AWS4`", Change::Underived(false)),
        (Cause::KeyDerivation, "not at all", Change::Underived(true)),
        (
            Cause::PathDecoded,
            "it is escaped as for S3 instead of as for other services, or the other way round",
            Change::PathEscapes,
        ),
        (Cause::FinalNewline, "", Change::FinalNewline),
        (Cause::PartNotSigned, "without the last part", Change::WithoutLast),
    ];
    all.into_iter().filter_map(|(cause, told, change)| Candidate::changed(cause, told, scheme, &[change])).collect()
}

/// The evidence, spelled as the scheme has it, or put where the scheme reads it.
pub(super) fn candidates(subject: &Subject<'_>, scheme: &Arc<Scheme>) -> Vec<Candidate> {
    let (head, Some((_, encoding))) = (subject.whole.head, scheme.spelling()) else { return Vec::new() };
    let mut all = respelled(head, encoding);
    all.extend(renamed(head, &scheme.facts().carrier_headers));
    all
}

/// Whatever looks like a signature in a header, in this encoding.
fn respelled(head: &Head, encoding: Encoding) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (place, field) in head.fields.iter().enumerate() {
        for word in words(&field.value, encoding == Encoding::Base64Escaped) {
            let plain = form::percent_decode(word, false);
            for (cause, told, reading) in READINGS {
                let Some(mac) = reading(&plain).filter(|mac| SIZES.contains(&mac.len())) else { continue };
                let value = swapped(&field.value, word, encoding.encode(&mac).as_bytes());
                let candidate = Candidate { head: Some(replaced(head, place, value)), ..Candidate::new(cause, told) };
                all.push(candidate);
            }
            if all.len() >= MOST {
                return all;
            }
        }
    }
    all
}

/// Runs of characters that an encoding may have, each with its padding; percent-encoded ones where they may be.
fn words(text: &[u8], escaped: bool) -> impl Iterator<Item = &[u8]> {
    let is_within =
        move |byte: &u8| (escaped && *byte == b'%') || byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.iter().position(is_within)?;
        let begun = rest.get(from..)?;
        let end = begun.iter().position(|byte| !is_within(byte)).unwrap_or(begun.len());
        let padding = begun.get(end..)?.iter().take_while(|byte| **byte == b'=').count();
        let (word, after) = begun.split_at_checked(end.saturating_add(padding))?;
        rest = after;
        Some(word)
    })
}

/// `text` with the first `word` in it replaced.
fn swapped(text: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let place = text.windows(word.len().max(1)).position(|window| window == word).unwrap_or_default();
    let after = text.get(place.saturating_add(word.len())..).unwrap_or_default();
    [text.get(..place).unwrap_or_default(), by, after].concat()
}

/// Other headers by the names of those that carry the evidence.
fn renamed(head: &Head, carriers: &[Bytes]) -> Vec<Candidate> {
    let lacks = |name: &&Bytes| !head.fields.iter().any(|field| field.name == **name);
    let lacking: Vec<&Bytes> = carriers.iter().filter(lacks).collect();
    let of = |told: String, rename: &dyn Fn(&Field) -> Option<Bytes>| {
        let mut changed = head.clone();
        changed.fields.retain(|_| false);
        for field in head.fields.iter().cloned() {
            changed.fields.append(rename(&field).unwrap_or(field.name), field.value);
        }
        Candidate { head: Some(changed), ..Candidate::new(Cause::SignatureHeader, told) }
    };
    let without_x = |field: &Field| {
        let bare = field.name.strip_prefix(b"x-")?;
        lacking.iter().find(|name| **name == bare).map(|name| Bytes::clone(name))
    };
    let mut all = vec![of("behind `x-`".to_owned(), &without_x)];
    for name in &lacking {
        for stranger in head.fields.iter().filter(|field| !carriers.contains(&field.name)).take(MOST) {
            let told = format!("`{}`", stranger.name.escape_ascii());
            all.push(of(told, &|field| (field.name == stranger.name).then(|| Bytes::clone(name))));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_found_among_other_words() {
        let found: Vec<&[u8]> = words(b"a=:Zm9v==:, Signature=\"0f\";x%3D", false).collect();
        assert_eq!(found, [b"a=".as_slice(), b"Zm9v==", b"Signature=", b"0f", b"x", b"3D"]);
        assert_eq!(words(b"x%3D", true).collect::<Vec<_>>(), [b"x%3D"]);
        assert_eq!(words(b"==..", false).count() + words(b"", false).count(), 0);
    }

    #[test]
    fn only_the_word_itself_is_replaced() {
        assert_eq!(swapped(b"s=:0f:", b"0f", b"Dw=="), b"s=:Dw==:");
        assert_eq!(swapped(b"0f", b"0f", b""), b"");
    }
}
