//! Saying no: a refusal as the client sees it, in the shape that the route's clients know.

use bytes::Bytes;
use serde_json::json;

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
pub fn refusal(rejection: &Rejection, (route, shape): (Option<&Route>, ErrorShape), id: &str) -> Answer {
    if let Some(answer) = duplicate(rejection, route) {
        return answer;
    }
    let status = status(rejection.code(), route, shape);
    let mut fields = Fields::with_capacity(5);
    fields.append("content-type", content_type(shape));
    fields.append("cache-control", "no-store");
    fields.append(request_id::HEADER, Bytes::copy_from_slice(id.as_bytes()));
    if shape == ErrorShape::Page {
        fields.append("content-security-policy", page::POLICY);
    }
    if status == 401 {
        fields.append("www-authenticate", challenge(route));
    }
    if status == 503 || status == 429 {
        fields.append("retry-after", "1");
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

fn body(code: Code, status: u16, shape: ErrorShape, id: &str) -> Bytes {
    let reason = code.reason();
    let value = match shape {
        ErrorShape::Problem => json!({
            "type": format!("urn:countersign:code:{}", reason.code),
            "title": reason.title,
            "status": status,
            "detail": reason.detail,
            "code": reason.code,
            "request_id": id,
        }),
        ErrorShape::Drf => json!({ "detail": reason.detail }),
        ErrorShape::Page => return page::body(code, id),
    };
    Bytes::from(value.to_string())
}
