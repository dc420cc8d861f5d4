//! The canonical request: the one text that both sides make of a head.
//!
//! **Invariant:** the query is covered as it is spelled. AWS's rule would decode it and encode it again, and SDKs differ where that changes something
//! (`%c3`, `+`, a bare `:`); taken as sent, no two spellings share a signature.

use std::borrow::Cow;

use bytes::Bytes;

use super::Uri;
use super::claim::SIGNATURE;
use crate::reject::{Code, Rejection};
use crate::sig::form::{cut, percent_decode, percent_encode};
use crate::sig::message::Head;

/// Everything but the payload's hash, which ends it.
pub(super) fn request(head: &Head, uri: Uri, signed: &[Bytes]) -> Result<Bytes, Rejection> {
    let path = match uri {
        Uri::Raw => Cow::Borrowed(head.path()),
        Uri::Normalise => Cow::Owned(normalised(head.path())?.into_bytes()),
    };
    let query = sorted(head.query().unwrap_or_default());
    let mut text = [head.method.as_str().as_bytes(), &path, &query].join(&b'\n');
    text.push(b'\n');
    for name in signed {
        let value = value(head, name)?;
        text.extend([name.as_ref(), b":", &value, b"\n"].concat());
    }
    text.push(b'\n');
    text.extend(signed.join(&b';'));
    text.push(b'\n');
    Ok(Bytes::from(text))
}

/// Dot segments go, every other segment is percent-encoded as it stands.
fn normalised(path: &[u8]) -> Result<String, Rejection> {
    let inner = path.strip_prefix(b"/").unwrap_or(path);
    let (body, slash) = inner.strip_suffix(b"/").map_or((inner, ""), |body| (body, "/"));
    let mut kept = Vec::new();
    for segment in body.split(|byte| *byte == b'/') {
        match segment {
            b"" if inner.is_empty() => {}
            b"" => return Err(Rejection::from(Code::TargetInvalid).because("AWS signs `//` like `/`: who changed it?")),
            b"." => {}
            b".." => _ = kept.pop(),
            _ => kept.push(percent_encode(segment)),
        }
    }
    let slash = if kept.is_empty() { "" } else { slash };
    Ok(format!("/{}{slash}", kept.join("/")))
}

/// The pairs sorted by name, then value; a name alone gets its `=`. The signature itself is left out.
fn sorted(query: &[u8]) -> Vec<u8> {
    if query.is_empty() {
        return Vec::new();
    }
    let mut pairs: Vec<_> = query.split(|byte| *byte == b'&').map(cut).collect();
    pairs.retain(|(name, _)| *name != SIGNATURE.as_bytes());
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| [name, value].join(&b'=')).collect();
    pairs.join(&b'&')
}

/// The values of a header, joined by commas, each with its runs of white space made one space.
fn value(head: &Head, name: &Bytes) -> Result<Vec<u8>, Rejection> {
    let missing = || Rejection::from(Code::CoveredFieldMissing).because("a header of SignedHeaders is not there");
    let name = std::str::from_utf8(name).map_err(|_| missing())?;
    let collapse = |value: &Bytes| {
        let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(&b' ')
    };
    let values: Vec<_> = match name {
        "host" => vec![collapse(&head.authority)].into_iter().filter(|host| !host.is_empty()).collect(),
        _ => head.fields.all(name).map(collapse).collect(),
    };
    if values.is_empty() { Err(missing()) } else { Ok(values.join(&b',')) }
}

/// Spells path and query of a request that is to be signed in AWS's one way, so that every verifier reads it alike.
pub(super) fn respell(head: &mut Head) -> Result<(), Rejection> {
    let Some(path) = head.path().strip_prefix(b"/") else { return Ok(()) };
    let segments: Vec<String> = path.split(|byte| *byte == b'/').map(spelled).collect();
    if segments.iter().any(|segment| [".", ".."].contains(&segment.as_str())) {
        return Err(Rejection::from(Code::TargetInvalid).because("a dot segment cannot be signed"));
    }
    let mut target = format!("/{}", segments.join("/"));
    if let Some(query) = head.query() {
        if query.contains(&b'+') {
            let note = "a bare `+` in the query is a space to some and a plus to others: send %20 or %2B";
            return Err(Rejection::from(Code::TargetInvalid).because(note));
        }
        let pair = |pair: &[u8]| {
            let (name, value) = cut(pair);
            let mark = if pair.contains(&b'=') { "=" } else { "" };
            [&spelled(name), mark, &spelled(value)].concat()
        };
        let pairs: Vec<String> = query.split(|byte| *byte == b'&').map(pair).collect();
        target = format!("{target}?{}", pairs.join("&"));
    }
    if head.target != target.as_bytes() {
        head.target = Bytes::from(target);
    }
    Ok(())
}

fn spelled(text: &[u8]) -> String {
    percent_encode(&percent_decode(text, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::message::{Fields, Method};

    fn head(target: &'static str) -> Head {
        let (method, authority) = (Method::GET, Bytes::from_static(b"h"));
        Head {
            method,
            target: Bytes::from_static(target.as_bytes()),
            authority,
            secure: true,
            fields: Fields::default(),
        }
    }

    #[test]
    fn a_path_is_normalised_but_for_what_could_be_two_paths() {
        for (path, wanted) in [
            ("/", Some("/")),
            ("/a/./b/../c", Some("/a/c")),
            ("/..", Some("/")),
            ("/a/..", Some("/")),
            ("/a/../", Some("/")),
            ("/a/", Some("/a/")),
            ("/caf%C3%A9/%20x", Some("/caf%25C3%25A9/%2520x")),
            ("/a:b~(c)", Some("/a%3Ab~%28c%29")),
            ("//a", None),
            ("//", None),
            ("/a//b", None),
            ("/a//", None),
        ] {
            assert_eq!(normalised(path.as_bytes()).ok().as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn a_query_is_sorted_by_name_then_value_and_kept_as_it_is_spelled() {
        for (query, wanted) in [
            ("", ""),
            ("b=2&a=1&a=0&c", "a=0&a=1&b=2&c="),
            ("a-=1&a=2", "a=2&a-=1"),
            ("q=%c3%a9&p=a+b", "p=a+b&q=%c3%a9"),
            ("a&&b", "=&a=&b="),
            ("a=b=c", "a=b=c"),
            ("X-Amz-Signature=ab&z=1", "z=1"),
            ("x-amz-signature=ab", "x-amz-signature=ab"),
        ] {
            assert_eq!(sorted(query.as_bytes()), wanted.as_bytes(), "{query}");
        }
    }

    #[test]
    fn values_are_collapsed_and_lines_joined() {
        let mut head = head("/");
        for text in ["  a   b\t\tc ", "", "d"] {
            head.fields.append("x", text);
        }
        assert_eq!(value(&head, &Bytes::from("x")).unwrap(), b"a b c,,d");
        assert_eq!(value(&head, &Bytes::from("y")).unwrap_err().code(), Code::CoveredFieldMissing);
        head.authority = Bytes::new();
        assert_eq!(value(&head, &Bytes::from("host")).unwrap_err().code(), Code::CoveredFieldMissing);
    }

    #[test]
    fn what_is_signed_is_spelled_in_one_way() {
        for (target, wanted) in [
            ("/a", Some("/a")),
            ("/a?", Some("/a?")),
            ("/k(1)/%7e%c3%A9?prefix=a/b&x", Some("/k%281%29/~%C3%A9?prefix=a%2Fb&x")),
            ("/a%2Fb/100%", Some("/a%2Fb/100%25")),
            ("*", Some("*")),
            ("/a%2e%2E", Some("/a..")),
            ("/%2e%2E/a", None),
            ("/a?q=1+2", None),
            ("/a+b", Some("/a%2Bb")),
        ] {
            let mut head = head(target);
            let spelled = respell(&mut head).ok().map(|()| head.target);
            assert_eq!(spelled.as_deref(), wanted.map(str::as_bytes), "{target}");
        }
    }
}
