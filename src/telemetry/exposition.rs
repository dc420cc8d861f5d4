//! Counters as `OpenMetrics` text: the names of docs/metrics.md.

use std::fmt::Result;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::cells::{MEASURES, Measure};
use super::gauges::Gauges;
use super::process::{self, Reading};
use super::totals::{RouteTotals, Sums, Totals};
use crate::sig::time::Moment;

/// Labels of one sample.
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Everything as text. Writing to a string does not fail; if it did, the scrape would be empty and Prometheus would say so.
pub(super) fn render(totals: Totals, gauges: &Gauges) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { totals, gauges: gauges.clone(), process: process::readings() }));
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear();
    }
    text
}

#[derive(Debug)]
struct Scrape {
    totals: Totals,
    gauges: Gauges,
    process: Vec<Reading>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result {
        let out = &mut encoder;
        Self::build_info(out)?;
        self.requests(out)?;
        MEASURES.chunk_by(|a, b| a.name == b.name).try_for_each(|family| self.histograms(out, family))?;
        self.keys(out)?;
        self.keyrings(out)?;
        self.upstreams(out)?;
        self.reloads(out)?;
        self.replay(out)?;
        self.budgets(out)?;
        self.losses(out)?;
        self.process.iter().try_for_each(|reading| process_metric(out, reading))
    }
}

impl Scrape {
    fn build_info(out: &mut DescriptorEncoder) -> Result {
        let labels = vec![("version", env!("CARGO_PKG_VERSION"))];
        let mut family = out.encode_descriptor("countersign_build", "What is running", None, MetricType::Info)?;
        family.encode_info(&labels)
    }

    fn requests(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.totals.routes.iter().flat_map(|(route, totals)| {
            totals.outcomes.iter().map(move |((key, verdict, code), count)| {
                let code = code.map_or("", |code| code.reason().code);
                (vec![("route", &**route), ("verdict", verdict.name()), ("code", code), ("key", &**key)], *count)
            })
        });
        counters(out, "countersign_requests", "Requests by verdict, refusal code and verified key", rows)?;
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        let rows = self.totals.routes.iter().flat_map(|(route, totals)| {
            let rows = totals.classes.iter().zip(classes).filter(|(count, _)| **count > 0);
            rows.map(move |(count, class)| (vec![("route", &**route), ("class", class)], *count))
        });
        counters(out, "countersign_responses", "Responses to clients by status class", rows)?;
        let rows = [(Vec::new(), self.totals.in_flight)];
        gauges(out, "countersign_in_flight_requests", "Requests that have begun and are not over", rows)?;
        let rows = self.gauges.connections.iter().map(|(name, count)| (vec![("listener", &**name)], *count));
        gauges(out, "countersign_connections", "Open client connections", rows)
    }

    fn histograms(&self, out: &mut DescriptorEncoder, family: &[&Measure]) -> Result {
        let Some(first) = family.first() else { return Ok(()) };
        let mut metric = out.encode_descriptor(first.name, first.help, None, MetricType::Histogram)?;
        for (route, totals) in &self.totals.routes {
            in_family(totals, first.name).try_for_each(|sums| histogram(&mut metric, route, sums))?;
        }
        Ok(())
    }

    fn keys(&self, out: &mut DescriptorEncoder) -> Result {
        let uses = self.totals.key_uses();
        let rows = uses.iter().map(|used| (vec![("route", &*used.route), ("key", &*used.key)], used.count));
        counters(out, "countersign_key_uses", "Requests that a key verified", rows)?;
        let rows = uses.iter().map(|used| (vec![("route", &*used.route), ("key", &*used.key)], seconds(used.last)));
        gauges(out, "countersign_key_last_used_timestamp_seconds", "When a key last verified a request", rows)
    }

    fn keyrings(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.rings.iter().map(|ring| (vec![("keyring", &*ring.name)], ring.usable));
        gauges(out, "countersign_keyring_usable_keys", "Keys that can verify or sign at the moment", rows)?;
        let lives = || {
            self.gauges
                .rings
                .iter()
                .flat_map(|ring| ring.keys.iter().map(|key| (vec![("keyring", &*ring.name), ("key", &*key.id)], key)))
        };
        let rows = lives().filter_map(|(labels, key)| Some((labels, seconds(key.created?))));
        gauges(out, "countersign_key_created_timestamp_seconds", "When a key was made, where known", rows)?;
        let rows = lives().filter_map(|(labels, key)| Some((labels, seconds(key.until?))));
        gauges(out, "countersign_key_end_timestamp_seconds", "When a key stops verifying and signing", rows)
    }

    fn upstreams(&self, out: &mut DescriptorEncoder) -> Result {
        let rows =
            self.totals.upstream_errors.iter().map(|((upstream, code), count)| {
                (vec![("upstream", &**upstream), ("code", code.reason().code)], *count)
            });
        counters(out, "countersign_upstream_errors", "Requests that an upstream did not answer properly", rows)?;
        let rows = self.gauges.connect_failures.iter().map(by_name);
        counters(out, "countersign_upstream_connect_failures", "Connection attempts that failed", rows)?;
        let rows = self.gauges.upstream_in_flight.iter().map(by_name);
        gauges(out, "countersign_upstream_in_flight_requests", "Requests that an upstream is working on", rows)
    }

    fn reloads(&self, out: &mut DescriptorEncoder) -> Result {
        let Totals { reloads_succeeded, reloads_failed, last_reload_succeeded, .. } = self.totals;
        let rows = [(vec![("result", "success")], reloads_succeeded), (vec![("result", "failure")], reloads_failed)];
        counters(out, "countersign_reloads", "Reloads of the configuration by result", rows)?;
        let rows = [(Vec::new(), u64::from(last_reload_succeeded))];
        gauges(out, "countersign_last_reload_successful", "0 while the newest configuration is not in force", rows)?;
        let rows = [(Vec::new(), self.gauges.generation)];
        gauges(out, "countersign_config_generation", "Number of the configuration in force", rows)?;
        let rows = [(Vec::new(), seconds(self.gauges.loaded))];
        gauges(out, "countersign_config_loaded_timestamp_seconds", "When that configuration was loaded", rows)
    }

    fn replay(&self, out: &mut DescriptorEncoder) -> Result {
        let replay = self.gauges.replay;
        let rows = [(Vec::new(), replay.fill.used)];
        gauges(out, "countersign_replay_entries", "Live entries of the replay store", rows)?;
        let rows = [(Vec::new(), replay.fill.capacity)];
        gauges(out, "countersign_replay_capacity", "Most entries of the replay store", rows)?;
        let results = [("new", replay.claimed), ("replayed", replay.replayed), ("released", replay.released)];
        let rows = results.map(|(result, count)| (vec![("result", result)], count));
        counters(out, "countersign_replay_claims", "Claims of the replay store by result", rows)
    }

    fn budgets(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.budgets.iter().map(|(name, fill)| (vec![("budget", *name)], fill.used));
        gauges(out, "countersign_held_body_bytes", "Bytes of request bodies that are held", rows)?;
        let rows = self.gauges.budgets.iter().map(|(name, fill)| (vec![("budget", *name)], fill.capacity));
        gauges(out, "countersign_held_body_capacity_bytes", "Most bytes of request bodies that are held", rows)
    }

    fn losses(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.totals.audit.iter().map(|(reason, count)| (vec![("reason", *reason)], *count));
        counters(out, "countersign_audit_lines_dropped", "Audit lines that were lost", rows)?;
        let rows = [(Vec::new(), self.totals.trailers_dropped)];
        counters(out, "countersign_request_trailers_dropped", "Requests whose trailers were dropped", rows)
    }
}

fn by_name((name, count): &(Arc<str>, u64)) -> (Labels<'_>, u64) {
    (vec![("upstream", &**name)], *count)
}

fn in_family<'a>(totals: &'a RouteTotals, name: &str) -> impl Iterator<Item = &'a Sums> {
    totals.histograms.iter().filter(move |sums| sums.measure.name == name)
}

fn histogram(metric: &mut MetricEncoder, route: &str, sums: &Sums) -> Result {
    let Measure { label, scale, bounds, .. } = sums.measure;
    let labels: Labels<'_> = [("route", route)].into_iter().chain(*label).collect();
    let scale = f64::from(*scale);
    let bounds = bounds.iter().map(|bound| float(*bound) / scale).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(sums.buckets.iter().copied()).collect();
    let count = sums.buckets.iter().fold(0_u64, |sum, bucket| sum.saturating_add(*bucket));
    metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(float(sums.sum) / scale, count, &buckets, None)
}

fn counters<'a>(
    out: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels<'a>, u64)>,
) -> Result {
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    rows.into_iter().try_for_each(|(labels, count)| {
        sample(&mut metric, &labels, |sample| sample.encode_counter::<NoLabelSet, u64, f64>(&count, None))
    })
}

fn gauges<'a>(
    out: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels<'a>, u64)>,
) -> Result {
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    rows.into_iter().try_for_each(|(labels, value)| sample(&mut metric, &labels, |sample| sample.encode_gauge(&value)))
}

/// Without labels there are no braces.
fn sample(
    metric: &mut MetricEncoder,
    labels: &Labels<'_>,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> Result,
) -> Result {
    if labels.is_empty() { encode(metric) } else { encode(&mut metric.encode_family(labels)?) }
}

/// Since the epoch; what lies before it is shown as the epoch.
fn seconds(moment: Moment) -> u64 {
    u64::try_from(moment.secs()).unwrap_or(0)
}

fn process_metric(out: &mut DescriptorEncoder, reading: &Reading) -> Result {
    let Reading { name, help, counter, value } = reading;
    let kind = if *counter { MetricType::Counter } else { MetricType::Gauge };
    let mut metric = out.encode_descriptor(name, help, None, kind)?;
    if *counter { metric.encode_counter::<NoLabelSet, f64, f64>(value, None) } else { metric.encode_gauge(value) }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "metrics are floats; 53 bits are plenty")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;

    use super::super::Telemetry;
    use super::super::cells::{KEYS_MAX, OTHER};
    use super::super::fixture::{key, record, route};
    use super::super::gauges::{Fill, Replay};
    use super::super::record::Verdict;
    use super::*;
    use crate::policy::operations::AuditSink;
    use crate::reject::{Code, Rejection};
    use crate::sig::key::{Key, Window};
    use crate::sig::keyring::Keyring;

    fn telemetry() -> Arc<Telemetry> {
        Telemetry::new(&AuditSink::Off).unwrap()
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
                        shard.finish(&told);
                    });
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        let text = telemetry.render(&Gauges::default());
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
            shard.finish(&told);
        }
        let text = telemetry.render(&Gauges::default());
        let samples = samples(&text);
        let cases = [("past", "0.1", 1.0), ("past", "1.0", 2.0), ("past", "2.0", 3.0), ("past", "+Inf", 3.0)];
        let future =
            [("future", "0.5", 1.0), ("future", "60.0", 1.0), ("future", "120.0", 2.0), ("future", "+Inf", 2.0)];
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
            shard.finish(&told);
        }
        assert_eq!(telemetry.key_uses(), []);
        let mut told = record();
        told.key = Some(key("a"));
        shard.finish(&told);
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
            shard.finish(&told);
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
        telemetry.shard().finish(&told);
        let text = telemetry.render(&Gauges::default());
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
            shard.finish(&told);
        }
        let text = telemetry.render(&Gauges::default());
        assert!(text.contains(r#"countersign_upstream_errors_total{upstream="app",code="upstream_timeout"} 2"#));
        assert_eq!(text.matches("countersign_upstream_errors_total{").count(), 1);
    }

    #[test]
    fn label_values_of_the_configuration_are_escaped() {
        let telemetry = telemetry();
        let mut told = record();
        told.route = Some(route("/a\"b\\c\nd"));
        telemetry.shard().finish(&told);
        let text = telemetry.render(&Gauges::default());
        assert!(text.contains(r#"route="/a\"b\\c\nd""#), "{text}");
        samples(&text);
    }

    #[test]
    fn every_metric_is_in_the_manual_and_the_manual_names_no_other() {
        let telemetry = telemetry();
        telemetry.reloaded(true);
        telemetry.reloaded(false);
        let fill = Fill { used: 1, capacity: 2 };
        let gauges = Gauges {
            generation: 3,
            loaded: Moment::from_secs(1),
            connections: vec![("public".into(), 1)],
            upstream_in_flight: vec![("app".into(), 1)],
            connect_failures: vec![("app".into(), 1)],
            replay: Replay { fill, claimed: 1, replayed: 1, released: 1 },
            budgets: vec![("memory", fill)],
            rings: Vec::new(),
        };
        let window = Window { from: None, until: Some(Moment::from_secs(9)) };
        let ending = Key { sign: window, verify: window, created: Some(Moment::from_secs(1)), ..(*key("k")).clone() };
        let ring = Arc::new(Keyring::new("partners", vec![ending]).unwrap());
        let gauges = gauges.keyrings(&[ring], Moment::from_secs(8));
        let text = telemetry.render(&gauges);
        samples(&text);
        assert!(text.contains("countersign_key_end_timestamp_seconds{keyring=\"partners\",key=\"k\"} 9\n"));
        assert!(text.contains("countersign_last_reload_successful 0\n"));
        assert!(text.contains("countersign_reloads_total{result=\"success\"} 1\n"));
        let suffixed = |name: &str, kind: &str| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let shown: HashSet<String> = types.map(|(name, kind)| suffixed(name, kind)).collect();
        let manual = include_str!("../../docs/metrics.md");
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(['`', '{']));
        let told: HashSet<String> = rows.map(|(name, _)| name.to_owned()).collect();
        assert_eq!(shown, told);
    }
}
