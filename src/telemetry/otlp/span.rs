//! One request as a span: the names are those of OpenTelemetry's conventions for HTTP servers, and our own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::record::{Record, Verdict};
use crate::reject::{Code, Rejection};
use crate::sig::time::Moment;

/// `SPAN_KIND_SERVER`.
const SERVER: u8 = 2;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// A request whose trace is sampled. Holds nothing of the request's own memory.
pub(super) struct Span {
    trace: String,
    parent: String,
    id: u64,
    started: Moment,
    total: Duration,
    judged: Option<Duration>,
    method: &'static str,
    route: Option<Arc<str>>,
    listener: Arc<str>,
    upstream: Option<Arc<str>>,
    key: Option<Arc<str>>,
    request_id: String,
    verdict: Verdict,
    code: Option<Code>,
    status: u16,
    upstream_status: Option<u16>,
    bytes: [u64; 2],
}

impl Span {
    /// `None` where no sampled trace leads here.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let (trace, parent) = (record.trace_id.as_deref()?, record.parent.as_deref()?);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Self {
            trace: text(trace),
            parent: text(parent),
            id: getrandom::u64().ok().filter(|id| *id != 0)?,
            started: record.started,
            total: record.total,
            judged: record.judged,
            method: method(record.method.as_str()),
            route: record.route.as_ref().map(|route| Arc::clone(&route.name)),
            listener: Arc::clone(&record.listener.name),
            upstream: record.upstream.clone(),
            key: record.key.as_ref().map(|key| Arc::clone(&key.id)),
            request_id: text(&record.request_id),
            verdict: record.verdict,
            code: record.rejection.as_ref().map(Rejection::code),
            status: record.status,
            upstream_status: record.upstream_status,
            bytes: [record.received, record.sent],
        })
    }

    /// As OTLP has it in JSON: ids in hexadecimal, 64-bit numbers as text.
    pub(super) fn json(&self) -> Value {
        let name =
            self.route.as_ref().map_or_else(|| self.method.to_owned(), |route| format!("{} {route}", self.method));
        let event = |after| json!([{"name": "judged", "timeUnixNano": nanos(self.started, after)}]);
        json!({
            "traceId": self.trace,
            "spanId": format!("{:016x}", self.id),
            "parentSpanId": self.parent,
            "name": name,
            "kind": SERVER,
            "startTimeUnixNano": nanos(self.started, Duration::ZERO),
            "endTimeUnixNano": nanos(self.started, self.total),
            "attributes": self.attributes(),
            "events": self.judged.map_or(json!([]), event),
            "status": if self.status >= 500 { json!({"code": ERROR}) } else { json!({}) },
        })
    }

    fn attributes(&self) -> Vec<Value> {
        let [received, sent] = self.bytes;
        let code = self.code.map(|code| code.reason().code);
        let texts = [
            ("http.request.method", Some(self.method)),
            ("http.route", self.route.as_deref()),
            ("error.type", code.filter(|_| self.verdict == Verdict::Refused)),
            ("countersign.verdict", Some(self.verdict.name())),
            ("countersign.code", code),
            ("countersign.key", self.key.as_deref()),
            ("countersign.listener", Some(&*self.listener)),
            ("countersign.upstream", self.upstream.as_deref()),
            ("countersign.request_id", Some(&*self.request_id)),
        ];
        let numbers = [
            ("http.response.status_code", Some(u64::from(self.status))),
            ("http.request.body.size", Some(received)),
            ("http.response.body.size", Some(sent)),
            ("countersign.upstream_status", self.upstream_status.map(u64::from)),
        ];
        let texts = texts.into_iter().filter_map(|(key, value)| Some(text(key, value?)));
        let number =
            |(key, value): (&str, Option<u64>)| Some(json!({"key": key, "value": {"intValue": value?.to_string()}}));
        texts.chain(numbers.into_iter().filter_map(number)).collect()
    }
}

/// An attribute.
pub(super) fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Others are all one name, as a stranger can invent as many as he likes.
fn method(name: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == name).unwrap_or("_OTHER")
}

fn nanos(start: Moment, after: Duration) -> String {
    let start = u128::try_from(start.millis()).unwrap_or_default().saturating_mul(1_000_000);
    start.saturating_add(after.as_nanos()).to_string()
}
