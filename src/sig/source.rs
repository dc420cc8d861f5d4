//! Where in a request a value sits: one place, in the words of a declaration and in plain ones.

use std::fmt;

use bytes::Bytes;

/// A place in the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The first of these headers (lower-case names) that is present.
    Header(Vec<Bytes>),
    /// A query parameter.
    Query(Bytes),
    /// A cookie.
    Cookie(Bytes),
    /// An entry of the parameter list.
    Param(Bytes),
    /// A field of an urlencoded body.
    Form(Bytes),
    /// A JSON pointer (RFC 6901) into the body.
    Json(Bytes),
}

impl Source {
    /// The source that `kind: place` names, or why not.
    pub fn new(kind: &str, place: &str) -> Result<Self, String> {
        if place.is_empty() {
            return Err(format!("`{kind}` needs a name"));
        }
        let name = Bytes::copy_from_slice(place.as_bytes());
        match kind {
            "header" => {
                let names: Vec<_> = place.split('/').map(|name| Bytes::from(name.to_ascii_lowercase())).collect();
                match names.iter().find(|name| !is_token(name)) {
                    Some(_) => Err(format!("`{place}` is not a header name")),
                    None => Ok(Self::Header(names)),
                }
            }
            "query" => Ok(Self::Query(name)),
            "cookie" => Ok(Self::Cookie(name)),
            "param" => Ok(Self::Param(name)),
            "form" => Ok(Self::Form(name)),
            "json" if place.starts_with('/') => Ok(Self::Json(name)),
            "json" => Err(format!("`{place}` is not a JSON pointer: it starts with `/`")),
            _ => Err(format!("`{kind}` is not a source; there are header, query, cookie, param, form and json")),
        }
    }

    /// Whether it lies in the body.
    pub const fn in_body(&self) -> bool {
        matches!(self, Self::Form(_) | Self::Json(_))
    }

    /// The header names it may come from.
    pub fn headers(&self) -> &[Bytes] {
        match self {
            Self::Header(names) => names,
            _ => &[],
        }
    }
}

/// In plain words: "the header `x-sig`".
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        match self {
            Self::Header(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`{}`", text(name))).collect();
                write!(f, "the header {}", names.join(" or "))
            }
            Self::Query(name) => write!(f, "the query parameter `{}`", text(name)),
            Self::Cookie(name) => write!(f, "the cookie `{}`", text(name)),
            Self::Param(name) => write!(f, "the parameter `{}`", text(name)),
            Self::Form(name) => write!(f, "the form field `{}`", text(name)),
            Self::Json(pointer) => write!(f, "`{}` of the JSON body", text(pointer)),
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_plain_words() {
        for (kind, place, told) in [
            ("header", "X-A/B", "the header `x-a` or `b`"),
            ("query", "sig", "the query parameter `sig`"),
            ("cookie", "sid", "the cookie `sid`"),
            ("param", "v1", "the parameter `v1`"),
            ("form", "token", "the form field `token`"),
            ("json", "/a/b", "`/a/b` of the JSON body"),
        ] {
            assert_eq!(Source::new(kind, place).map(|source| source.to_string()).as_deref(), Ok(told));
        }
    }
}
