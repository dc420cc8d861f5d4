//! What the exposition says, line by line.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Telemetry;
use super::super::cells::{KEYS_MAX, OTHER};
use super::super::fixture::{key, record, route};
use super::super::record::Verdict;
use super::*;
use crate::clock::Clock;
use crate::policy::operations::{Audit, AuditSink};
use crate::reject::{Code, Rejection};

fn telemetry() -> Arc<Telemetry> {
    Telemetry::new(&Audit::to(AuditSink::Off), None, &Clock::system()).unwrap()
}

/// Samples by name and labels; panics where the text is not `OpenMetrics`.
fn samples(text: &str) -> HashMap<&str, f64> {
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut samples = HashMap::new();
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(kind != "TYPE" || types.insert(name, rest).is_none(), "{name} is declared twice");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        let declared = types.iter().any(|(base, kind)| match *kind {
            "counter" => family.strip_suffix("_total") == Some(base),
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| family.strip_suffix(end) == Some(base)),
            "info" => family.strip_suffix("_info") == Some(base),
            "gauge" => family == *base,
            other => panic!("unknown type {other}"),
        });
        assert!(declared, "{line}");
        assert!(samples.insert(name, value.parse().unwrap()).is_none(), "{name} occurs twice");
    }
    samples
}

#[test]
fn shards_of_several_threads_are_summed() {
    let telemetry = telemetry();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let shard = telemetry.shard();
            std::thread::spawn(move || {
                let mut told = record();
                told.key = Some(key("a"));
                (0..250).for_each(|_| {
                    let _running = shard.begin();
                    shard.finish(&mut told);
                });
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    let samples = samples(&text);
    let count = |name: &str| samples.get(name).copied();
    let requests = r#"countersign_requests_total{route="/orders",verdict="verified",code="",key="a"}"#;
    assert_eq!(count(requests), Some(1000.0), "{text}");
    assert_eq!(count(r#"countersign_responses_total{route="/orders",class="2xx"}"#), Some(1000.0));
    assert_eq!(count(r#"countersign_request_duration_seconds_count{route="/orders"}"#), Some(1000.0));
    assert_eq!(count(r#"countersign_key_uses_total{route="/orders",key="a"}"#), Some(1000.0));
    assert_eq!(count("countersign_in_flight_requests"), Some(0.0));
    let used = r#"countersign_key_last_used_timestamp_seconds{route="/orders",key="a"}"#;
    assert_eq!(count(used), Some(1_795_321_800.0));
}

#[test]
fn a_request_in_flight_shows_until_it_is_dropped() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    let running = shard.begin();
    assert_eq!(telemetry.in_flight(), 1);
    drop(running);
    assert_eq!(telemetry.in_flight(), 0);
}

#[test]
fn buckets_are_cumulative_and_end_with_the_count() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for skew in [-61_000, -500, 0, 1000, 1001] {
        let mut told = record();
        told.skew = Some(skew);
        shard.finish(&mut told);
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    let samples = samples(&text);
    let cases = [("past", "0.1", 1.0), ("past", "1.0", 2.0), ("past", "2.0", 3.0), ("past", "+Inf", 3.0)];
    let future = [("future", "0.5", 1.0), ("future", "60.0", 1.0), ("future", "120.0", 2.0), ("future", "+Inf", 2.0)];
    for (stamp, le, count) in cases.into_iter().chain(future) {
        let name = format!(r#"countersign_clock_skew_seconds_bucket{{le="{le}",route="/orders",stamp="{stamp}"}}"#);
        assert_eq!(samples.get(&*name), Some(&count), "{name}\n{text}");
    }
}

#[test]
fn only_a_request_that_a_key_verified_is_a_use_of_it() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for verdict in [Verdict::Refused, Verdict::Observed, Verdict::Public] {
        let mut told = record();
        (told.verdict, told.key) = (verdict, Some(key("a")));
        shard.finish(&mut told);
    }
    assert_eq!(telemetry.key_uses(), []);
    let mut told = record();
    told.key = Some(key("a"));
    shard.finish(&mut told);
    let uses = telemetry.key_uses();
    assert_eq!((uses.len(), uses[0].count, uses[0].last.secs()), (1, 1, told.started.secs()));
}

#[test]
fn keys_beyond_the_cap_share_one_label() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for number in 0..KEYS_MAX + 5 {
        let mut told = record();
        told.key = Some(key(&format!("key-{number}")));
        shard.finish(&mut told);
    }
    let uses = telemetry.key_uses();
    assert_eq!(uses.len(), KEYS_MAX + 1);
    assert_eq!(uses.iter().find(|used| &*used.key == OTHER).unwrap().count, 5);
}

#[test]
fn nothing_that_a_client_chose_becomes_a_label() {
    let telemetry = telemetry();
    let mut told = record();
    told.route = None;
    told.target = "/canary?canary=1".into();
    told.authority = "canary".into();
    told.request_id = "canary".into();
    told.method = crate::sig::message::Method::new("CANARY");
    told.verdict = Verdict::Refused;
    told.rejection = Some(Rejection::from(Code::BadRequest).because("canary"));
    telemetry.shard().finish(&mut told);
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    assert!(text.contains(r#"{route="",verdict="refused",code="bad_request",key=""} 1"#), "{text}");
}

#[test]
fn an_upstream_is_blamed_only_for_its_own_failures() {
    let telemetry = telemetry();
    let shard = telemetry.shard();
    for code in [Code::UpstreamTimeout, Code::UpstreamTimeout, Code::Replayed] {
        let mut told = record();
        (told.upstream, told.rejection) = (Some("app".into()), Some(code.into()));
        shard.finish(&mut told);
    }
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="app",code="upstream_timeout"} 2"#));
    assert_eq!(text.matches("countersign_upstream_errors_total{").count(), 1);

    let known = Gauges { upstream_in_flight: vec![("app".into(), 0), ("idle".into(), 0)], ..Gauges::default() };
    let text = telemetry.render(&known, Form::OpenMetrics);
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="app",code="upstream_timeout"} 2"#));
    assert!(text.contains(r#"countersign_upstream_errors_total{upstream="idle",code="upstream_timeout"} 0"#));
    samples(&text);
}

#[test]
fn label_values_of_the_configuration_are_escaped() {
    let telemetry = telemetry();
    let mut told = record();
    told.route = Some(route("/a\"b\\c\nd"));
    telemetry.shard().finish(&mut told);
    let text = telemetry.render(&Gauges::default(), Form::OpenMetrics);
    assert!(text.contains(r#"route="/a\"b\\c\nd""#), "{text}");
    samples(&text);
}
