//! Options: mistakes are told at load, and the manual knows each of them.

use super::*;

#[test]
fn options_that_cannot_work_are_refused_at_load() {
    for (yaml, path) in [
        ("rfc9421: {require: [\"@status\"]}", "rfc9421.require[0]"),
        ("rfc9421: {require: [\"@path\", \"@path\"]}", "rfc9421.require[1]"),
        ("rfc9421: {components: ['\"@method\";req']}", "rfc9421.components[0]"),
        ("rfc9421: {response: {require: [\"@method\"]}}", "rfc9421.response.require[0]"),
        ("rfc9421: {response: {require: [\"@status\"], components: [x]}}", "rfc9421.response.components"),
        ("rfc9421: {components: [Content-Type]}", "rfc9421.components[0]"),
        ("rfc9421: {require: [\"@method\"], components: [\"@path\"]}", "rfc9421.components"),
        ("rfc9421: {label: \"a b\"}", "rfc9421.label"),
        ("rfc9421: {label: Sig}", "rfc9421.label"),
        ("rfc9421: {tag: \"é\"}", "rfc9421.tag"),
        ("rfc9421: {body: maybe}", "rfc9421.body"),
        ("rfc9421: {past: 400d}", "rfc9421.past"),
        ("rfc9421: {expires: soon}", "rfc9421.expires"),
        ("rfc9421: {authority: forwarded}", "rfc9421.authority"),
        ("{algorithm: sha256, rfc9421: {}}", "algorithm"),
        ("{message: \"{body}\", rfc9421: {}}", "message"),
        ("{rfc9421: {}, any_of: [{rfc9421: {}}]}", "any_of"),
    ] {
        assert_eq!(mistakes(yaml), [path], "{yaml}");
    }
    assert_eq!(mistakes("{key: {encoding: base64}, rfc9421: {}}"), Vec::<String>::new());
    assert_eq!(mistakes("{any_of: [{rfc9421: {}}, {rfc9421: {label: b}}]}"), Vec::<String>::new());
}

#[test]
fn every_option_is_in_the_manual() {
    let manual = include_str!("../../docs/rfc9421.md");
    for option in [
        "label",
        "tag",
        "require",
        "components",
        "response",
        "body",
        "created",
        "past",
        "future",
        "expires",
        "key_id",
        "nonce",
        "authority",
    ] {
        assert!(manual.contains(&format!("| `{option}` |")), "{option}");
    }
    let blocks = manual.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for block in blocks.filter(|block| block.starts_with("schemes:")) {
        let file: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Declaration>> =
            serde_yaml::from_str(block).unwrap_or_else(|error| panic!("{block}: {error}"));
        for (name, declaration) in &file["schemes"] {
            assert!(compile(name, declaration).is_ok(), "{name}");
        }
    }
}
