//! That the documents and the tests keep up with the code: no name on a page that is not in the tree, no reason without a test.

use std::collections::HashSet;
use std::path::Path;

use countersign::reject::Code;

use crate::scan;
use crate::tree::{File, Finding, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CODES: &str = "docs/codes.md";

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
    fn a_missing_page_is_found() {
        assert_eq!(dangling_names(&tree(Vec::new())).len(), 1);
    }
}
