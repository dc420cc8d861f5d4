//! Carrying a permitted request to its upstream: connections, pools, and what went wrong.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::exchange::Answer;
use super::held::Held;
use crate::policy;
use crate::reject::{Code, Rejection};
use crate::replay::Departed;
use crate::sig::message::Head;
use crate::sig::permit::Permit;

/// Why a request may go on. Only [`Admission::Verified`] writes identity headers.
pub enum Admission {
    /// The signature holds.
    Verified(Permit),
    /// It does not, and the route only observes.
    Observed(Rejection),
    /// The route demands nothing, or restricts its callers otherwise.
    Public,
}

/// One worker's connections to every upstream.
pub struct Upstreams {}

/// What the whole process shares about its upstreams: connection caps, load, resolved names.
pub struct Shared {}

/// A connection that is ready to carry one request; nothing was sent yet. Dropped unused, it goes back to its pool.
pub struct Line {}

/// The request as it leaves.
pub struct Outgoing {
    /// After every edit and signature; `authority` is the outgoing Host.
    pub head: Head,
    /// Re-readable, so that a request that provably did not leave can be sent again.
    pub body: Held,
    /// Ask for `Upgrade: websocket`.
    pub upgrade: bool,
}

/// What became of an attempt that yielded no answer.
pub enum Failure {
    /// Provably no byte reached the upstream: may be tried again on a new line, signed anew.
    Unsent(Code, Box<Outgoing>),
    /// The upstream may have seen it: never repeated.
    Lost(Code),
}

/// An upstream's answer, and the tunnel if it switched protocols.
pub struct Reply {
    /// Its response; for 101 without a body.
    pub answer: Answer,
    /// The connection after a 101.
    pub tunnel: Option<hyper::upgrade::OnUpgrade>,
}

impl Shared {
    /// Nothing known yet.
    pub fn new() -> Arc<Self> {
        todo!()
    }
}

impl Upstreams {
    /// An empty set of pools over what the process shares.
    pub fn new(_shared: Arc<Shared>) -> Rc<Self> {
        todo!()
    }

    /// A ready connection to the least loaded endpoint: an idle one, or a new one within the connect deadline, tried `retries` more times.
    pub async fn line(
        self: &Rc<Self>,
        _upstream: &Arc<policy::upstream::Upstream>,
        _retries: u32,
    ) -> Result<Line, Code> {
        todo!()
    }
}

impl Line {
    /// Sends a complete request and waits up to `response` for the head of the answer. Marks `departed` right before anything may leave.
    pub async fn send(
        self,
        _proof: &Admission,
        _outgoing: Outgoing,
        _response: Duration,
        _departed: &Departed,
    ) -> Result<Reply, Failure> {
        todo!()
    }

    /// Begins a request whose verdict is still open. Nothing completes the message but [`Provisional::finish`]; dropping it aborts.
    pub async fn begin(self, _head: Head, _length: Option<u64>, _departed: &Departed) -> Result<Provisional, Code> {
        todo!()
    }
}

/// A request that the upstream must not see completed before the verdict.
pub struct Provisional {}

impl Provisional {
    /// Sends the next body bytes; waits for the upstream to take them. The last non-empty bytes must be kept back for [`Provisional::finish`].
    pub async fn send(&mut self, _chunk: Bytes) -> Result<(), Code> {
        todo!()
    }

    /// The verdict is in: sends the bytes that were kept back, completes the message and waits up to `response` for the answer's head.
    pub async fn finish(self, _proof: &Admission, _last: Bytes, _response: Duration) -> Result<Reply, Code> {
        todo!()
    }
}
