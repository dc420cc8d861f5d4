//! The keys of an alternative, made ready for its scheme, and found by what the path captured.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Keys, NamePart};
use crate::sig::Site;
use crate::sig::keyring::Keyring;
use crate::sig::ring::{Candidates, Nobody, PreparedRing};
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;

#[derive(Clone)]
pub(super) enum Ready {
    Ring(Arc<PreparedRing>),
    Captured { pattern: Vec<NamePart>, rings: Arc<HashMap<String, Arc<PreparedRing>>>, nobody: Arc<Nobody> },
}

impl Ready {
    /// Every key made ready for `scheme`.
    pub(super) fn new(scheme: &Scheme, keys: &Keys) -> Self {
        match keys {
            Keys::Ring(ring) => Self::Ring(Arc::new(PreparedRing::new(scheme, Arc::clone(ring)))),
            Keys::Captured { pattern, rings } => {
                let nobody = Arc::new(Nobody::among(scheme.key_use(), rings.values().map(|ring| &**ring)));
                // Of many tenants most are silent, and of a name that nobody has nothing could be computed ahead either.
                let prepare =
                    |ring: &Arc<Keyring>| Arc::new(PreparedRing::lazy(scheme, Arc::clone(ring), Arc::clone(&nobody)));
                let rings = rings.iter().map(|(name, ring)| (name.clone(), prepare(ring))).collect();
                Self::Captured { pattern: pattern.clone(), rings: Arc::new(rings), nobody }
            }
        }
    }

    /// `None`: nobody has that ring.
    pub(super) fn ring(&self, site: Site<'_>) -> Option<Arc<PreparedRing>> {
        match self {
            Self::Ring(ring) => Some(Arc::clone(ring)),
            Self::Captured { pattern, rings, .. } => {
                let name = pattern.iter().map(|part| part.text(site)).collect::<Option<String>>()?;
                rings.get(&name).cloned()
            }
        }
    }

    /// The same at `now`. **Threat:** a tenant whose keys have all expired answers like a name that nobody has, or names could be told apart.
    pub(super) fn usable(&self, site: Site<'_>, now: Moment) -> Candidates {
        let live = |ring: &Arc<PreparedRing>| ring.ring().is_live(now);
        match self {
            Self::Ring(ring) => Candidates::Ring(Arc::clone(ring)),
            Self::Captured { nobody, .. } => match self.ring(site).filter(live) {
                Some(ring) => Candidates::Ring(ring),
                None => Candidates::Nobody(Arc::clone(nobody)),
            },
        }
    }

    pub(super) fn captures(&self) -> Vec<Arc<str>> {
        let pattern = match self {
            Self::Ring(_) => &[][..],
            Self::Captured { pattern, .. } => pattern,
        };
        let name = |part: &NamePart| match part {
            NamePart::Literal(_) => None,
            NamePart::Capture(name) => Some(Arc::clone(name)),
        };
        pattern.iter().filter_map(name).collect()
    }

    pub(super) fn rings(&self) -> Box<dyn Iterator<Item = &Arc<PreparedRing>> + '_> {
        match self {
            Self::Ring(ring) => Box::new(std::iter::once(ring)),
            Self::Captured { rings, .. } => Box::new(rings.values()),
        }
    }
}

impl NamePart {
    fn text<'a>(&'a self, site: Site<'a>) -> Option<&'a str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Capture(name) => {
                let (_, bytes) = site.captures.iter().find(|(known, _)| known == name)?;
                std::str::from_utf8(bytes).ok()
            }
        }
    }
}
