//! From a declaration to a scheme, or to every mistake in it.

use std::sync::Arc;

use bytes::Bytes;
use serde_yaml::Spanned;

use super::raw::{
    Declaration, RawAbsent, RawDigest, RawKey, RawNonce, RawParams, RawRequire, RawSignature, RawSignedHeaders,
    RawTimestamp, Text,
};
use super::{SchemeProblem, fields};
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::params::{ParamList, Shape};
use crate::sig::scheme::{
    Absent, Demand, DigestField, KeyForm, KeyIdField, NonceField, Parts, Requirement, Scheme, SignatureField,
    SignedHeaders, StampField, Test,
};
use crate::sig::stamp::{Bounds, Format};
use crate::sig::template::{Names, Source, Template};

/// Compiles the declaration under `schemes.<name>`.
pub fn compile(name: &str, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    if !declaration.any_of.is_empty() {
        return any_of(name, declaration);
    }
    let mut compiler = Compiler::new(declaration);
    let parts = compiler.parts(name, declaration);
    let Some(parts) = parts.filter(|_| compiler.problems.is_empty()) else { return Err(compiler.problems) };
    Scheme::new(parts).map_err(|faults| {
        let problem = |fault: crate::sig::scheme::Fault| SchemeProblem {
            at: fields::place(declaration, &fault.path),
            path: fault.path,
            message: fault.message,
            fix: None,
        };
        faults.into_iter().map(problem).collect()
    })
}

fn any_of(name: &str, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    let (mut members, mut problems) = (Vec::new(), Vec::new());
    if declaration.algorithm.is_some() || declaration.signature.is_some() || !declaration.message.0.is_empty() {
        let message = "nothing stands beside `any_of`".to_owned();
        problems.push(SchemeProblem { path: "any_of".to_owned(), at: None, message, fix: None });
    }
    for (place, member) in declaration.any_of.iter().enumerate() {
        match compile(name, member) {
            Ok(scheme) => members.push(scheme),
            Err(found) => {
                let inside = |problem: SchemeProblem| SchemeProblem {
                    path: format!("any_of[{place}].{}", problem.path),
                    ..problem
                };
                problems.extend(found.into_iter().map(inside));
            }
        }
    }
    if problems.is_empty() { Scheme::any_of(members).ok_or(problems) } else { Err(problems) }
}

pub(super) struct Compiler<'a> {
    pub(super) problems: Vec<SchemeProblem>,
    pub(super) declaration: &'a Declaration,
    pub(super) settings: Vec<(String, String)>,
    pub(super) lets: Vec<String>,
    pub(super) spellings: Vec<String>,
}

impl<'a> Compiler<'a> {
    fn new(declaration: &'a Declaration) -> Self {
        let changed = &declaration.overrides.settings;
        let setting = |(name, value): &(String, String)| (name.clone(), changed.get(name).unwrap_or(value).clone());
        let settings = declaration.settings.0.iter().map(setting).collect();
        Self { problems: Vec::new(), declaration, settings, lets: Vec::new(), spellings: Vec::new() }
    }

    fn parts(&mut self, name: &str, raw: &Declaration) -> Option<Parts> {
        let algorithm = match &raw.algorithm {
            Some(text) => self.word("algorithm", text, &Algorithm::NAMES),
            None => self.lacks("algorithm", "a scheme needs an `algorithm`", "algorithm: sha256"),
        };
        let keyed = raw
            .mac
            .as_ref()
            .is_none_or(|mac| self.word("mac", mac, &[("hmac", true), ("hash", false)]).unwrap_or(true));
        let key = raw.key.as_ref().map(|key| self.key(key)).unwrap_or_default();
        let lets: Vec<Template> = raw
            .lets
            .0
            .iter()
            .filter_map(|(name, text)| {
                let template = self.template(&format!("let.{name}"), text);
                self.lets.push(name.clone());
                template
            })
            .collect();
        let both = raw.signature.iter().map(|one| ("signature".to_owned(), one));
        let several = raw.signatures.iter().enumerate().map(|(place, one)| (format!("signatures[{place}]"), one));
        let signatures: Vec<_> = both.chain(several).filter_map(|(path, one)| self.signature(&path, one)).collect();
        let params = raw.params.as_ref().and_then(|one| self.params(one));
        let timestamp = raw.timestamp.as_ref().and_then(|one| self.timestamp(one));
        let nonce = raw.nonce.as_ref().and_then(|one| self.nonce(one));
        let key_id = raw.key_id.as_ref().and_then(|one| {
            let optional = one.value.optional;
            Some(KeyIdField { source: self.source("key_id", one)?, optional })
        });
        let digest = raw.digest.as_ref().and_then(|one| self.digest(one));
        let signed_headers = raw.signed_headers.as_ref().and_then(|one| self.signed_headers(one));
        let requires = raw.require.iter().enumerate();
        let require = requires.filter_map(|(place, one)| self.requirement(place, one)).collect();
        let when = raw.when.iter().filter_map(|text| self.when(text)).collect();
        let messages = raw.message.0.iter().filter_map(|text| self.template("message", text)).collect();
        self.check_overrides();
        let spellings = std::mem::take(&mut self.spellings);
        let parts = Parts {
            name: Arc::from(name),
            algorithm: algorithm?,
            keyed,
            key,
            params,
            signatures,
            timestamp,
            nonce,
            key_id,
            digest,
            signed_headers,
            lets,
            require,
            messages,
            when,
            spellings,
        };
        Some(parts)
    }

    fn key(&mut self, raw: &RawKey) -> KeyForm {
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
            let plain = |value: &crate::sig::template::Value| {
                value.input == crate::sig::template::Input::Key && value.filters.is_empty()
            };
            if !template.values().all(plain) || template.values().next().is_none() {
                self.say(
                    "key.derive.message",
                    &derive.message.referenced,
                    "a key is derived from `{key}` and constants only",
                );
            }
            Some((algorithm?, template))
        });
        KeyForm { encoding, strip_prefix: raw.strip_prefix.clone(), derive }
    }

    fn params(&mut self, raw: &Spanned<RawParams>) -> Option<ParamList> {
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
        let fixed =
            fixed.0.iter().map(|(name, value)| (Bytes::from(name.clone()), Bytes::from(value.clone()))).collect();
        Some(ParamList { source, auth_scheme: scheme.clone(), separator, shape, fixed, order: bytes(order) })
    }

    fn signature(&mut self, path: &str, raw: &Spanned<RawSignature>) -> Option<SignatureField> {
        let source = self.source(path, raw)?;
        let one = &raw.value;
        let encoding = match &one.encoding {
            Some(text) => self.word(&format!("{path}.encoding"), text, &fields::ENCODINGS)?,
            None => return self.lacks(&format!("{path}.encoding"), "a signature needs an `encoding`", "encoding: hex"),
        };
        if one.any_case && encoding != Encoding::Hex {
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

    fn timestamp(&mut self, raw: &Spanned<RawTimestamp>) -> Option<StampField> {
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

    fn nonce(&mut self, raw: &Spanned<RawNonce>) -> Option<NonceField> {
        let source = self.source("nonce", raw)?;
        let format = raw.value.format.as_ref();
        let uuid =
            format.map_or(Some(false), |text| self.word("nonce.format", text, &[("hex", false), ("uuid", true)]))?;
        Some(NonceField { source, uuid, prefix: raw.value.prefix.clone().unwrap_or_default() })
    }

    fn digest(&mut self, raw: &Spanned<RawDigest>) -> Option<DigestField> {
        let source = self.source("digest", raw)?;
        let one = &raw.value;
        const WHEN: [(&str, Demand); 3] =
            [("present", Demand::Present), ("body", Demand::Body), ("always", Demand::Always)];
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

    fn signed_headers(&mut self, raw: &Spanned<RawSignedHeaders>) -> Option<SignedHeaders> {
        let source = self.source("signed_headers", raw)?;
        let one = &raw.value;
        let lower =
            |names: &[String]| names.iter().map(|name| Bytes::from(name.to_ascii_lowercase())).collect::<Vec<_>>();
        let line = match &one.line {
            Some(text) => self.template("signed_headers.line", text)?,
            None => Template::parse("{name}: {value}", Names::default()).ok()?,
        };
        let special = one.special.0.iter().filter_map(|(name, text)| {
            let template = self.template(&format!("signed_headers.special.{name}"), text)?;
            Some((Bytes::from(name.to_ascii_lowercase()), template))
        });
        let special = special.collect();
        let absent = match &one.absent {
            None | Some(RawAbsent::Refuse) => Absent::Refuse,
            Some(RawAbsent::Skip) => Absent::Skip,
            Some(RawAbsent::Line(text)) => Absent::Line(self.template("signed_headers.absent", text)?),
        };
        Some(SignedHeaders {
            source,
            separator: self.separator("signed_headers.separator", raw, one.separator.as_deref().unwrap_or(" "))?,
            default: lower(&one.default),
            sign: lower(&one.sign),
            require: lower(&one.require),
            line,
            join: Bytes::from(one.join.clone().unwrap_or_else(|| "\n".to_owned())),
            end: Bytes::from(one.end.clone().unwrap_or_default()),
            special,
            absent,
        })
    }

    fn requirement(&mut self, place: usize, raw: &Spanned<RawRequire>) -> Option<Requirement> {
        let path = format!("require[{place}]");
        let value = self.template(&format!("{path}.value"), &raw.value.value);
        let test = match (&raw.value.equals, &raw.value.not) {
            (Some(text), None) => Test::Equals(self.template(&format!("{path}.equals"), text)?),
            (None, Some(text)) => Test::Not(self.template(&format!("{path}.not"), text)?),
            (Some(_), Some(_)) | (None, None) => {
                self.say(&path, &raw.referenced, "a requirement says either `equals` or `not`");
                return None;
            }
        };
        Some(Requirement { value: value?, test, if_present: raw.value.if_present })
    }

    fn when(&mut self, text: &Text) -> Option<Source> {
        let (kind, place) = text.value.split_once(':').unwrap_or((&text.value, ""));
        match Source::new(kind, place) {
            Ok(source) if !source.in_body() => Some(self.rename(source)),
            Ok(_) => {
                self.refuse("when", text, "an alternative is chosen by the head: the body is not there yet".to_owned())
            }
            Err(why) => self.refuse("when", text, why),
        }
    }
}
