//! The architecture's guard: who may know whom, how long things may be, and that the documents tell the truth about the code.
//!
//! Every rule is a function from a file (or the whole tree) to findings, and shows on a fixture that it fires.

#![expect(clippy::arithmetic_side_effects, reason = "line numbers and offsets of our own sources")]

#[cfg(test)]
#[path = "tidy/boundaries.rs"]
mod boundaries;
#[cfg(test)]
#[path = "tidy/documents.rs"]
mod documents;
#[cfg(test)]
#[path = "tidy/manners.rs"]
mod manners;
#[cfg(test)]
#[path = "tidy/scan.rs"]
mod scan;
#[cfg(test)]
#[path = "tidy/sizes.rs"]
mod sizes;
#[cfg(test)]
#[path = "tidy/tree.rs"]
mod tree;

#[cfg(test)]
mod this_repository {
    use crate::tree::{File, Finding, Tree};
    use crate::{boundaries, documents, manners, sizes};

    fn every_source(rule: impl Fn(&File) -> Vec<Finding>) -> Vec<Finding> {
        Tree::here().sources().flat_map(rule).collect()
    }

    fn every_file(rule: impl Fn(&File) -> Vec<Finding>) -> Vec<Finding> {
        Tree::here().files.iter().filter(|file| !file.is_the_guard()).flat_map(rule).collect()
    }

    #[track_caller]
    fn none(findings: &[Finding]) {
        let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "\n{}\n", list.join("\n"));
    }

    #[test]
    fn the_pure_half_knows_no_shell() {
        none(&every_source(boundaries::pure_half));
    }

    #[test]
    fn config_and_proxy_never_meet() {
        none(&every_source(boundaries::strangers));
    }

    #[test]
    fn http_types_stay_in_their_adapters() {
        none(&every_source(boundaries::http_types));
    }

    #[test]
    fn files_are_short_and_say_what_they_are_for() {
        none(&every_source(sizes::file_length));
        none(&every_file(sizes::opening_sentence));
    }

    #[test]
    fn functions_are_short() {
        none(&every_file(sizes::function_length));
    }

    #[test]
    fn the_journey_is_one_function_under_forty_lines() {
        none(&sizes::journey(&Tree::here()));
    }

    #[test]
    fn nothing_is_left_unfinished_or_silenced() {
        none(&every_file(manners::unfinished));
        none(&every_file(manners::bare_allow));
    }

    #[test]
    fn tests_neither_sleep_nor_are_ignored() {
        none(&every_file(manners::sleeping_tests));
    }

    #[test]
    fn every_reason_to_refuse_has_a_test() {
        none(&documents::untested_codes(&Tree::here()));
    }

    #[test]
    fn every_reason_to_refuse_is_in_the_manual() {
        none(&documents::unlisted_codes(&Tree::here()));
    }

    #[test]
    fn every_threat_is_held_by_a_test_that_exists() {
        none(&documents::unproved_threats(&Tree::here()));
    }

    #[test]
    fn everything_that_the_architecture_page_names_exists() {
        none(&documents::dangling_names(&Tree::here()));
    }
}
