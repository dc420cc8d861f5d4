//! Which schemes, which keys: the part of a route that verifies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::reject::Rejection;
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;
use crate::sig::{Need, Site, check::Check};

/// Ordered alternatives of (scheme, keys), the first whose carrier is present is judged alone, right or wrong.
pub struct Gate(Vec<Alternative>);

impl Gate {
    /// A gate with these alternatives, in order.
    pub fn new(alternatives: Vec<Alternative>) -> Self {
        Self(alternatives)
    }

    /// Reads the evidence and refuses cheaply: form, time; before any body byte. An unknown key id is not refused here.
    pub fn open(&self, _head: &Head, _site: Site<'_>, _now: Moment, _macs: usize) -> Result<Check, Rejection> {
        todo!()
    }

    /// Whether the request names a key that only observes; asked when `open` refused.
    pub fn observes(&self, _head: &Head, _site: Site<'_>) -> bool {
        todo!()
    }

    /// The most that any alternative needs of the body.
    pub fn need(&self) -> Need {
        self.0.iter().map(|one| one.scheme.need).max().unwrap_or(Need::Head)
    }

    /// Lower-case names of headers that carry or are covered by a signature: never to be named in `Connection`.
    pub fn protected(&self) -> &[bytes::Bytes] {
        todo!()
    }

    /// Lower-case names of headers that only carry evidence; removed with `strip_signature`.
    pub fn carriers(&self) -> &[bytes::Bytes] {
        todo!()
    }

    /// The largest `past` and `future` of the alternatives; `None` where one covers no timestamp.
    pub fn window(&self) -> Option<(Duration, Duration)> {
        self.0.iter().map(|one| one.scheme.window).min().flatten()
    }

    /// Value of `WWW-Authenticate`, e.g. `HMAC scheme="timestamp-body"`.
    pub fn challenge(&self) -> &bytes::Bytes {
        todo!()
    }
}

/// A way to satisfy a gate.
pub struct Alternative {
    /// How a signature is carried and which bytes it covers.
    pub scheme: Arc<Scheme>,
    /// Which keys count.
    pub keys: Keys,
}

/// Where the keys of an alternative come from.
pub enum Keys {
    /// One ring.
    Ring(Arc<Keyring>),
    /// Picked by path captures: the ring with the name that `pattern` gives.
    Captured {
        /// E.g. `shopify/{shop}`.
        pattern: Arc<str>,
        /// Rings by full name.
        rings: HashMap<Arc<str>, Arc<Keyring>>,
    },
}
