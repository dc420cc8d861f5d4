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

/// Tab, visible characters, spaces and obs-text. Eight bytes at a time: nearly all of them hold nothing that needs a closer look.
pub(in crate::proxy) fn is_text(text: &[u8]) -> bool {
    match (text.as_chunks::<8>(), text.last_chunk::<8>()) {
        ((words, _), Some(end)) => words.iter().chain([end]).all(|word| is_text_word(*word)),
        ((_, few), None) => few.iter().all(|byte| is_text_byte(*byte)),
    }
}

fn is_text_word(word: [u8; 8]) -> bool {
    has_no_control(u64::from_ne_bytes(word)) || word.into_iter().all(is_text_byte)
}

const fn is_text_byte(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// Whether no byte is below a space or DEL.
const fn has_no_control(word: u64) -> bool {
    const LOW: u64 = u64::from_ne_bytes([0xe0; 8]);
    const DEL: u64 = u64::from_ne_bytes([0x7f; 8]);
    !(has_zero(word & LOW) || has_zero(word ^ DEL))
}

/// Whether a byte is zero: only then a borrow reaches its highest bit, which was not set before.
const fn has_zero(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    word.wrapping_sub(ONES) & !word & HIGHS != 0
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
            for place in 0..19 {
                let mut long = [b'~'; 19];
                long[place] = byte;
                assert_eq!(is_text(&long), text, "{byte} at {place}");
            }
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
