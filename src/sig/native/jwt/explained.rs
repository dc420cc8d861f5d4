//! A refused token, explained: what it says in the clear, and the scheme as a sender may have understood it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::token::Token;
use super::{Alg, Jwt, malformed};
use crate::reject::{Code, Rejection};
use crate::sig::declared::trace::{Message, Traced, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::json::Json;
use crate::sig::message::Head;
use crate::sig::native::Native;
use crate::sig::native::explained::Explained;
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use crate::sig::time::Moment;

impl Explained for Jwt {
    /// When it was made, or became good; of a token that says neither, the last second before its end.
    fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        let token = self.token(request.head)?;
        let date = |name| self.date(&token.payload, name).ok().flatten();
        let last = || date("exp").map(|exp| exp.minus(Duration::from_secs(1)));
        date("iat").max(date("nbf")).or_else(last)
    }

    fn stamp_format(&self) -> Option<Format> {
        Some(self.stamp)
    }

    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let text = self.carrier.find(request.head)?.ok_or(Code::SignatureMissing)?;
        let mut parts = text.splitn(3, |byte| *byte == b'.');
        let (Some(header), Some(payload), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("not three parts with dots between them"));
        };
        let part = |origin: &str, text: &[u8]| {
            let plain = Encoding::Base64Url.decode_secret(text).map(|plain| Traced::new("decoded", plain));
            Traced { of: plain.into_iter().collect(), ..Traced::new(origin, text) }
        };
        Ok(vec![vec![part("header", header), Traced::new("", "."), part("payload", payload)]])
    }

    fn varied(&self, changes: &[Change]) -> Option<Arc<dyn Native>> {
        let mut varied = Self { leeway: Duration::MAX, ..self.clone() };
        let applied = changes.iter().all(|change| varied.apply(change));
        applied.then(|| -> Arc<dyn Native> { Arc::new(varied) })
    }

    fn encoding(&self) -> Encoding {
        Encoding::Base64Url
    }

    fn claimed_size(&self, head: &Head) -> Option<usize> {
        self.token(head).map(|token| token.mac.len())
    }

    fn places(&self) -> Vec<(&'static str, Source)> {
        vec![("token", self.carrier.source.clone())]
    }
}

impl Jwt {
    fn token(&self, head: &Head) -> Option<Token> {
        Token::read(&self.carrier.find(head).ok()??)
    }

    /// Whether the change means anything here.
    fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Algorithm(algorithm) => {
                let named = Alg::NAMES.iter().map(|(_, alg)| *alg).find(|alg| alg.hash() == *algorithm);
                let changed = named.filter(|alg| *alg != self.algorithm);
                self.algorithm = changed.unwrap_or(self.algorithm);
                changed.is_some()
            }
            Change::Stamp(format @ (Format::UnixMs | Format::UnixUs)) => {
                self.stamp = *format;
                true
            }
            Change::Word(word) => {
                let changed = self.carrier.auth_scheme != *word;
                self.carrier.auth_scheme.clone_from(word);
                changed
            }
            Change::SignatureIn(header) => {
                self.carrier.source = Source::Header(vec![header.clone()]);
                true
            }
            Change::Undemanding(head) => {
                self.demand_nothing(head);
                true
            }
            _ => false,
        }
    }

    /// The options that this token meets, whatever it says.
    fn demand_nothing(&mut self, head: &Head) {
        let token = self.token(head);
        let claimed = token.as_ref().and_then(|token| token.payload.find("aud"));
        let names: &[Json] = match claimed {
            Some(Json::List(all)) => all,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let text = |name: &Json| if let Json::Text(text) = name { Some(text.clone()) } else { None };
        self.audience = names.iter().filter_map(text).collect();
        (self.issuers, self.claims) = (Vec::new(), Vec::<(String, Bytes)>::new());
        (self.typ, self.max_age, self.expires, self.single) = (None, None, false, false);
        self.kid = if self.kid == super::Kid::Required { super::Kid::Optional } else { self.kid };
    }
}
