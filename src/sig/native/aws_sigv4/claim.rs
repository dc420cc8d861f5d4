//! What a request says of its signature, in `Authorization` or in the query; untrusted, and read in one way or not at all.

use std::borrow::Cow;

use bytes::Bytes;

use super::{ALGORITHM, TERMINATOR};
use crate::reject::{Code, Rejection};
use crate::sig::form::{cut, percent_decode};
use crate::sig::message::Head;
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// The query parameter that makes a URL a presigned one; the only one that no signature covers.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";

/// The values of either carrier, percent-decoded where they stand in the query.
#[derive(Debug)]
pub(super) struct Claim {
    credential: Bytes,
    pub(super) signed_headers: Bytes,
    pub(super) signature: Bytes,
    pub(super) presigned: Option<Presigned>,
}

/// What only a presigned URL says.
#[derive(Debug)]
pub(super) struct Presigned {
    date: Bytes,
    expires: Bytes,
    /// What the query says of the body.
    pub(super) payload: Option<Bytes>,
}

/// A key and where it is used.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) key_id: Bytes,
    pub(super) date: Bytes,
    pub(super) region: Bytes,
    pub(super) service: Bytes,
}

/// When a request was signed.
#[derive(Debug)]
pub(super) struct Stamp {
    pub(super) moment: Moment,
    /// As the string to sign has it: `20251009T085320Z`.
    pub(super) text: String,
    /// Whether it is the `Date` header's, which then has to be signed.
    pub(super) is_date: bool,
}

/// Whether `Authorization` holds a signature of this kind.
pub(super) fn in_header(head: &Head) -> bool {
    head.fields.all("authorization").any(|value| parameters(value).is_some())
}

/// Whether the URL is a presigned one.
pub(super) fn in_query(head: &Head) -> bool {
    pairs(head).any(|(name, _)| name == SIGNATURE.as_bytes())
}

impl Claim {
    /// The claim; two of them are none.
    pub(super) fn read(head: &Head) -> Result<Self, Rejection> {
        match (in_header(head), in_query(head)) {
            (true, true) => Err(repeated("signed in the header and in the query")),
            (true, false) => Self::of_header(head),
            (false, true) => Self::of_query(head),
            (false, false) => Err(Code::SignatureMissing.into()),
        }
    }

    /// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
    fn of_header(head: &Head) -> Result<Self, Rejection> {
        let value = head.fields.one("authorization").map_err(|_| repeated("two Authorization headers"))?;
        let list = value.and_then(parameters).ok_or(Code::SignatureMissing)?;
        let entries: Vec<_> = list.split(|byte| *byte == b',').map(|entry| cut(entry.trim_ascii())).collect();
        let [credential, signed_headers, signature] = pick(&entries, ["Credential", "SignedHeaders", "Signature"])?;
        if entries.len() > 3 {
            return Err(malformed("more than Credential, SignedHeaders and Signature"));
        }
        let [credential, signed_headers, signature] =
            [credential, signed_headers, signature].map(Bytes::copy_from_slice);
        Ok(Self { credential, signed_headers, signature, presigned: None })
    }

    fn of_query(head: &Head) -> Result<Self, Rejection> {
        let pairs: Vec<_> = pairs(head).collect();
        let names =
            ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", SIGNATURE];
        let decoded = |value: &[u8]| Bytes::from(percent_decode(value, false).into_owned());
        let [algorithm, credential, date, expires, signed_headers, signature] = pick(&pairs, names)?.map(decoded);
        if algorithm != ALGORITHM {
            return Err(malformed("another X-Amz-Algorithm"));
        }
        let mut payloads = pairs.iter().filter(|(name, _)| *name == b"X-Amz-Content-Sha256").map(|(_, value)| *value);
        let payload = payloads.next().map(decoded);
        if payloads.next().is_some() {
            return Err(repeated("two X-Amz-Content-Sha256"));
        }
        Ok(Self { credential, signed_headers, signature, presigned: Some(Presigned { date, expires, payload }) })
    }

    /// `<key id>/<date>/<region>/<service>/aws4_request`; only the key id may hold a slash.
    pub(super) fn credential(&self) -> Result<Credential, Rejection> {
        let parts: Vec<_> = self.credential.rsplitn(5, |byte| *byte == b'/').collect();
        match parts.as_slice() {
            [end, service, region, date, key_id] if *end == TERMINATOR.as_bytes() && !key_id.is_empty() => {
                let [key_id, date, region, service] =
                    [key_id, date, region, service].map(|part| Bytes::copy_from_slice(part));
                Ok(Credential { key_id, date, region, service })
            }
            _ => Err(malformed("not a credential: <key id>/<date>/<region>/<service>/aws4_request")),
        }
    }

    /// When it was signed: `X-Amz-Date`, or else `Date`.
    pub(super) fn stamp(&self, head: &Head) -> Result<Stamp, Rejection> {
        let invalid = || Rejection::from(Code::TimestampInvalid);
        if let Some(presigned) = &self.presigned {
            return basic(&presigned.date).ok_or_else(invalid);
        }
        let one = |name| head.fields.one(name).map_err(|_| invalid().because("the stamp occurs twice"));
        if let Some(text) = one("x-amz-date")? {
            return basic(text).ok_or_else(invalid);
        }
        let missing = || Rejection::from(Code::SignatureMissing).because("neither X-Amz-Date nor Date");
        let text = one("date")?.ok_or_else(missing)?;
        let stamp = basic(text).or_else(|| Format::HttpDate.parse(text).map(Stamp::of)).ok_or_else(invalid)?;
        Ok(Stamp { is_date: true, ..stamp })
    }

    /// The names of the signed headers: lower-case, sorted, each once.
    pub(super) fn names(&self) -> Result<Vec<Bytes>, Rejection> {
        let names: Vec<Bytes> =
            self.signed_headers.split(|byte| *byte == b';').map(|name| self.signed_headers.slice_ref(name)).collect();
        let lower = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"!#$%&'*+-.^_`|~".contains(byte);
        if names.iter().any(|name| name.is_empty() || !name.iter().all(lower)) {
            return Err(malformed("SignedHeaders are lower-case names between `;`"));
        }
        if !names.is_sorted_by(|a, b| a < b) {
            return Err(malformed("SignedHeaders are sorted, each once"));
        }
        Ok(names)
    }
}

impl Presigned {
    /// Seconds of life, from 1.
    pub(super) fn life(&self) -> Result<u64, Rejection> {
        let seconds = Format::Unix.parse(&self.expires).filter(|_| self.expires.len() < 10);
        let seconds = seconds.and_then(|life| u64::try_from(life.secs()).ok()).filter(|life| *life > 0);
        seconds
            .ok_or_else(|| Rejection::from(Code::TimestampInvalid).because("X-Amz-Expires is not a number of seconds"))
    }
}

impl Stamp {
    pub(super) fn of(moment: Moment) -> Self {
        let mut text = Format::Rfc3339.print(moment);
        text.truncate("2025-10-09T08:53:20".len());
        text.retain(|char| !['-', ':'].contains(&char));
        text.push('Z');
        Self { moment: Moment::from_secs(moment.secs()), text, is_date: false }
    }

    /// The day in its text.
    pub(super) fn date(&self) -> &str {
        self.text.get(..8).unwrap_or_default()
    }
}

/// `20251009T085320Z`, nothing else.
fn basic(text: &[u8]) -> Option<Stamp> {
    let sent = std::str::from_utf8(text).ok().filter(|text| text.len() == 16 && text.is_ascii())?;
    let part = |from, to| sent.get(from..to);
    let day = [part(0, 4)?, part(4, 6)?, part(6, 8)?].join("-");
    let time = [part(9, 11)?, part(11, 13)?, part(13, 15)?].join(":");
    let moment = Format::Rfc3339.parse(format!("{day}T{time}Z").as_bytes())?;
    Some(Stamp::of(moment)).filter(|stamp| stamp.text == sent)
}

/// What follows the algorithm in `Authorization`.
fn parameters(value: &Bytes) -> Option<&[u8]> {
    value.strip_prefix(ALGORITHM.as_bytes())?.strip_prefix(b" ")
}

fn pairs(head: &Head) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.query().unwrap_or_default().split(|byte| *byte == b'&').map(cut)
}

/// The one value of each name; an empty one is a missing one.
fn pick<'a, const N: usize>(
    entries: &[(&[u8], &'a [u8])],
    names: [&'static str; N],
) -> Result<[&'a [u8]; N], Rejection> {
    let mut found: [&[u8]; N] = [b""; N];
    for (slot, name) in found.iter_mut().zip(names) {
        let mut values = entries.iter().filter(|(known, _)| *known == name.as_bytes()).map(|(_, value)| *value);
        let value = values.next().filter(|value| !value.is_empty());
        *slot = value.ok_or_else(|| Rejection::from(Code::SignatureMissing).because(format!("no {name}")))?;
        if values.next().is_some() {
            return Err(repeated(format!("two {name}")));
        }
    }
    Ok(found)
}

fn malformed(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMalformed).because(note)
}

fn repeated(note: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::from(Code::SignatureRepeated).because(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_one_spelling() {
        for (text, secs) in [
            ("20251009T085320Z", Some(1_760_000_000)),
            ("19700101T000000Z", Some(0)),
            ("20240229T235959Z", Some(1_709_251_199)),
            ("20250229T000000Z", None),
            ("20251009T085320", None),
            ("20251009t085320z", None),
            ("20251009T085320.0Z", None),
            ("2025-10-09T08:53:20Z", None),
            ("20251009T085360Z", None),
            ("20251009X085320Z", None),
            ("20251009T085320é", None),
            ("", None),
        ] {
            assert_eq!(basic(text.as_bytes()).map(|stamp| stamp.moment.secs()), secs, "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for millis in [0, 999, 1_760_000_000_000, 1_760_000_000_999, 253_402_300_799_999] {
            let stamp = Stamp::of(Moment::from_millis(millis));
            assert_eq!(basic(stamp.text.as_bytes()).unwrap().moment, Moment::from_millis(millis - millis % 1000));
        }
    }
}
