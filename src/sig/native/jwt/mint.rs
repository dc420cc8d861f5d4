//! A fresh token for one request: short-lived, and in the same words that are verified.

use std::sync::Arc;

use super::{Jwt, Kid};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::key::Key;
use crate::sig::native::Outgoing;
use crate::sig::ring::Prepared;

impl Jwt {
    /// The token, made with the newest key.
    pub(super) fn mint(&self, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<String, Rejection> {
        let newest = keys.first().ok_or(Code::SigningFailed)?;
        let key = newest.key.as_ref().ok_or(Code::SigningFailed)?;
        let encode = |text: String| Encoding::Base64Url.encode(text.as_bytes());
        let signed = format!("{}.{}", encode(self.header(key)), encode(self.payload(key, outgoing)));
        let mut mac = newest.mac.clone();
        mac.update(signed.as_bytes());
        Ok(format!("{signed}.{}", Encoding::Base64Url.encode(&mac.tag()?)))
    }

    fn header(&self, key: &Key) -> String {
        let mut members = vec![("alg", quoted(self.algorithm.name()))];
        if self.kid != Kid::Ignored {
            members.push(("kid", quoted(&key.id)));
        }
        members.push(("typ", quoted(self.typ.as_deref().unwrap_or("JWT"))));
        object(&members)
    }

    fn payload(&self, key: &Key, outgoing: &Outgoing<'_>) -> String {
        let mut members = Vec::new();
        if let Some(issuer) = self.issuers.first() {
            members.push(("iss", quoted(issuer)));
        }
        if self.subject {
            members.push(("sub", quoted(&key.principal)));
        }
        match self.audience.as_slice() {
            [] => {}
            [one] => members.push(("aud", quoted(one))),
            several => {
                let names: Vec<String> = several.iter().map(|name| quoted(name)).collect();
                members.push(("aud", format!("[{}]", names.join(","))));
            }
        }
        members.push(("iat", outgoing.now.secs().to_string()));
        members.push(("exp", outgoing.now.plus(self.lifetime).secs().to_string()));
        if self.single {
            members.push(("jti", quoted(&Encoding::Hex.encode(&outgoing.entropy))));
        }
        object(&members)
    }
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// A control character, which has no other form in JSON that every reader knows.
fn control(char: char) -> String {
    format!("\\u{:04x}", u32::from(char))
}

/// A JSON string (RFC 8259 §7): only what must be escaped is.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\0'..=' ' if char != ' ' => out.push_str(&control(char)),
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::json::Json;

    #[test]
    fn whatever_is_quoted_is_read_back() {
        for text in ["", "plain", "a \"b\" \\c", "line\nfeed\u{1f}\0", "Zoë 🚀", "\u{7f}"] {
            assert_eq!(Json::parse(quoted(text).as_bytes()), Some(Json::Text(text.to_owned())), "{text:?}");
        }
    }
}
