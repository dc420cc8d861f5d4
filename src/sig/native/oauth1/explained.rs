//! A refused request, explained: its base string in three parts, and the scheme as a sender may have understood it.

use std::sync::Arc;

use super::params::Params;
use super::{Coverage, Method, Oauth1, base, is_form};
use crate::reject::Rejection;
use crate::sig::declared::trace::{ANY_TIME, Message, Traced, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::form::{cut, percent_decode};
use crate::sig::message::Head;
use crate::sig::native::Native;
use crate::sig::native::explained::Explained;
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use crate::sig::time::Moment;

impl Explained for Oauth1 {
    fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        let params = Params::read(&self.carrier, request.head, None).ok()?;
        self.stamp.parse(params.must("oauth_timestamp").ok()?)
    }

    fn stamp_format(&self) -> Option<Format> {
        Some(self.stamp)
    }

    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let Whole { head, body, site } = request;
        let fields = Some(body).filter(|_| self.body.has_forms() && is_form(head).unwrap_or_default());
        let params = Params::read(&self.carrier, head, fields)?;
        let text = base::string(head, site.public_url, params.signed())?;
        let mut parts = Vec::new();
        for (part, origin) in text.split(|byte| *byte == b'&').zip(["{method}", "URL", "parameters"]) {
            let separator = (!parts.is_empty()).then(|| Traced::new("", "&"));
            parts.extend(separator);
            parts.push(Traced { of: plain(origin, part), ..Traced::new(origin, part) });
        }
        Ok(vec![parts])
    }

    fn varied(&self, changes: &[Change]) -> Option<Arc<dyn Native>> {
        let mut varied = Self { bounds: ANY_TIME, ..self.clone() };
        let applied = changes.iter().all(|change| varied.apply(change));
        applied.then(|| -> Arc<dyn Native> { Arc::new(varied) })
    }

    fn encoding(&self) -> Encoding {
        Encoding::Base64Escaped
    }

    fn claimed_size(&self, head: &Head) -> Option<usize> {
        let params = Params::read(&self.carrier, head, None).ok()?;
        Encoding::Base64.decode(params.must("oauth_signature").ok()?, false).map(|mac| mac.len())
    }

    fn places(&self) -> Vec<(&'static str, Source)> {
        vec![("signature", self.carrier.source.clone())]
    }
}

impl Oauth1 {
    /// Whether the change means anything here.
    fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Algorithm(algorithm) => {
                let named = Method::NAMES.iter().map(|(_, method)| *method).find(|method| method.hash() == *algorithm);
                let changed = named.filter(|method| *method != self.method);
                self.method = changed.unwrap_or(self.method);
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
                let is_header = matches!(self.carrier.source, Source::Header(_));
                self.carrier.source = Source::Header(vec![header.clone()]);
                is_header
            }
            Change::Undemanding(_) => {
                self.body = Coverage::Nothing;
                true
            }
            _ => false,
        }
    }
}

/// A part before it was encoded; of the parameters each pair.
fn plain(origin: &str, part: &[u8]) -> Message {
    let decoded = percent_decode(part, false);
    match origin {
        "parameters" => {
            let pairs = decoded.split(|byte| *byte == b'&').map(cut);
            pairs.map(|(name, value)| Traced::new(&name.escape_ascii().to_string(), value)).collect()
        }
        _ if decoded.as_ref() == part => Vec::new(),
        _ => vec![Traced::new("decoded", decoded.as_ref())],
    }
}
