//! Carrying a permitted request to its upstream: connections, pools, and what went wrong.

mod acquire;
mod dialogue;
mod feed;
pub mod health;
mod hearing;
mod inward;
mod launched;
mod line;
mod outflow;
mod outward;
mod pool;
mod provisional;
mod resolve;
mod same;
mod shared;
mod socket;
#[cfg(test)]
mod tests;
pub mod tls;
mod wire;
mod wording;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use self::pool::Pool;
use super::exchange::{Answer, Tunnel};
use super::held::Held;
use crate::policy;
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;
use crate::sig::permit::Permit;
use crate::telemetry::quick::Named;

pub(in crate::proxy) use self::hearing::{Asked, Ear};
pub use self::line::Line;
pub(in crate::proxy) use self::outward::Shape;

pub use self::provisional::Provisional;
pub use self::shared::Shared;
pub(in crate::proxy) use self::wording::{size_line, words};

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
pub struct Upstreams {
    shared: Arc<Shared>,
    pools: RefCell<Pools>,
    upgrades: RefCell<Pools>,
}

/// By the upstream's name.
type Pools = Named<Known>;

/// A pool, and the settings that were last found to be its own.
struct Known {
    settings: Arc<policy::upstream::Upstream>,
    pool: Rc<Pool>,
}

/// How long to wait for an upstream that does not move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// From the request's last byte (or the last piece the upstream took) to the response head.
    pub response: Duration,
    /// Between two pieces of the response body.
    pub idle: Duration,
}

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
    /// Provably no byte reached the upstream. With a code that blames the upstream it may be tried again on a new line, signed anew;
    /// any other code says that this request cannot be sent at all.
    Unsent(Code, Box<Outgoing>),
    /// The upstream may have seen it: never repeated.
    Lost(Code),
}

/// An upstream's answer, and the tunnel if it switched protocols.
pub struct Reply {
    /// Its response; for 101 without a body.
    pub answer: Answer,
    /// The connection after a 101.
    pub tunnel: Option<Tunnel>,
}

impl Upstreams {
    /// An empty set of pools over what the process shares.
    pub fn new(shared: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self { shared, pools: RefCell::default(), upgrades: RefCell::default() })
    }

    /// A ready connection to the least loaded endpoint: an idle one, or a new one within the connect deadline, tried `retries` more times.
    pub async fn line(self: &Rc<Self>, upstream: &Arc<policy::upstream::Upstream>, retries: u32) -> Result<Line, Code> {
        let pool = self.pool(upstream, false)?;
        acquire::line(&pool, retries).await
    }

    /// The same for a request that asks for an upgrade: HTTP/1.1 also where the upstream would rather speak HTTP/2.
    pub async fn upgradeable(
        self: &Rc<Self>,
        upstream: &Arc<policy::upstream::Upstream>,
        retries: u32,
    ) -> Result<Line, Code> {
        let pool = self.pool(upstream, true)?;
        acquire::line(&pool, retries).await
    }

    /// The pool of these settings. A reload that changed them starts an empty one; the old one's idle connections are closed.
    fn pool(&self, upstream: &Arc<policy::upstream::Upstream>, upgrade: bool) -> Result<Rc<Pool>, Code> {
        let mut pools = if upgrade { self.upgrades.borrow_mut() } else { self.pools.borrow_mut() };
        if let Some(known) = pools.get_mut(&upstream.name) {
            if Arc::ptr_eq(&known.settings, upstream) {
                return Ok(Rc::clone(&known.pool));
            }
            if same::settings(&known.settings, upstream) {
                known.settings = Arc::clone(upstream);
                return Ok(Rc::clone(&known.pool));
            }
        }
        let pool = Pool::new(&self.shared, self.shared.common(upstream)?, upgrade);
        let known = Known { settings: Arc::clone(upstream), pool: Rc::clone(&pool) };
        pools.insert(Arc::clone(&upstream.name), known);
        Ok(pool)
    }
}
