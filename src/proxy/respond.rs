//! Saying no: a refusal as the client sees it, in the shape that the route's clients know.

use std::borrow::Cow;

use bytes::Bytes;

use super::exchange::{Answer, AnswerBody};
use super::{accept, page, request_id};
use crate::policy::route::{ErrorShape, Guard, Route};
use crate::reject::{Blame, Code, Rejection};
use crate::sig::message::{Fields, Method};

/// The shape in which this client is refused: where the route has pages, not everybody reads them.
pub fn shape(errors: ErrorShape, fields: &Fields) -> ErrorShape {
    match errors {
        ErrorShape::Page if !accept::prefers_page(fields) => ErrorShape::Problem,
        ErrorShape::Problem | ErrorShape::Drf | ErrorShape::Page => errors,
    }
}

/// The answer to a refused request. The client learns the code, never the note.
pub fn refusal(rejection: &Rejection, (route, shape): (Option<&Route>, ErrorShape), id: &Bytes) -> Answer {
    if let Some(answer) = duplicate(rejection, route) {
        return answer;
    }
    let status = status(rejection.code(), route, shape);
    let mut fields = Fields::with_capacity(6);
    fields.append("content-type", content_type(shape));
    fields.append("cache-control", "no-store");
    fields.append(request_id::HEADER, id.clone());
    if shape == ErrorShape::Page {
        fields.append("content-security-policy", page::POLICY);
    }
    if status == 401 {
        fields.append("www-authenticate", challenge(route));
    }
    if status == 503 || status == 429 {
        let seconds = rejection.retry_after().map_or(Bytes::from_static(b"1"), |seconds| seconds.to_string().into());
        fields.append("retry-after", seconds);
    }
    Answer { status, fields, body: AnswerBody::Bytes(body(rejection.code(), status, shape, id)) }
}

/// Says which methods are allowed, as a 405 must (RFC 9110 §15.5.6).
pub fn allow(answer: &mut Answer, methods: &[Method]) {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    answer.fields.append("allow", Bytes::from(names.join(", ")));
}

/// A webhook sender that repeats a processed request wants to hear that it was processed.
fn duplicate(rejection: &Rejection, route: Option<&Route>) -> Option<Answer> {
    let status = route?.replay.duplicate?;
    let body = AnswerBody::Empty;
    (rejection.code() == Code::Replayed).then(|| Answer { status, fields: Fields::default(), body })
}

/// DRF answers an `AuthenticationFailed` without `authenticate_header` with 403.
fn status(code: Code, route: Option<&Route>, shape: ErrorShape) -> u16 {
    let reason = code.reason();
    let configured = route.and_then(|route| route.statuses.get(&code).copied());
    let usual = match shape {
        ErrorShape::Drf if reason.blame == Blame::Proof => 403,
        ErrorShape::Drf | ErrorShape::Problem | ErrorShape::Page => reason.status,
    };
    configured.unwrap_or(usual)
}

fn content_type(shape: ErrorShape) -> &'static str {
    match shape {
        ErrorShape::Problem => "application/problem+json",
        ErrorShape::Drf => "application/json",
        ErrorShape::Page => page::CONTENT_TYPE,
    }
}

fn challenge(route: Option<&Route>) -> Bytes {
    match route.map(|route| &route.guard) {
        Some(Guard::Verify(gate)) => gate.challenge().clone(),
        Some(Guard::Public | Guard::Restricted) | None => Bytes::from_static(b"HMAC"),
    }
}

fn body(code: Code, status: u16, shape: ErrorShape, id: &[u8]) -> Bytes {
    let id = String::from_utf8_lossy(id);
    match shape {
        ErrorShape::Problem => problem(code, status, &id),
        ErrorShape::Drf => Bytes::from([r#"{"detail":""#, code.reason().detail, r#""}"#].concat()),
        ErrorShape::Page => page::body(code, &id),
    }
}

/// RFC 9457. The table's texts are such that JSON needs no escape in them; an id may come from a trusted peer.
fn problem(code: Code, status: u16, id: &str) -> Bytes {
    let (reason, mut digits) = (code.reason(), itoa::Buffer::new());
    let parts = [
        r#"{"type":"urn:countersign:code:"#,
        reason.code,
        r#"","title":""#,
        reason.title,
        r#"","status":"#,
        digits.format(status),
        r#","detail":""#,
        reason.detail,
        r#"","code":""#,
        reason.code,
        r#"","request_id":""#,
        &escaped(id),
        r#""}"#,
    ];
    Bytes::from(parts.concat())
}

/// Visible ASCII within the quotes of a JSON string.
fn escaped(id: &str) -> Cow<'_, str> {
    if id.contains(['"', '\\']) { Cow::Owned(id.replace('\\', r"\\").replace('"', r#"\""#)) } else { Cow::Borrowed(id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_refusal_is_the_json_that_a_serializer_writes() {
        for (code, id) in Code::ALL.iter().flat_map(|code| [(code, "0a1b"), (code, r#"a"b\c\"#)]) {
            let reason = code.reason();
            let expected = json!({
                "type": format!("urn:countersign:code:{}", reason.code),
                "title": reason.title,
                "status": 400,
                "detail": reason.detail,
                "code": reason.code,
                "request_id": id,
            });
            assert_eq!(body(*code, 400, ErrorShape::Problem, id.as_bytes()), expected.to_string());
            let expected = json!({ "detail": reason.detail });
            assert_eq!(body(*code, 403, ErrorShape::Drf, id.as_bytes()), expected.to_string());
        }
    }
}
