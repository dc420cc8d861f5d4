//! Which schemes, which keys: the part of a route that verifies.

mod ready;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::ready::Ready;
use crate::reject::{Code, Rejection};
use crate::sig::check::{Check, Terms};
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::ring::{Misfit, PreparedRing};
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;
use crate::sig::{Answering, Need, Site};

/// One way to pass: a scheme and the keys it is checked with.
pub struct Alternative {
    /// How it is signed.
    pub scheme: Arc<Scheme>,
    /// By whom.
    pub keys: Keys,
}

/// Where the keys of an alternative come from.
#[derive(Clone)]
pub enum Keys {
    /// One ring.
    Ring(Arc<Keyring>),
    /// The ring that path captures name; an unknown name answers like an unknown key.
    Captured {
        /// What the name is put together from.
        pattern: Vec<NamePart>,
        /// Rings by name.
        rings: HashMap<String, Arc<Keyring>>,
    },
}

impl Keys {
    fn rings(&self) -> Box<dyn Iterator<Item = &Arc<Keyring>> + '_> {
        match self {
            Self::Ring(ring) => Box::new(std::iter::once(ring)),
            Self::Captured { rings, .. } => Box::new(rings.values()),
        }
    }
}

/// A part of a captured ring's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamePart {
    /// As it stands.
    Literal(String),
    /// The raw bytes of a captured segment.
    Capture(Arc<str>),
}

/// Ordered alternatives of (scheme, keys), the first whose carrier is present is judged alone, right or wrong.
pub struct Gate {
    doors: Vec<Door>,
    protected: Vec<Bytes>,
    carriers: Vec<Bytes>,
    sets: Vec<Bytes>,
    challenge: Bytes,
    window: Option<(Duration, Duration)>,
}

/// Whose key a request names. A claim, and nothing more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// None, or the scheme has no key ids.
    Nobody,
    /// One of the ring, usable or not.
    Known(Arc<str>),
    /// One that the ring does not have.
    Unknown,
}

struct Door {
    scheme: Arc<Scheme>,
    keys: Ready,
}

impl Gate {
    /// Makes every key ready for its scheme. A scheme with `any_of` counts as its members, in order.
    pub fn new(alternatives: Vec<Alternative>) -> Self {
        let doors: Vec<Door> = alternatives.into_iter().flat_map(doors).collect();
        let schemes = || doors.iter().map(|door| &door.scheme);
        let (mut protected, mut carriers, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        schemes().for_each(|scheme| {
            protected.extend(scheme.facts().known_headers.iter().cloned());
            carriers.extend(scheme.facts().carrier_headers.iter().cloned());
            sets.extend(scheme.facts().sets.iter().cloned());
        });
        let (challenge, window) = (challenge(schemes()), window(schemes()));
        Self { protected: unique(protected), carriers: unique(carriers), sets: unique(sets), challenge, window, doors }
    }

    /// Reads the evidence and refuses cheaply: form, time; before any body byte. An unknown key id is not refused here.
    pub fn open(&self, head: &Head, site: Site<'_>, now: Moment, macs: usize) -> Result<Check, Rejection> {
        let door = self.door(head).ok_or(Code::SignatureMissing)?;
        let terms = Terms { site, now, macs, answering: None, behind: false };
        Check::open(&door.scheme, door.keys.usable(site, now), head, terms)
    }

    /// The same for the head of an answer: method, target and authority are the request's, the fields are the answer's own.
    pub fn open_answer(
        &self,
        head: &Head,
        answering: Answering<'_>,
        (site, now, macs): (Site<'_>, Moment, usize),
    ) -> Result<Check, Rejection> {
        let door = self.door(head).ok_or(Code::SignatureMissing)?;
        let terms = Terms { site, now, macs, answering: Some(answering), behind: false };
        Check::open(&door.scheme, door.keys.usable(site, now), head, terms)
    }

    /// The same where `announced` are the (lower-case) fields to come behind the body, for [`Check::learn`]; `None` where the signature is not one of them.
    pub fn open_answer_behind(
        &self,
        head: &Head,
        announced: &[Bytes],
        answering: Answering<'_>,
        (site, now, macs): (Site<'_>, Moment, usize),
    ) -> Option<Result<Check, Rejection>> {
        let mut whole = head.clone();
        for name in announced {
            whole.fields.append(name.clone(), "");
        }
        let may_follow = |door: &&Door| door.scheme.verifies_behind() && door.scheme.is_chosen(&whole);
        let door = self.doors.iter().find(may_follow).filter(|_| self.door(head).is_none())?;
        let terms = Terms { site, now, macs, answering: Some(answering), behind: true };
        Some(Check::open(&door.scheme, door.keys.usable(site, now), head, terms))
    }

    /// Whether a signature may come behind a body, so that trailers are worth asking for.
    pub fn verifies_behind(&self) -> bool {
        self.doors.iter().any(|door| door.scheme.verifies_behind())
    }

    /// Whether the request names a usable key that only observes; asked when [`Gate::open`] refused.
    pub fn observes(&self, head: &Head, site: Site<'_>, now: Moment) -> bool {
        self.door(head)
            .is_some_and(|door| door.keys.ring(site).is_some_and(|ring| ring.observes(&door.scheme, head, now)))
    }

    /// Whose key the request names; asked when it was refused.
    pub fn named(&self, head: &Head, site: Site<'_>) -> Named {
        let claimed = self.door(head).and_then(|door| Some((door, door.scheme.claimed_key_id(head)?)));
        let Some((door, id)) = claimed else { return Named::Nobody };
        let id = std::str::from_utf8(&id).ok();
        let known = id.filter(|id| door.keys.ring(site).is_some_and(|ring| ring.ring().place(id).is_some()));
        known.map_or(Named::Unknown, |id| Named::Known(id.into()))
    }

    /// The first alternative whose carriers are there; one that a fixed parameter speaks against only where no other is left.
    fn door(&self, head: &Head) -> Option<&Door> {
        let mut chosen = self.doors.iter().filter(|door| door.scheme.is_chosen(head));
        let first = chosen.next()?;
        let fits = |door: &&Door| door.scheme.fits(head);
        match self.doors.as_slice() {
            [_] => Some(first),
            _ => std::iter::once(first).chain(chosen).find(fits).or(Some(first)),
        }
    }

    /// The most that any alternative needs of the body.
    pub fn need(&self) -> Need {
        self.doors.iter().map(|door| door.scheme.need()).max().unwrap_or(Need::Head)
    }

    /// Lower-case names of headers that carry or are covered by a signature: never to be named in `Connection`.
    pub fn protected(&self) -> &[Bytes] {
        &self.protected
    }

    /// Lower-case names of headers that only carry evidence; removed with `strip_signature`.
    pub fn carriers(&self) -> &[Bytes] {
        &self.carriers
    }

    /// Lower-case names of headers that a valid signature sets for the upstream; copies that the client sent are removed.
    pub fn sets(&self) -> &[Bytes] {
        &self.sets
    }

    /// The largest `past` and `future` of the alternatives; `None` where one covers no timestamp.
    pub fn window(&self) -> Option<(Duration, Duration)> {
        self.window
    }

    /// How many MACs it takes to try everything that may match: keys × messages where the request need not name its key.
    pub fn macs(&self) -> usize {
        self.doors
            .iter()
            .flat_map(|door| door.keys.rings().map(|ring| door.scheme.trials(ring.ring().len())))
            .max()
            .unwrap_or(0)
    }

    /// Value of `WWW-Authenticate`, e.g. `HMAC scheme="timestamp-body", headers="X-HMAC-Timestamp X-HMAC-Signature"`.
    pub fn challenge(&self) -> &Bytes {
        &self.challenge
    }

    /// The schemes in order, members of `any_of` each on their own.
    pub fn schemes(&self) -> impl Iterator<Item = &Arc<Scheme>> {
        self.doors.iter().map(|door| &door.scheme)
    }

    /// The schemes in order, each with the ring that a request to `site` is checked with; none where nobody has that ring.
    pub fn doors(&self, site: Site<'_>) -> Vec<(&Arc<Scheme>, Option<Arc<PreparedRing>>)> {
        self.doors.iter().map(|door| (&door.scheme, door.keys.ring(site))).collect()
    }

    /// Every ring that can be asked.
    pub fn rings(&self) -> impl Iterator<Item = &Arc<Keyring>> {
        self.doors.iter().flat_map(|door| door.keys.rings()).map(|ring| ring.ring())
    }

    /// Names of the captures that choose the ring, whichever alternative is judged.
    pub fn captures(&self) -> Vec<Arc<str>> {
        let mut named = self.doors.iter().map(|door| door.keys.captures());
        let first = named.next().unwrap_or_default();
        named.fold(first, |all, other| all.into_iter().filter(|name| other.contains(name)).collect())
    }

    /// Every scheme with every ring that it can be checked with.
    pub fn pairs(&self) -> impl Iterator<Item = (&Arc<Scheme>, &Arc<Keyring>)> {
        self.doors.iter().flat_map(|door| door.keys.rings().map(move |ring| (&door.scheme, ring.ring())))
    }

    /// Keys that do not fit their scheme and are never used; the configuration refuses them.
    pub fn misfits(&self) -> Vec<Misfit> {
        let of_door =
            |door: &Door| -> Vec<Misfit> { door.keys.rings().flat_map(|ring| ring.misfits(&door.scheme)).collect() };
        self.doors.iter().flat_map(of_door).collect()
    }
}

fn doors(alternative: Alternative) -> Vec<Door> {
    let Alternative { scheme, keys } = alternative;
    let members = match scheme.alternatives() {
        [] => vec![scheme],
        members => members.to_vec(),
    };
    let door = |scheme: Arc<Scheme>| {
        let scheme = scheme.with_rings(keys.rings());
        Door { keys: Ready::new(&scheme, &keys), scheme }
    };
    members.into_iter().map(door).collect()
}

fn window<'a>(schemes: impl Iterator<Item = &'a Arc<Scheme>>) -> Option<(Duration, Duration)> {
    let windows = schemes.map(|scheme| scheme.facts().window.filter(|_| scheme.facts().covers.timestamp));
    let windows = windows.collect::<Option<Vec<_>>>()?;
    windows.into_iter().reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))
}

fn unique(mut names: Vec<Bytes>) -> Vec<Bytes> {
    names.sort_unstable();
    names.dedup();
    names
}

/// RFC 9110 §11.6.1: one challenge per scheme. Names only; what a caller must send, never what would have been right.
fn challenge<'a>(schemes: impl Iterator<Item = &'a Arc<Scheme>>) -> Bytes {
    let one = |scheme: &Arc<Scheme>| {
        let headers = scheme.facts().announced.join(" ");
        let headers = if headers.is_empty() { String::new() } else { format!(", headers=\"{headers}\"") };
        format!("{} scheme=\"{}\"{headers}", scheme.asked_as(), scheme.name())
    };
    let mut all: Vec<String> = schemes.map(one).collect();
    all.dedup();
    Bytes::from(all.join(", "))
}
