//! What the fields of a scheme have in common: places, words, durations, templates.

use std::time::Duration;

use bytes::Bytes;
use serde_yaml::{Location, Spanned};

use super::SchemeProblem;
use super::compile::Compiler;
use super::raw::{Declaration, Placed, Text};
use crate::sig::encoding::Encoding;
use crate::sig::template::{Input, Names, Part, Source, Template};

pub(super) const ENCODINGS: [(&str, Encoding); 5] = [
    ("hex", Encoding::Hex),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("base64url-padded", Encoding::Base64UrlPadded),
    ("base64-escaped", Encoding::Base64Escaped),
];

/// The longest window that makes sense: a stamp that is good for a year proves nothing.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl Compiler<'_> {
    /// The one place that a field names.
    pub(super) fn source<T: Placed>(&mut self, path: &str, raw: &Spanned<T>) -> Option<Source> {
        let named: Vec<_> =
            raw.value.places().into_iter().filter_map(|(kind, place)| place.map(|place| (kind, place))).collect();
        let [(kind, place)] = named.as_slice() else {
            self.say(
                path,
                &raw.referenced,
                "say where it sits: exactly one of header, query, cookie, param, form, json, from",
            );
            return None;
        };
        let place = self.constant(&format!("{path}.{kind}"), place, &raw.referenced)?;
        let (kind, place) = match *kind {
            "from" => place.split_once(':').unwrap_or((&place, "")),
            kind => (kind, place.as_str()),
        };
        match Source::new(kind, place) {
            Ok(source) => {
                if kind == "header" {
                    self.spellings.extend(place.split('/').map(str::to_owned));
                }
                Some(self.rename(source))
            }
            Err(why) => {
                self.say(&format!("{path}.{kind}"), &raw.referenced, &why);
                None
            }
        }
    }

    /// The source with the header names that a route gives it.
    pub(super) fn rename(&mut self, source: Source) -> Source {
        let Source::Header(names) = source else { return source };
        let renamed = names.into_iter().map(|name| {
            let new =
                self.declaration.overrides.headers.iter().find(|(old, _)| old.as_bytes().eq_ignore_ascii_case(&name));
            new.map_or(name, |(_, new)| {
                self.spellings.push(new.clone());
                Bytes::from(new.to_ascii_lowercase())
            })
        });
        Source::Header(renamed.collect())
    }

    /// One of a closed set of words.
    pub(super) fn word<T: Copy>(&mut self, path: &str, text: &Text, known: &[(&str, T)]) -> Option<T> {
        let word = self.constant(path, &text.value, &text.referenced)?;
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        self.problems.push(SchemeProblem {
            path: path.to_owned(),
            at: at(&text.referenced),
            message: format!("`{word}` is not known here"),
            fix: Some(format!("one of {}", names.join(", "))),
        });
        None
    }

    pub(super) fn duration(&mut self, path: &str, text: Option<&Text>, default: u64) -> Option<Duration> {
        let Some(text) = text else { return Some(Duration::from_secs(default)) };
        match humantime::parse_duration(&text.value) {
            Ok(duration) if duration <= LONGEST => Some(duration),
            Ok(_) => self.refuse(path, text, "longer than a year"),
            Err(error) => self.refuse(path, text, &format!("not a duration: {error}")),
        }
    }

    /// A text in which settings are filled in, and nothing of the request.
    pub(super) fn constant(&mut self, path: &str, text: &str, place: &Location) -> Option<String> {
        if !text.contains(['{', '}']) {
            return Some(text.to_owned());
        }
        let template = Template::parse(text, Names { lets: &[], settings: &self.settings });
        let parts = template.map(|template| template.0);
        let why = match parts.as_deref() {
            Ok([]) => return Some(String::new()),
            Ok([Part::Literal(text)]) => return Some(String::from_utf8_lossy(text).into_owned()),
            Ok(_) => "only `{setting:name}` can stand here",
            Err(why) => why,
        };
        self.say(path, place, why);
        None
    }

    pub(super) fn separator<T>(&mut self, path: &str, raw: &Spanned<T>, text: &str) -> Option<Bytes> {
        let text = self.constant(path, text, &raw.referenced)?;
        if text.is_empty() {
            self.say(path, &raw.referenced, "a separator has at least one character");
            return None;
        }
        Some(Bytes::from(text))
    }

    /// A template, with the header names that a route gives it.
    pub(super) fn template(&mut self, path: &str, text: &Text) -> Option<Template> {
        let names = Names { lets: &self.lets, settings: &self.settings };
        let mut template = match Template::parse(&text.value, names) {
            Ok(template) => template,
            Err(why) => return self.refuse(path, text, &why),
        };
        for part in &mut template.0 {
            if let Part::Value(value) = part
                && let Input::Source(source) = &mut value.input
            {
                *source = self.rename(source.clone());
            }
        }
        Some(template)
    }

    /// Renamed headers and changed settings have to be there.
    pub(super) fn check_overrides(&mut self) {
        let overrides = &self.declaration.overrides;
        let unknown: Vec<&String> =
            overrides.settings.keys().filter(|name| !self.settings.iter().any(|(known, _)| known == *name)).collect();
        let messages: Vec<String> = unknown.iter().map(|name| format!("the scheme has no setting `{name}`")).collect();
        for new in overrides.headers.values().filter(|new| Source::new("header", new).is_err() || new.contains('/')) {
            let message = format!("`{new}` is not a header name");
            self.problems.push(SchemeProblem { path: "headers".to_owned(), at: None, message, fix: None });
        }
        let timed = self.declaration.timestamp.is_some() || self.declaration.oauth1.is_some();
        if (overrides.past.is_some() || overrides.future.is_some()) && !timed {
            let message = "the scheme has no timestamp, so it has no window".to_owned();
            self.problems.push(SchemeProblem { path: "past".to_owned(), at: None, message, fix: None });
        }
        let problem = |message| SchemeProblem { path: "settings".to_owned(), at: None, message, fix: None };
        self.problems.extend(messages.into_iter().map(problem));
    }

    pub(super) fn say(&mut self, path: &str, place: &Location, message: &str) {
        let (path, message) = (path.to_owned(), message.to_owned());
        self.problems.push(SchemeProblem { path, at: at(place), message, fix: None });
    }

    pub(super) fn refuse<T>(&mut self, path: &str, text: &Text, message: &str) -> Option<T> {
        self.say(path, &text.referenced, message);
        None
    }

    pub(super) fn lacks<T>(&mut self, path: &str, message: &str, fix: &str) -> Option<T> {
        let (path, message, fix) = (path.to_owned(), message.to_owned(), Some(fix.to_owned()));
        self.problems.push(SchemeProblem { path, at: None, message, fix });
        None
    }
}

/// Where the field of this name stands.
pub(super) fn place(declaration: &Declaration, path: &str) -> Option<(u32, u32)> {
    let location = match path {
        "message" => declaration.message.as_ref().map(|text| &text.referenced),
        "params" => declaration.params.as_ref().map(|field| &field.referenced),
        "digest" => declaration.digest.as_ref().map(|field| &field.referenced),
        "signed_headers" => declaration.signed_headers.as_ref().map(|field| &field.referenced),
        "key_id" => declaration.key_id.as_ref().map(|field| &field.referenced),
        "signature" => declaration.signature.as_ref().map(|field| &field.referenced),
        _ => None,
    };
    location.and_then(at)
}

fn at(location: &Location) -> Option<(u32, u32)> {
    let (line, column) = (u32::try_from(location.line()).ok()?, u32::try_from(location.column()).ok()?);
    (line > 0).then_some((line, column))
}
