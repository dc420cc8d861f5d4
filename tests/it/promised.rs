//! What the previous release told is told by this one: `tests/upgrade/*/promised` holds its metrics, codes and audit lines.

use countersign::reject::Code;
use serde_json::Value;

/// What one release promised.
struct Promised {
    version: &'static str,
    metrics: &'static str,
    codes: &'static str,
    audit: &'static str,
}

const RELEASES: [Promised; 1] = [Promised {
    version: "0.1.0",
    metrics: include_str!("../upgrade/0.1.0/promised/metrics.txt"),
    codes: include_str!("../upgrade/0.1.0/promised/codes.txt"),
    audit: include_str!("../upgrade/0.1.0/promised/audit.schema.json"),
}];

/// Name, labels and type of each metric. A test of the library holds that page against the exposition.
fn metrics() -> String {
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap()));
    rows.collect::<Vec<_>>().join("\n")
}

/// Each code with its status.
fn codes() -> String {
    let reasons = Code::ALL.iter().map(|code| code.reason());
    reasons.map(|reason| format!("{} {}", reason.code, reason.status)).collect::<Vec<_>>().join("\n")
}

/// Lines of `before` that are not in `now`.
fn missing<'a>(before: &'a str, now: &str) -> Vec<&'a str> {
    before.lines().filter(|line| !now.lines().any(|known| known == *line)).collect()
}

/// Where a line by the schema `now` could surprise a reader who knows `before`. A mapping and the values of an `enum` may grow, nothing else changes.
fn broken(path: &str, before: &Value, now: &Value) -> Vec<String> {
    let has = |value: &Value, all: &Value| all.as_array().is_some_and(|all| all.contains(value));
    match (before, now) {
        (Value::Object(old), Value::Object(_)) => {
            let words = old.iter().filter(|(name, rule)| *name != "description" || !rule.is_string());
            words.flat_map(|(name, rule)| broken(&format!("{path}/{name}"), rule, &now[name])).collect()
        }
        (Value::Array(old), Value::Array(_)) if ["enum", "required", "oneOf"].iter().any(|end| path.ends_with(end)) => {
            old.iter().filter(|value| !has(value, now)).map(|value| format!("{path}: no {value}")).collect()
        }
        _ if before == now => Vec::new(),
        _ => vec![format!("{path}: {before} is now {now}")],
    }
}

fn schema(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn schema_now() -> Value {
    schema(include_str!("../../docs/audit.schema.json"))
}

#[test]
fn every_metric_of_the_previous_release_keeps_name_labels_and_type() {
    for release in RELEASES {
        assert_eq!(missing(release.metrics, &metrics()), [""; 0], "{}", release.version);
    }
}

#[test]
fn every_code_of_the_previous_release_keeps_name_and_status() {
    for release in RELEASES {
        assert_eq!(missing(release.codes, &codes()), [""; 0], "{}", release.version);
    }
}

#[test]
fn every_field_of_the_audit_lines_of_the_previous_release_keeps_name_and_form() {
    for release in RELEASES {
        assert_eq!(broken("", &schema(release.audit), &schema_now()), [""; 0], "{}", release.version);
    }
}

#[test]
fn what_is_removed_or_changed_is_noticed_and_what_is_added_is_not() {
    let [release] = RELEASES;
    for (text, now) in [(release.metrics, metrics()), (release.codes, codes())] {
        for line in text.lines() {
            assert_eq!(missing(text, &now.replace(line, "renamed")).first(), Some(&line));
        }
        assert_eq!(missing(text, &format!("{now}\nadded")), [""; 0]);
    }
    let before = schema(release.audit);
    for (place, changed) in [
        ("/$defs/request/properties/verdict/enum", serde_json::json!(["verified"])),
        ("/$defs/request/properties/skew_ms/type", "number".into()),
        ("/$defs/request/properties/key", Value::Null),
        ("/$defs/request/required", serde_json::json!([])),
        ("/$defs/anomaly", Value::Null),
    ] {
        let mut now = schema_now();
        *now.pointer_mut(place).unwrap() = changed;
        let said = broken("", &before, &now);
        assert!(!said.is_empty() && said.iter().all(|one| one.starts_with(place)), "{place}: {said:?}");
    }
    let mut now = schema_now();
    now["$defs"]["request"]["properties"]["added"] = serde_json::json!({"type": "string"});
    now["$defs"]["anomaly"]["properties"]["kind"]["enum"].as_array_mut().unwrap().push("added".into());
    assert_eq!(broken("", &before, &now), [""; 0]);
}
