//! A whole configuration file: it loads, or every mistake in it is said, each with a place that is there.
#![no_main]

use std::path::Path;

use countersign::config::{load_with, print};
use countersign_fuzz::NOW;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    // A file may name others: nothing that could be a device is opened.
    if text.windows(4).any(|window| matches!(window, b"/dev" | b"/pro" | b"/sys")) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).expect("a file");
    let problems = match load_with(&path, &|_| None, NOW) {
        Ok(loaded) => [loaded.warnings, loaded.notes].concat(),
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            problems
        }
    };
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    for problem in problems.iter().filter(|problem| *problem.file == *path) {
        assert!(!problem.message.is_empty(), "a mistake without a word");
        let there =
            |(line, column): (u32, u32)| (1..=lines).contains(&usize::try_from(line).expect("a line")) && column >= 1;
        assert!(problem.at.is_none_or(there), "{problem}: there is no such place");
    }
    printed(&path, directory.path());
});

/// What is printed can be read, and is printed alike.
fn printed(path: &Path, directory: &Path) {
    let Ok(once) = print(path) else { return };
    let again = directory.join("printed.yaml");
    std::fs::write(&again, &once).expect("a file");
    match print(&again) {
        Ok(twice) => assert_eq!(without_origins(&twice), without_origins(&once)),
        Err(problems) => panic!("what is printed cannot be read: {problems:?}\n{once}"),
    }
}

fn without_origins(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.rsplit_once("  # ").map_or(line, |(line, _)| line)).collect()
}
