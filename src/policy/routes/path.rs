//! Paths that different servers read differently: refused, or looked up in both readings.
//!
//! **Invariant:** nothing decoded here is forwarded; what is forwarded is what was received.

use crate::reject::{Code, Rejection};

/// Refuses a path that no careful client sends. `Some` is the second reading, where there is one: percent-decoded, slashes merged,
/// `;parameters` removed.
pub(super) fn check(path: &[u8]) -> Result<Option<Vec<u8>>, Rejection> {
    if path == b"*" {
        return Ok(None);
    }
    if path.first() != Some(&b'/') || path.iter().any(|byte| forbidden(*byte)) {
        return Err(Code::TargetInvalid.into());
    }
    let decoded = decode(path).ok_or(Code::TargetInvalid)?;
    if decoded.iter().any(|byte| matches!(byte, ..b' ' | 0x7f | b'\\')) || segments(&decoded).any(is_dots) {
        return Err(Code::TargetInvalid.into());
    }
    let special = path.iter().any(|byte| matches!(byte, b'%' | b';')) || path.windows(2).any(|pair| pair == b"//");
    Ok(special.then(|| normal(&decoded)))
}

fn forbidden(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, 0x7f | b'\\' | b'#')
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
