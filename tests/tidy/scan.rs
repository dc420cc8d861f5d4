//! Reading Rust well enough for the rules: comments and literals blanked, paths expanded, functions measured.

/// A path as code writes it, with `use` trees expanded: `std::net::{IpAddr, TcpStream}` is two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

/// A function with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where `fn` stands.
    pub(crate) line: usize,
    /// From `fn` to the closing brace.
    pub(crate) length: usize,
    /// `pub … async fn`
    pub(crate) public_async: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Token {
    line: usize,
    text: String,
}

impl NamedPath {
    /// Whether it leads into `prefix` (segments joined by `::`).
    pub(crate) fn leads_into(&self, prefix: &str) -> bool {
        let wanted: Vec<&str> = prefix.split("::").collect();
        self.segments.len() >= wanted.len() && self.segments.iter().zip(&wanted).all(|(have, want)| have == want)
    }

    /// Whether it begins with the name and goes on.
    pub(crate) fn is_within(&self, name: &str) -> bool {
        self.segments.len() > 1 && self.leads_into(name)
    }
}

/// The text up to the first `#[cfg(test)]` that stands at the beginning of a line.
pub(crate) fn before_tests(text: &str) -> &str {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("#[cfg(test)]") {
            return text.get(..offset).unwrap_or(text);
        }
        offset += line.len();
    }
    text
}

/// The same lines with the contents of comments, strings and character literals replaced by blanks.
pub(crate) fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|char| if *char == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
    let after_name = at > 0 && is_name(chars[at - 1]);
    match (next(0), next(1)) {
        ('/', '/') => find(chars, at, |rest| rest[0] == '\n'),
        ('/', '*') => block_comment_end(chars, at),
        ('"', _) => quoted_end(chars, at),
        ('r', '"' | '#') if !after_name || chars[at - 1] == 'b' => raw_end(chars, at),
        ('\'', '\\') => find(chars, at + 3, |rest| rest[0] == '\'') + 1,
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn find(chars: &[char], from: usize, matches: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| matches(&chars[*at..])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|char| **char == '#').count();
    if chars.get(from + 1 + hashes) != Some(&'"') {
        return from;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (find(chars, from + 2 + hashes, closes) + 1 + hashes).min(chars.len())
}

/// Every path in blanked code, imports expanded.
pub(crate) fn paths(code: &str) -> Vec<NamedPath> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].text == "use" {
            at = use_tree(&tokens, at + 1, &[], &mut found);
        } else if tokens[at].text.starts_with(is_name) {
            at = plain_path(&tokens, at, &mut found);
        } else {
            at += 1;
        }
    }
    found
}

fn plain_path(tokens: &[Token], from: usize, found: &mut Vec<NamedPath>) -> usize {
    let mut segments = vec![tokens[from].text.clone()];
    let mut at = from + 1;
    while let [separator, name, ..] = &tokens[at.min(tokens.len())..] {
        if separator.text != "::" || !name.text.starts_with(is_name) {
            break;
        }
        segments.push(name.text.clone());
        at += 2;
    }
    found.push(NamedPath { line: tokens[from].line, segments });
    at
}

/// One branch of a `use` tree; returns where it ends (`,`, `}` or `;`).
fn use_tree(tokens: &[Token], from: usize, prefix: &[String], found: &mut Vec<NamedPath>) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" | "," | "}" => break,
            "{" => return use_group(tokens, at + 1, &segments, found),
            "as" => at += 2,
            "::" => at += 1,
            name => {
                segments.push(name.to_owned());
                at += 1;
            }
        }
    }
    if let Some(last) = tokens.get(at.saturating_sub(1)) {
        found.push(NamedPath { line: last.line, segments });
    }
    at
}

fn use_group(tokens: &[Token], from: usize, prefix: &[String], found: &mut Vec<NamedPath>) -> usize {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            "," => at += 1,
            ";" => break,
            _ => at = use_tree(tokens, at, prefix, found),
        }
    }
    at
}

/// Every function with a body in blanked code.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let tokens = tokens(code);
    let starts = (0..tokens.len()).filter(|at| tokens[*at].text == "fn");
    starts.filter_map(|at| function(&tokens, at)).collect()
}

fn function(tokens: &[Token], at: usize) -> Option<Function> {
    let name = tokens.get(at + 1).filter(|token| token.text.starts_with(is_name))?;
    let open = (at..tokens.len()).find(|at| matches!(tokens[*at].text.as_str(), "{" | ";"))?;
    let close = closing_brace(tokens, open)?;
    let line = tokens[at].line;
    let before = &tokens[at.saturating_sub(6)..at];
    let own =
        before.iter().rposition(|token| matches!(token.text.as_str(), "}" | ";" | "{" | "]")).map_or(0, |at| at + 1);
    let has = |word: &str| before[own..].iter().any(|token| token.text == word);
    let public_async = has("pub") && has("async");
    Some(Function { name: name.text.clone(), line, length: tokens[close].line - line + 1, public_async })
}

fn closing_brace(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            ";" if depth == 0 => return None,
            "{" => depth += 1,
            "}" if depth == 1 => return Some(at),
            "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Every identifier in blanked code.
pub(crate) fn names(code: &str) -> impl Iterator<Item = String> {
    tokens(code).into_iter().map(|token| token.text).filter(|text| text.starts_with(is_name))
}

fn tokens(code: &str) -> Vec<Token> {
    let chars: Vec<char> = code.chars().collect();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let length = match chars[at..] {
            [first, ..] if is_name(first) => chars[at..].iter().take_while(|char| is_name(**char)).count(),
            [':', ':', ..] => 2,
            _ => 1,
        };
        if chars[at] == '\n' {
            line += 1;
        } else if !chars[at].is_whitespace() {
            found.push(Token { line, text: chars[at..at + length].iter().collect() });
        }
        at += length;
    }
    found
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        for (text, expected) in [
            ("a // tokio\nb", "a         \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            ("let s = \"fn {\\\" }\";", "let s =           ;"),
            ("r#\"a\"b\"# c", "         c"),
            ("'{' 'a", "    'a"),
            ("'\\'' x", "     x"),
            ("br\"{\"x", "b    x"),
            ("for r in x", "for r in x"),
        ] {
            assert_eq!(blank(text), expected, "{text}");
        }
    }

    #[test]
    fn imports_are_expanded_to_full_paths() {
        let found: Vec<String> = paths("use a::{b, c::{d as x, e}, self};\nlet y = f::g(h);")
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(found, ["a::b", "a::c::d", "a::c::e", "a::self", "let", "y", "f::g", "h"]);
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let found = functions(
            "trait T { fn none(&self); }\npub async fn one() {\n  if x { y }\n}\nfn two() { match z { _ => {} } }",
        );
        let told: Vec<(&str, usize, usize, bool)> =
            found.iter().map(|f| (f.name.as_str(), f.line, f.length, f.public_async)).collect();
        assert_eq!(told, [("one", 2, 3, true), ("two", 5, 1, false)]);
    }

    #[test]
    fn tests_begin_at_a_line_of_their_own() {
        assert_eq!(before_tests("a\n    #[cfg(test)]\nb\n#[cfg(test)]\nmod tests {}"), "a\n    #[cfg(test)]\nb\n");
    }
}
