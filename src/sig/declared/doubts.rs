//! What in a declaration makes its signature prove less than it seems to. Nothing here is refused; the linter says it.

use super::parts::{Declared, Demand, Parts};
use crate::sig::filter::Filter;
use crate::sig::scheme::Doubt;
use crate::sig::stamp::Format;
use crate::sig::template::{Input, Part, Source, Template, Value};

/// How the bytes of a value can be told from those of its neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// Always of one length, or the end shows.
    Fixed,
    /// Digits, as many as there are.
    Number,
    /// Letters: a method.
    Word,
    /// A host: neither `/` nor `?` in it.
    Host,
    /// Begins in a way that nothing before it ends in, and ends anyhow: a path, a target, a URL.
    Path,
    /// Empty, or begins with `?`.
    Mark,
    /// Anything.
    Free,
}

/// A value among the signed bytes, and its name.
type Piece = (Shape, String);

impl Declared {
    /// What makes its signature prove less than it seems to.
    pub(in crate::sig) fn doubts(&self) -> Vec<Doubt> {
        let digest = self.parts.digest.as_ref().filter(|field| field.when == Demand::Present);
        let loose = digest.is_some_and(|field| !self.covers_source(&field.source));
        let mut doubts: Vec<Doubt> = loose.then_some(Doubt::LooseDigest).into_iter().collect();
        for doubt in self.parts.messages.iter().flat_map(|message| ambiguous(&self.parts, message)) {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
        }
        doubts
    }
}

/// Values whose boundary the signed bytes do not show.
fn ambiguous(parts: &Parts, message: &Template) -> Vec<Doubt> {
    let mut pieces = Vec::new();
    flatten(parts, message, &mut pieces);
    let pairs = pieces.iter().zip(pieces.iter().skip(1));
    let adjacent = pairs.filter_map(|pair| match pair {
        (Some((left, name)), Some((right, other))) if shifts(*left, *right) => {
            Some(Doubt::Adjacent(name.clone(), other.clone()))
        }
        (Some(_) | None, Some(_) | None) => None,
    });
    let joined = message.values().filter(|value| value.filters.contains(&Filter::SortedConcat));
    adjacent.chain(joined.map(|value| Doubt::Joined(name(parts, &value.input)))).collect()
}

/// Whether bytes at the boundary may belong to either side.
fn shifts(left: Shape, right: Shape) -> bool {
    let shows = matches!(
        (left, right),
        (Shape::Fixed, _)
            | (_, Shape::Fixed)
            | (Shape::Number | Shape::Word | Shape::Host, Shape::Path | Shape::Mark)
            | (Shape::Number, Shape::Word)
            | (Shape::Word, Shape::Number)
            | (Shape::Path, Shape::Mark)
    );
    !shows
}

/// Values in order; `None` is a literal between them.
fn flatten(parts: &Parts, template: &Template, pieces: &mut Vec<Option<Piece>>) {
    for part in &template.0 {
        match part {
            Part::Literal(_) => pieces.push(None),
            Part::Value(Value { input: Input::Let(place), filters, .. }) if filters.is_empty() => {
                if let Some(named) = parts.lets.get(*place) {
                    flatten(parts, named, pieces);
                }
            }
            Part::Value(value) => pieces.push(Some((shape(parts, value), name(parts, &value.input)))),
        }
    }
}

fn shape(parts: &Parts, value: &Value) -> Shape {
    let keeps =
        |filter: &Filter| matches!(filter, Filter::Lower | Filter::Upper | Filter::WithPort | Filter::WithoutPort);
    let known = |filter: &Filter| keeps(filter) || matches!(filter, Filter::PctDecode(_) | Filter::Without(_));
    if value.filters.iter().any(|filter| matches!(filter, Filter::Hash(_))) {
        return Shape::Fixed;
    }
    match value.input {
        Input::Key | Input::PublicUrl => Shape::Fixed,
        Input::Path | Input::Target | Input::Url if value.filters.iter().all(known) => Shape::Path,
        Input::MarkedQuery => Shape::Mark,
        _ if !value.filters.iter().all(keeps) => Shape::Free,
        Input::Method => Shape::Word,
        Input::Host => Shape::Host,
        Input::Timestamp => parts.timestamp.as_ref().map_or(Shape::Free, |field| dated(field.format)),
        _ => Shape::Free,
    }
}

const fn dated(format: Format) -> Shape {
    match format {
        Format::Unix | Format::UnixMs | Format::UnixUs => Shape::Number,
        Format::Rfc3339 | Format::HttpDate | Format::AzureDate => Shape::Fixed,
        Format::Base62 | Format::Be64 => Shape::Free,
    }
}

/// As it stands in a template, without filters.
fn name(parts: &Parts, input: &Input) -> String {
    let word = match input {
        Input::Body => "body",
        Input::Method => "method",
        Input::Target => "target",
        Input::Path => "path",
        Input::Query => "query",
        Input::MarkedQuery => "?query",
        Input::Host => "host",
        Input::PublicUrl => "public_url",
        Input::Url => "url",
        Input::Timestamp => "timestamp",
        Input::Nonce => "nonce",
        Input::KeyId => "key_id",
        Input::Key => "key",
        Input::SignedHeaders => "signed_headers",
        Input::FieldName => "name",
        Input::ListedName => "listed",
        Input::FieldValue => "value",
        Input::Let(_) => "let",
        Input::Source(source) => return placed(parts, source),
    };
    word.to_owned()
}

fn placed(parts: &Parts, source: &Source) -> String {
    let (kind, place) = match source {
        Source::Header(names) => {
            let names: Vec<String> = names.iter().map(|name| parts.spelling(name)).collect();
            return format!("header:{}", names.join("/"));
        }
        Source::Query(name) => ("query", name),
        Source::Cookie(name) => ("cookie", name),
        Source::Param(name) => ("param", name),
        Source::Form(name) => ("form", name),
        Source::Json(name) => ("json", name),
    };
    format!("{kind}:{}", String::from_utf8_lossy(place))
}
