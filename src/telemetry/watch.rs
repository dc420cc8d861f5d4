//! Looking for what is unusual in the traffic, off the request's path, with nothing but what this process has seen.
//!
//! **Invariant:** every table is bounded, whoever sends; a key is known here only if a keyring has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::anomaly::{Finding, Kind};
use super::network::Network;
use super::series::{Series, Threshold};
use super::sighting::{Acquaintance, Sighting};
use crate::policy::gate::Named;
use crate::policy::operations::Anomalies;
use crate::reject::Code;
use crate::sig::time::Moment;

/// Most keys, and most networks, that are told apart.
pub(super) const TOLD_APART: usize = 4096;

const MINUTE: i64 = 60_000;

/// A key that was silent for so long is met as a new one.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);

/// A refused request, as far as it says something here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) network: Option<Network>,
    /// The key that matched, or else the one that was named.
    pub(super) named: Named,
}

/// Everything that is remembered.
pub(super) struct Watch {
    settings: Anomalies,
    minute: i64,
    keys: HashMap<Arc<str>, Series>,
    sources: HashMap<Network, Series>,
    replays: HashMap<Arc<str>, Series>,
    unknown: Series,
    met: HashMap<Arc<str>, Acquaintance>,
}

impl Watch {
    pub(super) fn new(settings: Anomalies) -> Self {
        Self {
            settings,
            minute: 0,
            keys: HashMap::new(),
            sources: HashMap::new(),
            replays: HashMap::new(),
            unknown: Series::default(),
            met: HashMap::new(),
        }
    }

    /// A request was refused at `now`.
    pub(super) fn refused(&mut self, refusal: Refusal, now: Moment) -> Vec<Finding> {
        self.turn(now);
        let Refusal { code, network, named } = refusal;
        let mut found = Vec::new();
        let is_replay = matches!(code, Code::Replayed | Code::ReplayUnsettled);
        if let Some(network) = network {
            let series = counted(&mut self.sources, network, threshold(&self.settings, Kind::SourceRefusals));
            found.extend(series.map(|count| Finding {
                network: Some(network),
                count: Some(count),
                ..Finding::new(Kind::SourceRefusals)
            }));
        }
        match named {
            Named::Nobody => {}
            Named::Unknown => {
                let alarms = self.unknown.add(threshold(&self.settings, Kind::UnknownKeys));
                let count = Some((self.unknown.count(), self.unknown.usual()));
                found.extend(alarms.then(|| Finding { network, count, ..Finding::new(Kind::UnknownKeys) }));
            }
            Named::Known(key) => {
                let (kind, table) = if is_replay {
                    (Kind::ReplayBurst, &mut self.replays)
                } else {
                    (Kind::KeyRefusals, &mut self.keys)
                };
                let count = counted(table, Arc::clone(&key), threshold(&self.settings, kind));
                found.extend(count.map(|count| Finding {
                    key: Some(key),
                    count: Some(count),
                    network,
                    ..Finding::new(kind)
                }));
            }
        }
        found
    }

    /// A key verified a request at `now`. Not every request comes here: see [`super::cells`].
    pub(super) fn used(&mut self, sighting: &Sighting, now: Moment) -> Vec<Finding> {
        self.turn(now);
        if let Some(known) = self.met.get_mut(&sighting.key) {
            return known.again(sighting, &self.settings, now);
        }
        if self.met.len() >= TOLD_APART {
            self.met.retain(|_, known| now.since(known.last()) < FORGOTTEN);
        }
        if self.met.len() >= TOLD_APART {
            return Vec::new();
        }
        let known = self.met.entry(Arc::clone(&sighting.key)).or_insert_with(|| Acquaintance::new(now));
        known.again(sighting, &self.settings, now)
    }

    /// Whether there is no count that time would change.
    pub(super) fn is_settled(&self) -> bool {
        self.keys.is_empty() && self.sources.is_empty() && self.replays.is_empty() && self.unknown.is_forgettable()
    }

    /// Ends the minutes that are over at `now`.
    pub(super) fn turn(&mut self, now: Moment) {
        let minute = now.millis().div_euclid(MINUTE);
        let over = minute.saturating_sub(self.minute);
        // A request that ends late is of this minute; a clock that was set back is followed.
        if matches!(over, 0 | -1) {
            return;
        }
        self.minute = minute;
        let of = |kind| threshold(&self.settings, kind);
        ended(&mut self.keys, over, of(Kind::KeyRefusals));
        ended(&mut self.sources, over, of(Kind::SourceRefusals));
        ended(&mut self.replays, over, of(Kind::ReplayBurst));
        self.unknown.turn(over, of(Kind::UnknownKeys));
    }
}

fn threshold(settings: &Anomalies, kind: Kind) -> Threshold {
    let least = match kind {
        Kind::KeyRefusals => settings.key_refusals,
        Kind::SourceRefusals => settings.source_refusals,
        Kind::ReplayBurst => settings.replays,
        Kind::UnknownKeys => settings.unknown_keys,
        Kind::NewNetwork | Kind::SkewDrift | Kind::RetiringKey => 0,
    };
    Threshold { least, factor: settings.factor }
}

/// One more; the count and the usual one where that is an alarm. Who finds no room is not counted.
fn counted<K: Eq + std::hash::Hash>(
    table: &mut HashMap<K, Series>,
    place: K,
    threshold: Threshold,
) -> Option<(u64, u64)> {
    let has_room = table.len() < TOLD_APART;
    let series = if has_room { table.entry(place).or_default() } else { table.get_mut(&place)? };
    series.add(threshold).then(|| (series.count(), series.usual()))
}

fn ended<K: Eq + std::hash::Hash>(table: &mut HashMap<K, Series>, minutes: i64, threshold: Threshold) {
    for series in table.values_mut() {
        series.turn(minutes, threshold);
    }
    table.retain(|_, series| !series.is_forgettable());
}

#[cfg(test)]
mod tests;
