//! A key in use: from where, how far its sender's clock is off, and whether it should still be used at all.

use std::sync::Arc;
use std::time::Duration;

use super::anomaly::{Finding, Kind};
use super::network::Network;
use crate::policy::operations::Anomalies;
use crate::sig::time::Moment;

/// Most networks that one key has. One that has more comes from everywhere: nothing is new of it.
const NETWORKS: usize = 64;

/// So many stamps are looked at before a clock is said to be wrong.
const STAMPS: u32 = 8;

/// Over about how many stamps the mean is taken.
const MEMORY: i64 = 8;

/// How often it is told that a key is still used.
const AGAIN: Duration = Duration::from_hours(1);

/// One request that a key verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sighting {
    /// The key's id.
    pub(super) key: Arc<str>,
    pub(super) network: Option<Network>,
    /// Our clock minus the stamp, in milliseconds.
    pub(super) skew: Option<i64>,
    /// How far a stamp may lie in the past and in the future, in milliseconds.
    pub(super) window: Option<(i64, i64)>,
    /// Whether the key signs no more and only verifies.
    pub(super) retiring: bool,
}

/// What is known of a key.
pub(super) struct Acquaintance {
    first: Moment,
    last: Moment,
    networks: Vec<Network>,
    stamps: u32,
    mean: i64,
    drifts: bool,
    retiring_told: Option<Moment>,
}

impl Acquaintance {
    pub(super) const fn new(now: Moment) -> Self {
        Self { first: now, last: now, networks: Vec::new(), stamps: 0, mean: 0, drifts: false, retiring_told: None }
    }

    /// When it was last used.
    pub(super) const fn last(&self) -> Moment {
        self.last
    }

    /// What is unusual about this use.
    pub(super) fn again(&mut self, sighting: &Sighting, settings: &Anomalies, now: Moment) -> Vec<Finding> {
        self.last = self.last.max(now);
        let told = |kind| Finding { key: Some(Arc::clone(&sighting.key)), ..Finding::new(kind) };
        let mut found = Vec::new();
        if let Some(network) = sighting.network
            && self.is_new(network)
            && settings.new_networks
            && now.since(self.first) >= settings.learn
        {
            found.push(Finding { network: Some(network), ..told(Kind::NewNetwork) });
        }
        if self.drifted(sighting, settings) {
            found.push(Finding { skew: Some(self.mean), ..told(Kind::SkewDrift) });
        }
        if sighting.retiring && settings.retiring_keys && self.is_time(now) {
            self.retiring_told = Some(now);
            found.push(Finding { network: sighting.network, ..told(Kind::RetiringKey) });
        }
        found
    }

    fn is_new(&mut self, network: Network) -> bool {
        if self.networks.contains(&network) || self.networks.len() >= NETWORKS {
            return false;
        }
        self.networks.push(network);
        true
    }

    /// Told when the mean passes the edge that is allowed, and again after it has come back well within.
    fn drifted(&mut self, sighting: &Sighting, settings: &Anomalies) -> bool {
        let (Some(skew), Some((past, future))) = (sighting.skew, sighting.window) else { return false };
        let step = if self.stamps == 0 { 1 } else { MEMORY };
        let change = skew.saturating_sub(self.mean).checked_div(step).unwrap_or_default();
        self.mean = self.mean.saturating_add(change);
        self.stamps = self.stamps.saturating_add(1);
        let edge = if self.mean < 0 { future } else { past };
        let off = self.mean.saturating_abs().saturating_mul(100);
        let allowed = edge.saturating_mul(settings.skew.into());
        let is_off = settings.skew > 0 && edge > 0 && off >= allowed && self.stamps >= STAMPS;
        let alarms = is_off && !self.drifts;
        self.drifts = is_off || self.drifts && off.saturating_mul(4) >= allowed.saturating_mul(3);
        alarms
    }

    fn is_time(&self, now: Moment) -> bool {
        self.retiring_told.is_none_or(|told| now.since(told) >= AGAIN)
    }
}
