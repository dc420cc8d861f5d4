//! One trial: the checking code, on a request, a scheme or keys that may have been changed.

use std::sync::Arc;

use crate::reject::Rejection;
use crate::sig::Need;
use crate::sig::check::{Check, Terms};
use crate::sig::declared::trace::Whole;
use crate::sig::key::{Key, Window};
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::ring::{Candidates, PreparedRing};
use crate::sig::scheme::Scheme;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// Most keys of one ring that are tried.
pub(super) const MOST: usize = 64;

/// The id of the key that made the signature.
pub(super) fn holds(
    scheme: &Arc<Scheme>,
    ring: &Arc<Keyring>,
    whole: Whole<'_>,
    now: Moment,
) -> Result<Arc<str>, Rejection> {
    let prepared = Arc::new(PreparedRing::new(scheme, Arc::clone(ring)));
    let terms = Terms { site: whole.site, now, macs: MOST.saturating_mul(2), answering: None, behind: false };
    let mut check = Check::open(scheme, Candidates::Ring(prepared), whole.head, terms)?;
    let permit = if check.need() == Need::Whole {
        check.close(Some(whole.body))?
    } else {
        check.feed(whole.body);
        check.close(None)?
    };
    Ok(Arc::clone(&permit.key().id))
}

/// Of a ring with more keys than are tried: the one that the request names, and the newest.
pub(super) fn narrowed(ring: Arc<PreparedRing>, scheme: &Scheme, head: &Head) -> Arc<PreparedRing> {
    let all = ring.ring();
    if all.derives() {
        let id = scheme.claimed_key_id(head);
        let named = id.and_then(|id| all.by_id(std::str::from_utf8(&id).ok()?));
        let alone = named.and_then(|key| Keyring::new(Arc::clone(all.name()), vec![Key::clone(&key)]).ok());
        return alone.map_or(ring, |alone| Arc::new(PreparedRing::new(scheme, Arc::new(alone))));
    }
    if all.len() <= MOST {
        return ring;
    }
    let id = scheme.claimed_key_id(head);
    let named = id.and_then(|id| all.by_id(std::str::from_utf8(&id).ok()?));
    let others = newest(all).skip(1).filter(|key| named.as_ref().is_none_or(|named| named.id != key.id));
    let keys: Vec<Key> = others.chain(named.clone()).map(|key| Key::clone(&key)).collect();
    let few = Keyring::new(Arc::clone(all.name()), keys).ok().map(Arc::new);
    few.map_or_else(|| Arc::clone(&ring), |few| Arc::new(PreparedRing::new(scheme, few)))
}

/// The same keys, usable at any time.
pub(super) fn timeless(ring: &Keyring) -> Option<Arc<Keyring>> {
    let keys = newest(ring).map(|key| usable(&key)).collect();
    Keyring::new(Arc::clone(ring.name()), keys).ok().map(Arc::new)
}

/// A ring of this key alone, usable at any time.
pub(super) fn alone(key: &Key) -> Option<Arc<Keyring>> {
    Keyring::new("alone", vec![usable(key)]).ok().map(Arc::new)
}

/// The same ring with other secrets; keys for which there is none are left out.
pub(super) fn with_secrets(ring: &Keyring, secret: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Arc<Keyring>> {
    let keys = newest(ring).filter_map(|key| {
        let secret = secret(key.secret.expose()).filter(|secret| !secret.is_empty())?;
        Some(Key { secret: Secret::new(secret), ..usable(&key) })
    });
    Keyring::new(Arc::clone(ring.name()), keys.collect()).ok().map(Arc::new)
}

fn newest(ring: &Keyring) -> impl Iterator<Item = Arc<Key>> {
    (ring.len().saturating_sub(MOST)..ring.len()).filter_map(|place| ring.at(place))
}

fn usable(key: &Key) -> Key {
    Key { sign: Window::default(), verify: Window::default(), ..key.clone() }
}
