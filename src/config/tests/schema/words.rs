//! Scalars with a form of their own as JSON Schema, and how schemas are put together.

use serde_json::{Value, json};

/// Text with a variable in it: what it stands for is not known to an editor.
const VARIABLE: &str = r"\$\{";

/// Text that [`FromText`](crate::config::values::FromText) reads.
#[derive(Clone, Copy)]
struct Scalar {
    /// How what the reader expects begins.
    expected: &'static str,
    /// Its definition.
    name: &'static str,
    /// Takes at least what the reader takes.
    pattern: &'static str,
    /// A number may stand there as well: the least and the most.
    number: Option<(u64, Option<u64>)>,
    example: &'static str,
}

const fn scalar(expected: &'static str, name: &'static str, pattern: &'static str, example: &'static str) -> Scalar {
    Scalar { expected, name, pattern, number: None, example }
}

const fn or_number(scalar: Scalar, least: u64, most: Option<u64>) -> Scalar {
    Scalar { number: Some((least, most)), ..scalar }
}

const SCALARS: [Scalar; 10] = [
    or_number(scalar("a size such as", "size", "^[0-9]+(\\.[0-9]+)? *[kKmMgGtTpPeE]?i?[bB]?$", "64KiB"), 0, None),
    or_number(scalar("a duration with its unit", "duration", "^0$|^([0-9]+ *[a-zA-Zµ]+ *)+$", "30s"), 0, Some(0)),
    scalar("`ip:port`", "address", "^([0-9.]+|\\[[^\\]]+\\]|localhost):[0-9]+$|^unix:/", "localhost:80"),
    scalar(
        "`systemd:name`",
        "listen",
        "^([0-9.]+|\\[[^\\]]+\\]|localhost):[0-9]+$|^unix:/|^systemd:[!-9;-~]+$",
        "localhost:80",
    ),
    scalar("an address or network", "network", "^[0-9a-fA-F:.]+(/[0-9]+)?$", "10.0.0.0/8"),
    scalar("a header name", "header_name", "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$", "X-A"),
    scalar("a method in capitals", "method", "^[-!#$%&'*+.^_`|~0-9A-Z]+$", "GET"),
    scalar("`https://host` or", "origin", "^[A-Za-z]+://[^/]+$", "https://h"),
    or_number(scalar("a status from", "status", "^[2-5][0-9][0-9]$", "200"), 200, Some(599)),
    scalar("a rate such as", "frequency", "^[1-9][0-9]*/[smh]$", "20/s"),
];

impl Scalar {
    fn schema(self) -> Value {
        let number = self.number.map(|(least, most)| match most {
            Some(most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            None => json!({"type": "integer", "minimum": least}),
        });
        any([Some(text(self.pattern, self.example)), number].into_iter().flatten())
    }
}

/// The schemas of all that is no mapping, by name.
pub(super) fn definitions() -> impl Iterator<Item = (&'static str, Value)> {
    let template = json!({"type": "string"});
    let part = any([text("^[0-9.]+%?$", "10%"), json!({"type": "number", "minimum": 0, "maximum": 1})]);
    let others = [
        ("variable", json!({"type": "string", "pattern": VARIABLE})),
        ("switch", or_variable(json!({"type": "boolean"}))),
        ("number", or_variable(json!({"type": "integer", "minimum": 0}))),
        ("part", part),
        ("templates", any([template.clone(), json!({"type": "array", "items": template})])),
    ];
    SCALARS.iter().map(|scalar| (scalar.name, scalar.schema())).chain(others)
}

/// What is defined under a name.
pub(super) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// The schema of what is read with these words, and an example of it.
///
/// # Panics
/// Where nothing is known of such a value: a row is missing here.
pub(super) fn known(expected: &str) -> (Value, Value) {
    if let Some(row) = SCALARS.iter().find(|row| expected.starts_with(row.expected)) {
        return (named(row.name), json!(row.example));
    }
    match expected {
        "a part of 1 such as `0.1` or `10%`" => (named("part"), json!("0.1")),
        "a template or a list of templates" => (named("templates"), json!("")),
        "a YAML value" => (named("key_declared"), json!("")),
        _ => panic!("no schema is known for {expected:?}: give it a row in {}", file!()),
    }
}

fn text(pattern: &str, example: &str) -> Value {
    json!({"type": "string", "pattern": format!("{pattern}|{VARIABLE}"), "examples": [example]})
}

/// A value, or a variable that stands for it.
pub(super) fn or_variable(schema: Value) -> Value {
    any([schema, named("variable")])
}

/// What any of these takes, without layers in between.
pub(super) fn any(schemas: impl IntoIterator<Item = Value>) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for mut schema in schemas {
        match schema.get_mut("anyOf").map(Value::take) {
            Some(Value::Array(inner)) => all.extend(inner),
            _ => all.push(schema),
        }
    }
    all.dedup();
    if all.len() == 1 { all.remove(0) } else { json!({"anyOf": all}) }
}

/// The variants of an enum: words, or mappings with one key.
pub(super) fn one_of<'a>(variants: impl Iterator<Item = &'a Value>) -> Value {
    let (words, mut others): (Vec<Value>, Vec<Value>) = variants.cloned().partition(Value::is_string);
    if !words.is_empty() {
        others.insert(0, json!({"enum": words}));
    }
    or_variable(any(others))
}
