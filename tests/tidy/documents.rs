//! That the documents and the tests keep up with the code: no name on a page that is not in the tree, no reason without a test.

use std::collections::HashSet;
use std::path::Path;

use countersign::reject::Code;

use crate::scan;
use crate::tree::{File, Finding, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CODES: &str = "docs/codes.md";
const THREATS: &str = "docs/threat-model.md";

/// Every rejection code is named by a test, as text or as `Code::Name`.
pub(crate) fn untested_codes(tree: &Tree) -> Vec<Finding> {
    let tests: String = tree.files.iter().filter(|file| !file.is_the_guard()).map(File::tests).collect();
    let words: HashSet<&str> = words(&tests).collect();
    let missing = all_codes().filter(|(name, text)| !words.contains(text) && !words.contains(name.as_str()));
    missing.map(|(_, text)| File::new("src/reject.rs", "").finding(1, format!("no test names `{text}`"))).collect()
}

/// Every rejection code stands in the manual.
pub(crate) fn unlisted_codes(tree: &Tree) -> Vec<Finding> {
    let manual = tree.document(CODES);
    let missing = all_codes().filter(|(_, text)| !manual.contains(&format!("`{text}`")));
    missing.map(|(_, text)| File::new(CODES, "").finding(1, format!("`{text}` is not listed"))).collect()
}

/// Every path and symbol that stands in backticks on the architecture page exists.
pub(crate) fn dangling_names(tree: &Tree) -> Vec<Finding> {
    let page = File::new(ARCHITECTURE, &tree.document(ARCHITECTURE));
    if page.text.is_empty() {
        return vec![page.finding(1, "is missing or empty")];
    }
    let code: HashSet<String> = tree.sources().flat_map(|file| scan::names(&file.code()).collect::<Vec<_>>()).collect();
    let text: String = tree.sources().map(|file| file.text.as_str()).collect();
    let known = Known { root: &tree.root, code, words: words(&text).collect() };
    dangling(&page, &known)
}

/// Every row of the threat model ends with what holds it: tests and files that exist.
pub(crate) fn unproved_threats(tree: &Tree) -> Vec<Finding> {
    let page = File::new(THREATS, &tree.document(THREATS));
    let tests =
        tree.files.iter().filter(|file| !file.is_the_guard()).flat_map(|file| names_of_tests(&file.text)).collect();
    let exists = |path: &str| tree.root.join(path).exists();
    unproved(&page, &tests, &exists)
}

fn unproved(page: &File, tests: &HashSet<String>, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let holds = |name: &str| if name.contains(['/', '.']) { exists(name) } else { tests.contains(name) };
    let mut findings = Vec::new();
    let (mut in_table, mut threats) = (false, 0);
    for (at, line) in page.text.lines().enumerate() {
        let cell = last_cell(line);
        if cell.is_none_or(|cell| cell == HELD || cell.starts_with("--")) {
            in_table = cell == Some(HELD) || in_table && cell.is_some();
        } else if in_table {
            threats += 1;
            let names: Vec<&str> = cell.unwrap_or_default().split('`').skip(1).step_by(2).collect();
            if names.is_empty() {
                findings.push(page.finding(at + 1, "nothing holds it"));
            }
            let missing = names.iter().filter(|name| !holds(name));
            findings.extend(missing.map(|name| page.finding(at + 1, format!("`{name}` is no test and no file"))));
        }
    }
    if threats == 0 {
        findings.push(page.finding(1, "is missing or names no threat"));
    }
    findings
}

/// The heading of the column that is checked.
const HELD: &str = "held by";

fn last_cell(line: &str) -> Option<&str> {
    line.strip_prefix('|')?.strip_suffix('|')?.rsplit('|').next().map(str::trim)
}

/// Functions whose attributes make them tests.
fn names_of_tests(text: &str) -> Vec<String> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("fn ") {
            names.extend(rest.split(['(', '<']).next().filter(|_| is_test).map(str::to_owned));
            is_test = false;
        }
        is_test |= line.starts_with("#[") && line.contains("test") && !line.contains("cfg");
    }
    names
}

/// What a page may name.
struct Known<'a> {
    root: &'a Path,
    /// Identifiers of the code.
    code: HashSet<String>,
    /// Words anywhere in the sources, strings included: settings, values of the configuration.
    words: HashSet<&'a str>,
}

impl Known<'_> {
    fn has(&self, name: &str) -> bool {
        if name.contains(' ') || name.starts_with(['/', '-', '"', '$', '#']) {
            return true;
        }
        if name.contains('/') || [".rs", ".md"].iter().any(|ending| name.ends_with(ending)) {
            return self.has_file(name);
        }
        let symbol = name.trim_end_matches("()").trim_end_matches('!');
        let segments: Vec<&str> = symbol.split("::").collect();
        let is_symbol = segments.iter().all(|part| !part.is_empty() && words(part).eq([*part]));
        let is_code = name != symbol || segments.len() > 1 || symbol.starts_with(char::is_uppercase);
        !is_symbol || segments.iter().all(|part| self.code.contains(*part) || (!is_code && self.words.contains(*part)))
    }

    /// A path is written from the root, from `src/`, or as a pattern whose fixed part must exist.
    fn has_file(&self, name: &str) -> bool {
        let fixed = name.split(['*', '{', '<']).next().unwrap_or(name).trim_end_matches('/');
        self.root.join(fixed).exists() || self.root.join("src").join(fixed).exists()
    }
}

fn dangling(page: &File, known: &Known<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (at, line) in page.text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced {
            let missing = line.split('`').skip(1).step_by(2).filter(|name| !known.has(name));
            findings.extend(missing.map(|name| page.finding(at + 1, format!("`{name}` does not exist"))));
        }
    }
    findings
}

fn all_codes() -> impl Iterator<Item = (String, &'static str)> {
    Code::ALL.iter().map(|code| (format!("{code:?}"), code.reason().code))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: Vec<File>) -> Tree {
        Tree { root: "/nowhere".into(), files }
    }

    #[test]
    fn a_code_without_a_test_is_found() {
        let all = all_codes().map(|(_, text)| text).collect::<Vec<_>>().join(" ") + " ";
        let without_one = all.replace("replayed ", "");
        let by_name = format!("{without_one} Code::Replayed");
        let count = |text: &str| untested_codes(&tree(vec![File::new("tests/it/a.rs", text)])).len();
        assert_eq!((count(&all), count(&without_one), count(&by_name)), (0, 1, 0));
    }

    #[test]
    fn a_code_named_only_by_shipped_code_is_untested() {
        let shipped = tree(vec![File::new("src/a.rs", "Code::Replayed")]);
        assert_eq!(untested_codes(&shipped).len(), Code::ALL.len());
    }

    #[test]
    fn a_missing_manual_lists_nothing() {
        assert_eq!(unlisted_codes(&tree(Vec::new())).len(), Code::ALL.len());
    }

    #[test]
    fn dangling_paths_and_symbols_are_found() {
        let known = Known {
            root: Path::new(env!("CARGO_MANIFEST_DIR")),
            code: ["Permit", "serve"].map(str::to_owned).into(),
            words: ["hold"].into(),
        };
        for (name, exists) in [
            ("src/lib.rs", true),
            ("src/gone.rs", false),
            ("lib.rs", true),
            ("Permit", true),
            ("Gone", false),
            ("Permit::gone", false),
            ("serve()", true),
            ("hold", true),
            ("gone", false),
            ("body: stream", true),
            ("X-Request-Id", true),
            ("sig/", true),
            ("src/sig/*", true),
        ] {
            let page = File::new(ARCHITECTURE, &format!("see `{name}` there"));
            assert_eq!(dangling(&page, &known).is_empty(), exists, "{name}");
        }
    }

    #[test]
    fn fenced_code_is_a_picture_and_not_checked() {
        let known = Known { root: Path::new("/"), code: HashSet::new(), words: HashSet::new() };
        let page = File::new(ARCHITECTURE, "```text\n`Gone`\n```\n`Gone`\n");
        assert_eq!(dangling(&page, &known).len(), 1);
    }

    #[test]
    fn a_threat_without_a_test_that_exists_is_found() {
        let tests =
            names_of_tests("#[test]\nfn it_holds() {}\nfn helper() {}\n#[tokio::test]\nasync fn it_waits() {}\n");
        let objections = |cell: &str| {
            let text = format!("| a | b |\n| threat | held by |\n|---|---|\n| it breaks | {cell} |\n");
            unproved(&File::new(THREATS, &text), &tests.iter().cloned().collect(), &|path| path == ".ci/run").len()
        };
        for (cell, count) in [
            ("`it_holds`", 0),
            ("`it_holds` `it_waits` `.ci/run`", 0),
            ("`helper`", 1),
            ("`it_held` `.ci/gone`", 2),
            ("trust", 1),
            ("", 1),
        ] {
            assert_eq!(objections(cell), count, "{cell}");
        }
        for (text, count) in
            [("nothing", 1), ("| a | held by |\n|---|---|\n| b | `c.rs` |\n\n| d | else |\n|---|---|\n| e | f |\n", 0)]
        {
            assert_eq!(unproved(&File::new(THREATS, text), &HashSet::new(), &|_| true).len(), count, "{text}");
        }
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(dangling_names(&tree(Vec::new())).len(), 1);
    }
}
