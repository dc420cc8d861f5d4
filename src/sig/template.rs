//! Templates: which bytes are signed, as literals and values. Parsed once, at load.

use bytes::Bytes;

use super::filter::Filter;
pub use super::source::Source;

/// Literals and values in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template(pub Vec<Part>);

/// A part of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// As it stands.
    Literal(Bytes),
    /// Taken from the request.
    Value(Value),
}

/// A value and what is done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// Where it comes from.
    pub input: Input,
    /// Whether absence is emptiness here; said with a final `?`.
    pub optional: bool,
    /// Applied from left to right.
    pub filters: Vec<Filter>,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The raw body.
    Body,
    /// As sent.
    Method,
    /// Path and query as received.
    Target,
    /// The target up to the first `?`.
    Path,
    /// The target after the first `?`; empty without one.
    Query,
    /// The query with its `?`; empty without one.
    MarkedQuery,
    /// The authority as received.
    Host,
    /// `scheme://host[:port]` from configuration.
    PublicUrl,
    /// `public_url` and target.
    Url,
    /// The text of the timestamp as received.
    Timestamp,
    /// The nonce.
    Nonce,
    /// The key id.
    KeyId,
    /// The key bytes themselves.
    Key,
    /// The lines of the signed headers.
    SignedHeaders,
    /// Within a line of the signed headers: the name, in lower case.
    FieldName,
    /// Within a line of the signed headers: the name as the request lists it.
    ListedName,
    /// Within a line of the signed headers: the value.
    FieldValue,
    /// A named template, by its place.
    Let(usize),
    /// A place in the request.
    Source(Source),
}

/// Names that a template may use beside the built-in ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// Named templates declared so far, in order.
    pub lets: &'a [String],
    /// Constants.
    pub settings: &'a [(String, String)],
}

impl Template {
    /// Parses `text`, or says what is wrong with it.
    pub fn parse(text: &str, names: Names<'_>) -> Result<Self, String> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(mark) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(mark);
            literal.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = after.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(after) = after.strip_prefix('{') {
                let (inside, after) = after.split_once('}').ok_or("`{` without `}`; a literal brace is `{{`")?;
                if let Some(setting) = inside.strip_prefix("setting:") {
                    literal.push_str(setting_of(setting, names)?);
                } else {
                    flush(&mut parts, &mut literal);
                    parts.push(Part::Value(Value::parse(inside, names)?));
                }
                rest = after;
            } else {
                return Err("`}` without `{`; a literal brace is `}}`".to_owned());
            }
        }
        literal.push_str(rest);
        flush(&mut parts, &mut literal);
        Ok(Self(parts))
    }

    /// Its values, without those of named templates.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(value) => Some(value),
            Part::Literal(_) => None,
        })
    }

    /// Whether it uses `input` directly.
    pub fn uses(&self, input: &Input) -> bool {
        self.values().any(|value| value.input == *input)
    }
}

fn setting_of<'a>(name: &str, names: Names<'a>) -> Result<&'a str, String> {
    let found = names.settings.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("no setting is named `{name}`"))
}

fn flush(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(Bytes::from(std::mem::take(literal))));
    }
}

impl Value {
    fn parse(inside: &str, names: Names<'_>) -> Result<Self, String> {
        let mut pieces = inside.split('|');
        let name = pieces.next().unwrap_or_default();
        let (name, optional) = match name.strip_suffix('?') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let input = Input::parse(name, names)?;
        if optional && !matches!(input, Input::Source(_)) {
            return Err(format!("`{name}?`: only a source can be optional"));
        }
        let filters = pieces.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Self { input, optional, filters })
    }

    /// The digest of the body that this value begins with, if it does: the body can then be hashed as it streams.
    pub fn body_digest(&self) -> Option<super::mac::Algorithm> {
        match (&self.input, self.filters.first()) {
            (Input::Body, Some(Filter::Hash(algorithm))) => Some(*algorithm),
            _ => None,
        }
    }

    /// Whether this is the body as it is.
    pub fn is_raw_body(&self) -> bool {
        self.input == Input::Body && self.filters.is_empty()
    }
}

impl Input {
    fn parse(name: &str, names: Names<'_>) -> Result<Self, String> {
        if let Some(place) = names.lets.iter().position(|known| known == name) {
            return Ok(Self::Let(place));
        }
        Ok(match name {
            "body" => Self::Body,
            "method" => Self::Method,
            "target" => Self::Target,
            "path" => Self::Path,
            "query" => Self::Query,
            "?query" => Self::MarkedQuery,
            "host" => Self::Host,
            "public_url" => Self::PublicUrl,
            "url" => Self::Url,
            "timestamp" => Self::Timestamp,
            "nonce" => Self::Nonce,
            "key_id" => Self::KeyId,
            "key" => Self::Key,
            "signed_headers" => Self::SignedHeaders,
            "name" => Self::FieldName,
            "listed" => Self::ListedName,
            "value" => Self::FieldValue,
            _ => match name.split_once(':') {
                Some((kind, place)) => Self::Source(Source::new(kind, place)?),
                None => return Err(format!("`{{{name}}}` is not a value")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        let settings = [("salt".to_owned(), "s".to_owned())];
        Template::parse(text, Names { lets: &["hash".to_owned()], settings: &settings })
    }

    #[test]
    fn literals_and_values_keep_their_order() {
        let template = parse("v0:{timestamp}{{{setting:salt}}}:{body|sha256|hex}{hash}{header:A/B?}").unwrap();
        assert_eq!(template.0.len(), 6, "{template:?}");
        assert_eq!(template.0[2], Part::Literal(Bytes::from("{s}:")));
        assert!(template.uses(&Input::Let(0)) && template.uses(&Input::Timestamp));
    }

    #[test]
    fn a_template_that_cannot_be_read_says_why() {
        for (text, why) in [
            ("{body", "without `}`"),
            ("body}", "without `{`"),
            ("{bdy}", "not a value"),
            ("{body|md6}", "md6"),
            ("{body?}", "optional"),
            ("{head:x}", "not a source"),
            ("{header:x y}", "not a header name"),
            ("{json:a}", "JSON pointer"),
            ("{setting:x}", "no setting"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
