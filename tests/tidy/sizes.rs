//! How long things may be, and that a file says in its first line what it is for.

use crate::scan;
use crate::tree::{File, Finding, Tree};

const FILE: usize = 300;
const FUNCTION: usize = 50;
const JOURNEY: usize = 40;
const JOURNEY_FILE: &str = "src/proxy/journey.rs";

/// At most 300 lines, tests included.
pub(crate) fn file_length(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if lines <= FILE { Vec::new() } else { vec![file.finding(FILE, format!("{lines} lines"))] }
}

/// The first line is the sentence that decides whether one reads on.
pub(crate) fn opening_sentence(file: &File) -> Vec<Finding> {
    let says =
        file.text.strip_prefix("//! ").is_some_and(|rest| rest.lines().next().is_some_and(|line| line.len() > 10));
    if says { Vec::new() } else { vec![file.finding(1, "does not open with `//! ` and what it is for")] }
}

/// At most 50 lines from `fn` to the closing brace.
pub(crate) fn function_length(file: &File) -> Vec<Finding> {
    let functions = scan::functions(&file.code());
    let long = functions.iter().filter(|function| function.length > FUNCTION);
    long.map(|it| file.finding(it.line, format!("`{}` has {} lines", it.name, it.length))).collect()
}

/// The life of a request is one public function of fewer than 40 lines.
pub(crate) fn journey(tree: &Tree) -> Vec<Finding> {
    match tree.files.iter().find(|file| file.path == JOURNEY_FILE) {
        Some(file) => journey_in(file),
        None => vec![File::new(JOURNEY_FILE, "").finding(1, "is missing")],
    }
}

fn journey_in(file: &File) -> Vec<Finding> {
    let functions: Vec<_> =
        scan::functions(&scan::blank(file.shipped())).into_iter().filter(|f| f.public_async).collect();
    match functions.as_slice() {
        [journey] if journey.length < JOURNEY => Vec::new(),
        [journey] => vec![file.finding(journey.line, format!("the journey has {} lines", journey.length))],
        others => vec![file.finding(1, format!("{} public async functions: the journey is one", others.len()))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!("pub async fn serve() {{\n{}}}\n", "x();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_may_have_three_hundred_lines_and_tests_count() {
        let fits = File::new("src/a.rs", &format!("{}#[cfg(test)]\n{}", "x\n".repeat(200), "y\n".repeat(99)));
        let long = File::new("src/a.rs", &format!("{}#[cfg(test)]\n{}", "x\n".repeat(201), "y\n".repeat(99)));
        assert_eq!((file_length(&fits).len(), file_length(&long).len()), (0, 1));
    }

    #[test]
    fn a_function_may_have_fifty_lines() {
        let length = |lines| function_length(&File::new("src/a.rs", &function_of(lines))).len();
        assert_eq!((length(50), length(51)), (0, 1));
    }

    #[test]
    fn a_file_must_open_with_its_purpose() {
        for (text, objections) in [("//! What it is for.\n", 0), ("use a;\n", 1), ("//!\n//! Late.\n", 1), ("", 1)] {
            assert_eq!(opening_sentence(&File::new("src/a.rs", text)).len(), objections, "{text:?}");
        }
    }

    #[test]
    fn the_journey_must_be_one_and_under_forty_lines() {
        let judge = |text: &str| journey_in(&File::new(JOURNEY_FILE, text)).len();
        assert_eq!((judge(&function_of(39)), judge(&function_of(40))), (0, 1));
        assert_eq!((judge(""), judge(&function_of(5).repeat(2))), (1, 1));
    }

    #[test]
    fn a_missing_journey_is_found() {
        assert_eq!(journey(&Tree { root: ".".into(), files: Vec::new() }).len(), 1);
    }
}
