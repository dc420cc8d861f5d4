//! What a scheme proves and what it leaves open: facts for the linter, the gate and the status page.

use std::time::Duration;

use bytes::Bytes;

use super::analysis::carriers;
use super::mac::Algorithm;
use super::scheme::{Parts, Scheme};
use super::stamp::Bounds;
use super::template::{Input, Source, Template};

impl Scheme {
    /// Its name in the configuration.
    pub fn name(&self) -> &std::sync::Arc<str> {
        &self.parts.name
    }

    /// What it needs of the body.
    pub const fn need(&self) -> super::Need {
        self.need
    }

    /// The hash function.
    pub const fn algorithm(&self) -> Algorithm {
        self.parts.algorithm
    }

    /// Whether it is HMAC, not a plain digest with the key inside.
    pub const fn is_hmac(&self) -> bool {
        self.parts.keyed
    }

    /// The members of `any_of`; empty for a scheme of its own.
    pub fn alternatives(&self) -> &[std::sync::Arc<Scheme>] {
        &self.alternatives
    }

    /// Whether it has a timestamp, covered or not.
    pub const fn has_timestamp(&self) -> bool {
        self.parts.timestamp.is_some()
    }

    /// Whether it has a nonce, covered or not.
    pub const fn has_nonce(&self) -> bool {
        self.parts.nonce.is_some()
    }

    /// Whether the request names its key.
    pub const fn has_key_id(&self) -> bool {
        self.parts.key_id.is_some()
    }

    /// How many MACs it takes to try a ring of `keys`; one per message where the request names its key.
    pub fn trials(&self, keys: usize) -> usize {
        let named = self.parts.key_id.as_ref().is_some_and(|field| !field.optional);
        self.contents.len().saturating_mul(if named { keys.min(1) } else { keys })
    }

    /// Whether it signs the public URL, which only configuration can say.
    pub fn needs_public_url(&self) -> bool {
        let templates = super::analysis::side_templates(&self.parts).into_iter().chain(&self.parts.messages);
        let own = templates.into_iter().any(|template| template.uses(&Input::Url) || template.uses(&Input::PublicUrl));
        own || self.alternatives.iter().any(|member| member.needs_public_url())
    }

    /// Whether signatures come in a list.
    pub fn carries_list(&self) -> bool {
        self.parts.signatures.first().is_some_and(|field| field.list.is_some() || self.is_repeated(&field.source))
    }

    pub(in crate::sig) fn is_repeated(&self, source: &Source) -> bool {
        match (source, self.parts.params.as_ref().map(|list| &list.shape)) {
            (Source::Param(name), Some(super::params::Shape::Pairs { repeat, .. })) => repeat.contains(name),
            _ => false,
        }
    }

    /// How far a stamp may lie from now: past and future.
    pub fn window(&self) -> Option<(Duration, Duration)> {
        self.parts.timestamp.as_ref().map(|field| match field.bounds {
            Bounds { expiry: true, future, .. } => (Duration::ZERO, future),
            Bounds { past, future, .. } => (past, future),
        })
    }

    /// Whether every message covers the body, raw or by a digest.
    pub fn covers_body(&self) -> bool {
        let by_digest = self
            .parts
            .digest
            .as_ref()
            .is_some_and(|field| field.when != super::scheme::Demand::Present || self.covers_source(&field.source));
        by_digest || self.covers(&|input| *input == Input::Body)
    }

    /// Whether every message covers the timestamp.
    pub fn covers_timestamp(&self) -> bool {
        self.parts.timestamp.as_ref().is_some_and(|field| self.covers_field(&Input::Timestamp, &field.source))
    }

    /// Whether every message covers the nonce.
    pub fn covers_nonce(&self) -> bool {
        self.parts.nonce.as_ref().is_some_and(|field| self.covers_field(&Input::Nonce, &field.source))
    }

    /// Whether every message covers the key id.
    pub fn covers_key_id(&self) -> bool {
        self.parts.key_id.as_ref().is_some_and(|field| self.covers_field(&Input::KeyId, &field.source))
    }

    /// Whether every message covers the method.
    pub fn covers_method(&self) -> bool {
        self.covers(&|input| *input == Input::Method)
    }

    /// Whether every message covers the path.
    pub fn covers_path(&self) -> bool {
        self.covers(&|input| matches!(input, Input::Target | Input::Path | Input::Url))
    }

    /// Whether every message covers the query.
    pub fn covers_query(&self) -> bool {
        self.covers(&|input| matches!(input, Input::Target | Input::Url | Input::Query | Input::MarkedQuery))
    }

    fn covers_field(&self, input: &Input, source: &Source) -> bool {
        self.covers(&|found| found == input) || self.covers_source(source)
    }

    /// Whether the bytes at `source` are under the MAC, by name or as a part of something that is.
    pub(in crate::sig) fn covers_source(&self, source: &Source) -> bool {
        let by_name = |input: &Input| matches!(input, Input::Source(found) if found == source);
        let around = |input: &Input| match source {
            Source::Form(_) | Source::Json(_) => *input == Input::Body,
            Source::Query(_) => matches!(input, Input::Target | Input::Url | Input::Query | Input::MarkedQuery),
            Source::Header(_) | Source::Cookie(_) | Source::Param(_) => false,
        };
        self.covers(&|input| by_name(input) || around(input)) || self.lists(source.headers())
    }

    /// Whether the signed headers always have one of `names`.
    fn lists(&self, names: &[Bytes]) -> bool {
        let demanded =
            |name: &Bytes| self.parts.signed_headers.as_ref().is_some_and(|signed| signed.require.contains(name));
        !names.is_empty() && names.iter().all(demanded) && self.covers(&|input| *input == Input::SignedHeaders)
    }

    /// Whether every message has an input for which `wanted` says so, through named templates and required special lines.
    fn covers(&self, wanted: &dyn Fn(&Input) -> bool) -> bool {
        self.parts.messages.iter().all(|message| self.template_covers(message, wanted))
    }

    fn template_covers(&self, template: &Template, wanted: &dyn Fn(&Input) -> bool) -> bool {
        template.values().any(|value| {
            wanted(&value.input)
                || match &value.input {
                    Input::Let(place) => {
                        self.parts.lets.get(*place).is_some_and(|named| self.template_covers(named, wanted))
                    }
                    Input::SignedHeaders => self.parts.signed_headers.as_ref().is_some_and(|signed| {
                        let demanded = signed.special.iter().filter(|(name, _)| signed.require.contains(name));
                        demanded.into_iter().any(|(_, line)| self.template_covers(line, wanted))
                    }),
                    _ => false,
                }
        })
    }

    /// Lower-case names of headers that only carry evidence.
    pub fn carrier_headers(&self) -> Vec<Bytes> {
        super::analysis::carrier_headers(&self.parts)
    }

    /// Lower-case names of headers that carry evidence or are covered by every signature.
    pub fn known_headers(&self) -> Vec<Bytes> {
        super::analysis::known_headers(&self.parts)
    }

    /// Whether the declaration can be run backwards, or why not.
    pub fn can_sign(&self) -> Result<(), String> {
        for source in carriers(&self.parts) {
            match source {
                Source::Header(_) | Source::Param(_) | Source::Query(_) => {}
                Source::Cookie(_) | Source::Form(_) | Source::Json(_) => {
                    return Err(format!("its evidence sits in {source:?}, where this gateway does not write"));
                }
            }
        }
        if self.parts.params.as_ref().is_some_and(|list| matches!(list.shape, super::params::Shape::Split(_))) {
            return Err("its token holds a value that only the application knows".to_owned());
        }
        if self.parts.timestamp.as_ref().is_some_and(|field| field.bounds.expiry) {
            return Err("its timestamp is an expiry that only the application knows".to_owned());
        }
        if self.parts.signatures.iter().any(|field| field.key.is_some()) {
            return Err("its signature headers belong to keys by name".to_owned());
        }
        if let Some(signed) = &self.parts.signed_headers {
            let names = if signed.sign.is_empty() { &signed.default } else { &signed.sign };
            let digest = self.parts.digest.iter().flat_map(|field| field.source.headers());
            let mut wanted = signed.require.iter().chain(digest);
            if names.is_empty() || wanted.any(|name| !names.contains(name)) {
                return Err("`signed_headers.sign` lacks something that must be signed".to_owned());
            }
        }
        Ok(())
    }
}

impl Scheme {
    /// Whether this alternative is the one to judge: its `when` is met and one of its signature carriers is there.
    pub fn is_chosen(&self, head: &super::message::Head) -> bool {
        let nothing = super::claims::Claims::default();
        let scope = super::scope::Scope {
            scheme: self,
            head,
            public_url: None,
            claims: &nothing,
            seen: super::scope::Seen::Nothing,
        };
        let there = |source: &Source| match (source, &self.parts.params) {
            (Source::Param(_), Some(list)) if list.source.in_body() => true,
            (Source::Param(_), Some(list)) => {
                scope.all(&list.source).iter().any(|raw| list.strip(&Bytes::copy_from_slice(raw)).is_some())
            }
            (Source::Header(names), _) => names.iter().any(|name| scope.has_header(name)),
            _ => source.in_body() || !scope.all(source).is_empty(),
        };
        self.parts.when.iter().all(there) && self.parts.signatures.iter().any(|field| there(&field.source))
    }

    /// The headers that a caller has to send, as they are usually written.
    pub fn announced(&self) -> Vec<String> {
        let parts = &self.parts;
        let fields = [
            parts.timestamp.as_ref().map(|field| &field.source),
            parts.nonce.as_ref().map(|field| &field.source),
            parts.key_id.as_ref().map(|field| &field.source),
            parts.params.as_ref().map(|list| &list.source),
        ];
        let mut sources: Vec<&Source> = fields.into_iter().flatten().collect();
        sources.extend(parts.signatures.first().map(|field| &field.source));
        sources.iter().filter_map(|source| source.headers().first()).map(|name| parts.spelling(name)).collect()
    }
}

impl Parts {
    /// A header's name as the declaration writes it, or each word with a capital.
    fn spelling(&self, name: &Bytes) -> String {
        let written = self.spellings.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name));
        written.cloned().unwrap_or_else(|| String::from_utf8_lossy(name).into_owned())
    }
}
