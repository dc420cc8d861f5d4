//! What belongs to one hop and what goes on to the next (RFC 9110 §7.6.1), in both directions.

use bytes::Bytes;

use crate::reject::{Code, Rejection};
use crate::sig::message::{Field, Fields};

/// What a client shows to a proxy and not to the origin (RFC 9110 §11.7.2).
pub const PROXY_CREDENTIALS: &str = "proxy-authorization";

/// Fields that a client must not have dropped on the way: framing, routing, identity, credentials.
const ESSENTIAL: [&str; 15] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "transfer-encoding",
    "authorization",
    "cookie",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "x-request-id",
    "traceparent",
    "tracestate",
];

/// Families of such fields.
const ESSENTIAL_PREFIXES: [&str; 2] = ["x-forwarded-", "x-countersign-"];

/// Fields without a meaning, or with a dangerous one, after a body (RFC 9110 §6.5.1).
const NOT_IN_TRAILERS: [&str; 12] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "authorization",
    "www-authenticate",
    "set-cookie",
    "cookie",
    "cache-control",
    "location",
    "date",
];

/// What a request's hop-by-hop fields said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hop {
    /// The client takes trailers. `te: trailers` was kept for the next hop.
    pub te_trailers: bool,
    /// Lower-case protocols of `Upgrade`, where `Connection` names it.
    pub upgrade: Vec<Bytes>,
    /// The client will not reuse the connection.
    pub close: bool,
}

/// Removes what belongs to the client's own hop. A `Connection` that names a field (lower-case) which is `protected`, or which the gateway
/// needs, is refused: whoever drops it on the way would change what was signed.
pub fn strip_request(fields: &mut Fields, protected: impl Fn(&[u8]) -> bool) -> Result<Hop, Rejection> {
    let nominated = nominated(fields);
    if nominated.iter().any(|name| protected(name) || essential(name)) {
        return Err(Code::FieldNominated.into());
    }
    let names = |name: &str| nominated.iter().any(|nominee| nominee == name.as_bytes());
    let te_trailers = tokens(fields, "te").any(|token| without_weight(token).eq_ignore_ascii_case(b"trailers"));
    let upgrade = if names("upgrade") { tokens(fields, "upgrade").map(lower).collect() } else { Vec::new() };
    let hop = Hop { te_trailers, upgrade, close: names("close") };
    // Where the route's scheme reads the credentials for a proxy, that proxy is this one; they go no further than `forward`.
    let ours = fields.all(PROXY_CREDENTIALS).cloned().collect::<Vec<_>>();
    strip(fields, &nominated);
    if protected(PROXY_CREDENTIALS.as_bytes()) {
        for value in ours {
            fields.append(PROXY_CREDENTIALS, value);
        }
    }
    if te_trailers {
        fields.append(Bytes::from_static(b"te"), Bytes::from_static(b"trailers"));
    }
    Ok(hop)
}

/// Removes what belongs to the upstream's own hop. What an answer cannot do without stays, even where `Connection` names it.
pub fn strip_response(fields: &mut Fields) {
    let mut nominated = nominated(fields);
    nominated.retain(|name| !essential(name) && name != "set-cookie".as_bytes() && name != "location".as_bytes());
    strip(fields, &nominated);
}

/// Lower-case names of the fields that are announced to follow the body (RFC 9110 §6.6.2).
pub fn announced(fields: &Fields) -> Vec<Bytes> {
    tokens(fields, "trailer").map(lower).collect()
}

/// Removes from a response's trailers what must not be there: framing, identity, credentials, routing.
pub fn strip_trailers(trailers: &mut Fields) {
    trailers.retain(|field| !is_hop(&field.name) && !is_one_of(&NOT_IN_TRAILERS, field) && !essential(&field.name));
}

/// Whether a field never travels further than one hop, whether `Connection` names it or not (for proxy credentials: RFC 2616 §13.5.1).
fn is_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"http2-settings"
            | b"keep-alive"
            | b"proxy-authenticate"
            | b"proxy-authentication-info"
            | b"proxy-authorization"
            | b"proxy-connection"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
    )
}

fn strip(fields: &mut Fields, nominated: &[Bytes]) {
    fields.retain(|field| !is_hop(&field.name) && !nominated.contains(&field.name));
}

fn is_one_of(names: &[&str], field: &Field) -> bool {
    names.iter().any(|name| field.name == name.as_bytes())
}

fn essential(name: &Bytes) -> bool {
    ESSENTIAL.iter().any(|field| name == field.as_bytes())
        || ESSENTIAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

/// Lower-case options of `Connection`; raw bytes, since nobody promised text.
fn nominated(fields: &Fields) -> Vec<Bytes> {
    tokens(fields, "connection").map(lower).collect()
}

fn lower(token: &[u8]) -> Bytes {
    Bytes::from(token.to_ascii_lowercase())
}

/// Non-empty members of a comma-separated list over all its lines.
fn tokens<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let members = fields.all(name).flat_map(|value| value.split(|byte| *byte == b','));
    members.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn without_weight(token: &[u8]) -> &[u8] {
    token.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static [u8])]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.append(Bytes::from_static(name.as_bytes()), Bytes::from_static(value));
        }
        fields
    }

    fn names(fields: &Fields) -> Vec<&str> {
        fields.iter().map(|field| std::str::from_utf8(&field.name).unwrap()).collect()
    }

    #[test]
    fn what_belongs_to_the_clients_hop_ends_here_and_the_rest_keeps_its_order() {
        let mut request = fields(&[
            ("x-a", b"1"),
            ("connection", b"X-Private , keep-alive"),
            ("x-private", b"2"),
            ("keep-alive", b"timeout=5"),
            ("proxy-connection", b"keep-alive"),
            ("trailer", b"x-sum"),
            ("transfer-encoding", b"chunked"),
            ("upgrade", b"h2c"),
            ("http2-settings", b"AAMAAABkAAQ"),
            ("content-length", b"3"),
            ("proxy-authorization", b"Basic eA=="),
            ("x-a", b"3"),
        ]);
        assert_eq!(strip_request(&mut request, |_| false), Ok(Hop::default()));
        assert_eq!(names(&request), ["x-a", "content-length", "x-a"]);
    }

    #[test]
    fn credentials_for_a_proxy_stay_where_the_route_reads_them() {
        let ours = |name: &[u8]| name == PROXY_CREDENTIALS.as_bytes();
        for (protected, left) in [(true, vec!["x-a", PROXY_CREDENTIALS]), (false, vec!["x-a"])] {
            let mut request = fields(&[("proxy-authorization", b"hmac x"), ("x-a", b"1")]);
            strip_request(&mut request, |name| protected && ours(name)).unwrap();
            assert_eq!(names(&request), left);
        }
    }

    #[test]
    fn a_connection_that_names_a_needed_field_is_refused() {
        let protected = |name: &[u8]| name == b"x-hmac-signature";
        let refused: [&'static [u8]; 12] = [
            b"x-hmac-signature",
            b"close, X-HMAC-Signature",
            b"Host",
            b"content-length",
            b"Transfer-Encoding",
            b"authorization",
            b"cookie",
            b"X-Forwarded-For",
            b"forwarded",
            b"x-request-id",
            b"X-Countersign-Key",
            b"keep-alive ,\tx-countersign-anything",
        ];
        let accepted: [&'static [u8]; 8] = [
            b"",
            b",,",
            b"proxy-authorization",
            b"close",
            b"te",
            b"x-hmac-signature2",
            b"\xff\xfe, \x80",
            b"x-hmac-signature\x0b",
        ];
        for (value, good) in refused.map(|value| (value, false)).into_iter().chain(accepted.map(|value| (value, true)))
        {
            let mut request = fields(&[("x-a", b"1"), ("connection", b"keep-alive"), ("connection", value)]);
            let before = request.clone();
            let stripped = strip_request(&mut request, protected);
            assert_eq!(stripped.is_ok(), good, "{}", value.escape_ascii());
            match stripped {
                Ok(_) => assert_eq!(names(&request), ["x-a"]),
                Err(rejection) => assert_eq!((rejection.code(), request == before), (Code::FieldNominated, true)),
            }
        }
    }

    #[test]
    fn what_a_hop_said_is_told() {
        type Said = (&'static [u8], &'static [u8], &'static [u8], Hop);
        let cases: [Said; 5] = [
            (b"close", b"", b"", Hop { close: true, ..Hop::default() }),
            (b"Upgrade", b"", b"WebSocket", Hop { upgrade: vec![Bytes::from_static(b"websocket")], ..Hop::default() }),
            (b"keep-alive", b"", b"websocket", Hop::default()),
            (b"te", b"gzip;q=0.5, Trailers", b"", Hop { te_trailers: true, ..Hop::default() }),
            (b"te", b"gzip", b"", Hop::default()),
        ];
        for (connection, te, upgrade, expected) in cases {
            let mut request = fields(&[("connection", connection), ("te", te), ("upgrade", upgrade)]);
            let hop = strip_request(&mut request, |_| false).unwrap();
            assert_eq!(request.all("te").eq([&Bytes::from_static(b"trailers")]), expected.te_trailers);
            assert_eq!(hop, expected);
        }
    }

    #[test]
    fn an_answer_keeps_what_it_cannot_do_without() {
        let mut answer = fields(&[
            ("connection", b"x-private, set-cookie, content-length, \xff"),
            ("x-private", b"1"),
            ("set-cookie", b"a=b"),
            ("content-length", b"3"),
            ("keep-alive", b"timeout=5"),
            ("proxy-authenticate", b"Basic"),
        ]);
        strip_response(&mut answer);
        assert_eq!(names(&answer), ["set-cookie", "content-length"]);
    }

    #[test]
    fn trailers_carry_no_framing_identity_or_credentials() {
        let mut trailers = fields(&[
            ("grpc-status", b"0"),
            ("content-length", b"3"),
            ("transfer-encoding", b"chunked"),
            ("host", b"evil"),
            ("set-cookie", b"a=b"),
            ("authorization", b"Basic"),
            ("x-countersign-key", b"k"),
            ("x-forwarded-for", b"1.2.3.4"),
            ("connection", b"close"),
            ("server-timing", b"a"),
        ]);
        strip_trailers(&mut trailers);
        assert_eq!(names(&trailers), ["grpc-status", "server-timing"]);
    }
}
