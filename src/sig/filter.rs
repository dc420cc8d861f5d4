//! What a template may do with a value: pure functions from bytes to bytes.

use super::canonical::Canonical;
use super::encoding::Encoding;
use super::form;
use super::json::Json;
use super::mac::Algorithm;

/// A step of `{value|filter|filter}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// ASCII lower case.
    Lower,
    /// ASCII upper case.
    Upper,
    /// The raw digest.
    Hash(Algorithm),
    /// Bytes as text.
    Encode(Encoding),
    /// Percent-decoding and `+`.
    UrlDecode,
    /// Only these escapes (as their bytes) are decoded.
    PctDecode(Vec<u8>),
    /// A query or form without these names.
    Without(Vec<Vec<u8>>),
    /// Pairs of a query or form sorted by name, then value, as they are.
    Sorted,
    /// Pairs of a query or form decoded, encoded in one way and sorted.
    SortedEncoded,
    /// Decoded names sorted, each followed by its value, equal pairs once.
    SortedConcat,
    /// Decoded `name=value` sorted, one after the other; the values of one name joined by commas.
    SortedConcatEq,
    /// A path without empty, `.` and `..` segments.
    NormPath,
    /// JSON in one spelling.
    Canonical(Canonical),
    /// A URL with its default port written out.
    WithPort,
    /// A URL without its port.
    WithoutPort,
    /// A content type without parameters.
    MediaType,
}

impl Filter {
    /// The filter of this name, or why there is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(arguments) = argument(text, "without") {
            return Ok(Self::Without(arguments.split(',').map(|name| name.trim().as_bytes().to_vec()).collect()));
        }
        if let Some(escapes) = argument(text, "pctdecode") {
            return Ok(Self::PctDecode(form::percent_decode(escapes.as_bytes(), false).into_owned()));
        }
        if let Some(algorithm) = Algorithm::by_name(text) {
            return Ok(Self::Hash(algorithm));
        }
        Ok(match text {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "hex" => Self::Encode(Encoding::Hex),
            "base64" => Self::Encode(Encoding::Base64),
            "base64url" => Self::Encode(Encoding::Base64Url),
            "urldecode" => Self::UrlDecode,
            "pctdecode" => Self::PctDecode((0..=u8::MAX).collect()),
            "sorted" => Self::Sorted,
            "sorted_encoded" => Self::SortedEncoded,
            "sorted_concat" => Self::SortedConcat,
            "sorted_concat_eq" => Self::SortedConcatEq,
            "normpath" => Self::NormPath,
            "pyjson" => Self::Canonical(Canonical::Python),
            "jcs" => Self::Canonical(Canonical::Jcs),
            "with_port" => Self::WithPort,
            "without_port" => Self::WithoutPort,
            "media_type" => Self::MediaType,
            _ => return Err(format!("`{text}` is not a filter")),
        })
    }

    /// What becomes of `input`; `None` where it is not what the filter works on.
    pub fn apply(&self, input: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Self::Lower => input.to_ascii_lowercase(),
            Self::Upper => input.to_ascii_uppercase(),
            Self::Hash(algorithm) => algorithm.digest(input),
            Self::Encode(encoding) => encoding.encode(input).into_bytes(),
            Self::UrlDecode => form::percent_decode(input, true).into_owned(),
            Self::PctDecode(bytes) => form::decode_only(input, bytes),
            Self::Without(names) => form::without(input, names),
            Self::Sorted => form::sorted(input),
            Self::SortedEncoded => form::sorted_encoded(input),
            Self::SortedConcat => form::sorted_concat(input),
            Self::SortedConcatEq => form::sorted_concat_eq(input),
            Self::NormPath => norm_path(input),
            Self::Canonical(form) => form.print(&Json::parse(input)?)?,
            Self::WithPort => with_port(input),
            Self::WithoutPort => without_port(input),
            Self::MediaType => {
                let kind = input.split(|byte| *byte == b';').next().unwrap_or_default();
                kind.trim_ascii().to_ascii_lowercase()
            }
        })
    }
}

fn argument<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

/// Segments resolved as RFC 3986 §5.2.4 does, and empty ones dropped; a slash at the end stays, and an empty path is `/`.
fn norm_path(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => _ = kept.pop(),
            segment => kept.push(segment),
        }
    }
    let front: &[u8] = if path.is_empty() || path.starts_with(b"/") { b"/" } else { b"" };
    let end: &[u8] = if path.ends_with(b"/") && !kept.is_empty() { b"/" } else { b"" };
    [front, &kept.join(&b'/'), end].concat()
}

/// `scheme://`, authority, rest.
fn split_url(url: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = url.windows(3).position(|three| three == b"://")?.saturating_add(3);
    let (scheme, rest) = url.split_at_checked(start)?;
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    Some((scheme, authority, rest))
}

/// Where the port begins, with its colon; an IPv6 literal has colons of its own.
fn port_mark(authority: &[u8]) -> Option<usize> {
    let mark = authority.iter().rposition(|byte| *byte == b':')?;
    let digits = authority.get(mark.saturating_add(1)..)?;
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(mark)
}

fn with_port(url: &[u8]) -> Vec<u8> {
    let Some((scheme, authority, rest)) = split_url(url) else { return url.to_vec() };
    let port: &[u8] = match scheme {
        _ if port_mark(authority).is_some() => b"",
        b"https://" => b":443",
        b"http://" => b":80",
        _ => b"",
    };
    [scheme, authority, port, rest].concat()
}

fn without_port(url: &[u8]) -> Vec<u8> {
    let Some((scheme, authority, rest)) = split_url(url) else { return url.to_vec() };
    let host = port_mark(authority).and_then(|mark| authority.get(..mark)).unwrap_or(authority);
    [scheme, host, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_do_what_their_names_say() {
        for (filter, input, output) in [
            ("lower", "POST", "post"),
            ("upper", "post", "POST"),
            ("hex", "\u{1}", "01"),
            ("base64", "a", "YQ=="),
            ("base64url", "a", "YQ"),
            ("urldecode", "a%20b+c%zz", "a b c%zz"),
            ("pctdecode(%3A%2F)", "a%3Ab%2fc%20", "a:b/c%20"),
            ("pctdecode", "/a%2fb%20c+%zz", "/a/b c+%zz"),
            ("without(sig)", "a=1&sig=2&%73ig=3&b", "a=1&b"),
            ("sorted", "b=2&a=2&a=1", "a=1&a=2&b=2"),
            ("sorted_concat", "b=2&a=%41&a=A&c", "aAb2c"),
            ("sorted_encoded", "b=2&a=%7e+%c3%a9&a&A=*&&a=%2B", "A=%2A&a=&a=%2B&a=~%20%C3%A9&b=2"),
            ("sorted_concat_eq", "shop=a.b&ids%5B%5D=2&ids%5B%5D=1&c", "c=ids[]=2,1shop=a.b"),
            ("normpath", "/a//b/./c/../d/", "/a/b/d/"),
            ("normpath", "/../../a/..", "/"),
            ("normpath", "/..//", "/"),
            ("normpath", "", "/"),
            ("normpath", "a/./b", "a/b"),
            ("pyjson", "{\"b\":1.0,\"a\":\"é\"}", "{\"a\": \"\\u00e9\", \"b\": 1.0}"),
            ("jcs", "{\"b\":1.0,\"a\":\"é\"}", "{\"a\":\"é\",\"b\":1}"),
            ("with_port", "https://a.b/c:9", "https://a.b:443/c:9"),
            ("with_port", "http://[::1]:8/c", "http://[::1]:8/c"),
            ("without_port", "https://a.b:443/c?d", "https://a.b/c?d"),
            ("media_type", "Application/JSON; charset=x", "application/json"),
        ] {
            let made = Filter::parse(filter).unwrap().apply(input.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(made).unwrap(), output, "{filter}");
        }
    }

    #[test]
    fn what_is_not_json_has_no_canonical_form() {
        for filter in ["pyjson", "jcs"] {
            for input in ["", "hello", "{\"a\":1,\"a\":1}", "[1e999]"] {
                assert_eq!(Filter::parse(filter).unwrap().apply(input.as_bytes()), None, "{filter} {input}");
            }
        }
    }

    #[test]
    fn a_digest_filter_gives_raw_bytes() {
        let digest = Filter::parse("sha256").unwrap().apply(b"").unwrap();
        assert_eq!(digest.get(..2), Some(&[0xe3, 0xb0][..]));
    }
}
