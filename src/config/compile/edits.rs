//! What a route changes: headers, the path, identity, the shape of refusals.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::super::field::{Field, Many, Named};
use super::super::raw::routes as raw;
use super::super::report::Spot;
use super::super::suggest;
use super::super::values::{FromText, HeaderName, MethodName, Of, Origin, Status, is_field_value};
use super::Scope;
use super::guard::check_captures;
use crate::policy::route::{Edits, Preflight, Rewrite, RewritePart};
use crate::policy::routes::Match;
use crate::reject::Code;

/// Headers that frame a message or belong to one connection: no edit can be right.
pub(in crate::config) const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What changes of the request's headers and of the response's.
pub(crate) fn both(raw: &raw::Route, scope: &Scope<'_>) -> (Edits, Edits) {
    let request = raw.request.get().map(|one| headers(&one.remove, &one.set, scope));
    let response = raw.response.get().map(|one| headers(&one.remove, &one.set, scope));
    (request.unwrap_or_default(), response.unwrap_or_default())
}

fn headers(remove: &Field<Many<Of<HeaderName>>>, set: &Field<Named<String>>, scope: &Scope<'_>) -> Edits {
    let remove = remove.each();
    let remove = remove.filter_map(|(Of(HeaderName(name)), at)| not_framing(name.clone(), at, scope)).collect();
    let set = set.get().into_iter().flat_map(|named| named.0.iter());
    let set = set.filter_map(|(name, value)| {
        let (value, at) = value.found()?;
        let Some(HeaderName(name)) = HeaderName::from_text(name) else {
            scope.report.error_at_key(at, "not a header name", None);
            return None;
        };
        if !is_field_value(value) {
            scope.report.error(at, "not a header value", Some("use visible ASCII characters and spaces"));
        }
        Some((not_framing(name, at, scope)?, Bytes::copy_from_slice(value.as_bytes())))
    });
    Edits { remove, set: set.collect() }
}

/// A new path.
pub(crate) fn rewrite(raw: &raw::Route, matches: &[Match], scope: &Scope<'_>) -> Option<Rewrite> {
    let (text, at) = raw.rewrite.found()?;
    if !is_plain_path(text) {
        let message = "a path begins with `/` and has neither query, dot segments nor `%00`";
        scope.report.error(at, message, Some("write `/v2/**` or `/in/{name}`"));
        return None;
    }
    check_captures(text, at, matches, scope);
    let (front, below) = text.strip_suffix("**").map_or((text.as_str(), false), |front| (front, true));
    if front.contains('*') || below && !front.ends_with('/') {
        scope.report.error(at, "`**` may only stand at the end, after a `/`", Some("write `/v2/**`"));
    }
    if below && !matches.iter().all(|one| one.path.has_rest()) {
        scope.report.error(at, "the path has no `**` to put here", Some("end `path` in `/**`"));
    }
    let mut parts = literals_and_captures(front, at, scope);
    if below {
        parts.push(RewritePart::Rest);
    }
    Some(Rewrite { parts })
}

/// A path that every server reads alike.
pub(crate) fn is_plain_path(text: &str) -> bool {
    let forbidden = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#' | b'\\');
    let dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    let plain = !text.bytes().any(forbidden) && !text.contains("%00") && !text.split('/').any(dots);
    plain && text.starts_with('/')
}

/// Status of single codes.
pub(crate) fn statuses(raw: &raw::Route, scope: &Scope<'_>) -> BTreeMap<Code, u16> {
    let mut made = BTreeMap::new();
    for (name, status) in raw.statuses.get().into_iter().flat_map(|named| named.0.iter()) {
        let Some((Of(Status(status)), at)) = status.found() else { continue };
        let code = Code::ALL.iter().find(|code| code.reason().code == name);
        if let Some(code) = code {
            made.insert(*code, *status);
        } else {
            let fix = suggest::fix(name, Code::ALL.iter().map(|code| code.reason().code));
            scope.report.error_at_key(at, &format!("unknown code {}", suggest::quoted(name)), fix.as_deref());
        }
        if *status < 400 {
            scope.report.error(at, "a refusal must not look like success", Some("write a status from 400 to 599"));
        }
    }
    made
}

/// What happens to CORS preflight requests.
pub(crate) fn preflight(raw: &raw::Route, scope: &Scope<'_>) -> Preflight {
    let answer = match raw.preflight.found() {
        None | Some((raw::Preflight::Verify, _)) => return Preflight::Verify,
        Some((raw::Preflight::Pass, _)) => return Preflight::Pass,
        Some((raw::Preflight::Answer(answer), at)) => {
            if !answer.origins.is_written() {
                scope.report.error_in(
                    at,
                    "answer.origins",
                    "`origins` is missing",
                    Some("write `origins: [\"https://app.example.com\"]`"),
                );
            }
            check_origins(answer, scope);
            answer
        }
    };
    let headers = answer.headers.each();
    let headers = headers.map(|(Of(HeaderName(name)), _)| String::from_utf8_lossy(name).as_ref().into());
    let methods = answer.methods.each();
    Preflight::Answer {
        origins: answer.origins.each().map(|(text, _)| text.as_str().into()).collect(),
        methods: methods.map(|(Of(MethodName(method)), _)| method.as_str().into()).collect(),
        headers: headers.collect(),
        max_age: answer.max_age.get().map_or(Duration::from_mins(10), |Of(age)| *age),
    }
}

/// A browser sends `scheme://host[:port]`, or `null`.
fn check_origins(answer: &raw::Answer, scope: &Scope<'_>) {
    for (origin, at) in answer.origins.each().filter(|(origin, _)| !matches!(origin.as_str(), "*" | "null")) {
        if Origin::from_text(origin).is_none() {
            let fix = "write `https://app.example.com`, without a path, or `*`";
            scope.report.error(at, "no browser sends this origin", Some(fix));
        }
    }
}

/// The name, unless it frames a message or belongs to the connection.
pub(crate) fn not_framing(name: Bytes, at: Spot, scope: &Scope<'_>) -> Option<Bytes> {
    if FRAMING.iter().any(|framing| framing.as_bytes() == name) {
        let fix = "remove it; `host: upstream` of the upstream sets `Host`";
        scope.report.error(at, "this header belongs to the connection and cannot be edited", Some(fix));
        return None;
    }
    Some(name)
}

fn literals_and_captures(text: &str, at: Spot, scope: &Scope<'_>) -> Vec<RewritePart> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            scope.report.error(at, "a `{` without `}`", Some("write `{name}`"));
            break;
        };
        if !before.is_empty() {
            parts.push(RewritePart::Literal(Bytes::copy_from_slice(before.as_bytes())));
        }
        parts.push(RewritePart::Capture(name.into()));
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(RewritePart::Literal(Bytes::copy_from_slice(rest.as_bytes())));
    }
    parts
}
