//! docs/metrics.md has every metric with its labels and its type, and no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::Telemetry;
use super::super::fixture::{key, record};
use super::super::gauges::{Certificate, Fill, Health, Replay, SharedStore};
use super::*;
use crate::clock::Clock;
use crate::policy::operations::{Anomalies, Audit, AuditSink};
use crate::policy::rate::Per;
use crate::policy::upkeep::{Origin, Table, Upkeep};
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Keyring;

/// Values of the moment, with one of each kind.
fn values() -> Gauges {
    let certificate = Certificate { listener: "public".into(), name: "a.example".into(), ends: Moment::from_secs(7) };
    let fill = Fill { used: 1, capacity: 2 };
    Gauges {
        generation: 3,
        loaded: Moment::from_secs(1),
        connections: vec![("public".into(), 1)],
        accept_failures: vec![("public".into(), 1)],
        worker_connections: vec![1, 0],
        upstream_in_flight: vec![("app".into(), 1)],
        connect_failures: vec![("app".into(), 1)],
        health: vec![Health { upstream: "app".into(), ..Health::default() }],
        replay: Replay { fill, claimed: 1, replayed: 1, released: 1 },
        shared: Some(SharedStore::default()),
        rates: vec![Reading { per: Per::Key, pool: "/".into(), buckets: 1, capacity: 2, crowded: 3 }],
        turned_away: vec![("public".into(), "source", 1)],
        cut_off: vec![("public".into(), "frames", 1)],
        certificates: vec![certificate],
        budgets: vec![("memory", fill)],
        rings: Vec::new(),
    }
}

/// A keyring whose key ends, and is due before.
fn upkeep() -> Upkeep {
    let window = Window { from: None, until: Some(Moment::from_secs(9)) };
    let ending = Key { sign: window, verify: window, created: Some(Moment::from_secs(1)), ..(*key("k")).clone() };
    Upkeep {
        ring: Arc::new(Keyring::new("partners", vec![ending]).unwrap()),
        origin: Origin::Configuration,
        max_age: Duration::from_secs(5),
        quiet: Duration::from_secs(1),
        verifies: false,
        signs: None,
    }
}

/// Every metric, with a sample of each.
fn everything() -> String {
    let audit = Audit::to(AuditSink::Off);
    let telemetry = Telemetry::new(&audit, Some(&Anomalies::default()), &Clock::system()).unwrap();
    telemetry.reloaded(true);
    telemetry.reloaded(false);
    let mut told = record();
    told.key = Some(key("k"));
    (told.skew, told.judged, told.answered) = (Some(1), Some(Duration::ZERO), Some(Duration::ZERO));
    telemetry.shard().finish(&mut told);
    let gauges = values().keyrings(&[upkeep()], &Table::default(), Moment::default(), Moment::from_secs(8));
    telemetry.render(&gauges, Form::OpenMetrics)
}

/// A metric as the manual writes it: name, labels, type.
fn described(text: &str, family: &str, kind: &str) -> String {
    let name = match kind {
        "counter" => format!("{family}_total"),
        "info" => format!("{family}_info"),
        _ => family.to_owned(),
    };
    let sample = if kind == "histogram" { format!("{family}_count") } else { name.clone() };
    let of = |line: &str| line.strip_prefix(&*sample).filter(|rest| rest.starts_with(['{', ' '])).map(str::to_owned);
    let sample = text.lines().find_map(of).unwrap_or_else(|| panic!("no sample of {name}\n{text}"));
    let labels = sample.strip_prefix('{').and_then(|labels| labels.split_once('}')).map(|(labels, _)| labels);
    let names =
        |labels: &str| labels.split(',').map(|label| label.split('=').next().unwrap()).collect::<Vec<_>>().join(",");
    labels.map_or_else(|| format!("{name} {kind}"), |labels| format!("{name}{{{}}} {kind}", names(labels)))
}

#[test]
fn every_metric_is_in_the_manual_with_its_labels_and_the_manual_has_no_other() {
    let text = everything();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeSet<String> = types.map(|(family, kind)| described(&text, family, kind)).collect();
    let manual = include_str!("../../../docs/metrics.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let told: BTreeSet<String> =
        rows.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap())).collect();
    assert_eq!(shown, told);
}

#[test]
fn what_is_known_of_keys_certificates_and_reloads_is_told() {
    let text = everything();
    for sample in [
        r#"key_end_timestamp_seconds{keyring="partners",key="k"} 9"#,
        r#"key_due_timestamp_seconds{keyring="partners",key="k"} 6"#,
        r#"key_safe_to_retire{keyring="partners",key="k"} 1"#,
        r#"certificate_expiry_timestamp_seconds{listener="public",name="a.example"} 7"#,
        "last_reload_successful 0",
        r#"reloads_total{result="success"} 1"#,
    ] {
        assert!(text.contains(&format!("\ncountersign_{sample}\n")), "{sample}\n{text}");
    }
}
