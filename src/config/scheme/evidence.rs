//! The fields that carry evidence: signature, stamp, nonce, digest, parameters, and the form of the key.

use std::sync::Arc;

use bytes::Bytes;
use serde_yaml::Spanned;

use super::compile::Compiler;
use super::fields;
use super::raw::{RawDigest, RawKey, RawNonce, RawParams, RawSignature, RawTimestamp};
use crate::sig::declared::parts::{Demand, DigestField, KeyForm, NonceField, SignatureField, StampField};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::params::{ParamList, Shape};
use crate::sig::stamp::{Bounds, Format};
use crate::sig::template::{Input, Value};

const WHEN: [(&str, Demand); 3] = [("present", Demand::Present), ("body", Demand::Body), ("always", Demand::Always)];

impl Compiler<'_> {
    pub(super) fn key(&mut self, raw: &RawKey) -> KeyForm {
        const FORMS: [(&str, Option<Encoding>); 4] = [
            ("text", None),
            ("hex", Some(Encoding::Hex)),
            ("base64", Some(Encoding::Base64)),
            ("base64url", Some(Encoding::Base64Url)),
        ];
        let encoding = raw.encoding.as_ref().and_then(|text| self.word("key.encoding", text, &FORMS)).flatten();
        let derive = raw.derive.as_ref().and_then(|derive| {
            let algorithm = self.word("key.derive.algorithm", &derive.algorithm, &Algorithm::NAMES);
            let template = self.template("key.derive.message", &derive.message)?;
            let plain = |value: &Value| value.input == Input::Key && value.filters.is_empty();
            if !template.values().all(plain) || template.values().next().is_none() {
                self.say(
                    "key.derive.message",
                    &derive.message.referenced,
                    "a key is derived from `{key}` and constants only",
                );
            }
            Some((algorithm?, template))
        });
        KeyForm { encoding, strip_prefix: raw.strip_prefix.clone(), derive, pair: None }
    }

    pub(super) fn params(&mut self, raw: &Spanned<RawParams>) -> Option<ParamList> {
        let source = self.source("params", raw)?;
        let RawParams { quoted, trim, repeat, names, order, fixed, scheme, separator, .. } = &raw.value;
        let bytes = |names: &[String]| names.iter().map(|name| Bytes::from(name.clone())).collect::<Vec<_>>();
        let shape = match names.as_slice() {
            [] => Shape::Pairs { quoted: *quoted, trim: *trim, repeat: bytes(repeat) },
            _ if *quoted || *trim || !repeat.is_empty() => {
                self.say(
                    "params.names",
                    &raw.referenced,
                    "`names` splits from the right: `quoted`, `trim` and `repeat` are for `k=v`",
                );
                return None;
            }
            names => Shape::Split(bytes(names)),
        };
        let separator = self.separator("params.separator", raw, separator.as_deref().unwrap_or(","))?;
        let declared = self.declaration.algorithm.as_ref().map(|text| text.value.as_str());
        let algorithm = self.declaration.overrides.algorithm.as_deref().or(declared).unwrap_or_default();
        let spelled = |value: &String| Bytes::from(value.replace("{algorithm}", algorithm));
        let fixed = fixed.0.iter().map(|(name, value)| (Bytes::from(name.clone()), spelled(value))).collect();
        Some(ParamList { source, auth_scheme: scheme.clone(), separator, shape, fixed, order: bytes(order) })
    }

    pub(super) fn signature(&mut self, path: &str, raw: &Spanned<RawSignature>) -> Option<SignatureField> {
        let source = self.source(path, raw)?;
        let one = &raw.value;
        let encoding = match &one.encoding {
            Some(text) if self.is_token() => {
                return self.refuse(&format!("{path}.encoding"), text, "a token is compared as it stands");
            }
            Some(text) => Some(self.word(&format!("{path}.encoding"), text, &fields::ENCODINGS)?),
            None if self.is_token() => None,
            None => return self.lacks(&format!("{path}.encoding"), "a signature needs an `encoding`", "encoding: hex"),
        };
        if one.any_case && encoding != Some(Encoding::Hex) {
            self.say(
                &format!("{path}.any_case"),
                &raw.referenced,
                "`any_case` is for hex: base64 has two cases already",
            );
        }
        let list = match &one.list {
            Some(list) => Some(self.separator(&format!("{path}.list"), raw, list)?),
            None => None,
        };
        let prefix = Bytes::from(one.prefix.clone().unwrap_or_default());
        let key = one.key.as_deref().map(Arc::from);
        Some(SignatureField { source, list, trim: one.trim, prefix, encoding, any_case: one.any_case, key })
    }

    pub(super) fn timestamp(&mut self, raw: &Spanned<RawTimestamp>) -> Option<StampField> {
        let source = self.source("timestamp", raw)?;
        let one = &raw.value;
        let format =
            one.format.as_ref().map_or(Some(Format::Unix), |text| self.word("timestamp.format", text, &Format::NAMES));
        let past = self.duration("timestamp.past", one.past.as_ref(), 300);
        let future = self.duration("timestamp.future", one.future.as_ref(), 60);
        if one.expiry && one.past.is_some() {
            self.say(
                "timestamp.past",
                &raw.referenced,
                "an expiry stamp has no `past`: it is good until it is reached",
            );
        }
        let overrides = &self.declaration.overrides;
        let (past, future) = (overrides.past.unwrap_or(past?), overrides.future.unwrap_or(future?));
        Some(StampField { source, format: format?, bounds: Bounds { past, future, expiry: one.expiry } })
    }

    pub(super) fn nonce(&mut self, raw: &Spanned<RawNonce>) -> Option<NonceField> {
        let source = self.source("nonce", raw)?;
        let format = raw.value.format.as_ref();
        let uuid =
            format.map_or(Some(false), |text| self.word("nonce.format", text, &[("hex", false), ("uuid", true)]))?;
        Some(NonceField { source, uuid, prefix: raw.value.prefix.clone().unwrap_or_default() })
    }

    pub(super) fn digest(&mut self, raw: &Spanned<RawDigest>) -> Option<DigestField> {
        let source = self.source("digest", raw)?;
        let one = &raw.value;
        let algorithm = one
            .algorithm
            .as_ref()
            .map_or(Some(Algorithm::Sha256), |text| self.word("digest.algorithm", text, &Algorithm::NAMES));
        let encoding = one
            .encoding
            .as_ref()
            .map_or(Some(Encoding::Base64), |text| self.word("digest.encoding", text, &fields::ENCODINGS));
        let when = one.when.as_ref().map_or(Some(Demand::Body), |text| self.word("digest.when", text, &WHEN));
        let prefix = Bytes::from(one.prefix.clone().unwrap_or_default());
        Some(DigestField { source, prefix, algorithm: algorithm?, encoding: encoding?, when: when? })
    }
}
