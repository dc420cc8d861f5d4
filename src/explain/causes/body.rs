//! Mistakes about the body that do not need to understand it: bytes that were added, removed or replaced on the way.

use super::{Candidate, Cause};
use crate::sig::form;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The body as it may have been when it was signed.
pub(super) fn candidates(body: &[u8]) -> impl Iterator<Item = Candidate> {
    let mut all: Vec<(Cause, &str, Vec<u8>)> = Vec::new();
    for end in [&b"\r\n"[..], b"\n"] {
        if let Some(before) = body.strip_suffix(end) {
            all.push((Cause::BodyNewline, "it was added", before.to_vec()));
        }
    }
    all.push((Cause::BodyNewline, "it was removed", [body, b"\n"].concat()));
    all.push((Cause::BodyNewline, "it was removed, CRLF", [body, b"\r\n"].concat()));
    let unix = replace(body, b"\r\n", b"\n");
    all.push((Cause::BodyLineEnds, "CRLF is here, LF was signed", unix.clone()));
    all.push((Cause::BodyLineEnds, "LF is here, CRLF was signed", replace(&unix, b"\n", b"\r\n")));
    match body.strip_prefix(BOM) {
        Some(rest) => all.push((Cause::BodyBom, "it was added", rest.to_vec())),
        None => all.push((Cause::BodyBom, "it was removed", [BOM, body].concat())),
    }
    all.push((Cause::BodyEmpty, "", Vec::new()));
    all.push((Cause::BodySpace, "it was added", body.trim_ascii().to_vec()));
    all.push((Cause::BodyQuoted, "it was signed as a JSON string", quoted(body)));
    all.extend(unquoted(body).map(|inner| (Cause::BodyQuoted, "the text within the JSON string was signed", inner)));
    all.extend(forms(body).into_iter().map(|form| (Cause::FormEncoding, "", form)));
    let changed: Vec<_> = all.into_iter().filter(|(_, _, other)| other != body).collect();
    changed.into_iter().map(|(cause, told, body)| Candidate { body: Some(body), ..Candidate::new(cause, told) })
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        rest = if let Some(behind) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            behind
        } else {
            out.push(*first);
            after
        };
    }
    out
}

fn quoted(body: &[u8]) -> Vec<u8> {
    serde_json::Value::from(String::from_utf8_lossy(body).into_owned()).to_string().into_bytes()
}

fn unquoted(body: &[u8]) -> Option<Vec<u8>> {
    serde_json::from_slice::<String>(body).ok().map(String::into_bytes)
}

/// Spaces as `+` or `%20`, escapes in either case, and none at all.
fn forms(body: &[u8]) -> Vec<Vec<u8>> {
    if !body.contains(&b'=') || body.contains(&b'{') {
        return Vec::new();
    }
    let (plus, escaped) = (replace(body, b"%20", b"+"), replace(body, b"+", b"%20"));
    let mut all = Vec::new();
    for spaced in [body, &plus, &escaped] {
        all.extend([false, true].map(|upper| recased(spaced, upper)));
    }
    all.extend([plus, escaped, form::percent_decode(body, true).into_owned()]);
    all
}

/// The hex digits of every escape in one case.
pub(super) fn recased(text: &[u8], upper: bool) -> Vec<u8> {
    let mut left = 0_u8;
    let cased = text.iter().map(|byte| {
        let is_digit = left > 0;
        left = if *byte == b'%' { 2 } else { left.saturating_sub(1) };
        match (is_digit, upper) {
            (true, true) => byte.to_ascii_uppercase(),
            (true, false) => byte.to_ascii_lowercase(),
            (false, _) => *byte,
        }
    });
    cased.collect()
}
