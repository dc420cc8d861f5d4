//! Known mistakes. Each is tried by the checking code itself; the first with which the signature holds is the cause.

mod body;
mod code;
mod form;
mod head;
mod json;
mod keys;
mod scheme;
mod spelling;
mod table;
mod time;

use std::sync::Arc;

pub use self::table::Cause;
use super::trial::{self, holds};
use crate::reject::{Code, Rejection};
use crate::sig::Site;
use crate::sig::declared::trace::Whole;
use crate::sig::declared::vary::Change;
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::ring::PreparedRing;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;

/// A cause, what exactly, and the key with which the signature holds then.
pub struct Found {
    /// Which mistake.
    pub cause: Cause,
    /// What exactly, e.g. the algorithm.
    pub detail: String,
    /// The key that signed.
    pub key: Option<Arc<str>>,
}

/// What the mistakes are tried on.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Every scheme of the route, with its ring.
    pub(super) doors: &'a [(&'a Arc<Scheme>, Option<Arc<PreparedRing>>)],
    /// The scheme that judges.
    pub(super) scheme: &'a Arc<Scheme>,
    /// Its ring.
    pub(super) ring: Option<&'a Arc<PreparedRing>>,
    pub(super) whole: Whole<'a>,
    /// When the mistakes are tried: at the request's own stamp, so that its age is none of them.
    pub(super) time: Moment,
    /// What time it is.
    pub(super) clock: Moment,
    /// Every ring of the configuration.
    pub(super) rings: &'a [Arc<Keyring>],
}

/// A mistake to be tried: what of the request, the scheme or the keys is other than it seems.
pub(super) struct Candidate {
    cause: Cause,
    detail: String,
    scheme: Option<Arc<Scheme>>,
    ring: Option<Arc<Keyring>>,
    head: Option<Head>,
    body: Option<Vec<u8>>,
    public_url: Option<String>,
    time: Option<Moment>,
}

impl Candidate {
    /// A mistake of which nothing is said yet.
    fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { cause, detail, scheme: None, ring: None, head: None, body: None, public_url: None, time: None }
    }

    /// The scheme with these changes; none where they come to nothing.
    fn changed(cause: Cause, detail: impl Into<String>, scheme: &Scheme, changes: &[Change]) -> Option<Self> {
        let scheme = scheme.varied(changes).map(Arc::new)?;
        Some(Self { scheme: Some(scheme), ..Self::new(cause, detail) })
    }
}

/// How many mistakes are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// All of them.
    All,
    /// Those that are common and cost little: another spelling, another unit of time, a key that is not usable now.
    Common,
}

/// The likeliest cause of this refusal.
pub(super) fn find(subject: &Subject<'_>, refusal: Option<&Rejection>, depth: Depth) -> Option<Found> {
    let plain = subject.scheme.varied(&[]).map_or_else(|| Arc::clone(subject.scheme), Arc::new);
    let own = subject.ring.map(|ring| Arc::clone(ring.ring()));
    let ring = own.as_deref().and_then(trial::timeless).or_else(|| subject.rings.first().cloned())?;
    time::judge(subject, (&plain, &ring), refusal).or_else(|| {
        let refused = holds(&plain, &ring, subject.whole, subject.time).err();
        let held = |candidate| attempt(subject, (&plain, &ring), candidate);
        let found = match depth {
            Depth::All => candidates(subject, (&plain, refused.as_ref()), &ring).find_map(held),
            Depth::Common => {
                let mut common = keys::own(&plain).into_iter().chain(spelling::spelled(&plain));
                common.find_map(held)
            }
        };
        found.or_else(|| form::judge(subject, (&plain, &ring), refused.as_ref()?))
    })
}

/// What is wrong with the form, or with the key that is named: what the head alone says of this refusal.
pub(super) fn of_head(subject: &Subject<'_>, refusal: &Rejection) -> Option<Found> {
    let ring = subject.ring.map(|ring| ring.ring())?;
    let claimed = subject.scheme.claims_key(subject.whole.head);
    let named = claimed.and_then(|id| ring.place(std::str::from_utf8(&id).ok()?));
    match named {
        Some(place) if refusal.code() == Code::SignatureInvalid && !ring.verifies(place, subject.clock) => {
            Some(Found { cause: Cause::KeyState, detail: "the one that is named".to_owned(), key: None })
        }
        _ => form::judge(subject, (subject.scheme, ring), refusal),
    }
}

pub(super) use form::of_code;

/// Every mistake, likely and cheap ones first.
fn candidates<'a>(
    subject: &'a Subject<'a>,
    (plain, refused): (&'a Arc<Scheme>, Option<&Rejection>),
    ring: &'a Arc<Keyring>,
) -> impl Iterator<Item = Candidate> + 'a {
    // What is refused before any key is tried holds with no other key and with no other signed bytes.
    let compared = refused.is_none_or(|refused| form::is_compared(refused.code()));
    let if_compared = move |of: fn(Trial<'a>) -> Vec<Candidate>| {
        let trial = Trial { subject, plain, ring };
        compared.then_some(of).into_iter().flat_map(move |of| of(trial))
    };
    let json = Some(subject.whole.body).filter(|_| compared).into_iter().flat_map(json::candidates);
    keys::unusable(subject, plain, ring)
        .into_iter()
        .chain(spelling::candidates(subject, plain))
        .chain(if_compared(|trial| keys::encoded(trial.plain, trial.ring).collect()))
        .chain(scheme::algorithms(plain))
        .chain(form::undemanding(subject, plain, refused))
        .chain(body::candidates(subject.whole.body))
        .chain(if_compared(|trial| code::made(trial.plain)))
        .chain(if_compared(|trial| scheme::messages(trial.subject, trial.plain)))
        .chain(if_compared(|trial| head::candidates(trial.subject.whole)))
        .chain(scheme::others(subject))
        .chain(json)
        .chain(if_compared(|trial| scheme::borrowed(trial.plain)))
}

/// What candidates are made of.
#[derive(Clone, Copy)]
struct Trial<'a> {
    subject: &'a Subject<'a>,
    plain: &'a Arc<Scheme>,
    ring: &'a Arc<Keyring>,
}

/// Whether the signature holds with this mistake.
fn attempt(
    subject: &Subject<'_>,
    (scheme, ring): (&Arc<Scheme>, &Arc<Keyring>),
    candidate: Candidate,
) -> Option<Found> {
    let whole = subject.whole;
    let whole = Whole {
        head: candidate.head.as_ref().unwrap_or(whole.head),
        body: candidate.body.as_deref().unwrap_or(whole.body),
        site: Site { public_url: candidate.public_url.as_deref().or(whole.site.public_url), ..whole.site },
    };
    let (scheme, ring) = (candidate.scheme.as_ref().unwrap_or(scheme), candidate.ring.as_ref().unwrap_or(ring));
    let key = holds(scheme, ring, whole, candidate.time.unwrap_or(subject.time)).ok()?;
    Some(Found { cause: candidate.cause, detail: candidate.detail, key: Some(key) })
}
