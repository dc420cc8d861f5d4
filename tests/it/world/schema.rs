//! Audit lines held against docs/audit.schema.json.

#[path = "../../../src/config/tests/schema/judge.rs"]
mod judge;

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/audit.schema.json");

/// Every complete line of an audit file is described by the schema.
pub(crate) fn hold(text: &str) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(judge::faults(&schema, &schema, &value, ""), [""; 0], "{line}");
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
