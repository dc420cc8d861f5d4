//! Which bytes may stand where in a head (RFC 9110 §5.5, §5.6.2).

/// What each byte may be part of.
const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~", true);

/// What stands in an origin-form target that every parser takes alike.
const PLAIN_TARGET: [bool; 256] = table(b"-._~/?=&%+:,;@!$'()*", true);

const fn table(others: &[u8], alphanumeric: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut rest = others;
    while let [byte, more @ ..] = rest {
        mark(&mut table, *byte);
        rest = more;
    }
    let mut byte = 0_u8;
    while alphanumeric && byte < 128 {
        if byte.is_ascii_alphanumeric() {
            mark(&mut table, byte);
        }
        byte = byte.wrapping_add(1);
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a byte is a place in a table of 256; u8 to usize loses nothing"
)]
const fn mark(table: &mut [bool; 256], byte: u8) {
    table[byte as usize] = true;
}

fn all(table: &[bool; 256], word: &[u8]) -> bool {
    word.iter().all(|byte| table.get(usize::from(*byte)).copied().unwrap_or_default())
}

/// RFC 9110 §5.6.2.
pub(in crate::proxy) fn is_token(word: &[u8]) -> bool {
    !word.is_empty() && all(&TOKEN, word)
}

/// An origin-form target that needs no closer look.
pub(in crate::proxy) fn is_plain_target(target: &[u8]) -> bool {
    target.first() == Some(&b'/') && all(&PLAIN_TARGET, target)
}

/// Tab, visible characters, spaces and obs-text. Looks at every byte: that is quicker than stopping early.
#[expect(clippy::needless_bitwise_bool, reason = "a branch for each byte costs more than looking at all of them")]
pub(in crate::proxy) fn is_text(text: &[u8]) -> bool {
    text.iter().fold(true, |so_far, byte| so_far & ((*byte >= b' ') & (*byte != 0x7f) | (*byte == b'\t')))
}

/// A Content-Length in its one spelling, within what any system can count.
pub(in crate::proxy) fn length(value: &[u8]) -> Option<u64> {
    let canonical = value == b"0" || value.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    let plain = canonical && value.iter().all(u8::is_ascii_digit);
    let length = if plain { std::str::from_utf8(value).ok()?.parse().ok() } else { None };
    length.filter(|length| i64::try_from(*length).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_what_the_grammar_says() {
        for byte in 0..=u8::MAX {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(&[byte]), token, "{byte}");
            let text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert_eq!(is_text(&[b'a', byte, b'b']), text, "{byte}");
            let target = byte.is_ascii_alphanumeric() || b"-._~/?=&%+:,;@!$'()*".contains(&byte);
            assert_eq!(is_plain_target(&[b'/', byte]), target, "{byte}");
        }
        assert!(!is_token(b"") && is_text(b"") && !is_plain_target(b"") && !is_plain_target(b"a"));
    }

    #[test]
    fn a_length_has_one_spelling() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
            ("9223372036854775808", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("0x1", None),
            ("1,1", None),
            ("\u{661}", None),
        ] {
            assert_eq!(length(text.as_bytes()), expected, "{text:?}");
        }
    }
}
