//! JSON in one spelling: numbers as Python and node print them, and whatever comes in, never two spellings and never a panic.

use countersign::sig::canonical::Canonical;
use countersign::sig::filter::Filter;
use countersign::sig::json::Json;
use proptest::prelude::*;
use serde_json::Value;

const FORMS: [Canonical; 2] = [Canonical::Python, Canonical::Jcs];

/// Printed by Python 3.11.7 (`json.dumps(json.loads(text))`) and node 20.20.2 (`JSON.stringify(JSON.parse(text))`).
const NUMBERS: &str = include_str!("vectors/json-numbers.jsonl");

fn print(form: Canonical, text: &[u8]) -> Option<Vec<u8>> {
    form.print(&Json::parse(text)?)
}

#[test]
fn numbers_are_printed_as_python_and_ecmascript_print_them() {
    let cases: Vec<Value> = NUMBERS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), 500);
    for case in cases {
        for (form, wanted) in [(Canonical::Python, "python"), (Canonical::Jcs, "ecmascript")] {
            let text = case["text"].as_str().unwrap();
            let printed = print(form, text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(printed.as_deref(), case[wanted].as_str(), "{text} as {wanted}");
        }
    }
}

/// Any JSON text, with numbers and strings in many spellings.
fn json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let text = any::<String>().prop_map(|text| Value::String(text).to_string());
    let escaped = "\"(\\\\u00[0-9a-fA-F]{2}|\\\\[nrtbf/\"]|\\\\ud83d\\\\ude0[0-9a-f]|[a-zé😀])*\"";
    let leaf = prop_oneof![number.prop_map(|text| text), text, escaped.prop_map(|text| text), Just("null".to_owned())];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let list =
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[ {} ]", items.join(" , ")));
        let pairs = proptest::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|members| {
            let pair = |(name, value): (String, String)| format!("{}:\t{value}", Value::String(name));
            format!("{{{}}}", members.into_iter().rev().map(pair).collect::<Vec<_>>().join(",\n"))
        });
        prop_oneof![list, pairs]
    })
}

proptest! {
    #[test]
    fn a_canonical_text_is_its_own_canonical_text(text in json()) {
        for form in FORMS {
            if let Some(once) = print(form, text.as_bytes()) {
                let again = print(form, &once);
                prop_assert_eq!(again.as_deref(), Some(once.as_slice()), "{:?} {}", form, text);
            }
        }
    }

    #[test]
    fn the_spelling_says_what_the_text_said(text in json()) {
        // serde_json reads numbers digit by digit, so that only what is neither integer nor rounded is compared as doubles.
        let said = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        for form in FORMS {
            if let Some(printed) = print(form, text.as_bytes()) {
                prop_assert!(alike(&said(text.as_bytes()), &said(&printed)), "{:?} {}", form, text);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_filter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for filter in ["pyjson", "jcs", "normpath", "sorted_encoded", "sorted_concat_eq"] {
            let filter = Filter::parse(filter).unwrap();
            if let Some(once) = filter.apply(&bytes) {
                prop_assert!(!matches!(filter, Filter::NormPath) || filter.apply(&once) == Some(once));
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\":,0-9eE+.\\\\u\\-a-f \n]{0,80}") {
        for form in FORMS {
            let _any_answer = print(form, text.as_bytes());
        }
    }
}

fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|found| alike(value, found)))
        }
        _ => one == other,
    }
}
