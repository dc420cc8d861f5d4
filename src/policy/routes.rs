//! Which route a request belongs to: the most specific one, never the first in the file.

use std::sync::Arc;

use bytes::Bytes;

use super::Route;
use crate::reject::Rejection;
use crate::sig::message::Head;

/// All routes, ready to be searched.
pub struct Routes {}

/// The route that was found, and what its pattern captured.
pub struct Matched {
    /// The rule to obey.
    pub route: Arc<Route>,
    /// Captured segments by name, raw bytes.
    pub captures: Vec<(Arc<str>, Bytes)>,
    /// What `**` matched, raw, without a leading slash.
    pub rest: Bytes,
}

impl Routes {
    /// The most specific route for host, path and method on this listener. The path is matched as received; one that could lead
    /// elsewhere when an upstream normalises it is refused.
    pub fn find(&self, _head: &Head, _listener: &str) -> Result<Matched, Rejection> {
        todo!()
    }

    /// Every route, in the order of the file.
    pub fn all(&self) -> &[Arc<Route>] {
        todo!()
    }
}
