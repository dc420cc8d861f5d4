//! Was this request seen before? Asked only with authentic requests, answered atomically.

use std::cell::Cell;
use std::rc::Rc;

use crate::policy::route::Replay;
use crate::reject::Rejection;
use crate::sig::permit::Permit;
use crate::sig::time::Moment;

/// Where claims are kept. Survives reloads.
pub enum Store {}

/// Set by the upstream layer right before the first byte of a request may leave. Until then a claim can be given back.
#[derive(Clone, Default)]
pub struct Departed(Rc<Cell<bool>>);

impl Departed {
    /// From now on the upstream may have seen the request.
    pub fn mark(&self) {
        self.0.set(true);
    }

    /// Whether the upstream may have seen it.
    pub fn is_marked(&self) -> bool {
        self.0.get()
    }
}

/// A pending claim. Dropped: given back if the request never departed, kept otherwise.
pub struct Claim {}

impl Store {
    /// Opens the configured store.
    pub fn open(_store: &crate::policy::operations::ReplayStore, _now: Moment) -> std::io::Result<Self> {
        todo!()
    }

    /// Claims the request that `permit` proves, or says why not: replayed, pending, full, unavailable, guarded.
    /// `until` is the end of its freshness where a covered stamp gives one. With [`crate::policy::route::ReplayBy::Off`] or a method outside
    /// `rule.methods` the claim is empty and always succeeds.
    #[expect(clippy::unused_async, reason = "a shared store answers over a network")]
    pub async fn claim(
        &self,
        _permit: &Permit,
        _rule: &Replay,
        _now: Moment,
        _departed: &Departed,
    ) -> Result<Claim, Rejection> {
        todo!()
    }
}

impl Claim {
    /// The upstream answered with `status`: kept as completed, or released when `release_on` says so.
    pub fn settle(self, _status: u16) {
        todo!()
    }
}
