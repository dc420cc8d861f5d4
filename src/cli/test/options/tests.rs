//! Options that make a scheme, and options that nobody knows.

use super::*;

fn config(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_option_that_nobody_knows_is_a_mistake() {
    for (scheme, text) in [("stripe", r#"{"x": 1}"#), ("cavage", r#"{"require": [], "skew": 1}"#)] {
        let error = declaration(scheme, Some(&config(text)), None).err().unwrap();
        assert!(error.starts_with("unknown option"), "{error}");
    }
    for (scheme, text) in [
        ("cavage", r#"{"algorithm": 1}"#),
        ("cavage", r#"{"require": "date"}"#),
        ("cavage", r#"{"verify_digest": "yes"}"#),
        ("nirah-multisig", r#"{"header": null}"#),
        ("github-legacy-sha1", "{}"),
        ("nobody", "{}"),
    ] {
        assert!(declaration(scheme, Some(&config(text)), None).is_err(), "{scheme} {text}");
    }
}

#[test]
fn every_writer_makes_a_scheme_without_options() {
    for (name, _) in WRITERS.iter().filter(|(name, _)| *name != "github-legacy-sha1") {
        let declaration = declaration(name, None, None).unwrap();
        assert!(crate::config::scheme::compile(name, &declaration).is_ok(), "{name}");
    }
}
