//! Reading what `/status` says, to show it to people: what is not there is nothing, never a failure.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// The members of a list; none where there is no list.
pub(crate) fn each<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// A text; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A number; zero where there is none.
pub(crate) fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// The numbers of a list.
pub(crate) fn numbers(value: Option<&Value>) -> impl Iterator<Item = u64> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64)
}

/// Seconds in their two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len().saturating_sub(1));
    let mut rest = seconds;
    let mut said = Vec::new();
    for (unit, name) in units.iter().skip(first).take(2) {
        let count = rest.checked_div(*unit).unwrap_or_default();
        rest = rest.checked_rem(*unit).unwrap_or_default();
        if count > 0 || said.is_empty() {
            said.push(format!("{count} {name}"));
        }
    }
    said.join(" ")
}

/// How long before the page's own time a time of RFC 3339 was.
pub(crate) fn ago(time: &str, told: &Value) -> Option<String> {
    let parse = |time: &str| humantime::parse_rfc3339(time).ok();
    let (then, now): (SystemTime, SystemTime) = (parse(time)?, parse(text(told, "now"))?);
    let passed = now.duration_since(then).unwrap_or(Duration::ZERO);
    Some(format!("{} ago", span(passed.as_secs())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_told_in_its_two_largest_units() {
        for (seconds, told) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_061, "1 d 1 h"), (86_400, "1 d")]
        {
            assert_eq!(span(seconds), told);
        }
        let told = json!({"now": "2026-11-22T10:00:00.000Z"});
        assert_eq!(ago("2026-11-22T09:00:00Z", &told).as_deref(), Some("1 h ago"));
        assert_eq!(ago("2026-11-22T11:00:00Z", &told).as_deref(), Some("0 s ago"));
        assert_eq!(ago("", &told), None);
    }
}
