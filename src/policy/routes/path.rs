//! Paths that different servers read differently: refused, or looked up in both readings.
//!
//! **Invariant:** nothing decoded here is forwarded; what is forwarded is what was received.

use std::borrow::Cow;

use crate::reject::{Code, Rejection};

/// Refuses a path that no careful client sends. `Some` is the second reading, where there is one: percent-decoded, slashes merged,
/// `;parameters` removed.
pub(super) fn check(path: &[u8]) -> Result<Option<Vec<u8>>, Rejection> {
    if path == b"*" {
        return Ok(None);
    }
    let looks = look(path).filter(|_| path.first() == Some(&b'/')).ok_or(Code::TargetInvalid)?;
    let decoded = if looks.escaped { decode(path).ok_or(Code::TargetInvalid)?.into() } else { Cow::Borrowed(path) };
    if looks.escaped && decoded.iter().any(|byte| matches!(byte, ..b' ' | 0x7f | b'\\')) {
        return Err(Code::TargetInvalid.into());
    }
    if (looks.escaped || looks.dotted) && segments(&decoded).any(is_dots) {
        return Err(Code::TargetInvalid.into());
    }
    Ok((looks.escaped || looks.special).then(|| normal(&decoded)))
}

/// What one look at every byte tells: most paths need no second.
#[derive(Default)]
struct Looks {
    /// There is a `%`.
    escaped: bool,
    /// There is a `;` or `//`.
    special: bool,
    /// A segment begins with a dot.
    dotted: bool,
}

/// `None` where a byte is forbidden.
fn look(path: &[u8]) -> Option<Looks> {
    let (mut looks, mut before) = (Looks::default(), 0);
    for byte in path {
        match byte {
            ..=b' ' | 0x7f | b'\\' | b'#' => return None,
            b'%' => looks.escaped = true,
            b';' => looks.special = true,
            b'/' => looks.special |= before == b'/',
            b'.' => looks.dotted |= before == b'/',
            _ => {}
        }
        before = *byte;
    }
    Some(looks)
}

/// **Threat:** `/..;/admin` is `/admin` to a servlet container.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
}

fn is_dots(segment: &[u8]) -> bool {
    matches!(segment, b"." | b"..")
}

/// `None` where a `%` is not followed by two hex digits.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let high = digit(*rest.next()?)?;
            let low = digit(*rest.next()?)?;
            out.push(high.checked_mul(16)?.checked_add(low)?);
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn normal(decoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(decoded.len());
    for segment in segments(decoded).filter(|segment| !segment.is_empty()) {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() || decoded.last() == Some(&b'/') {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_dot_segments_or_control_bytes_are_refused_in_every_disguise() {
        for bad in [
            "",
            "a",
            "/..",
            "/../a",
            "/a/..",
            "/.",
            "/a/./b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a/%2e",
            "/..;/a",
            "/..;x=1/a",
            "/%2e%2e;/a",
            "/a/..%2fb",
            "/a%2f..%2fb",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/a%0Ax-tenant:b",
            "/a%7f",
            "/a\tb",
            "/a b",
            "/a\x7f",
            "/a#b",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
        ] {
            assert_eq!(check(bad.as_bytes()), Err(Code::TargetInvalid.into()), "{bad:?}");
        }
    }

    #[test]
    fn a_second_reading_exists_only_where_servers_differ() {
        for plain in ["/", "/a", "/a/", "/a/...", "/a..b", "/.well-known/x", "/a=b&c", "*"] {
            assert_eq!(check(plain.as_bytes()), Ok(None), "{plain}");
        }
        for (path, reading) in [
            ("/a%2fb", "/a/b"),
            ("/a//b", "/a/b"),
            ("//", "/"),
            ("/a;x=1/b", "/a/b"),
            ("/a;x", "/a"),
            ("/%61", "/a"),
            ("/a%20b/", "/a b/"),
            ("/a/;x", "/a"),
        ] {
            assert_eq!(check(path.as_bytes()), Ok(Some(reading.as_bytes().to_vec())), "{path}");
        }
    }
}
