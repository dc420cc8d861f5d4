//! Metrics of listeners and the connections to them.

use std::fmt::Result;
use std::sync::Arc;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Labels, Scrape, counters, gauges, seconds};

impl Scrape {
    pub(super) fn connections(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.connections.iter().map(by_listener);
        gauges(out, "countersign_connections", "Open client connections", rows)?;
        let rows = self.gauges.accept_failures.iter().map(by_listener);
        counters(out, "countersign_accept_failures", "Waiting connections that could not be accepted", rows)?;
        let names: Vec<String> = (0..self.gauges.worker_connections.len()).map(|worker| worker.to_string()).collect();
        let rows = names.iter().zip(&self.gauges.worker_connections);
        let rows = rows.map(|(name, count)| (vec![("worker", name.as_str())], *count));
        gauges(out, "countersign_worker_connections", "Open client connections by worker", rows)
    }

    pub(super) fn turned_away(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.turned_away.iter().map(by_reason);
        counters(out, "countersign_connections_turned_away", "Connections closed before their first request", rows)?;
        let rows = self.gauges.cut_off.iter().map(by_reason);
        counters(out, "countersign_connections_cut_off", "Connections ended for what they did beside asking", rows)
    }

    pub(super) fn certificates(&self, out: &mut DescriptorEncoder) -> Result {
        let rows = self.gauges.certificates.iter();
        let rows = rows.map(|one| (vec![("listener", &*one.listener), ("name", &*one.name)], seconds(one.ends)));
        gauges(out, "countersign_certificate_expiry_timestamp_seconds", "When a certificate of a listener ends", rows)
    }
}

fn by_listener((name, count): &(Arc<str>, u64)) -> (Labels<'_>, u64) {
    (vec![("listener", &**name)], *count)
}

fn by_reason<'a>((name, reason, count): &'a (Arc<str>, &'static str, u64)) -> (Labels<'a>, u64) {
    (vec![("listener", &**name), ("reason", *reason)], *count)
}
