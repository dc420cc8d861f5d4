//! Request targets without what a client may have hidden in them.

use std::borrow::Cow;

/// What stands for a value.
const HIDDEN: &[u8] = b"***";

/// The target with the names of its query parameters and none of their values; a piece without `=` is a value. User information of an
/// absolute or authority form is hidden as well.
pub(super) fn target(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.starts_with(b"/") && !raw.contains(&b'?') {
        return Cow::Borrowed(raw);
    }
    let (front, query) = match raw.iter().position(|byte| *byte == b'?').and_then(|place| raw.split_at_checked(place)) {
        Some((front, query)) => (front, query.get(1..)),
        None => (raw, None),
    };
    let mut out = location(front);
    for (place, piece) in query.unwrap_or_default().split(|byte| *byte == b'&').enumerate() {
        match (place, query) {
            (_, None) => {}
            (0, Some(_)) => out.push(b'?'),
            (_, Some(_)) => out.push(b'&'),
        }
        parameter(&mut out, piece);
    }
    Cow::Owned(out)
}

fn parameter(out: &mut Vec<u8>, piece: &[u8]) {
    let name = piece.iter().position(|byte| *byte == b'=').and_then(|end| piece.get(..=end));
    out.extend_from_slice(name.unwrap_or_default());
    if !piece.is_empty() {
        out.extend_from_slice(HIDDEN);
    }
}

fn location(front: &[u8]) -> Vec<u8> {
    if front.starts_with(b"/") {
        return front.to_vec();
    }
    let start = front.windows(3).position(|window| window == b"://").map_or(0, |place| place.saturating_add(3));
    let (scheme, rest) = front.split_at_checked(start).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
    match authority.iter().rposition(|byte| *byte == b'@').and_then(|place| authority.get(place..)) {
        Some(host) => [scheme, HIDDEN, host, path].concat(),
        None => front.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_and_values_are_not() {
        let cases = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a?", "/a?"),
            ("/a?x=1", "/a?x=***"),
            ("/a?x=1&y=2&x=3", "/a?x=***&y=***&x=***"),
            ("/a?x=", "/a?x=***"),
            ("/a?x=1=2?3", "/a?x=***"),
            ("/a?secret", "/a?***"),
            ("/a?&x=1&", "/a?&x=***&"),
            ("/a@b?x=1", "/a@b?x=***"),
            ("*", "*"),
            ("http://user:pass@host/a?x=1", "http://***@host/a?x=***"),
            ("http://host/a@b", "http://host/a@b"),
            ("user:p@ss@host:443", "***@host:443"),
        ];
        for (raw, expected) in cases {
            assert_eq!(String::from_utf8(target(raw.as_bytes()).into_owned()).unwrap(), expected, "{raw}");
        }
    }
}
