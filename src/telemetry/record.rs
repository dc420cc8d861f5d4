//! One request, as it is told afterwards.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::policy::Route;
use crate::policy::gate::Named;
use crate::policy::listen::Listener;
use crate::reject::Rejection;
use crate::sig::key::Key;
use crate::sig::message::Method;
use crate::sig::time::Moment;

/// How a request was judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// The signature held.
    Verified,
    /// It did not, or something else refused it.
    Refused,
    /// It would have been refused, but the route or key only observes.
    Observed,
    /// Nothing was demanded.
    Public,
}

impl Verdict {
    /// As it is written in the audit line, the metrics and the verdict header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Observed => "observed",
            Self::Public => "public",
        }
    }
}

/// Everything that is told about one request. Filled on the way, emitted once when the exchange is over.
pub struct Record {
    /// Ours, or the trusted peer's: 1 to 128 visible ASCII characters.
    pub request_id: Bytes,
    /// From `traceparent`, 32 hex digits.
    pub trace_id: Option<Bytes>,
    /// The span that it came from, 16 hex digits, where its trace is sampled.
    pub parent: Option<Bytes>,
    /// When the head was read (wall clock).
    pub started: Moment,
    /// Where it came in.
    pub listener: Arc<Listener>,
    /// The rule that applied.
    pub route: Option<Arc<Route>>,
    /// Who sent it; `None` on a unix socket.
    pub peer: Option<IpAddr>,
    /// As sent.
    pub method: Method,
    /// As sent; printed with query values redacted.
    pub target: Bytes,
    /// As sent.
    pub authority: Bytes,
    /// The scheme that was checked.
    pub scheme: Option<Arc<str>>,
    /// The key that matched; never the claimed one.
    pub key: Option<Arc<Key>>,
    /// The master that it was derived of, where it was.
    pub master: Option<Arc<str>>,
    /// How it was judged.
    pub verdict: Verdict,
    /// Why it was refused or would have been.
    pub rejection: Option<Rejection>,
    /// Whether it passed although the shared replay store could not be asked.
    pub unchecked: bool,
    /// Our clock minus the covered stamp, in milliseconds.
    pub skew: Option<i64>,
    /// Request body bytes received.
    pub received: u64,
    /// SHA-256 of the request body, where that is asked for and there is one.
    pub digest: Option<Box<[u8; 32]>>,
    /// Response body bytes sent.
    pub sent: u64,
    /// What the client got.
    pub status: u16,
    /// What the upstream said.
    pub upstream_status: Option<u16>,
    /// Name of the upstream, once it was asked.
    pub upstream: Option<Arc<str>>,
    /// How long the client let us wait for its body.
    pub waited: Option<Duration>,
    /// Head read to verdict, including the body.
    pub judged: Option<Duration>,
    /// Request sent to response head.
    pub answered: Option<Duration>,
    /// Head read to last byte.
    pub total: Duration,
    /// Whether the client or the upstream broke off in the middle of the response.
    pub truncated: bool,
    /// Of a refused request: what is looked at off its path.
    pub noted: Option<Box<Noted>>,
}

/// What was noted of a refused request for those who look at it later.
pub struct Noted {
    /// Whose key it named.
    pub named: Named,
    /// Why the proof failed.
    pub cause: Option<Cause>,
}

/// The likeliest reason why a proof failed: an id of docs/explain.md.
pub enum Cause {
    /// As the refusal says it.
    Said(&'static str),
    /// As it is found by whoever has time to look, on a thread that serves nobody.
    Late(Box<dyn FnOnce() -> &'static str + Send>),
}
