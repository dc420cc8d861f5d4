//! Counters as `OpenMetrics` text: the names of docs/metrics.md.

mod connections;
pub(super) mod form;
mod keys;
mod losses;
#[cfg(test)]
mod manual;

use std::collections::BTreeMap;
use std::fmt::Result;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use self::form::Form;
use super::cells::{MEASURES, Measure};
use super::gauges::Gauges;
use super::process::{self, Reading as Metric};
use super::totals::{RouteTotals, Sums, Totals};
use crate::rate::Reading;
use crate::reject::{Blame, Code};
use crate::sig::time::Moment;

/// Labels of one sample.
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Everything as text. Writing to a string does not fail; if it did, the scrape would be empty and Prometheus would say so.
pub(super) fn render(mut totals: Totals, gauges: &Gauges, form: Form) -> String {
    let exemplars: Vec<_> = totals.routes.values_mut().flat_map(RouteTotals::take_exemplars).collect();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { totals, gauges: gauges.clone(), process: process::readings() }));
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear();
    }
    match form {
        Form::OpenMetrics if exemplars.iter().all(Option::is_none) => text,
        Form::OpenMetrics => form::with_exemplars(&text, exemplars),
        Form::Text => form::older(&text),
    }
}

#[derive(Debug)]
struct Scrape {
    totals: Totals,
    gauges: Gauges,
    process: Vec<Metric>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result {
        let out = &mut encoder;
        Self::build_info(out)?;
        self.requests(out)?;
        self.turned_away(out)?;
        self.certificates(out)?;
        MEASURES.chunk_by(|a, b| a.name == b.name).try_for_each(|family| self.histograms(out, family))?;
        self.keys(out)?;
        self.keyrings(out)?;
        self.upstreams(out)?;
        self.reloads(out)?;
        self.replay(out)?;
        self.rates(out)?;
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
            totals
                .classes
                .iter()
                .zip(classes)
                .map(move |(count, class)| (vec![("route", &**route), ("class", class)], *count))
        });
        counters(out, "countersign_responses", "Responses to clients by status class", rows)?;
        let rows = [(Vec::new(), self.totals.in_flight)];
        gauges(out, "countersign_in_flight_requests", "Requests that have begun and are not over", rows)?;
        self.connections(out)
    }

    fn histograms(&self, out: &mut DescriptorEncoder, family: &[&Measure]) -> Result {
        let Some(first) = family.first() else { return Ok(()) };
        let mut metric = out.encode_descriptor(first.name, first.help, None, MetricType::Histogram)?;
        for (route, totals) in &self.totals.routes {
            in_family(totals, first.name).try_for_each(|sums| histogram(&mut metric, route, sums))?;
        }
        Ok(())
    }

    fn upstreams(&self, out: &mut DescriptorEncoder) -> Result {
        let counted =
            self.totals.upstream_errors.iter().map(|((upstream, code), count)| ((&**upstream, *code), *count));
        let rows = self.no_upstream_errors().chain(counted).collect::<BTreeMap<_, _>>().into_iter();
        let rows =
            rows.map(|((upstream, code), count)| (vec![("upstream", upstream), ("code", code.reason().code)], count));
        counters(out, "countersign_upstream_errors", "Requests that an upstream did not answer properly", rows)?;
        let rows = self.gauges.connect_failures.iter().map(by_name);
        counters(out, "countersign_upstream_connect_failures", "Connection attempts that failed", rows)?;
        let rows = self.gauges.upstream_in_flight.iter().map(by_name);
        gauges(out, "countersign_upstream_in_flight_requests", "Requests that an upstream is working on", rows)?;
        self.health(out)
    }

    /// A zero for every way in which an upstream can fail: the first failure is seen as a change.
    fn no_upstream_errors(&self) -> impl Iterator<Item = ((&str, Code), u64)> {
        let upstreams = self.gauges.upstream_in_flight.iter().map(|(name, _)| &**name);
        let codes = || Code::ALL.iter().filter(|code| code.reason().blame == Blame::Upstream);
        upstreams.flat_map(move |upstream| codes().map(move |code| ((upstream, *code), 0)))
    }

    fn health(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.health.iter().flat_map(|health| {
            let healthy = health.healthy();
            let states = [("healthy", healthy), ("unhealthy", health.addresses.len().saturating_sub(healthy))];
            states.map(|(state, count)| (vec![("upstream", &*health.upstream), ("state", state)], wide(count)))
        });
        gauges(out, "countersign_upstream_addresses", "Addresses of an upstream with health checks", rows)?;
        let rows = self.gauges.health.iter().flat_map(|health| {
            let [passed, failed] = health.checks;
            let results = [("pass", passed), ("fail", failed)];
            results.map(|(result, count)| (vec![("upstream", &*health.upstream), ("result", result)], count))
        });
        counters(out, "countersign_upstream_health_checks", "Active health checks by result", rows)?;
        let rows = self.gauges.health.iter().flat_map(|health| {
            let [active, passive] = health.outages;
            let by = [("active", active), ("passive", passive)];
            by.map(|(by, count)| (vec![("upstream", &*health.upstream), ("by", by)], count))
        });
        counters(out, "countersign_upstream_outages", "How often an address was taken out by health checks", rows)
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
        counters(out, "countersign_replay_claims", "Claims of the replay store by result", rows)?;
        let Some(store) = &self.gauges.shared else { return Ok(()) };
        let rows = [(Vec::new(), u64::from(store.trouble.is_none()))];
        gauges(out, "countersign_replay_store_up", "0 while the shared replay store cannot be asked", rows)?;
        let results = [("new", store.new), ("seen", store.seen), ("away", store.away)];
        let rows = results.map(|(result, count)| (vec![("result", result)], count));
        counters(out, "countersign_replay_store_claims", "Claims of the shared replay store by result", rows)?;
        let rows = [(Vec::new(), store.unchecked)];
        let help = "Requests that passed while the shared replay store could not be asked";
        counters(out, "countersign_replay_unchecked", help, rows)?;
        let rows = [(Vec::new(), store.alone)];
        let help = "Tokens of shared rates that this gateway counted alone since the shared store did not answer";
        counters(out, "countersign_rate_unshared", help, rows)
    }

    fn rates(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = |count: fn(&Reading) -> u64| {
            let rates = self.gauges.rates.iter();
            rates.map(move |rate| (vec![("per", rate.per.name()), ("pool", &*rate.pool)], count(rate)))
        };
        let used = rows(|rate| wide(rate.buckets));
        gauges(out, "countersign_rate_buckets", "Token buckets that are not full", used)?;
        let most = rows(|rate| wide(rate.capacity));
        gauges(out, "countersign_rate_capacity", "Most token buckets that are told apart", most)?;
        let crowded = rows(|rate| rate.crowded);
        counters(out, "countersign_rate_crowded", "Requests without room for a token bucket of their own", crowded)
    }

    fn budgets(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.budgets.iter().map(|(name, fill)| (vec![("budget", *name)], fill.used));
        gauges(out, "countersign_held_body_bytes", "Bytes of request bodies that are held", rows)?;
        let rows = self.gauges.budgets.iter().map(|(name, fill)| (vec![("budget", *name)], fill.capacity));
        gauges(out, "countersign_held_body_capacity_bytes", "Most bytes of request bodies that are held", rows)
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

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Since the epoch; what lies before it is shown as the epoch.
fn seconds(moment: Moment) -> u64 {
    u64::try_from(moment.secs()).unwrap_or(0)
}

fn process_metric(out: &mut DescriptorEncoder, reading: &Metric) -> Result {
    let Metric { name, help, counter, value } = reading;
    let kind = if *counter { MetricType::Counter } else { MetricType::Gauge };
    let mut metric = out.encode_descriptor(name, help, None, kind)?;
    if *counter { metric.encode_counter::<NoLabelSet, f64, f64>(value, None) } else { metric.encode_gauge(value) }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "metrics are floats; 53 bits are plenty")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
