//! What is never left on main: unfinished work, silence without a sentence, tests that sleep or are skipped.

use crate::scan;
use crate::tree::{File, Finding};

/// No marks of unfinished work, in code or comments.
pub(crate) fn unfinished(file: &File) -> Vec<Finding> {
    let marks = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];
    lines_with(file, &file.text, |line| marks.iter().find(|mark| line.contains(**mark)).map(ToString::to_string))
}

/// A lint is silenced by `expect` with a reason, never by `allow`.
pub(crate) fn bare_allow(file: &File) -> Vec<Finding> {
    lines_with(file, &file.code(), |line| {
        let compact: String = line.split_whitespace().collect();
        let bare = compact.contains("#[allow(") || compact.contains("#![allow(");
        bare.then(|| "`allow`: say `expect` with a reason".to_owned())
    })
}

/// Tests wait for events or pause time; none is skipped.
pub(crate) fn sleeping_tests(file: &File) -> Vec<Finding> {
    let code = file.code();
    let skipped = file.shipped().lines().count();
    let mut findings = lines_with(file, &code, |line| line.contains("#[ignore").then(|| "an ignored test".to_owned()));
    let sleeps = |line: &str| scan::names(line).any(|name| name == "sleep").then(|| "a test that sleeps".to_owned());
    findings.extend(lines_with(file, &code, sleeps).into_iter().filter(|finding| finding.line > skipped));
    findings
}

fn lines_with(file: &File, text: &str, objects: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| objects(line).map(|message| file.finding(at + 1, message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_marks_are_found_in_comments_and_code() {
        for text in ["// TODO later", "/* FIXME */", "fn f() { todo!() }", "fn f() { unimplemented!() }"] {
            assert_eq!(unfinished(&File::new("src/a.rs", text)).len(), 1, "{text}");
        }
        assert!(unfinished(&File::new("src/a.rs", "// done")).is_empty());
    }

    #[test]
    fn only_allow_is_bare() {
        for (text, objections) in [
            ("#[allow(dead_code)]", 1),
            ("#! [allow(clippy::all)]", 1),
            ("#[expect(lint, reason = \"why\")]", 0),
            ("// #[allow(x)]", 0),
        ] {
            assert_eq!(bare_allow(&File::new("src/a.rs", text)).len(), objections, "{text}");
        }
    }

    #[test]
    fn a_sleep_is_found_in_tests_and_left_alone_elsewhere() {
        let shipped = "fn f() { sleep(x) }\n";
        let tested = "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { tokio::time::sleep(x) } }\n";
        for (path, text, objections) in [
            ("src/a.rs", shipped, 0),
            ("src/a.rs", tested, 1),
            ("tests/it/a.rs", shipped, 1),
            ("tests/it/a.rs", "// sleep\n", 0),
            ("tests/it/a.rs", "#[ignore = \"slow\"]\nfn f() {}", 1),
        ] {
            assert_eq!(sleeping_tests(&File::new(path, text)).len(), objections, "{path}: {text}");
        }
    }
}
