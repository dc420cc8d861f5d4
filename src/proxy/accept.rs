//! Whether the client is somebody who reads pages, or a program that reads JSON (RFC 9110 §12.5.1).

use crate::sig::message::Fields;

/// Whether `text/html` is asked for by name, and rather than any JSON. Wildcards speak for JSON only: programs send them, and a browser names what it shows.
pub fn prefers_page(fields: &Fields) -> bool {
    let lines = fields.iter().filter(|field| field.name == "accept");
    let (mut page, mut json) = (0, 0);
    for member in lines.flat_map(|field| field.value.split(|byte| *byte == b',')) {
        let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(weight).map_or(MOST, |text| thousandths(text).unwrap_or(0));
        match range.as_slice() {
            b"text/html" => page = weight.max(page),
            b"application/problem+json" | b"application/json" | b"application/*" | b"*/*" => json = weight.max(json),
            _ => {}
        }
    }
    page > json
}

/// The weight where none is written, in thousandths.
const MOST: u16 = 1000;

/// The text of a parameter that is a weight.
fn weight(parameter: &[u8]) -> Option<&[u8]> {
    parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))
}

/// A weight of at most three digits behind the point (RFC 9110 §12.4.2); nothing where it is spelled otherwise.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, part) = match text {
        [whole] | [whole, b'.'] => (whole, &[][..]),
        [whole, b'.', part @ ..] if part.len() <= 3 => (whole, part),
        _ => return None,
    };
    let mut digits = part.iter().chain(b"000").take(3);
    let found = digits.try_fold(0_u16, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    });
    match (whole, found) {
        (b'0', found) => found,
        (b'1', Some(0)) => Some(MOST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_a_page_and_a_program_gets_json() {
        for (lines, page) in [
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"][..], true),
            (&["text/html"], true),
            (&["TEXT/HTML;level=1; Q=0.7, */*;q=0.699"], true),
            (&["application/json;q=0.9", "text/html"], true),
            (&[], false),
            (&[""], false),
            (&["*/*"], false),
            (&["text/*"], false),
            (&["text/html;q=0"], false),
            (&["text/html;q=0.000"], false),
            (&["text/html, */*"], false),
            (&["text/html, application/json"], false),
            (&["text/html;q=0.5, application/*;q=0.6"], false),
            (&["text/html;q=0.5", "application/problem+json;q=0.5"], false),
            (&["text/html;q=1.001"], false),
            (&["text/html;q=2"], false),
            (&["text/html;q=0.5x"], false),
            (&["text/html;q=0.1234"], false),
            (&["text/html;q="], false),
            (&["text/html2", "x/text/html"], false),
        ] {
            let mut fields = Fields::default();
            for line in lines {
                fields.append("accept", *line);
            }
            assert_eq!(prefers_page(&fields), page, "{lines:?}");
        }
    }
}
