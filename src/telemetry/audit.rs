//! The audit line: one request as one flat line of JSON, version 1 (docs/audit.md).
//!
//! **Invariant:** no secret, no signature, no header value and no query value; nothing unescaped.

use std::fmt::Display;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;

use super::record::{Record, Verdict};
use super::{escape, redact};
use crate::reject::Rejection;
use crate::sig::time::Moment;

/// Client-chosen text is cut behind this many bytes, so that the queue is bounded in bytes, too.
const TARGET_MAX: usize = 2048;
const FIELD_MAX: usize = 256;
const NOTE_MAX: usize = 512;

/// The last millisecond that RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999;

/// What a line says, detached from the request: cheap to make, and pins neither buffers nor configurations.
pub(super) struct Line {
    request_id: Arc<str>,
    trace_id: Option<Arc<str>>,
    started: Moment,
    listener: Arc<str>,
    route: Option<Arc<str>>,
    peer: Option<IpAddr>,
    method: Box<[u8]>,
    target: Box<[u8]>,
    authority: Box<[u8]>,
    scheme: Option<Arc<str>>,
    key: Option<(Arc<str>, Arc<str>)>,
    verdict: Verdict,
    code: Option<&'static str>,
    note: Option<Box<[u8]>>,
    skew: Option<i64>,
    received: u64,
    sent: u64,
    status: u16,
    upstream: Option<Arc<str>>,
    upstream_status: Option<u16>,
    judged: Option<Duration>,
    answered: Option<Duration>,
    total: Duration,
    truncated: bool,
}

impl Line {
    /// Keeps what the line needs.
    pub(super) fn of(record: &Record) -> Self {
        Self {
            request_id: Arc::clone(&record.request_id),
            trace_id: record.trace_id.clone(),
            started: record.started,
            listener: Arc::clone(&record.listener.name),
            route: record.route.as_ref().map(|route| Arc::clone(&route.name)),
            peer: record.peer,
            method: cut(record.method.as_str().as_bytes(), FIELD_MAX),
            target: target(&record.target),
            authority: cut(&record.authority, FIELD_MAX),
            scheme: record.scheme.clone(),
            key: record.key.as_ref().map(|key| (Arc::clone(&key.id), Arc::clone(&key.principal))),
            verdict: record.verdict,
            code: record.rejection.as_ref().map(|rejection| rejection.code().reason().code),
            note: record.rejection.as_ref().and_then(Rejection::note).map(|note| cut(note.as_bytes(), NOTE_MAX)),
            skew: record.skew,
            received: record.received,
            sent: record.sent,
            status: record.status,
            upstream: record.upstream.clone(),
            upstream_status: record.upstream_status,
            judged: record.judged,
            answered: record.answered,
            total: record.total,
            truncated: record.truncated,
        }
    }

    /// Appends the line, with its line feed. Fields without a value are left out.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"v\":1");
        text(out, "time", Some(&rfc3339(self.started)));
        text(out, "request_id", Some(&self.request_id));
        text(out, "trace_id", self.trace_id.as_deref());
        text(out, "listener", Some(&self.listener));
        text(out, "route", self.route.as_deref());
        number(out, "peer", self.peer.map(Quoted));
        bytes(out, "method", Some(&self.method));
        bytes(out, "target", Some(&self.target));
        bytes(out, "host", Some(&self.authority));
        text(out, "scheme", self.scheme.as_deref());
        text(out, "key", self.key.as_ref().map(|(id, _)| &**id));
        text(out, "principal", self.key.as_ref().map(|(_, principal)| &**principal));
        text(out, "verdict", Some(self.verdict.name()));
        text(out, "code", self.code);
        bytes(out, "note", self.note.as_deref());
        number(out, "skew_ms", self.skew);
        number(out, "bytes_in", Some(self.received));
        number(out, "bytes_out", Some(self.sent));
        number(out, "status", Some(self.status));
        text(out, "upstream", self.upstream.as_deref());
        number(out, "upstream_status", self.upstream_status);
        number(out, "judged_ms", self.judged.map(Millis));
        number(out, "answered_ms", self.answered.map(Millis));
        number(out, "total_ms", Some(Millis(self.total)));
        number(out, "truncated", Some(self.truncated));
        out.extend_from_slice(b"}\n");
    }
}

fn cut(raw: &[u8], limit: usize) -> Box<[u8]> {
    match raw.get(..limit) {
        Some(head) if raw.len() > limit => [head, "…".as_bytes()].concat().into(),
        _ => raw.into(),
    }
}

/// Redacted before it is cut: a cut must not make a value look like something else.
fn target(raw: &Bytes) -> Box<[u8]> {
    cut(&redact::target(raw), TARGET_MAX)
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, field: &str, value: Option<&str>) {
    if let Some(value) = value {
        name(out, field);
        escape::text(out, value);
    }
}

fn bytes(out: &mut Vec<u8>, field: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        name(out, field);
        escape::bytes(out, value);
    }
}

fn number(out: &mut Vec<u8>, field: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        name(out, field);
        // Writing to a vector cannot fail.
        let _ = write!(out, "{value}");
    }
}

/// An address needs quotes and never an escape.
struct Quoted(IpAddr);

impl Display for Quoted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "\"{}\"", self.0)
    }
}

/// Milliseconds with three decimals.
struct Millis(Duration);

impl Display for Millis {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{:03}", self.0.as_millis(), self.0.subsec_micros() % 1000)
    }
}

/// RFC 3339 in UTC with milliseconds; times before 1970 and after 9999 are shown as those bounds.
pub(crate) fn rfc3339(moment: Moment) -> String {
    let millis = u64::try_from(moment.millis().clamp(0, LAST)).unwrap_or_default();
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{key, record};
    use super::*;
    use crate::reject::Code;
    use crate::sig::message::Method;

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        Line::of(record).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_is_told_in_one_flat_line() {
        let mut told = record();
        told.trace_id = Some("4bf92f3577b34da6a3ce929d0e0e4736".into());
        told.peer = Some("2001:db8::1".parse().unwrap());
        told.key = Some(key("2026-a"));
        told.rejection = Some(Rejection::from(Code::Replayed).because("seen 3 s ago"));
        told.skew = Some(-1500);
        told.upstream = Some("app".into());
        told.upstream_status = Some(201);
        told.judged = Some(Duration::from_micros(412));
        let expected = concat!(
            r#"{"v":1,"time":"2026-11-22T04:30:00.250Z","request_id":"r-1","#,
            r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","listener":"public","route":"/orders","peer":"2001:db8::1","#,
            r#""method":"POST","target":"/orders?id=***","host":"shop.example","scheme":"timestamp-body","#,
            r#""key":"2026-a","principal":"2026-a","verdict":"verified","code":"replayed","note":"seen 3 s ago","#,
            r#""skew_ms":-1500,"bytes_in":17,"bytes_out":2,"status":200,"upstream":"app","upstream_status":201,"#,
            r#""judged_ms":0.412,"total_ms":12.034,"truncated":false}"#,
            "\n"
        );
        assert_eq!(line(&told), expected);
    }

    #[test]
    fn hostile_text_stays_one_line_of_json_in_every_field_a_client_chooses() {
        let hostile = "a\u{1b}[2J\r\n{\"v\":1}\u{7f}\u{9b}\"\\\u{202e}";
        let mut told = record();
        told.request_id = hostile.into();
        told.trace_id = Some(hostile.into());
        told.method = Method::new(hostile);
        told.target = Bytes::from([hostile.as_bytes(), b"\xff\xfe"].concat());
        told.authority = told.target.clone();
        told.rejection = Some(Rejection::from(Code::BadRequest).because(hostile));
        let line = line(&told);
        let body = line.strip_suffix('\n').unwrap();
        assert!(body.chars().all(|character| !character.is_control() && character != '\u{202e}'), "{body:?}");
        let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap();
        assert!(parsed.values().all(|value| !value.is_object() && !value.is_array()));
    }

    #[test]
    fn what_a_client_chooses_is_cut_on_both_sides_of_its_bound() {
        let cases = [(TARGET_MAX - 1, false), (TARGET_MAX, false), (TARGET_MAX + 1, true)];
        for (length, is_cut) in cases {
            let kept = target(&Bytes::from(vec![b'/'; length]));
            assert_eq!(kept.ends_with("…".as_bytes()), is_cut, "{length}");
            assert!(kept.len() <= TARGET_MAX + "…".len(), "{length}");
        }
    }

    #[test]
    fn a_cut_never_shows_a_query_value() {
        let raw = format!("/{}?{}=s3cr3t", "a".repeat(TARGET_MAX - 4), "n".repeat(40));
        assert!(!String::from_utf8_lossy(&target(&Bytes::from(raw))).contains("s3"));
    }

    #[test]
    fn times_beyond_the_calendar_are_shown_as_its_bounds() {
        let cases = [
            (i64::MIN, "1970-01-01T00:00:00.000Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (millis, expected) in cases {
            assert_eq!(rfc3339(Moment::from_millis(millis)), expected);
        }
    }
}
