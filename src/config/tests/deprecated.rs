//! A field under a former name loads as under its own, and is told with line and fix. The table is the test's: nothing was renamed yet.

use std::collections::HashSet;

use super::problems::HEAD;
use super::*;
use crate::config::deprecated::{Deprecated, FIELDS};
use crate::policy::lint::Code;

const TABLE: &[Deprecated] = &[
    Deprecated { within: "routes.*", field: "check", replacement: "verify", since: "0.2", refused: "0.4" },
    Deprecated { within: "", field: "probes", replacement: "health", since: "0.2", refused: "0.4" },
    Deprecated { within: "keyrings.*.keys.*", field: "password", replacement: "secret", since: "0.2", refused: "0.4" },
];

fn route(settings: &str) -> String {
    format!("{HEAD}  - {{path: /, {settings}, keys: partners, upstream: app, replay: off}}\n")
}

fn load(place: &Place, text: &str) -> Result<Loaded, Vec<Problem>> {
    let path = place.write("config.yaml", text);
    load_knowing(&path, &|_| None, Moment::from_secs(1_790_000_000), TABLE)
}

fn told(loaded: &Loaded) -> Vec<String> {
    let deprecated = |problem: &&Problem| problem.code == Some(Code::DeprecatedField);
    loaded.warnings.iter().filter(deprecated).map(ToString::to_string).collect()
}

#[test]
fn a_former_name_means_what_the_new_one_means_and_is_told_with_line_and_fix() {
    let place = Place::new();
    let loaded = good(load(&place, &(route("check: timestamp-body") + "probes: \"127.0.0.1:0\"\n")));
    let said = told(&loaded);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("config.yaml:6:") && said[0].contains("routes[0].check: `check` is deprecated since 0.2"));
    assert!(said[0].contains("refused from 0.4 on; write `verify`; nothing else changes [deprecated_field]"));
    assert!(said[1].contains("config.yaml:7:") && said[1].contains("write `health`"), "{said:?}");
    let today = good(load(&place, &(route("verify: timestamp-body") + "health: \"127.0.0.1:0\"\n")));
    assert_eq!(told(&today), [""; 0]);
    assert_eq!(loaded.warnings.len(), today.warnings.len() + 2, "nothing else is told");
}

#[test]
fn both_names_at_once_are_a_mistake() {
    let problems = bad(load(&Place::new(), &route("check: github, verify: timestamp-body")));
    let said = shown(&problems);
    assert!(said.contains("config.yaml:6:") && said.contains("former name of `verify`"), "{said}");
    assert!(said.contains("keep the one with the new name"), "{said}");
}

#[test]
fn the_same_word_elsewhere_is_not_renamed() {
    let said = shown(&bad(load(&Place::new(), &(route("verify: github") + "check: 1\n"))));
    assert!(said.contains("unknown field `check`"), "{said}");
}

#[test]
fn a_secret_under_a_former_name_is_blacked_out_as_well() {
    let text = route("verify: github")
        .replace("keyrings: {", "keyrings: {other: {keys: [{id: canary-12345, password: canary-12345}]}, ");
    let place = Place::new();
    let outcome = load(&place, &text);
    let said = outcome.as_ref().map_or_else(|problems| shown(problems), |loaded| shown(&loaded.warnings));
    assert!(!said.contains("canary-12345"), "{said}");
    assert!(said.contains("`password` is deprecated") || outcome.is_err(), "{said}");
}

#[test]
fn an_allowance_holds_for_it_and_the_table_in_use_is_in_order() {
    let lint = "lint: {allow: {deprecated_field: \"until the old ones are gone\"}}, check: timestamp-body";
    assert_eq!(told(&good(load(&Place::new(), &route(lint)))), [""; 0]);
    let names: HashSet<_> = FIELDS.iter().map(|row| (row.within, row.field)).collect();
    assert_eq!(names.len(), FIELDS.len(), "each field once");
}
