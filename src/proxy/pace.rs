//! Who comes too often, and who may do what: limits and rules of a route, whatever its mode.
//!
//! **Invariant:** a token of a key, a principal or a route is taken only by a request that nothing else refuses; whoever cannot sign, or
//! repeats what somebody else signed where that is claimed, spends nobody's tokens but those of his own address.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::visit::{Entered, Visit};
use crate::policy::access::{self, Caller};
use crate::policy::rate::Pool;
use crate::policy::route::Route;
use crate::rate::{Id, Meter, Of};
use crate::reject::{Code, Rejection};
use crate::replay::Link;
use crate::sig::permit::Permit;

impl Visit {
    /// Takes a token of the client's address, before anything is read or verified.
    pub async fn pace_source(&self, entered: &Entered) -> Result<(), Rejection> {
        let place = entered.matched.route.callers.rates.source;
        self.take(place, Id::Source(entered.client), Code::SourceRateExceeded).await
    }

    /// Whether the route's rules let the verified caller do this.
    pub(super) fn allow(&self, route: &Route, permit: &Permit) -> Result<(), Rejection> {
        let record = &self.told.record;
        let caller = Caller { key: permit.key(), method: &record.method, source: record.peer };
        access::judge(&route.callers.allow, caller).map_err(|why| Rejection::from(Code::KeyRefused).because(why))
    }

    /// Takes a token of the key, of its principal and of the route, in this order: who is refused spends none of those that follow.
    pub(super) async fn pace(&self, route: &Route, permit: Option<&Permit>) -> Result<(), Rejection> {
        let rates = &route.callers.rates;
        if let Some(key) = permit.filter(|_| rates.ask_who()).map(Permit::key) {
            let ring = self.ring.as_deref().unwrap_or_default();
            self.take(rates.key, Id::Caller(ring, &key.id), Code::KeyRateExceeded).await?;
            self.take(rates.principal, Id::Caller(ring, &key.principal), Code::PrincipalRateExceeded).await?;
        }
        self.take(rates.route, Id::All, Code::RouteRateExceeded).await
    }

    /// Here first: what this process alone has given away is reason enough to refuse.
    ///
    /// **Threat:** strangers without end would fill the memory of a store that refuses everybody's claims when it is full. It has as many buckets of
    /// each gateway as that remembers itself.
    async fn take(&self, place: Option<usize>, id: Id<'_>, code: Code) -> Result<(), Rejection> {
        let Some(place) = place else { return Ok(()) };
        let meter = self.generation.meters.get(place).ok_or(Code::Internal)?;
        let refused = |seconds| Rejection::from(code).for_seconds(seconds);
        let of = meter.take(id, self.worker.process.clock.age()).map_err(refused)?;
        let pool = self.generation.policy.pools.get(place).filter(|pool| pool.shared && of == Of::One);
        match pool.zip(self.worker.replay.as_deref()) {
            None => Ok(()),
            Some((pool, link)) => Box::pin(self.share(link, pool, meter, id)).await.map_err(refused),
        }
    }

    /// Asks the store that other gateways ask, too. While it is away this process counts alone.
    async fn share(&self, link: &Link, pool: &Pool, meter: &Meter, id: Id<'_>) -> Result<(), NonZeroU32> {
        let Some(told) = link.take(pool, id).await else { return Ok(()) };
        meter.follow(id, told.missing, self.worker.process.clock.age());
        if told.taken { Ok(()) } else { Err(meter.wait(told.missing)) }
    }

    /// Notes whose ring is asked, where that matters later.
    pub(super) fn ask(&mut self, route: &Route, ring: Option<&Arc<str>>) {
        if route.callers.rates.ask_who() {
            self.ring = ring.cloned();
        }
    }
}
