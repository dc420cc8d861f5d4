//! What hyper lets pass and a gateway must not: ambiguous framing, look-alike header names, odd methods, expectations.

use http::{HeaderMap, Method, Uri, Version, header};

use super::Bounds;
use crate::reject::{Code, Rejection};

/// Everything about a head that would be refused whatever the route.
pub(super) fn judge(
    method: &Method,
    version: Version,
    uri: &Uri,
    fields: &HeaderMap,
    bounds: &Bounds,
) -> Result<(), Rejection> {
    target(method, uri, bounds)?;
    size(fields, bounds)?;
    names(fields)?;
    outer_space(version, fields)?;
    one_length(fields)?;
    transfer(version, fields)?;
    expectation(fields)
}

/// Origin form, absolute form, or `OPTIONS *`; CONNECT and TRACE have no business at a gateway.
fn target(method: &Method, uri: &Uri, bounds: &Bounds) -> Result<(), Rejection> {
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(Rejection::from(Code::MethodNotAllowed).because("CONNECT and TRACE are never accepted"));
    }
    let Some(target) = uri.path_and_query().map(|target| target.as_str().as_bytes()) else {
        return Err(Rejection::from(Code::TargetInvalid).because("authority-form"));
    };
    if target.len() > bounds.target {
        return Err(Code::TargetTooLong.into());
    }
    let scheme = uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"));
    let asterisk = target == b"*" && method == Method::OPTIONS;
    if scheme && (target.starts_with(b"/") || asterisk) && target.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Code::TargetInvalid.into())
}

/// Counted as sent: name, colon, space, value, line end.
fn size(fields: &HeaderMap, bounds: &Bounds) -> Result<(), Rejection> {
    let bytes = fields.iter().fold(0_usize, |sum, (name, value)| {
        sum.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4)
    });
    if bytes > bounds.head || fields.len() > bounds.fields { Err(Code::HeadTooLarge.into()) } else { Ok(()) }
}

/// HTTP/2 has no white space around a value to strip (RFC 9113 §8.2.1); in HTTP/1.1 it is gone by now.
fn outer_space(version: Version, fields: &HeaderMap) -> Result<(), Rejection> {
    let padded = |value: &http::HeaderValue| value.as_bytes() != value.as_bytes().trim_ascii();
    if version == Version::HTTP_2 && fields.values().any(padded) {
        return Err(Rejection::from(Code::BadRequest).because("white space around a header value"));
    }
    Ok(())
}

fn one_length(fields: &HeaderMap) -> Result<(), Rejection> {
    let repeated = fields.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some();
    if repeated {
        Err(Rejection::from(Code::BadRequest).because("Content-Length occurs more than once"))
    } else {
        Ok(())
    }
}

/// CGI, WSGI and PHP fold `_`, and some `.`, into `-`: a twin of a signed or framing header would arrive as the real one.
fn names(fields: &HeaderMap) -> Result<(), Rejection> {
    let twin = fields.keys().any(|name| {
        let name = name.as_str().as_bytes();
        name.contains(&b'_') || is_framing_twin(name)
    });
    if twin { Err(Code::FieldForbidden.into()) } else { Ok(()) }
}

fn is_framing_twin(name: &[u8]) -> bool {
    const FRAMING: [&[u8]; 6] =
        [b"content-length", b"transfer-encoding", b"connection", b"host", b"upgrade", b"trailer"];
    FRAMING.iter().any(|framing| {
        *framing != name
            && framing.len() == name.len()
            && framing
                .iter()
                .zip(name)
                .all(|(want, got)| want == got || (*want == b'-' && !got.is_ascii_alphanumeric()))
    })
}

/// hyper strips `gzip, chunked` to `chunked` and takes two lines: only the one spelling is unambiguous (RFC 9112 §6.1).
fn transfer(version: Version, fields: &HeaderMap) -> Result<(), Rejection> {
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let plain = codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if plain && version == Version::HTTP_11 && !fields.contains_key(header::CONTENT_LENGTH) {
        return Ok(());
    }
    Err(Rejection::from(Code::BadRequest)
        .because("Transfer-Encoding is not one plain chunked, or beside Content-Length"))
}

fn expectation(fields: &HeaderMap) -> Result<(), Rejection> {
    let mut expected = fields.get_all(header::EXPECT).iter();
    let known = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    match (expected.next(), expected.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if known(one) => Ok(()),
        _ => Err(Code::ExpectationFailed.into()),
    }
}

/// Whether the client asks for a WebSocket in the one well-formed way (RFC 6455 §4.1).
pub(super) fn is_websocket(method: &Method, version: Version, fields: &HeaderMap, bodiless: bool) -> bool {
    let mut upgrades = fields.get_all(header::UPGRADE).iter();
    let websocket = upgrades.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    websocket
        && upgrades.next().is_none()
        && method == Method::GET
        && version == Version::HTTP_11
        && bodiless
        && nominates_upgrade(fields)
}

fn nominates_upgrade(fields: &HeaderMap) -> bool {
    let values = fields.get_all(header::CONNECTION).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, target, header lines, refusal.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<Code>);

    const BOUNDS: Bounds = Bounds { head: 200, fields: 3, target: 10 };

    fn code(method: &str, uri: &str, fields: &[(&str, &str)]) -> Option<Code> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        judge(&method, Version::HTTP_11, &uri.parse().unwrap(), &map, &BOUNDS).err().map(|refusal| refusal.code())
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_refused() {
        let long = "v".repeat(200);
        let cases: [Case<'_>; 22] = [
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
            let judged = |version| judge(&Method::GET, version, &Uri::from_static("/"), &fields, &BOUNDS);
            assert_eq!(judged(Version::HTTP_2).is_ok(), accepted, "{value:?}");
            assert!(judged(Version::HTTP_11).is_ok(), "{value:?}");
        }
    }

    #[test]
    fn only_a_well_formed_websocket_request_is_an_upgrade() {
        let ask = |method: &Method, version, connection: &str, upgrade: &str, bodiless| {
            let mut fields = HeaderMap::new();
            fields.append(header::CONNECTION, connection.parse().unwrap());
            fields.append(header::UPGRADE, upgrade.parse().unwrap());
            is_websocket(method, version, &fields, bodiless)
        };
        assert!(ask(&Method::GET, Version::HTTP_11, "keep-alive, Upgrade", "WebSocket", true));
        assert!(!ask(&Method::POST, Version::HTTP_11, "upgrade", "websocket", true));
        assert!(!ask(&Method::GET, Version::HTTP_10, "upgrade", "websocket", true));
        assert!(!ask(&Method::GET, Version::HTTP_11, "close", "websocket", true));
        assert!(!ask(&Method::GET, Version::HTTP_11, "upgrade", "h2c", true));
        assert!(!ask(&Method::GET, Version::HTTP_11, "upgrade", "websocket", false));
    }
}
