//! HTML in which markup is the program's and everything else is text.
//!
//! **Invariant:** only literals of the program are written as they are; what came from a file or a client is escaped and shows its hidden characters.

use std::fmt::Write as _;

/// A piece of a page.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of the program.
    pub(super) fn tag(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody, in an element or between quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|character| push(&mut self.0, character));
        self
    }

    /// A sentence, in which names stand between backquotes.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        let names = text.matches('`').count() / 2;
        for (place, part) in text.splitn(names.saturating_mul(2).saturating_add(1), '`').enumerate() {
            match place % 2 {
                0 => self.text(part),
                _ => self.tag("<code>").text(part).tag("</code>"),
            };
        }
        self
    }

    /// A number, its thousands apart.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        let digits = number.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
                self.0.push(',');
            }
            self.0.push(digit);
        }
        self
    }

    /// A number as an attribute has it.
    pub(super) fn plain(&mut self, number: u64) -> &mut Self {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = write!(self.0, "{number}");
        self
    }

    /// A table that scrolls by itself where it is too wide, also by keyboard. A column of numbers is marked with `#`.
    pub(super) fn table(
        &mut self,
        name: &'static str,
        columns: &[&'static str],
        rows: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.tag("<div class=wide tabindex=0 role=group aria-label=\"").tag(name).tag("\"><table><thead><tr>");
        for name in columns {
            match name.strip_prefix('#') {
                Some(name) => self.tag("<th scope=col class=n>").tag(name),
                None => self.tag("<th scope=col>").tag(name),
            };
            self.tag("</th>");
        }
        self.tag("</tr></thead><tbody>");
        rows(self);
        self.tag("</tbody></table></div>")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn push(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '\n' => out.push('\n'),
        hidden if hidden.is_control() || crate::telemetry::deceives(hidden) => {
            let _: std::fmt::Result = write!(out, "\\u{{{:x}}}", u32::from(hidden));
        }
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup_and_hides_nothing() {
        let mut html = Html::default();
        html.tag("<td title=\"").text("\"><script>alert('&')</script>\u{202e}\u{0}\r\n").tag("\">").number(1_234_567);
        let expected = concat!(
            "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\\u{202e}\\u{0}\\u{d}\n\">",
            "1,234,567"
        );
        assert_eq!(html.into_string(), expected);
    }

    #[test]
    fn names_in_a_sentence_are_marked() {
        for (text, expected) in [
            ("key `a` is `<b>`", "key <code>a</code> is <code>&lt;b&gt;</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` and `", "<code>a</code> and `"),
            ("", ""),
        ] {
            let mut html = Html::default();
            html.prose(text);
            assert_eq!(html.into_string(), expected);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")] {
            let mut html = Html::default();
            html.number(number);
            assert_eq!(html.into_string(), expected);
        }
    }
}
