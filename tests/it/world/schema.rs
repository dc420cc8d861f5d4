//! Audit lines held against docs/audit.schema.json: as much of JSON Schema 2020-12 as that file uses, and nothing else is let pass.

use serde_json::{Map, Value};

const SCHEMA: &str = include_str!("../../../docs/audit.schema.json");

/// Every complete line of an audit file is described by the schema.
pub(crate) fn hold(text: &str) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if let Err(why) = fits(&value, &schema, &schema) {
            panic!("{why}: {line}");
        }
    }
}

fn fits(value: &Value, rule: &Value, root: &Value) -> Result<(), String> {
    let rules = rule.as_object().ok_or("a rule is a mapping")?;
    for (keyword, wanted) in rules {
        keyword_fits((keyword, wanted), value, (rules, root)).map_err(|why| format!("{keyword}: {why}"))?;
    }
    Ok(())
}

fn keyword_fits(
    (keyword, wanted): (&str, &Value),
    value: &Value,
    (rules, root): (&Map<String, Value>, &Value),
) -> Result<(), String> {
    let holds = match keyword {
        "$schema" | "$defs" | "title" | "description" => true,
        "$ref" => {
            let place = wanted.as_str().and_then(|place| root.pointer(place.strip_prefix('#')?));
            return fits(value, place.ok_or("leads nowhere")?, root);
        }
        "oneOf" => {
            let all: Vec<_> = wanted.as_array().unwrap().iter().map(|one| fits(value, one, root)).collect();
            if all.iter().filter(|one| one.is_ok()).count() != 1 {
                return Err(format!("{all:?}"));
            }
            true
        }
        "type" => is_of(wanted.as_str().unwrap(), value),
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "minimum" => value.as_f64() >= wanted.as_f64(),
        "maximum" => value.as_f64() <= wanted.as_f64(),
        "pattern" => {
            let pattern = regex_lite::Regex::new(wanted.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "required" => wanted.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            for (name, rule) in wanted.as_object().unwrap() {
                if let Some(value) = value.get(name) {
                    fits(value, rule, root).map_err(|why| format!("{name}: {why}"))?;
                }
            }
            true
        }
        "additionalProperties" => {
            assert_eq!(wanted, false);
            let known = rules["properties"].as_object().unwrap();
            value.as_object().unwrap().keys().all(|name| known.contains_key(name))
        }
        other => panic!("the schema says `{other}`, which is not understood here"),
    };
    if holds { Ok(()) } else { Err(format!("{wanted} does not hold")) }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("type {other}"),
    }
}

#[test]
fn what_the_schema_does_not_describe_is_found() {
    let right =
        r#"{"v":1,"time":"2025-10-09T08:53:20.000Z","event":"refusals","code":"bad_request","count":3,"seconds":60}"#;
    let judged = |line: &str| std::panic::catch_unwind(|| hold(&format!("{line}\n"))).is_ok();
    assert!(judged(right));
    for (from, to) in [
        ("\"v\":1", "\"v\":2"),
        ("refusals", "others"),
        ("\"count\":3", "\"count\":0"),
        ("\"count\":3", "\"count\":\"3\""),
        ("\"count\":3,", ""),
        ("\"count\":3", "\"counts\":3"),
        ("20.000Z", "20Z"),
        ("bad_request", "Bad request"),
        ("}", ",\"request_id\":\"a\"}"),
    ] {
        assert!(!judged(&right.replacen(from, to, 1)), "{from} {to}");
    }
}
