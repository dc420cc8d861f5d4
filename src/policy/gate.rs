//! Which schemes, which keys: the part of a route that verifies.

use std::time::Duration;

use crate::reject::Rejection;
use crate::sig::message::Head;
use crate::sig::time::Moment;
use crate::sig::{Need, Site, check::Check};

/// Ordered alternatives of (scheme, keys), the first whose carrier is present is judged alone, right or wrong.
pub struct Gate {}

impl Gate {
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
        todo!()
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
        todo!()
    }

    /// Value of `WWW-Authenticate`, e.g. `HMAC scheme="timestamp-body"`.
    pub fn challenge(&self) -> &bytes::Bytes {
        todo!()
    }
}
