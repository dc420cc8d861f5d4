//! What the rest of the process knows at the moment of a scrape.

use std::sync::Arc;

use crate::policy::upkeep::retire::Answer;
use crate::policy::upkeep::{Member, Table, Upkeep, View};
use crate::sig::time::Moment;

/// Values that are asked for once per scrape.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Number of the configuration in force.
    pub generation: u64,
    /// When it was loaded.
    pub loaded: Moment,
    /// Open client connections by listener name.
    pub connections: Vec<(Arc<str>, u64)>,
    /// Attempts to accept a waiting connection that failed, by listener name, since the start.
    pub accept_failures: Vec<(Arc<str>, u64)>,
    /// Open client connections by worker.
    pub worker_connections: Vec<u64>,
    /// Requests in flight by upstream name.
    pub upstream_in_flight: Vec<(Arc<str>, u64)>,
    /// Failed connection attempts by upstream name, since the start.
    pub connect_failures: Vec<(Arc<str>, u64)>,
    /// The upstreams with health checks.
    pub health: Vec<Health>,
    /// The replay store.
    pub replay: Replay,
    /// The shared replay store, where there is one.
    pub shared: Option<SharedStore>,
    /// The pools of token buckets.
    pub rates: Vec<crate::rate::Reading>,
    /// Connections that were closed before their first request: listener, reason, count since the start.
    pub turned_away: Vec<(Arc<str>, &'static str, u64)>,
    /// HTTP/2 connections that were ended for what they did beside asking: listener, reason, count since the start.
    pub cut_off: Vec<(Arc<str>, &'static str, u64)>,
    /// The certificates that listeners show.
    pub certificates: Vec<Certificate>,
    /// Budgets of held bodies by name (`memory`, `spool`).
    pub budgets: Vec<(&'static str, Fill)>,
    /// The keyrings in force: see [`Gauges::keyrings`].
    pub rings: Vec<Ring>,
}

/// How an upstream with health checks is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Its name.
    pub upstream: Arc<str>,
    /// Its addresses as resolved last, and whether each is healthy.
    pub addresses: Vec<(String, bool)>,
    /// Active checks since the start: passed, failed.
    pub checks: [u64; 2],
    /// How often an address was taken out since the start: by active checks, by passive ones.
    pub outages: [u64; 2],
}

/// What a listener shows to who asks for a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The server name; empty for clients that ask for none of the names.
    pub name: Arc<str>,
    /// When the first certificate of the chain ends.
    pub ends: Moment,
}

/// What is measured of a keyring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    /// Its name.
    pub name: Arc<str>,
    /// Keys that can verify or sign at the moment.
    pub usable: u64,
    /// Every key; of a large ring (`Keyring::is_large`) none.
    pub keys: Vec<KeyLife>,
}

/// When a key was made and when it ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyLife {
    /// Its id.
    pub id: Arc<str>,
    /// When it was made, where known.
    pub created: Option<Moment>,
    /// When it stops verifying and signing; `None` is never.
    pub until: Option<Moment>,
    /// When it reaches `max_age`, where known.
    pub due: Option<Moment>,
    /// Whether it is safe to retire, as far as is known.
    pub safe: bool,
}

impl Gauges {
    /// With what keyrings are at `now`, and their uses that were counted since `since`.
    #[must_use]
    pub fn keyrings(self, upkeep: &[Upkeep], uses: &Table, since: Moment, now: Moment) -> Self {
        Self { rings: upkeep.iter().map(|upkeep| Ring::of(&upkeep.view(uses, since, now))).collect(), ..self }
    }
}

impl Health {
    /// How many addresses are healthy.
    pub fn healthy(&self) -> usize {
        self.addresses.iter().filter(|(_, healthy)| *healthy).count()
    }
}

impl Ring {
    fn of(view: &View<'_>) -> Self {
        let ring = &view.upkeep.ring;
        let life = |member: &Member| {
            let key = &member.key;
            let until = key.sign.until.zip(key.verify.until).map(|(sign, verify)| sign.max(verify));
            let due = view.upkeep.due(key);
            let safe = view.retire(member).answer == Answer::Yes;
            KeyLife { id: Arc::clone(&key.id), created: key.created, until, due, safe }
        };
        let keys = if ring.is_large() { Vec::new() } else { view.members.iter().map(life).collect() };
        let usable = u64::try_from(ring.count_usable(view.now)).unwrap_or(u64::MAX);
        Self { name: Arc::clone(ring.name()), usable, keys }
    }
}

/// How full the replay store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// Live entries of most entries.
    pub fill: Fill,
    /// Claims that were new, since the start.
    pub claimed: u64,
    /// Claims that were refused as replays, since the start.
    pub replayed: u64,
    /// Claims that were given back, since the start.
    pub released: u64,
}

/// How a replay store fares that several gateways share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SharedStore {
    /// Why it cannot be asked, while it cannot.
    pub trouble: Option<Arc<String>>,
    /// Claims that nobody had.
    pub new: u64,
    /// Claims that another gateway had.
    pub seen: u64,
    /// Claims without an answer in time.
    pub away: u64,
    /// Requests that passed all the same.
    pub unchecked: u64,
    /// Tokens that were taken without asking it.
    pub alone: u64,
}

/// How much of how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fill {
    /// In use.
    pub used: u64,
    /// At most.
    pub capacity: u64,
}
