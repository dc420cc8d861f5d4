//! A refusal for people: a short page that says what to do, and takes nothing from elsewhere.

use bytes::Bytes;

use crate::reject::{Blame, Code};

/// What it is.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// What a browser may do with it: show it (CSP Level 3).
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page.
pub fn body(code: Code, id: &str) -> Bytes {
    let (title, advice) = words(code);
    let (title, advice, id) = (escaped(title), escaped(advice), escaped(id));
    Bytes::from(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:1.1em/1.5 sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}}\
         small{{color:#666}}</style>\n\
         <h1>{title}</h1>\n<p>{advice}</p>\n<p><small>Request {id}</small></p>\n</html>\n"
    ))
}

/// What happened and what helps, in plain words: no more than the code tells a program.
fn words(code: Code) -> (&'static str, &'static str) {
    if code == Code::TimestampOutsideWindow {
        return ("This link has expired", "Please ask for a new one.");
    }
    if matches!(code, Code::Replayed | Code::ReplayUnsettled) {
        return ("This link was already used", "It works only once. Please ask for a new one.");
    }
    match code.reason().blame {
        Blame::Proof => ("This link is not valid", "Please check that it is complete, or ask for a new one."),
        Blame::Request => (code.reason().title, code.reason().detail),
        Blame::Replay | Blame::Gateway | Blame::Upstream => ("This does not work right now", "Please try again later."),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(code: Code, id: &str) -> String {
        String::from_utf8(body(code, id).to_vec()).unwrap()
    }

    #[test]
    fn a_page_says_in_plain_words_what_happened() {
        for (code, title) in [
            (Code::TimestampOutsideWindow, "This link has expired"),
            (Code::Replayed, "This link was already used"),
            (Code::ReplayUnsettled, "This link was already used"),
            (Code::SignatureInvalid, "This link is not valid"),
            (Code::RequirementUnmet, "This link is not valid"),
            (Code::ReplayPending, "This does not work right now"),
            (Code::ReplayGuard, "This does not work right now"),
            (Code::RouteNotFound, "Not found"),
        ] {
            assert!(page(code, "1").contains(&format!("<h1>{title}</h1>")), "{code:?}");
        }
    }

    #[test]
    fn nothing_that_is_shown_is_markup_and_nothing_comes_from_elsewhere() {
        let shown = page(Code::Replayed, "<script>&\"'");
        assert!(shown.contains("Request &lt;script&gt;&amp;&quot;&#39;<"), "{shown}");
        for code in Code::ALL {
            let shown = page(*code, "1");
            assert!(!["src=", "href=", "url(", "@import", "//"].iter().any(|word| shown.contains(word)), "{shown}");
        }
    }
}
