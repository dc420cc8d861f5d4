//! Audit lines that tell of more than one request: summaries and anomalies, in the schema of all lines.

use super::anomaly::Finding;
use super::audit::{number, text};
use super::limiter::Summary;
use super::network::Network;
use super::rfc3339;
use crate::sig::time::Moment;

/// Appends the line of a minute's refusals that were not written one by one.
pub(super) fn summary(told: &Summary, out: &mut Vec<u8>) {
    begin(told.from, "refusals", out);
    text(out, ",\"code\":", Some(told.code.reason().code));
    network(told.network, out);
    if told.others {
        out.extend_from_slice(b",\"others\":true");
    }
    number(out, ",\"count\":", Some(told.count));
    out.extend_from_slice(b",\"seconds\":60}\n");
}

/// Appends the line of an anomaly.
pub(super) fn anomaly(found: &Finding, now: Moment, out: &mut Vec<u8>) {
    begin(now, "anomaly", out);
    text(out, ",\"kind\":", Some(found.kind.name()));
    text(out, ",\"key\":", found.key.as_deref());
    network(found.network, out);
    number(out, ",\"count\":", found.count.map(|(count, _)| count));
    number(out, ",\"usual\":", found.count.map(|(_, usual)| usual));
    number(out, ",\"skew_ms\":", found.skew);
    text(out, ",\"note\":", Some(found.kind.sentence()));
    out.extend_from_slice(b"}\n");
}

/// Puts the cause at the end of a request's line.
pub(super) fn add_cause(line: &mut Vec<u8>, cause: &str) {
    let end = line.len().saturating_sub(2);
    if line.ends_with(b"}\n") {
        line.truncate(end);
        text(line, ",\"cause\":", Some(cause));
        line.extend_from_slice(b"}\n");
    }
}

fn begin(time: Moment, event: &str, out: &mut Vec<u8>) {
    text(out, "{\"v\":1,\"time\":", Some(&rfc3339(time)));
    text(out, ",\"event\":", Some(event));
}

fn network(network: Option<Network>, out: &mut Vec<u8>) {
    text(out, ",\"network\":", network.map(|network| network.to_string()).as_deref());
}

#[cfg(test)]
mod tests {
    use super::super::anomaly::Kind;
    use super::*;
    use crate::reject::Code;

    fn line(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn events_are_flat_lines_as_requests_are() {
        let from = Moment::from_secs(1_760_000_040);
        let network = Some(Network::of([203, 0, 113, 9].into()));
        let told = Summary { from, code: Code::SignatureMissing, network, others: false, count: 250 };
        let expected = concat!(
            r#"{"v":1,"time":"2025-10-09T08:54:00.000Z","event":"refusals","code":"signature_missing","#,
            r#""network":"203.0.113.0/24","count":250,"seconds":60}"#,
            "\n"
        );
        assert_eq!(line(|out| summary(&told, out)), expected);
        let told = Summary { network: None, others: true, ..told };
        assert!(line(|out| summary(&told, out)).contains(r#""code":"signature_missing","others":true,"count":250"#));

        let found = Finding {
            key: Some("k\"1".into()),
            network,
            count: Some((20, 3)),
            skew: Some(-7),
            ..Finding::new(Kind::KeyRefusals)
        };
        let expected = concat!(
            r#"{"v":1,"time":"2025-10-09T08:54:00.000Z","event":"anomaly","kind":"key_refusals","key":"k\"1","#,
            r#""network":"203.0.113.0/24","count":20,"usual":3,"skew_ms":-7,"#,
            r#""note":"many more requests of this key are refused than usual"}"#,
            "\n"
        );
        assert_eq!(line(|out| anomaly(&found, from, out)), expected);
    }

    #[test]
    fn a_cause_stands_at_the_end_of_the_line() {
        let mut told = b"{\"v\":1}\n".to_vec();
        add_cause(&mut told, "milliseconds");
        assert_eq!(told, b"{\"v\":1,\"cause\":\"milliseconds\"}\n");
        let mut nothing = Vec::new();
        add_cause(&mut nothing, "milliseconds");
        assert_eq!(nothing, b"");
    }
}
