//! CORS preflights: browsers send them unsigned, so a route says what happens to them.

use bytes::Bytes;

use super::exchange::{Answer, AnswerBody};
use crate::policy::route::{Preflight, Route};
use crate::sig::message::{Fields, Head, Method};

/// Whether this is a CORS preflight (Fetch §3.2.2): `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
pub fn is_preflight(head: &Head) -> bool {
    head.method == Method::OPTIONS
        && head.fields.contains("origin")
        && head.fields.contains("access-control-request-method")
}

/// Whether the route lets this preflight through unverified.
pub fn passes(route: &Route, head: &Head) -> bool {
    matches!(route.preflight, Preflight::Pass) && is_preflight(head)
}

/// The gateway's own answer, where the route wants one.
pub fn answer(route: &Route, head: &Head) -> Option<Answer> {
    let Preflight::Answer { origins, methods, headers, max_age } = &route.preflight else { return None };
    if !is_preflight(head) {
        return None;
    }
    let mut fields = Fields::with_capacity(5);
    fields.append("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    let origin = head.fields.one("origin").ok().flatten()?;
    if origins.iter().any(|known| &**known == "*" || known.as_bytes() == origin) {
        fields.append("access-control-allow-origin", origin.clone());
        fields.append("access-control-allow-methods", Bytes::from(methods.join(", ")));
        fields.append("access-control-allow-headers", Bytes::from(headers.join(", ")));
        fields.append("access-control-max-age", Bytes::from(max_age.as_secs().to_string()));
    }
    Some(Answer { status: 204, fields, body: AnswerBody::Empty })
}
