//! From a declaration to a scheme, or to every mistake in it.

use std::sync::Arc;

use serde_yaml::Spanned;

use super::raw::Declaration;
use super::{SchemeProblem, challenge, fields, legacy};
use crate::sig::declared::parts::{KeyIdField, Parts, SignatureField};
use crate::sig::ring::Primitive;
use crate::sig::scheme::Scheme;
use crate::sig::template::{Names, Template};

/// Compiles the declaration under `schemes.<name>`.
pub fn compile(name: &str, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    if !declaration.any_of.is_empty() {
        return any_of(name, declaration);
    }
    if !declaration.overrides.legacy.is_empty() {
        return one_or_any(name, &legacy::open(declaration)?);
    }
    if declaration.overrides.algorithm.is_some() && declaration.algorithm.is_none() {
        let (path, message) = ("algorithm".to_owned(), "the scheme has no `algorithm` to change".to_owned());
        return Err(vec![SchemeProblem { path, at: None, message, fix: None }]);
    }
    challenge::attach(single(name, declaration)?, declaration)
}

/// A scheme that stands for itself.
fn single(name: &str, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    let mut compiler = Compiler::new(declaration);
    if let Some(native) = super::natives::compile(name, &mut compiler, declaration) {
        return native;
    }
    let parts = compiler.parts(name, declaration);
    if compiler.problems.is_empty() && declaration.opened.is_empty() {
        compiler.problems.extend(legacy::check(name, declaration));
    }
    let Some(parts) = parts.filter(|_| compiler.problems.is_empty()) else { return Err(compiler.problems) };
    Scheme::new(parts).map_err(|faults| {
        let problem = |fault: crate::sig::declared::parts::Fault| SchemeProblem {
            at: fields::place(declaration, &fault.path),
            path: fault.path,
            message: fault.message,
            fix: None,
        };
        faults.into_iter().map(problem).collect()
    })
}

/// A scheme, or the choice between its variants.
fn one_or_any(name: &str, declarations: &[Declaration]) -> Result<Scheme, Vec<SchemeProblem>> {
    match declarations {
        [only] => compile(name, only),
        all => {
            let members = all.iter().map(|one| compile(name, one)).collect::<Result<Vec<_>, _>>()?;
            Scheme::any_of(members).ok_or_else(Vec::new)
        }
    }
}

fn any_of(name: &str, declaration: &Declaration) -> Result<Scheme, Vec<SchemeProblem>> {
    let (mut members, mut problems) = (Vec::new(), Vec::new());
    let native = !super::natives::written(declaration).is_empty();
    let beside = native || declaration.algorithm.is_some() || declaration.challenge.is_some();
    if beside || declaration.signature.is_some() || declaration.message.is_some() || !declaration.legacy.0.is_empty() {
        let message = "nothing stands beside `any_of`".to_owned();
        problems.push(SchemeProblem { path: "any_of".to_owned(), at: None, message, fix: None });
    }
    for (place, member) in declaration.any_of.iter().enumerate() {
        if !member.any_of.is_empty() {
            let (path, message) = (format!("any_of[{place}]"), "`any_of` within `any_of`: one list says it".to_owned());
            problems.push(SchemeProblem { path, at: None, message, fix: None });
            continue;
        }
        match compile(name, member) {
            Ok(scheme) if scheme.alternatives().is_empty() => members.push(scheme),
            Ok(scheme) => members.extend(scheme.alternatives().iter().map(|variant| Scheme::clone(variant))),
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
    pub(super) fn new(declaration: &'a Declaration) -> Self {
        let changed = &declaration.overrides.settings;
        let setting = |(name, value): &(String, String)| (name.clone(), changed.get(name).unwrap_or(value).clone());
        let settings = declaration.settings.0.iter().map(setting).collect();
        Self { problems: Vec::new(), declaration, settings, lets: Vec::new(), spellings: Vec::new() }
    }

    fn parts(&mut self, name: &str, raw: &Declaration) -> Option<Parts> {
        let primitive = self.primitive(raw);
        let key = raw.key.as_ref().map(|key| self.key(key)).unwrap_or_default();
        let lets = self.lets(raw);
        let signatures = self.signatures(raw);
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
        let messages = raw.messages().iter().filter_map(|text| self.template("message", text)).collect();
        self.check_overrides();
        Some(Parts {
            name: Arc::from(name),
            primitive: primitive?,
            spellings: std::mem::take(&mut self.spellings),
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
            legacy: raw.opened.iter().map(|name| Arc::from(name.as_str())).collect(),
        })
    }

    /// What `algorithm` and `mac` say together.
    fn primitive(&mut self, raw: &Declaration) -> Option<Primitive> {
        let mac = raw.mac.as_ref().map(|mac| (mac, self.word("mac", mac, &[("hmac", true), ("hash", false)])));
        let Some(text) = &raw.algorithm else {
            return self.lacks("algorithm", "a scheme needs an `algorithm`", "algorithm: sha256");
        };
        let other = raw.overrides.algorithm.clone();
        let text = &other.map_or_else(|| text.clone(), |other| Spanned::new(other, text.referenced, text.defined));
        let named = self.word("algorithm", text, &Primitive::names().collect::<Vec<_>>())?;
        match (named, mac) {
            (named, None) => Some(named),
            (Primitive::Hmac(algorithm), Some((_, keyed))) => {
                Some(if keyed? { Primitive::Hmac(algorithm) } else { Primitive::Hash(algorithm) })
            }
            (_, Some((mac, _))) => self.refuse("mac", mac, &format!("`mac` has no meaning with `{}`", text.value)),
        }
    }

    /// Whether the declaration compares a token.
    pub(super) fn is_token(&self) -> bool {
        self.declaration.algorithm.as_ref().is_some_and(|text| text.value == "token")
    }

    /// Named templates in order; each may use those before it.
    fn lets(&mut self, raw: &Declaration) -> Vec<Template> {
        let mut all = Vec::new();
        for (name, text) in &raw.lets.0 {
            let (path, own) = (format!("let.{name}"), format!("{{{name}}}"));
            if name.contains(['?', '|', '{', '}', ':']) || Template::parse(&own, Names::default()).is_ok() {
                self.say(
                    &path,
                    &text.referenced,
                    "this name has a meaning already, or cannot be written in a template",
                );
            }
            if let Some(template) = self.template(&path, text) {
                all.push(template);
                self.lets.push(name.clone());
            }
        }
        all
    }

    fn signatures(&mut self, raw: &Declaration) -> Vec<SignatureField> {
        let one = raw.signature.iter().map(|one| ("signature".to_owned(), one));
        let several = raw.signatures.iter().enumerate().map(|(place, one)| (format!("signatures[{place}]"), one));
        one.chain(several).filter_map(|(path, one)| self.signature(&path, one)).collect()
    }
}
