//! What is written of requests, looked for in them and kept of them: every setting arrives, and says nothing by itself.

use std::time::Duration;

use super::*;
use crate::policy::listen::Address;
use crate::policy::operations::{Anomalies, Audit, AuditSink, Capture, OnFull, Operations};

fn operations(lines: &str) -> Operations {
    let rest = "listeners: {m: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://h\"}}\nroutes: [{path: /, public: true, upstream: app}]";
    good(Place::new().load(&format!("version: 1\n{rest}\n{lines}\n"))).policy.operations
}

#[test]
fn where_nothing_is_said_everything_is_written_and_nothing_is_kept() {
    let usual = operations("workers: 1");
    assert_eq!(usual.audit, Audit::to(AuditSink::Stdout));
    assert_eq!((usual.anomalies, usual.capture), (Some(Anomalies::default()), None));
}

#[test]
fn audit_lines_go_where_they_are_sent() {
    for (written, sink) in [
        ("off", AuditSink::Off),
        ("syslog", AuditSink::Syslog(Address::Unix("/dev/log".into()))),
        (
            "{sink: syslog, address: \"127.0.0.1:514\"}",
            AuditSink::Syslog(Address::Socket("127.0.0.1:514".parse().unwrap())),
        ),
        ("journald", AuditSink::Journald("/run/systemd/journal/socket".into())),
        ("{sink: journald, address: \"unix:/tmp/j\"}", AuditSink::Journald("/tmp/j".into())),
        ("{path: /var/log/a}", AuditSink::File("/var/log/a".into())),
    ] {
        assert_eq!(operations(&format!("audit: {written}")).audit, Audit::to(sink), "{written}");
    }
    let all = operations("audit: {sample: 12.5%, digest: true, on_full: block}").audit;
    assert_eq!(all, Audit { sample: 125_000, digest: true, on_full: OnFull::Block, ..Audit::to(AuditSink::Stdout) });
}

#[test]
fn anomalies_have_thresholds() {
    assert_eq!(operations("anomalies: off").anomalies, None);
    assert_eq!(operations("anomalies: on").anomalies, Some(Anomalies::default()));
    let all = "{factor: 2, key_refusals: 3, source_refusals: 4, unknown_keys: 5, replays: 6, skew: 0.7, learn: 8m, new_networks: false, \
               retiring_keys: false}";
    let expected = Anomalies {
        factor: 2,
        key_refusals: 3,
        source_refusals: 4,
        unknown_keys: 5,
        replays: 6,
        skew: 70,
        learn: Duration::from_mins(8),
        new_networks: false,
        retiring_keys: false,
    };
    assert_eq!(operations(&format!("anomalies: {all}")).anomalies, Some(expected));
}

#[test]
fn refused_requests_are_kept_within_bounds() {
    let usual = Capture { refused: 50, body: 64 << 10, keep: Duration::from_hours(1), routes: Vec::new() };
    assert_eq!(operations("capture: {}").capture, Some(usual));
    let all = "capture: {refused: 7, body: 1KiB, keep: 5m, routes: /}";
    let expected = Capture { refused: 7, body: 1024, keep: Duration::from_mins(5), routes: vec!["/".to_owned()] };
    assert_eq!(operations(all).capture, Some(expected));
}
