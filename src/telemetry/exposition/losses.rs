//! What was not told one by one: audit lines that were lost or left out, and what was found in all of them.

use std::fmt::Result;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Scrape, counters, gauges};

impl Scrape {
    pub(super) fn losses(&self, out: &mut DescriptorEncoder) -> Result {
        let by = |label: &'static str, rows: &[(&'static str, u64)]| {
            rows.iter().map(|(value, count)| (vec![(label, *value)], *count)).collect::<Vec<_>>()
        };
        let rows = by("reason", &self.totals.audit_dropped);
        counters(out, "countersign_audit_lines_dropped", "Audit lines that were lost", rows)?;
        let rows = by("reason", &self.totals.audit_omitted);
        counters(out, "countersign_audit_lines_omitted", "Audit lines that were left out, as configured", rows)?;
        let rows = [(Vec::new(), self.totals.audit_waiting)];
        gauges(out, "countersign_audit_lines_waiting", "Audit lines that wait to be written", rows)?;
        let rows = by("kind", &self.totals.anomalies);
        counters(out, "countersign_anomalies", "What was unusual in the traffic", rows)?;
        let rows = [(Vec::new(), self.totals.trailers_dropped)];
        counters(out, "countersign_request_trailers_dropped", "Requests whose trailers were dropped", rows)
    }
}
