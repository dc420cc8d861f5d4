//! JSON strings that no terminal, log shipper or reader can be fooled with.
//!
//! **Invariant:** what leaves holds no control character, no bidirectional override and no invalid UTF-8.

/// Appends `text` as a JSON string, quotes included.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| push(out, character));
    }
    out.push(b'"');
}

/// Appends raw bytes as a JSON string: what is not UTF-8 appears as the text `\xNN`, and a backslash as `\x5c`, so that both can be
/// told apart.
pub(super) fn bytes(out: &mut Vec<u8>, raw: &[u8]) {
    out.push(b'"');
    if is_plain(raw) {
        out.extend_from_slice(raw);
    } else {
        escaped(out, raw);
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, raw: &[u8]) {
    for chunk in raw.utf8_chunks() {
        chunk.valid().chars().for_each(|character| match character {
            '\\' => out.extend_from_slice(br"\\x5c"),
            other => push(out, other),
        });
        chunk.invalid().iter().for_each(|byte| out.extend_from_slice(format!(r"\\x{byte:02x}").as_bytes()));
    }
}

/// Nearly everything is: visible ASCII without a quote or a backslash.
fn is_plain(raw: &[u8]) -> bool {
    // Without a way out in the middle this is done many bytes at a time.
    let hidden = |byte: &u8| u8::from(!matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'));
    raw.iter().map(hidden).fold(0, |any, one| any | one) == 0
}

fn push(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(br#"\""#),
        '\\' => out.extend_from_slice(br"\\"),
        hidden if hidden.is_control() || deceives(hidden) => {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(hidden)).as_bytes());
        }
        plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Line separators and the characters that make text read in another order than it is stored (CVE-2021-42574).
pub(crate) fn deceives(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(raw: &[u8]) -> String {
        let mut out = Vec::new();
        bytes(&mut out, raw);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_fool_a_reader_is_escaped() {
        let cases: [(&[u8], &str); 12] = [
            (b"plain /path", r#""plain /path""#),
            (b"\"", r#""\"""#),
            (b"\\", r#""\\x5c""#),
            (b"\r\n", r#""\u000d\u000a""#),
            (b"\x1b[2J", r#""\u001b[2J""#),
            (b"\x00", r#""\u0000""#),
            (b"\x7f", r#""\u007f""#),
            ("\u{9b}".as_bytes(), r#""\u009b""#),
            (b"\xff\xc3", r#""\\xff\\xc3""#),
            ("é😀".as_bytes(), "\"é😀\""),
            ("\u{202e}".as_bytes(), r#""\u202e""#),
            ("\u{2028}".as_bytes(), r#""\u2028""#),
        ];
        for (raw, expected) in cases {
            assert_eq!(told(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn every_byte_alone_and_every_pair_stays_one_line_of_json() {
        for first in 0..=u8::MAX {
            for second in [0x00, 0x0a, 0x1b, b'"', b'\\', 0x80, 0xff, b'a'] {
                let line = told(&[first, second]);
                assert!(line.chars().all(|character| !character.is_control()), "{line:?}");
                assert!(serde_json::from_str::<String>(&line).is_ok(), "{line:?}");
            }
        }
    }

    #[test]
    fn text_survives_the_way_through_json() {
        let original = "a\\b\"c\r\n\u{1b}\u{85}é";
        let mut out = Vec::new();
        text(&mut out, original);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), original);
    }
}
