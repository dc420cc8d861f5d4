//! What hyper lets pass and a gateway must not: ambiguous framing, look-alike header names, odd methods, expectations.

use http::{HeaderMap, Version};

use super::Bounds;
use crate::reject::{Code, Rejection};
use crate::sig::message::Fields;

/// Header lines of either version: names in lower case, values without outer white space where the version strips it.
pub(in crate::proxy) trait Lines {
    /// Every line.
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// The values of `name`.
    fn values<'a>(&'a self, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.lines().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Lines for HeaderMap {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    }
}

impl Lines for Fields {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|field| (field.name.as_ref(), field.value.as_ref()))
    }
}

/// What a request line or its pseudo-header fields say.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// Path and query; `None` where there is neither.
    pub(super) target: Option<&'a [u8]>,
    /// The scheme of an absolute form is `http` or `https`, or there is none.
    pub(super) http: bool,
    pub(super) version: Version,
}

/// Everything about a head that would be refused whatever the route.
pub(super) fn judge(asked: Asked<'_>, fields: &impl Lines, bounds: &Bounds) -> Result<(), Rejection> {
    target(asked, bounds)?;
    let seen = Seen::of(fields);
    if seen.bytes > bounds.head || seen.lines > bounds.fields {
        return Err(Code::HeadTooLarge.into());
    }
    if seen.twins {
        return Err(Code::FieldForbidden.into());
    }
    // HTTP/2 has no white space around a value to strip (RFC 9113 §8.2.1); in HTTP/1.1 it is gone by now.
    if seen.padded && asked.version == Version::HTTP_2 {
        return Err(Rejection::from(Code::BadRequest).because("white space around a header value"));
    }
    if seen.lengths > 1 {
        return Err(Rejection::from(Code::BadRequest).because("Content-Length occurs more than once"));
    }
    seen.transfer(asked.version)?;
    if seen.expectations > 1 || seen.unknown_expectation { Err(Code::ExpectationFailed.into()) } else { Ok(()) }
}

/// Origin form, absolute form, or `OPTIONS *`; CONNECT and TRACE have no business at a gateway.
fn target(asked: Asked<'_>, bounds: &Bounds) -> Result<(), Rejection> {
    if matches!(asked.method, "CONNECT" | "TRACE") {
        return Err(Rejection::from(Code::MethodNotAllowed).because("CONNECT and TRACE are never accepted"));
    }
    let Some(target) = asked.target else {
        return Err(Rejection::from(Code::TargetInvalid).because("authority-form"));
    };
    if target.len() > bounds.target {
        return Err(Code::TargetTooLong.into());
    }
    let asterisk = target == b"*" && asked.method == "OPTIONS";
    if asked.http && (target.starts_with(b"/") || asterisk) && target.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Code::TargetInvalid.into())
}

/// What one look over all lines finds.
#[derive(Default)]
struct Seen {
    /// Counted as sent: name, colon, space, value, line end.
    bytes: usize,
    lines: usize,
    twins: bool,
    padded: bool,
    lengths: usize,
    codings: usize,
    plainly_chunked: bool,
    expectations: usize,
    unknown_expectation: bool,
}

impl Seen {
    fn of(fields: &impl Lines) -> Self {
        let mut seen = Self::default();
        for (name, value) in fields.lines() {
            seen.bytes = seen.bytes.saturating_add(name.len()).saturating_add(value.len()).saturating_add(4);
            seen.lines = seen.lines.saturating_add(1);
            // CGI, WSGI and PHP fold `_`, and some `.`, into `-`: a twin of a signed or framing header would arrive as the real one.
            seen.twins |= name.contains(&b'_') || is_framing_twin(name);
            seen.padded |=
                value.first().is_some_and(u8::is_ascii_whitespace) || value.last().is_some_and(u8::is_ascii_whitespace);
            match name {
                b"content-length" => seen.lengths = seen.lengths.saturating_add(1),
                b"transfer-encoding" => {
                    seen.codings = seen.codings.saturating_add(1);
                    seen.plainly_chunked = value.eq_ignore_ascii_case(b"chunked");
                }
                b"expect" => {
                    seen.expectations = seen.expectations.saturating_add(1);
                    seen.unknown_expectation |= !value.eq_ignore_ascii_case(b"100-continue");
                }
                _ => {}
            }
        }
        seen
    }

    /// Only the one spelling is unambiguous (RFC 9112 §6.1).
    fn transfer(&self, version: Version) -> Result<(), Rejection> {
        let plain = self.codings == 1 && self.plainly_chunked && self.lengths == 0 && version == Version::HTTP_11;
        if self.codings == 0 || plain {
            return Ok(());
        }
        Err(Rejection::from(Code::BadRequest)
            .because("Transfer-Encoding is not one plain chunked, or beside Content-Length"))
    }
}

/// What a lenient reader may take for a header that says where the message ends: its letters in their order, and something else between
/// them or nothing (`content.length`, `contentlength`).
fn is_framing_twin(name: &[u8]) -> bool {
    const FRAMING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];
    let letters = || name.iter().filter(|byte| byte.is_ascii_lowercase());
    FRAMING.iter().any(|framing| letters().eq(framing.iter().filter(|byte| **byte != b'-')) && *framing != name)
}

/// Whether the client asks for a WebSocket in the one well-formed way (RFC 6455 §4.1).
pub(super) fn is_websocket(method: &str, version: Version, fields: &impl Lines, bodiless: bool) -> bool {
    let mut upgrades = fields.values(b"upgrade");
    let websocket = upgrades.next().is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    websocket
        && upgrades.next().is_none()
        && method == "GET"
        && version == Version::HTTP_11
        && bodiless
        && nominates(fields, b"upgrade")
}

/// Whether `Connection` has this option.
pub(in crate::proxy) fn nominates(fields: &impl Lines, option: &[u8]) -> bool {
    let mut options = fields.values(b"connection").flat_map(|value| value.split(|byte| *byte == b','));
    options.any(|token| token.trim_ascii().eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    /// Method, target, header lines, refusal.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<Code>);

    const BOUNDS: Bounds = Bounds { head: 200, fields: 3, target: 10 };

    fn asked<'a>(method: &'a str, version: Version, uri: &'a http::Uri) -> Asked<'a> {
        let target = uri.path_and_query().map(|target| target.as_str().as_bytes());
        let http = uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"));
        Asked { method, target, http, version }
    }

    fn code(method: &str, uri: &str, fields: &[(&str, &str)]) -> Option<Code> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        let uri: http::Uri = uri.parse().unwrap();
        judge(asked(method, Version::HTTP_11, &uri), &map, &BOUNDS).err().map(|refusal| refusal.code())
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_refused() {
        let long = "v".repeat(200);
        let cases: [Case<'_>; 26] = [
            ("GET", "/", &[], None),
            ("GET", "/123456789", &[], None),
            ("GET", "/1234567890", &[], Some(Code::TargetTooLong)),
            ("OPTIONS", "*", &[], None),
            ("GET", "*", &[], Some(Code::TargetInvalid)),
            ("GET", "a:80", &[], Some(Code::TargetInvalid)),
            ("GET", "http://a/x", &[], None),
            ("GET", "ftp://a/x", &[], Some(Code::TargetInvalid)),
            ("GET", "/\u{e9}", &[], Some(Code::TargetInvalid)),
            ("CONNECT", "a:80", &[], Some(Code::MethodNotAllowed)),
            ("TRACE", "/", &[], Some(Code::MethodNotAllowed)),
            ("GET", "/", &[("x-signature", "1")], None),
            ("GET", "/", &[("x_signature", "1")], Some(Code::FieldForbidden)),
            ("GET", "/", &[("content.length", "1")], Some(Code::FieldForbidden)),
            ("GET", "/", &[("contentlength", "1")], Some(Code::FieldForbidden)),
            ("GET", "/", &[("transfer-enc0ding", "1")], None),
            ("GET", "/", &[("-transfer-enco0ding", "1")], Some(Code::FieldForbidden)),
            ("GET", "/", &[("content-lengths", "1")], None),
            ("POST", "/", &[("transfer-encoding", "chunked")], None),
            ("POST", "/", &[("transfer-encoding", "gzip, chunked")], Some(Code::BadRequest)),
            (
                "POST",
                "/",
                &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                Some(Code::BadRequest),
            ),
            ("POST", "/", &[("content-length", "1"), ("content-length", "1")], Some(Code::BadRequest)),
            ("POST", "/", &[("expect", "100-Continue")], None),
            ("POST", "/", &[("expect", "200-ok")], Some(Code::ExpectationFailed)),
            ("GET", "/", &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")], Some(Code::HeadTooLarge)),
            ("GET", "/", &[("a", &long)], Some(Code::HeadTooLarge)),
        ];
        for (method, uri, fields, expected) in cases {
            assert_eq!(code(method, uri, fields), expected, "{method} {uri} {fields:?}");
        }
    }

    #[test]
    fn over_http2_white_space_around_a_value_is_malformed() {
        for (value, accepted) in
            [("a b", true), ("", true), (" a", false), ("a ", false), ("\ta", false), ("a\t", false)]
        {
            let fields = HeaderMap::from_iter([(header::ACCEPT, http::HeaderValue::from_static(value))]);
            let uri = http::Uri::from_static("/");
            let judged = |version| judge(asked("GET", version, &uri), &fields, &BOUNDS);
            assert_eq!(judged(Version::HTTP_2).is_ok(), accepted, "{value:?}");
            assert!(judged(Version::HTTP_11).is_ok(), "{value:?}");
        }
    }

    #[test]
    fn only_a_well_formed_websocket_request_is_an_upgrade() {
        let ask = |method: &str, version, connection: &str, upgrade: &str, bodiless| {
            let mut fields = HeaderMap::new();
            fields.append(header::CONNECTION, connection.parse().unwrap());
            fields.append(header::UPGRADE, upgrade.parse().unwrap());
            is_websocket(method, version, &fields, bodiless)
        };
        assert!(ask("GET", Version::HTTP_11, "keep-alive, Upgrade", "WebSocket", true));
        assert!(!ask("POST", Version::HTTP_11, "upgrade", "websocket", true));
        assert!(!ask("GET", Version::HTTP_10, "upgrade", "websocket", true));
        assert!(!ask("GET", Version::HTTP_11, "close", "websocket", true));
        assert!(!ask("GET", Version::HTTP_11, "upgrade", "h2c", true));
        assert!(!ask("GET", Version::HTTP_11, "upgrade", "websocket", false));
    }
}
