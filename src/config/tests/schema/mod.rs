//! The JSON Schema of the configuration is what the reader reads: printed from it, and held against it.

mod bent;
mod judge;
mod manual;
mod trace;
mod words;

use std::path::Path;
use std::sync::LazyLock;

use serde::Serialize as _;
use serde_json::{Value, json};

use super::*;
use crate::config::de::De;
use crate::config::raw::routes::Route;
use crate::config::scheme::{Declaration, builtins};
use crate::config::tree::{self, Entry, Node};
use crate::keys::declared;
use crate::printed::is_current;

/// At least so many blocks of the documentation are configurations, or parts of one.
const BLOCKS: usize = 50;

static PRINTED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../docs/config.schema.json")).unwrap());

fn schema() -> Value {
    let (root, mut definitions) = trace::trace::<raw::File>();
    for (name, schema) in words::definitions() {
        assert!(definitions.insert(name.to_owned(), schema).is_none(), "{name} is something else, too");
    }
    definitions.insert("key_declared".to_owned(), key());
    definitions.insert("defaults".to_owned(), defaults(&definitions["route"]));
    let file = definitions.get_mut("file").unwrap();
    let keyrings = std::mem::replace(&mut file["properties"]["keyrings"], words::named("keyrings"));
    file["properties"]["include"] = json!({"type": "array", "items": {"type": "string"}});
    file["properties"]["defaults"] = words::named("defaults");
    file["properties"]["version"] = json!({"enum": [1]});
    file["required"] = json!(["version"]);
    definitions.insert("keyrings".to_owned(), keyrings);
    for user in ["verify", "sign"] {
        let known: Vec<&str> = builtins().iter().map(|scheme| scheme.0).collect();
        definitions.get_mut(user).unwrap()["properties"]["scheme"] =
            json!({"anyOf": [{"enum": known}, {"type": "string"}]});
    }
    manual::describe(&mut definitions);
    let file = definitions.remove("file").unwrap();
    assert_eq!(root, words::named("file"));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "countersign configuration, version 1",
        "description": "See docs/configuration.md.",
    });
    schema.as_object_mut().unwrap().extend(file.as_object().unwrap().clone());
    schema["$defs"] = json!(definitions);
    schema
}

/// What a route has, but for its path.
fn defaults(route: &Value) -> Value {
    let names = route["properties"].as_object().unwrap().keys().filter(|name| *name != "path");
    let settings = names.map(|name| (name.clone(), json!({"$ref": format!("#/$defs/route/properties/{name}")})));
    let properties: serde_json::Map<String, Value> = settings.collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A key in the configuration, whose reader looks at the tree itself.
fn key() -> Value {
    let text = || json!({"type": "string"});
    let window =
        json!(declared::EDGES.map(|edge| (edge, text())).into_iter().collect::<std::collections::BTreeMap<_, _>>());
    let property = |name: &str| match name {
        "sign" | "verify" => json!({"type": "object", "properties": window, "additionalProperties": false}),
        "mode" => json!({"enum": declared::MODES}),
        _ => text(),
    };
    let properties: serde_json::Map<String, Value> =
        declared::FIELDS.iter().map(|name| ((*name).to_owned(), property(name))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[test]
fn the_schema_of_the_manual_is_what_is_read() {
    let mut text = Vec::new();
    let narrow = serde_json::ser::PrettyFormatter::with_indent(b" ");
    schema().serialize(&mut serde_json::Serializer::with_formatter(&mut text, narrow)).unwrap();
    let text = format!("{}\n", String::from_utf8(text).unwrap());
    is_current("docs/config.schema.json", &text, "what is read");
}

/// What the schema has against a tree, read as this definition; empty: as the file.
fn against(node: &Node, definition: &str) -> Vec<String> {
    let schema = if definition.is_empty() { &*PRINTED } else { &PRINTED["$defs"][definition] };
    judge::faults(&PRINTED, schema, &plain(node), definition)
}

/// **Invariant:** whatever loads fits the schema.
pub(super) fn fits(text: &str) {
    let node = tree::parse(text, 0, &mut Report::default()).unwrap();
    assert_eq!(against(&node, ""), [""; 0], "{text}");
}

fn plain(node: &Node) -> Value {
    use crate::config::tree::Value as Tree;
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Bool(value) => json!(value),
        Tree::Unsigned(value) => json!(value),
        Tree::Signed(value) => json!(value),
        Tree::Float(value) => json!(value),
        Tree::Text(value) => json!(value),
        Tree::List(items) => items.iter().map(plain).collect(),
        Tree::Map(entries) => {
            Value::Object(entries.iter().map(|Entry { key, node }| (key.clone(), plain(node))).collect())
        }
    }
}

/// Whether every setting of a tree can be read, whatever they mean together.
fn is_read<T: for<'de> Deserialize<'de>>(node: &Node) -> bool {
    let report = Report::default();
    T::deserialize(De { node, report: &report }).is_ok() && report.finish().errors.is_empty()
}

/// Whether a file can be read, with what is worked into the routes before.
fn is_file(node: &Node) -> bool {
    let mut node = node.clone();
    let tree::Value::Map(entries) = &mut node.value else { return false };
    let mut take = |name| Some(entries.remove(entries.iter().position(|entry| entry.key == name)?).node);
    let defaults = take("defaults").is_none_or(|node| node.field("path").is_none() && is_read::<Route>(&node));
    let include =
        take("include").is_none_or(|node| plain(&node).as_array().is_some_and(|all| all.iter().all(Value::is_string)));
    let version = node.field("version").is_some_and(|node| plain(node) == json!(1));
    defaults && include && version && is_read::<raw::File>(&node)
}

#[test]
fn every_block_of_the_documentation_that_can_be_read_fits_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().path());
    let (mut files, mut schemes) = (0, 0);
    for page in pages.chain([root.join("README.md")]).filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            let versioned =
                if block.contains("version:") { block.to_owned() } else { format!("{block}\nversion: 1\n") };
            let file = tree::parse(&versioned, 0, &mut Report::default()).filter(is_file);
            let scheme = tree::parse(block, 0, &mut Report::default()).filter(is_read::<Declaration>);
            (files, schemes) = (files + usize::from(file.is_some()), schemes + usize::from(scheme.is_some()));
            let told = match (&file, &scheme) {
                (Some(node), _) => against(node, ""),
                (None, Some(node)) => against(node, "declaration"),
                (None, None) => Vec::new(),
            };
            assert_eq!(told, [""; 0], "{}\n{block}", page.display());
        }
    }
    assert!(files >= BLOCKS && schemes >= 10, "{files} files, {schemes} schemes");
}

#[test]
fn the_configurations_and_schemes_of_the_tests_fit_the_schema() {
    fits(include_str!("../../../../tests/upgrade/0.1.0/config.example.yaml"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["schemes", "tests/grammar"] {
        for file in std::fs::read_dir(root.join(directory)).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let node = tree::parse(&text, 0, &mut Report::default()).unwrap();
            let definition = if is_file(&node) { "" } else { "declaration" };
            assert_eq!(against(&node, definition), [""; 0], "{text}");
        }
    }
}
