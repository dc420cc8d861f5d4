//! Who comes too often, and who may do what: limits and rules of a route, whatever its mode.
//!
//! **Invariant:** a token of a key, a principal or a route is taken only by a request that nothing else refuses; whoever cannot sign, or
//! repeats what somebody else signed where that is claimed, spends nobody's tokens but those of his own address.

use std::sync::Arc;

use super::visit::{Entered, Visit};
use crate::policy::access::{self, Caller};
use crate::policy::route::Route;
use crate::rate::Id;
use crate::reject::{Code, Rejection};
use crate::sig::permit::Permit;

impl Visit {
    /// Takes a token of the client's address, before anything is read or verified.
    pub fn pace_source(&self, entered: &Entered) -> Result<(), Rejection> {
        let place = entered.matched.route.callers.rates.source;
        self.take(place, Id::Source(entered.client), Code::SourceRateExceeded)
    }

    /// Whether the route's rules let the verified caller do this.
    pub(super) fn allow(&self, route: &Route, permit: &Permit) -> Result<(), Rejection> {
        let record = &self.told.record;
        let caller = Caller { key: permit.key(), method: &record.method, source: record.peer };
        access::judge(&route.callers.allow, caller).map_err(|why| Rejection::from(Code::KeyRefused).because(why))
    }

    /// Takes a token of the key, of its principal and of the route, in this order: who is refused spends none of those that follow.
    pub(super) fn pace(&self, route: &Route, permit: Option<&Permit>) -> Result<(), Rejection> {
        let rates = &route.callers.rates;
        if let Some(key) = permit.filter(|_| rates.ask_who()).map(Permit::key) {
            let ring = self.ring.as_deref().unwrap_or_default();
            self.take(rates.key, Id::Caller(ring, &key.id), Code::KeyRateExceeded)?;
            self.take(rates.principal, Id::Caller(ring, &key.principal), Code::PrincipalRateExceeded)?;
        }
        self.take(rates.route, Id::All, Code::RouteRateExceeded)
    }

    fn take(&self, place: Option<usize>, id: Id<'_>, code: Code) -> Result<(), Rejection> {
        let Some(place) = place else { return Ok(()) };
        let meter = self.generation.meters.get(place).ok_or(Code::Internal)?;
        let taken = meter.take(id, self.worker.process.clock.age());
        taken.map_err(|seconds| Rejection::from(code).for_seconds(seconds))
    }

    /// Notes whose ring is asked, where that matters later.
    pub(super) fn ask(&mut self, route: &Route, ring: Option<&Arc<str>>) {
        if route.callers.rates.ask_who() {
            self.ring = ring.cloned();
        }
    }
}
