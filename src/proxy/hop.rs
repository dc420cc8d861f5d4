//! What belongs to one hop and what goes on to the next (RFC 9110 §7.6.1), in both directions.

use bytes::Bytes;

use crate::reject::{Code, Rejection};
use crate::sig::message::{Field, Fields};

/// Fields that never travel further than one hop, whether `Connection` names them or not.
const HOP: [&str; 8] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"];

/// Fields that a client must not have dropped on the way: framing, routing, identity, credentials.
const ESSENTIAL: [&str; 16] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "transfer-encoding",
    "authorization",
    "proxy-authorization",
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
const NOT_IN_TRAILERS: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
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

/// Removes what belongs to the client's own hop. A `Connection` that names a field which `protected` (lower-case) or the gateway needs is
/// refused: whoever drops it on the way would change what was signed.
pub fn strip_request(fields: &mut Fields, protected: &[Bytes]) -> Result<Hop, Rejection> {
    let nominated = nominated(fields);
    let guarded = |name: &Bytes| protected.iter().any(|field| field == name) || essential(name);
    if nominated.iter().any(guarded) {
        return Err(Code::FieldNominated.into());
    }
    let names = |name: &str| nominated.iter().any(|nominee| nominee == name.as_bytes());
    let te_trailers = tokens(fields, "te").any(|token| without_weight(token).eq_ignore_ascii_case(b"trailers"));
    let upgrade = match names("upgrade") {
        true => tokens(fields, "upgrade").map(lower).collect(),
        false => Vec::new(),
    };
    let hop = Hop { te_trailers, upgrade, close: names("close") };
    strip(fields, &nominated);
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

/// Removes from a response's trailers what must not be there: framing, identity, credentials, routing.
pub fn strip_trailers(trailers: &mut Fields) {
    trailers.retain(|field| !is_one_of(&HOP, field) && !is_one_of(&NOT_IN_TRAILERS, field) && !essential(&field.name));
}

fn strip(fields: &mut Fields, nominated: &[Bytes]) {
    fields.retain(|field| !is_one_of(&HOP, field) && !nominated.contains(&field.name));
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
