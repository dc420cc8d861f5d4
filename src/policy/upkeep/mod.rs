//! What the owner of a keyring has to know beside its keys: what it is for, who uses them, which may go, and what comes next.

pub mod retire;
pub mod rotation;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::seal::With;
use crate::sig::key::{Key, State};
use crate::sig::keyring::Keyring;
use crate::sig::time::Moment;

/// How long both sides have for a change of keys, where nobody says otherwise.
pub const OVERLAP: Duration = Duration::from_hours(72);

/// A keyring, what the routes do with it, and what its owner demands.
#[derive(Clone)]
pub struct Upkeep {
    /// The ring.
    pub ring: Arc<Keyring>,
    /// Where its keys are kept.
    pub origin: Origin,
    /// Keys older than this want to be replaced.
    pub max_age: Duration,
    /// A key that nobody has used for so long is not used any more.
    pub quiet: Duration,
    /// Whether a route checks signatures with it.
    pub verifies: bool,
    /// Whether a route signs with it, and with which of its keys.
    pub signs: Option<With>,
}

/// Where the keys of a ring are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A key file.
    File(PathBuf),
    /// A directory of keys.
    Directory(PathBuf),
    /// The environment of the process.
    Environment,
    /// The configuration itself.
    Configuration,
    /// A token, which shows them to nobody.
    Token(Pkcs11),
}

/// Where a token is found, and which of its keys are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pkcs11 {
    /// The library of its maker.
    pub module: PathBuf,
    /// Its label.
    pub token: String,
    /// A file with the PIN of its user.
    pub pin_file: PathBuf,
    /// How the labels of the keys begin.
    pub prefix: String,
}

impl Origin {
    /// One word for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Directory(_) => "directory",
            Self::Environment => "env",
            Self::Configuration => "keys",
            Self::Token(_) => "pkcs11",
        }
    }
}

/// How often, and when last, a key was good for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Use {
    /// Requests since the process started.
    pub count: u64,
    /// Of these, requests in the last hour: of 60 to 65 minutes, never of fewer.
    pub hour: u64,
    /// When the last of them came in, to the second.
    pub last: Option<Moment>,
}

impl Use {
    /// What two observers saw.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (count, hour) = (self.count.saturating_add(other.count), self.hour.saturating_add(other.hour));
        Self { count, hour, last: self.last.max(other.last) }
    }
}

/// With which use of a key something was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// A signature under it held.
    Verify,
    /// A signature was made with it.
    Sign,
}

/// Uses of every key that was used, by ring and id.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rings: HashMap<Arc<str>, HashMap<Arc<str>, [Use; 2]>>,
    /// When a key last verified something that was not told apart.
    pub other: Option<Moment>,
}

impl Table {
    /// Uses of one key that one observer saw: verifying, signing.
    pub fn add(&mut self, ring: &Arc<str>, key: &Arc<str>, [verified, signed]: [Use; 2]) {
        let known = self.rings.entry(Arc::clone(ring)).or_default().entry(Arc::clone(key)).or_default();
        *known = [known[0].and(verified), known[1].and(signed)];
    }

    /// Uses of keys that were not told apart.
    pub fn add_other(&mut self, verified: Use) {
        self.other = self.other.max(verified.last);
    }

    /// Uses of this key: verifying, signing.
    pub fn of(&self, ring: &str, key: &str) -> [Use; 2] {
        self.rings.get(ring).and_then(|keys| keys.get(key)).copied().unwrap_or_default()
    }

    /// Ids of the keys of a ring that were used.
    fn used(&self, ring: &str) -> impl Iterator<Item = &Arc<str>> {
        self.rings.get(ring).into_iter().flat_map(HashMap::keys)
    }
}

/// A key and its use.
#[derive(Clone)]
pub struct Member {
    /// The key.
    pub key: Arc<Key>,
    /// Its place in the ring.
    pub place: usize,
    /// Signatures under it that held, whatever became of the requests.
    pub verified: Use,
    /// Signatures that were made with it.
    pub signed: Use,
    /// Whether the gateway has it as it stands here.
    pub loaded: bool,
}

/// Since when somebody has been counting, and how well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Start of the youngest process.
    pub since: Moment,
    /// Whether keys were used, within the quiet time, that were too many to be told apart.
    pub blurred: bool,
}

/// A ring at one moment, as far as somebody looked.
pub struct View<'a> {
    /// The ring.
    pub upkeep: &'a Upkeep,
    /// Its keys, in order; of a large ring those that were used.
    pub members: Vec<Member>,
    /// `None` where no gateway was asked.
    pub watch: Option<Watch>,
    /// The time.
    pub now: Moment,
}

/// How old a key is, in view of `max_age`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Age {
    /// Nobody wrote down when it was made.
    Unknown,
    /// Young enough.
    Fine,
    /// In the last tenth of its time: replace it soon.
    Aging,
    /// Older than `max_age`.
    TooOld,
}

impl Age {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fine => "fine",
            Self::Aging => "aging",
            Self::TooOld => "too_old",
        }
    }
}

impl Upkeep {
    /// The ring at `now`, with uses that were counted since `since`. Of a large one the keys that were used: nobody reads a list of very many.
    pub fn view(&self, uses: &Table, since: Moment, now: Moment) -> View<'_> {
        let (ring, name) = (&self.ring, &**self.ring.name());
        let places: Vec<usize> = if ring.is_large() {
            let mut places: Vec<_> = uses.used(name).filter_map(|id| ring.place(id)).collect();
            places.sort_unstable();
            places
        } else {
            (0..ring.len()).collect()
        };
        let member = |place: usize| {
            let key = ring.at(place)?;
            let [verified, signed] = uses.of(name, &key.id);
            Some(Member { key, place, verified, signed, loaded: true })
        };
        let blurred = uses.other.is_some_and(|last| now < last.plus(self.quiet));
        let members = places.into_iter().filter_map(member).collect();
        View { upkeep: self, members, watch: Some(Watch { since, blurred }), now }
    }

    /// When `key` reaches `max_age`.
    pub fn due(&self, key: &Key) -> Option<Moment> {
        key.created.map(|created| created.plus(self.max_age))
    }

    /// How old `key` is at `now`.
    pub fn age(&self, key: &Key, now: Moment) -> Age {
        match self.due(key) {
            None => Age::Unknown,
            Some(due) if due < now => Age::TooOld,
            Some(due) if due.minus(early(self.max_age)) <= now => Age::Aging,
            Some(_) => Age::Fine,
        }
    }

    /// Whether the key at `place` signs at `now`.
    pub fn signs_with(&self, place: usize, now: Moment) -> bool {
        match self.signs {
            None => false,
            Some(With::Newest) => self.ring.signers(now, 1).contains(&place),
            Some(With::All) => self.ring.signers(now, usize::MAX).contains(&place),
        }
    }
}

/// How long before `max_age` it is time to begin: a tenth of it.
pub fn early(max_age: Duration) -> Duration {
    max_age.checked_div(10).unwrap_or_default()
}

/// Whether the key can still be good for something, now or later.
fn is_open(key: &Key, now: Moment) -> bool {
    match key.state(now) {
        State::Pending | State::Active | State::Retiring => true,
        State::Expired => false,
    }
}

/// So long, as people say it: the largest unit that fits, whole.
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];
    let fits = units.iter().find(|(_, size)| seconds >= *size).unwrap_or(&units[3]);
    let count = seconds.checked_div(fits.1).unwrap_or(0);
    format!("{count} {}{}", fits.0, if count == 1 { "" } else { "s" })
}
