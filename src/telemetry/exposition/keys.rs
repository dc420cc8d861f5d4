//! Metrics of keys and keyrings: who is used, who is old, who may go.

use std::fmt::Result;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Scrape, counters, gauges, seconds};

impl Scrape {
    pub(super) fn keys(&self, out: &mut DescriptorEncoder) -> Result {
        let uses = self.totals.key_uses();
        let rows = uses.iter().map(|used| (vec![("route", &*used.route), ("key", &*used.key)], used.count));
        counters(out, "countersign_key_uses", "Requests that a key verified", rows)?;
        let rows = uses.iter().map(|used| (vec![("route", &*used.route), ("key", &*used.key)], seconds(used.last)));
        gauges(out, "countersign_key_last_used_timestamp_seconds", "When a key last verified a request", rows)
    }

    pub(super) fn keyrings(&self, out: &mut DescriptorEncoder) -> Result {
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
        gauges(out, "countersign_key_end_timestamp_seconds", "When a key stops verifying and signing", rows)?;
        let rows = lives().filter_map(|(labels, key)| Some((labels, seconds(key.due?))));
        gauges(out, "countersign_key_due_timestamp_seconds", "When a key reaches max_age, where known", rows)?;
        let rows = lives().map(|(labels, key)| (labels, u64::from(key.safe)));
        gauges(out, "countersign_key_safe_to_retire", "1 where nobody needs a key any more", rows)
    }
}
