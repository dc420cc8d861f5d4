//! Whether a value is as a JSON Schema says: the part of 2020-12 that ours use.

use regex_lite::Regex;
use serde_json::Value;

/// What holds, or demands nothing.
const KNOWN: [&str; 13] = [
    "type",
    "const",
    "enum",
    "minimum",
    "maximum",
    "pattern",
    "additionalProperties",
    "description",
    "examples",
    "title",
    "$defs",
    "$schema",
    "$id",
];

/// Everything at `path` that is not as `schema` says, with its place. `root` has the definitions.
pub(super) fn faults(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let fault = |says: &str| vec![format!("{path}: {says}")];
    let mut found = Vec::new();
    for (keyword, demand) in schema.as_object().unwrap() {
        found.extend(match keyword.as_str() {
            "$ref" => {
                faults(root, root.pointer(demand.as_str().unwrap().trim_start_matches('#')).unwrap(), value, path)
            }
            "anyOf" => any(root, demand, value, path),
            "type" if !is_a(demand.as_str().unwrap(), value) => fault(&format!("is no {demand}")),
            "oneOf" => one(root, demand, value, path),
            "const" if demand != value => fault(&format!("is not {demand}")),
            "enum" if !demand.as_array().unwrap().contains(value) => fault(&format!("is none of {demand}")),
            "minimum" if value.as_f64() < demand.as_f64() => fault("is too small"),
            "maximum" if value.as_f64() > demand.as_f64() => fault("is too large"),
            "pattern"
                if value.as_str().is_some_and(|text| !Regex::new(demand.as_str().unwrap()).unwrap().is_match(text)) =>
            {
                fault(&format!("does not fit {demand}"))
            }
            "items" => items(root, demand, value, path),
            "required" => missing(demand, value).flat_map(|name| fault(&format!("{name} is missing"))).collect(),
            "properties" => entries(value)
                .flat_map(|(name, inner)| match demand.get(name) {
                    Some(schema) => faults(root, schema, inner, &format!("{path}.{name}")),
                    None => others(root, schema, (name, inner), path),
                })
                .collect(),
            "additionalProperties" if schema.get("properties").is_none() => {
                entries(value).flat_map(|entry| others(root, schema, entry, path)).collect()
            }
            known if KNOWN.contains(&known) => Vec::new(),
            _ => panic!("{keyword}: this validator does not know it"),
        });
    }
    found
}

fn missing<'a>(names: &'a Value, value: &Value) -> impl Iterator<Item = &'a Value> {
    names.as_array().unwrap().iter().filter(|name| value.get(name.as_str().unwrap()).is_none())
}

fn items(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let items = value.as_array().into_iter().flatten().enumerate();
    items.flat_map(|(at, item)| faults(root, schema, item, &format!("{path}[{at}]"))).collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What `additionalProperties` says of an entry.
fn others(root: &Value, schema: &Value, (name, value): (&String, &Value), path: &str) -> Vec<String> {
    match &schema["additionalProperties"] {
        Value::Bool(false) => vec![format!("{path}: `{name}` is unknown")],
        Value::Null => Vec::new(),
        inner => faults(root, inner, value, &format!("{path}.{name}")),
    }
}

/// Nothing where one fits, else what the nearest one says.
fn any(root: &Value, demand: &Value, value: &Value, path: &str) -> Vec<String> {
    let each = demand.as_array().unwrap().iter().map(|schema| faults(root, schema, value, path));
    each.min_by_key(|faults| (faults.len(), std::cmp::Reverse(faults.iter().map(String::len).max()))).unwrap()
}

/// Nothing where exactly one fits.
fn one(root: &Value, demand: &Value, value: &Value, path: &str) -> Vec<String> {
    let fitting =
        demand.as_array().unwrap().iter().filter(|schema| faults(root, schema, value, path).is_empty()).count();
    match fitting {
        0 => any(root, demand, value, path),
        1 => Vec::new(),
        _ => vec![format!("{path}: {fitting} of oneOf fit")],
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => panic!("{kind}: this validator does not know it"),
    }
}
