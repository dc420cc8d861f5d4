//! A vendor's handshake: a request by which it asks whether an endpoint is meant, and what it wants to hear.
//!
//! **Threat:** an answer made of what a stranger sent is a reflector, and a MAC over it a signing oracle. So the value is short and plain,
//! and nothing is ever signed for a request that is not itself signed.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use super::form;
use super::json::Json;
use super::key::Key;
use super::keyring::Keyring;
use super::message::{Head, Method};
use super::ring::{KeyUse, keyed};
use super::template::{Input, Part, Source, Template};
use super::time::Moment;
use crate::reject::{Code, Rejection};

/// Longest value that is answered with.
const LONGEST: usize = 256;

/// Longest body that is looked into: handshakes are short, and events are not read twice.
const LONGEST_BODY: usize = 4 * 1024;

/// Names that an answer may use, by their place.
pub const NAMES: [&str; 2] = ["challenge", "mac"];

/// How a scheme's vendor asks, and what it is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The method of a handshake that the vendor does not sign; `None`: it is signed like everything else.
    pub unsigned: Option<Method>,
    /// What tells it from an event: sources and their values.
    pub when: Vec<(Source, Bytes)>,
    /// Where a token sits that both sides know.
    pub token: Option<Source>,
    /// Where the value sits that the vendor wants to hear.
    pub value: Source,
    /// The answer, in which [`NAMES`] are the named templates.
    pub answer: Template,
    /// Of the answer.
    pub media_type: &'static str,
}

impl Challenge {
    /// The answer to a handshake that is not signed; `None` where the request is none.
    pub fn unsigned(
        &self,
        head: &Head,
        tokens: Option<&Arc<Keyring>>,
        now: Moment,
    ) -> Option<Result<Vec<u8>, Rejection>> {
        if self.unsigned.as_ref() != Some(&head.method) {
            return None;
        }
        let value = self.asked(head, None)?;
        if let Some(source) = &self.token {
            let token = one(source, head, None)?;
            if !is_known(&token, tokens, now) {
                return Some(Err(Rejection::from(Code::SignatureInvalid).because("the challenge has another token")));
            }
        }
        Some(plain(&value).and_then(|value| self.render(value, None)))
    }

    /// The answer to a handshake whose signature was found right; `None` where the request is none.
    pub fn signed(
        &self,
        (head, body): (&Head, &[u8]),
        key: &Key,
        key_use: &KeyUse,
    ) -> Option<Result<Vec<u8>, Rejection>> {
        if self.unsigned.is_some() || body.len() > LONGEST_BODY {
            return None;
        }
        let json = Json::parse(body);
        let value = self.asked(head, json.as_ref())?;
        Some(plain(&value).and_then(|value| self.render(value, keyed(key_use, key))))
    }

    /// Whether the answer holds a MAC.
    pub fn signs(&self) -> bool {
        self.answer.uses(&Input::Let(1))
    }

    /// The value, where the request is the vendor's question.
    fn asked<'a>(&'a self, head: &'a Head, json: Option<&'a Json>) -> Option<Cow<'a, [u8]>> {
        let meets = |(source, expected): &(Source, Bytes)| {
            one(source, head, json).is_some_and(|found| found == expected.as_ref())
        };
        if self.when.iter().all(meets) { one(&self.value, head, json) } else { None }
    }

    fn render(&self, value: &[u8], mac: Option<super::mac::Mac>) -> Result<Vec<u8>, Rejection> {
        let mac = mac.map(|mut mac| {
            mac.update(value);
            mac.tag()
        });
        let mac = mac.transpose()?.unwrap_or_default();
        let mut answer = Vec::new();
        for part in &self.answer.0 {
            match part {
                Part::Literal(text) => answer.extend_from_slice(text),
                Part::Value(named) => {
                    let text = if named.input == Input::Let(1) { &mac } else { value };
                    let mut text = Cow::Borrowed(text);
                    for filter in &named.filters {
                        text = Cow::Owned(filter.apply(&text).ok_or(Code::RequirementUnmet)?);
                    }
                    answer.extend_from_slice(&text);
                }
            }
        }
        Ok(answer)
    }
}

/// The value at a source that occurs once.
fn one<'a>(source: &'a Source, head: &'a Head, json: Option<&'a Json>) -> Option<Cow<'a, [u8]>> {
    match source {
        Source::Header(names) => {
            let name = names
                .iter()
                .filter_map(|name| std::str::from_utf8(name).ok())
                .find(|name| head.fields.contains(name))?;
            head.fields.one(name).ok()?.map(|value| Cow::Borrowed(value.as_ref()))
        }
        Source::Query(name) => {
            let mut found = form::values(head.query().unwrap_or_default(), name, false);
            found.next().filter(|_| found.next().is_none())
        }
        Source::Json(pointer) => json?.scalar(pointer).map(Cow::Borrowed),
        // Refused when the scheme was loaded.
        Source::Cookie(_) | Source::Param(_) | Source::Form(_) => None,
    }
}

/// Whether the token is the secret of a usable key; in constant time over all of them.
fn is_known(token: &[u8], tokens: Option<&Arc<Keyring>>, now: Moment) -> bool {
    let Some(ring) = tokens else { return false };
    let usable = (0..ring.len()).filter(|place| ring.verifies(*place, now)).filter_map(|place| ring.secret(place));
    bool::from(usable.fold(Choice::from(0), |known, secret| known | secret.ct_eq(token)))
}

/// What can stand in a text or between the quotes of a JSON string and mean nothing there.
fn plain(value: &[u8]) -> Result<&[u8], Rejection> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:".contains(byte);
    if (1..=LONGEST).contains(&value.len()) && value.iter().all(is_plain) {
        return Ok(value);
    }
    Err(Rejection::from(Code::BadRequest).because("the challenge is not 1 to 256 plain characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_short_and_means_nothing_in_text_or_json() {
        for (value, answered) in [
            ("qgg8vlvZRS6UYooatFL8Aw", true),
            ("1158201444", true),
            ("a-._~+/=:", true),
            ("", false),
            ("a b", false),
            ("<script>", false),
            ("a\"b", false),
            ("a\\b", false),
            ("é", false),
            ("a\n", false),
        ] {
            assert_eq!(plain(value.as_bytes()).is_ok(), answered, "{value}");
        }
        assert!(plain(&[b'a'; 256]).is_ok() && plain(&[b'a'; 257]).is_err());
    }
}
