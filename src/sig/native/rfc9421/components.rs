//! What a signature can cover: component identifiers (RFC 9421 §2), read from a request or from the configuration.

use super::structured::{self, Bare, Item};
use crate::sig::form;

/// A covered component. Equal ones name the same thing, whatever the order of their parameters.
#[derive(Clone, Debug)]
pub struct Component {
    /// The identifier as it stands in the signature base.
    text: String,
    part: Part,
    /// Of the request that is answered; only in responses.
    pub(super) req: bool,
}

/// A part of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// The one query parameter of this decoded name.
    QueryParam(Vec<u8>),
    Status,
    Field {
        name: String,
        form: Form,
    },
}

/// How the lines of a field become one value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// As they are, joined.
    Lines,
    /// `;sf`: in the canonical form of a structured field.
    Structured,
    /// `;key`: one member of a dictionary.
    Member(String),
    /// `;bs`: each line as a byte sequence.
    Binary,
}

const DERIVED: [(&str, Part); 8] = [
    ("@method", Part::Method),
    ("@target-uri", Part::TargetUri),
    ("@authority", Part::Authority),
    ("@scheme", Part::Scheme),
    ("@request-target", Part::RequestTarget),
    ("@path", Part::Path),
    ("@query", Part::Query),
    ("@status", Part::Status),
];

impl PartialEq for Component {
    fn eq(&self, other: &Self) -> bool {
        self.part == other.part && self.req == other.req
    }
}

impl Component {
    /// An identifier as a person writes it: the bare name, or the quoted name with parameters. Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('"') {
            return Self::read(&Item { bare: Bare::Text(text.to_owned()), params: Vec::new() });
        }
        Self::read(&structured::item(text.as_bytes()).map_err(|_| "not a component identifier")?)
    }

    /// An identifier out of a list of covered components.
    pub fn read(item: &Item) -> Result<Self, &'static str> {
        let Bare::Text(name) = &item.bare else { return Err("a component identifier is not a string") };
        let flags = Flags::read(item)?;
        let part = match name.strip_prefix('@') {
            Some(_) => derived(name, &flags)?,
            None => Part::Field { name: field_name(name)?.to_owned(), form: flags.form()? },
        };
        Ok(Self { text: item.to_string(), part, req: flags.req })
    }

    /// The identifier as it stands in the signature base.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn part(&self) -> &Part {
        &self.part
    }

    /// The lower-case name of the field that it covers, whole or in part.
    pub fn field(&self) -> Option<&str> {
        match &self.part {
            Part::Field { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether a request can have it.
    pub fn is_of_request(&self) -> bool {
        !self.req && self.part != Part::Status
    }

    /// Whether a response can have it.
    pub fn is_of_response(&self) -> bool {
        self.req || matches!(self.part, Part::Status | Part::Field { .. })
    }

    /// Whether it holds the message's body, by a digest.
    pub fn is_digest(&self) -> bool {
        !self.req && self.field() == Some(super::digest::FIELD)
    }

    /// Whether what is under this one cannot change while `wanted` is what it was.
    pub fn covers(&self, wanted: &Self) -> bool {
        let by_part = match (&self.part, &wanted.part) {
            (Part::TargetUri, Part::Scheme | Part::Authority | Part::RequestTarget | Part::Path | Part::Query)
            | (Part::RequestTarget, Part::Path | Part::Query) => true,
            // A digest of any algorithm holds the body.
            (Part::Field { name, .. }, Part::Field { name: wanted, form: Form::Lines })
                if name == super::digest::FIELD =>
            {
                name == wanted
            }
            (
                Part::Field { name, form: Form::Lines | Form::Structured | Form::Binary },
                Part::Field { name: wanted, form: Form::Lines },
            ) => name == wanted,
            (own, wanted) => own == wanted,
        };
        by_part && self.req == wanted.req
    }
}

/// Parameters of an identifier.
#[derive(Default)]
struct Flags {
    structured: bool,
    binary: bool,
    req: bool,
    key: Option<String>,
    name: Option<String>,
}

impl Flags {
    fn read(item: &Item) -> Result<Self, &'static str> {
        let mut flags = Self::default();
        for (name, value) in &item.params {
            match (name.as_str(), value) {
                ("sf", Bare::Boolean(true)) => flags.structured = true,
                ("bs", Bare::Boolean(true)) => flags.binary = true,
                ("req", Bare::Boolean(true)) => flags.req = true,
                ("key", Bare::Text(text)) => flags.key = Some(text.clone()),
                ("name", Bare::Text(text)) => flags.name = Some(text.clone()),
                ("tr", _) => return Err("a signature cannot cover trailers here"),
                _ => return Err("a component has a parameter that is unknown or not of its type"),
            }
        }
        Ok(flags)
    }

    fn form(&self) -> Result<Form, &'static str> {
        match (&self.key, self.structured, self.binary) {
            _ if self.name.is_some() => Err("`name` is for `@query-param`"),
            (None, false, false) => Ok(Form::Lines),
            (None, true, false) => Ok(Form::Structured),
            (None, false, true) => Ok(Form::Binary),
            (Some(key), _, false) => Ok(Form::Member(key.clone())),
            (_, _, true) => Err("`bs` goes with neither `sf` nor `key`"),
        }
    }

    const fn is_plain(&self) -> bool {
        !self.structured && !self.binary && self.key.is_none()
    }
}

fn derived(name: &str, flags: &Flags) -> Result<Part, &'static str> {
    if !flags.is_plain() {
        return Err("`sf`, `bs` and `key` are for fields");
    }
    match (name, &flags.name) {
        ("@query-param", Some(name)) => Ok(Part::QueryParam(form::percent_decode(name.as_bytes(), false).into_owned())),
        ("@query-param", None) => Err("`@query-param` needs a `name`"),
        ("@status", None) if flags.req => Err("a request has no status"),
        (_, Some(_)) => Err("`name` is for `@query-param`"),
        (name, None) => {
            let known = DERIVED.iter().find(|(known, _)| *known == name);
            known.map(|(_, part)| part.clone()).ok_or("an unknown derived component")
        }
    }
}

/// RFC 9421 §2.1: the lower-cased form of the field name.
fn field_name(name: &str) -> Result<&str, &'static str> {
    let is_token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_token) { Ok(name) } else { Err("not a lower-case field name") }
}
