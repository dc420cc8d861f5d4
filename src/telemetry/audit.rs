//! The audit line: one request as one flat line of JSON, version 1 (docs/audit.md).
//!
//! **Invariant:** no secret, no signature, no header value and no query value; nothing unescaped.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::record::Record;
use super::{escape, redact};
use crate::sig::time::Moment;

/// Client-chosen text is cut behind this many bytes, so that the queue is bounded in bytes, too.
const TARGET_MAX: usize = 2048;
const FIELD_MAX: usize = 256;
const NOTE_MAX: usize = 512;

/// The last millisecond that RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999;

/// Appends the line of `record`, with its line feed. Fields without a value are left out.
pub(super) fn write(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"v\":1,\"time\":\"");
    time(out, record.started);
    out.push(b'"');
    text(out, ",\"request_id\":", std::str::from_utf8(&record.request_id).ok());
    text(out, ",\"trace_id\":", record.trace_id.as_deref().and_then(|id| std::str::from_utf8(id).ok()));
    text(out, ",\"listener\":", Some(&record.listener.name));
    text(out, ",\"route\":", record.route.as_ref().map(|route| &*route.name));
    peer(out, ",\"peer\":", record.peer);
    bytes(out, ",\"method\":", &cut(record.method.as_str().as_bytes(), FIELD_MAX));
    bytes(out, ",\"target\":", &target(&record.target));
    bytes(out, ",\"host\":", &cut(&record.authority, FIELD_MAX));
    judgement(record, out);
    number(out, ",\"bytes_in\":", Some(record.received));
    digest(out, ",\"body_sha256\":", record.digest.as_deref());
    number(out, ",\"bytes_out\":", Some(record.sent));
    number(out, ",\"status\":", Some(record.status));
    text(out, ",\"upstream\":", record.upstream.as_deref());
    number(out, ",\"upstream_status\":", record.upstream_status);
    millis(out, ",\"waited_ms\":", record.waited);
    millis(out, ",\"judged_ms\":", record.judged);
    millis(out, ",\"answered_ms\":", record.answered);
    millis(out, ",\"total_ms\":", Some(record.total));
    out.extend_from_slice(if record.truncated { b",\"truncated\":true}\n" } else { b",\"truncated\":false}\n" });
}

fn judgement(record: &Record, out: &mut Vec<u8>) {
    text(out, ",\"scheme\":", record.scheme.as_deref());
    text(out, ",\"key\":", record.key.as_ref().map(|key| &*key.id));
    text(out, ",\"principal\":", record.key.as_ref().map(|key| &*key.principal));
    text(out, ",\"verdict\":", Some(record.verdict.name()));
    if let Some(rejection) = &record.rejection {
        text(out, ",\"code\":", Some(rejection.code().reason().code));
        if let Some(note) = rejection.note() {
            bytes(out, ",\"note\":", &cut(note.as_bytes(), NOTE_MAX));
        }
    }
    if record.unchecked {
        out.extend_from_slice(b",\"replay\":\"unchecked\"");
    }
    number(out, ",\"skew_ms\":", record.skew);
}

fn cut(raw: &[u8], limit: usize) -> Cow<'_, [u8]> {
    match raw.get(..limit) {
        Some(head) if raw.len() > limit => Cow::Owned([head, "…".as_bytes()].concat()),
        _ => Cow::Borrowed(raw),
    }
}

/// Redacted before it is cut: a cut must not make a value look like something else.
fn target(raw: &[u8]) -> Cow<'_, [u8]> {
    match redact::target(raw) {
        Cow::Borrowed(shown) => cut(shown, TARGET_MAX),
        Cow::Owned(shown) => Cow::Owned(cut(&shown, TARGET_MAX).into_owned()),
    }
}

pub(super) fn text(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.extend_from_slice(name.as_bytes());
        escape::text(out, value);
    }
}

fn bytes(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    escape::bytes(out, value);
}

pub(super) fn number(out: &mut Vec<u8>, name: &str, value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

fn digest(out: &mut Vec<u8>, name: &str, value: Option<&[u8; 32]>) {
    text(out, name, value.map(|value| data_encoding::HEXLOWER.encode(value)).as_deref());
}

/// An address needs quotes and never an escape.
fn peer(out: &mut Vec<u8>, name: &str, address: Option<IpAddr>) {
    let Some(address) = address else { return };
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                out.extend_from_slice(if place == 0 { b"" } else { b"." });
                out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
    out.push(b'"');
}

/// Milliseconds with three decimals.
fn millis(out: &mut Vec<u8>, name: &str, value: Option<Duration>) {
    let Some(value) = value else { return };
    let whole = value.as_secs().saturating_mul(1000).saturating_add(u64::from(value.subsec_millis()));
    number(out, name, Some(whole));
    out.push(b'.');
    thousandths(out, value.subsec_micros() % 1000);
}

/// Three digits of a number below 1000.
fn thousandths(out: &mut Vec<u8>, number: u32) {
    let mut digits = itoa::Buffer::new();
    let led = digits.format(number.saturating_add(1000));
    out.extend_from_slice(led.get(1..).unwrap_or_default().as_bytes());
}

thread_local! {
    /// The last second that was written by this thread, and how: up to its full stop.
    static SECOND: Cell<(i64, [u8; 20])> = const { Cell::new((-1, [0; 20])) };
}

/// The same as [`rfc3339`]; what two lines of one second have in common is made once.
fn time(out: &mut Vec<u8>, moment: Moment) {
    let bounded = moment.millis().clamp(0, LAST);
    let (second, rest) = (bounded.div_euclid(1000), bounded.rem_euclid(1000));
    let (known, mut front) = SECOND.get();
    if known != second
        && let Some(fresh) = rfc3339(moment).as_bytes().first_chunk()
    {
        front = *fresh;
        SECOND.set((second, front));
    }
    out.extend_from_slice(&front);
    thousandths(out, u32::try_from(rest).unwrap_or_default());
    out.push(b'Z');
}

/// RFC 3339 in UTC with milliseconds; times before 1970 and after 9999 are shown as those bounds.
pub(crate) fn rfc3339(moment: Moment) -> String {
    let millis = u64::try_from(moment.millis().clamp(0, LAST)).unwrap_or_default();
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::fixture::{key, record};
    use super::*;
    use crate::reject::{Code, Rejection};
    use crate::sig::message::Method;

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        write(record, &mut out);
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
            let raw = vec![b'/'; length];
            let kept = target(&raw);
            assert_eq!(kept.ends_with("…".as_bytes()), is_cut, "{length}");
            assert!(kept.len() <= TARGET_MAX + "…".len(), "{length}");
        }
    }

    #[test]
    fn a_cut_never_shows_a_query_value() {
        let raw = format!("/{}?{}=s3cr3t", "a".repeat(TARGET_MAX - 4), "n".repeat(40));
        assert!(!String::from_utf8_lossy(&target(raw.as_bytes())).contains("s3"));
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        let both = |write: fn(&mut Vec<u8>, &str, Option<Duration>), time| {
            let mut out = Vec::new();
            write(&mut out, "", Some(time));
            String::from_utf8(out).unwrap()
        };
        for micros in [0, 1, 999, 1000, 1001, 12_034, 999_999, 1_000_000, 3_600_000_001, u64::MAX] {
            let time = Duration::from_micros(micros);
            assert_eq!(both(millis, time), format!("{}.{:03}", time.as_millis(), time.subsec_micros() % 1000));
        }
        for address in ["0.0.0.0", "127.0.0.1", "10.200.30.4", "255.255.255.255", "::", "2001:db8::1", "::ffff:1.2.3.4"]
        {
            let mut out = Vec::new();
            peer(&mut out, "", Some(address.parse().unwrap()));
            assert_eq!(out, format!("\"{address}\"").into_bytes());
        }
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
            let mut out = Vec::new();
            time(&mut out, Moment::from_millis(millis));
            assert_eq!(
                (rfc3339(Moment::from_millis(millis)), out),
                (expected.to_owned(), expected.as_bytes().to_vec())
            );
        }
    }
}
