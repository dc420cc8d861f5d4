//! A compact token taken apart: three parts exactly, each in its one spelling, no name twice.

use bytes::Bytes;

use crate::sig::encoding::Encoding;
use crate::sig::json::Json;

/// Longest token, in bytes.
const LONGEST: usize = 8 * 1024;

/// Longest encoded header: it names an algorithm, a key and a type.
const LONGEST_HEADER: usize = 2 * 1024;

/// What a token says, and the bytes that its MAC covers.
pub(super) struct Token {
    pub(super) header: Members,
    pub(super) payload: Members,
    /// Header and payload as received, with the dot between them.
    pub(super) signed: Bytes,
    pub(super) mac: Vec<u8>,
}

/// The members of a JSON object, names unique.
pub(super) struct Members(Vec<(String, Json)>);

impl Token {
    /// Reads a token; `None` when it can be read in two ways, or in none.
    pub(super) fn read(text: &Bytes) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b'.');
        let (header, payload, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || text.len() > LONGEST || header.len() > LONGEST_HEADER {
            return None;
        }
        let signed = text.get(..header.len().saturating_add(payload.len()).saturating_add(1))?;
        Some(Self {
            header: Members::read(header)?,
            payload: Members::read(payload)?,
            signed: text.slice_ref(signed),
            mac: Encoding::Base64Url.decode(mac, false)?,
        })
    }
}

impl Members {
    fn read(part: &[u8]) -> Option<Self> {
        match Json::parse(&Encoding::Base64Url.decode(part, false)?)? {
            Json::Object(members) => Some(Self(members)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => None,
        }
    }

    /// The member of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text of this name; `None` where there is none, or something else.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Json::Text(text) => Some(text),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(header: &str, payload: &str, mac: &str) -> Bytes {
        let part = |text: &str| Encoding::Base64Url.encode(text.as_bytes());
        Bytes::from(format!("{}.{}.{mac}", part(header), part(payload)))
    }

    #[test]
    fn a_token_has_three_parts_in_one_spelling_each() {
        for (text, read) in [
            (encoded("{}", "{}", "AAAA"), true),
            (encoded("{}", "{}", ""), true),
            (encoded("{}", "{}", "AAAA="), false),
            (encoded("{}", "{}", "AAB"), false),
            (encoded("{}", "{}", "AA+A"), false),
            (encoded("{}", "{}", "AAAA."), false),
            (encoded("[]", "{}", "AAAA"), false),
            (encoded("{}", "1", "AAAA"), false),
            (encoded("{}", "{", "AAAA"), false),
            (encoded("{}", r#"{"a":1,"a":1}"#, "AAAA"), false),
            (encoded(r#"{"alg":"HS256","alg":"none"}"#, "{}", "AAAA"), false),
            (encoded(r#"{"alg":"HS256","\u0061lg":"none"}"#, "{}", "AAAA"), false),
            (Bytes::from("e30.e30"), false),
            (Bytes::from(".."), false),
            (Bytes::new(), false),
        ] {
            assert_eq!(Token::read(&text).is_some(), read, "{text:?}");
        }
    }

    #[test]
    fn a_token_and_its_header_are_bounded() {
        let padded = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size));
        assert!(Token::read(&encoded(&padded(1500), "{}", "AAAA")).is_some());
        assert!(Token::read(&encoded(&padded(1600), "{}", "AAAA")).is_none());
        assert!(Token::read(&encoded("{}", &padded(6000), "AAAA")).is_some());
        assert!(Token::read(&encoded("{}", &padded(6200), "AAAA")).is_none());
    }

    #[test]
    fn what_is_signed_is_what_was_received() {
        let token = Token::read(&Bytes::from("eyAgfQ.e30K.AAAA")).unwrap();
        assert_eq!(token.signed, "eyAgfQ.e30K");
        assert_eq!(token.mac, [0, 0, 0]);
    }
}
