//! Text that stands for bytes, in one spelling only: two texts for one MAC would be two replay keys.

use smallvec::SmallVec;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};

use super::form;

/// A decoded signature; up to the size of SHA-256 it costs no allocation.
pub(in crate::sig) type Tag = SmallVec<[u8; 32]>;

/// How bytes are written as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Two lower-case hex digits per byte.
    Hex,
    /// RFC 4648 §4, padded.
    Base64,
    /// RFC 4648 §5, unpadded.
    Base64Url,
    /// RFC 4648 §5, padded.
    Base64UrlPadded,
    /// RFC 4648 §4, padded, and then percent-encoded; escapes in either case.
    Base64Escaped,
}

impl Encoding {
    /// The bytes, if `text` is their one spelling: exact alphabet, exact padding, no trailing bits. `any_case` lets hex digits be upper case.
    pub fn decode(self, text: &[u8], any_case: bool) -> Option<Vec<u8>> {
        match self {
            Self::Hex if any_case => HEXLOWER_PERMISSIVE.decode(text),
            Self::Hex => HEXLOWER.decode(text),
            Self::Base64 => BASE64.decode(text),
            Self::Base64Url => BASE64URL_NOPAD.decode(text),
            Self::Base64UrlPadded => BASE64URL.decode(text),
            Self::Base64Escaped => {
                let plain = form::percent_decode(text, false);
                let spelled = form::percent_encode(&plain);
                BASE64.decode(spelled.as_bytes().eq_ignore_ascii_case(text).then_some(plain.as_ref())?)
            }
        }
        .ok()
    }

    /// The same as [`Encoding::decode`].
    pub(in crate::sig) fn decode_tag(self, text: &[u8], any_case: bool) -> Option<Tag> {
        let codec = match self {
            Self::Hex if any_case => HEXLOWER_PERMISSIVE,
            Self::Hex => HEXLOWER,
            Self::Base64 => BASE64,
            Self::Base64Url => BASE64URL_NOPAD,
            Self::Base64UrlPadded => BASE64URL,
            Self::Base64Escaped => return self.decode(text, any_case).map(Tag::from_vec),
        };
        let mut tag = Tag::from_elem(0, codec.decode_len(text.len()).ok()?);
        let length = codec.decode_mut(text, &mut tag).ok()?;
        tag.truncate(length);
        Some(tag)
    }

    /// The text of these bytes.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(bytes),
            Self::Base64 => BASE64.encode(bytes),
            Self::Base64Url => BASE64URL_NOPAD.encode(bytes),
            Self::Base64UrlPadded => BASE64URL.encode(bytes),
            Self::Base64Escaped => form::percent_encode(BASE64.encode(bytes).as_bytes()),
        }
    }

    /// A secret as an operator writes it: padding is optional and hex may be upper case, since nobody compares it.
    pub fn decode_secret(self, text: &[u8]) -> Option<Vec<u8>> {
        let bare = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
        let unpadded = text.get(..bare).unwrap_or_default();
        match self {
            Self::Hex => HEXLOWER_PERMISSIVE.decode(text).ok(),
            Self::Base64 | Self::Base64Escaped => BASE64_NOPAD.decode(unpadded).ok(),
            Self::Base64Url | Self::Base64UrlPadded => BASE64URL_NOPAD.decode(unpadded).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_spelling() {
        let table: [(Encoding, &str, bool); 24] = [
            (Encoding::Hex, "00ff", true),
            (Encoding::Hex, "00FF", false),
            (Encoding::Hex, "00f", false),
            (Encoding::Hex, "0x00", false),
            (Encoding::Hex, "+f", false),
            (Encoding::Hex, " 00ff", false),
            (Encoding::Base64, "AAE=", true),
            (Encoding::Base64, "AAE", false),
            (Encoding::Base64, "AAF=", false),
            (Encoding::Base64, "AA E=", false),
            (Encoding::Base64, "__8=", false),
            (Encoding::Base64, "//8=", true),
            (Encoding::Base64, "//8=0", false),
            (Encoding::Base64Url, "__8", true),
            (Encoding::Base64Url, "__8=", false),
            (Encoding::Base64Url, "//8", false),
            (Encoding::Base64UrlPadded, "__8=", true),
            (Encoding::Base64UrlPadded, "__8", false),
            (Encoding::Base64Escaped, "%2F%2f8%3D", true),
            (Encoding::Base64Escaped, "//8=", false),
            (Encoding::Base64Escaped, "%2F%2F%38%3D", false),
            (Encoding::Base64Escaped, "AAE%3D", true),
            (Encoding::Base64Escaped, "AAE%3D%3D", false),
            (Encoding::Base64Escaped, "AAE%253D", false),
        ];
        for (encoding, text, accepted) in table {
            let decoded = encoding.decode(text.as_bytes(), false);
            assert_eq!(decoded.is_some(), accepted, "{encoding:?} {text}");
            assert_eq!(encoding.decode_tag(text.as_bytes(), false).map(Tag::into_vec), decoded, "{encoding:?} {text}");
        }
    }

    #[test]
    fn hex_in_either_case_only_where_the_scheme_allows_it() {
        assert_eq!(Encoding::Hex.decode(b"00Ff", true), Some(vec![0, 255]));
        assert_eq!(Encoding::Hex.decode(b"00Fg", true), None);
        assert_eq!(Encoding::Hex.decode_tag(b"00Ff", true).as_deref(), Some(&[0, 255][..]));
        assert_eq!(Encoding::Hex.decode_tag(b"00Fg", true), None);
    }

    #[test]
    fn a_secret_may_come_without_its_padding() {
        for text in ["AAE=", "AAE"] {
            assert_eq!(Encoding::Base64.decode_secret(text.as_bytes()), Some(vec![0, 1]));
        }
        assert_eq!(Encoding::Base64.decode_secret(b"A"), None);
        assert_eq!(Encoding::Hex.decode_secret(b"00FF"), Some(vec![0, 255]));
    }
}
