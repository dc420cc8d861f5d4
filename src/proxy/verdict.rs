//! The verdict on one request, in four steps: open, receive, close, claim.
//!
//! In observe mode what is wrong with signature, time or replay is noted and not enforced.

use std::rc::Rc;
use std::sync::Arc;

use super::body::{self, Intake, Received};
use super::budget::Holder;
use super::exchange::Exchange;
use super::held::Holding;
use super::upstream::Admission;
use super::visit::{Entered, Visit};
use super::{preflight, stint};
use crate::policy::route::{Forward, Guard, Route};
use crate::policy::upkeep::Direction;
use crate::reject::{Code, Rejection};
use crate::replay::{Attempt, Claim};
use crate::sig::check::Check;
use crate::sig::permit::Permit;
use crate::sig::{Need, Site};
use crate::telemetry::record::Verdict;

/// What is known after the head was read.
pub enum Opened {
    /// Evidence is there and well-formed.
    Checking(Check),
    /// It is not, and the route only observes.
    Observed(Rejection),
    /// Nothing is demanded.
    Public,
}

impl Visit {
    /// Reads the evidence: form and time, before any byte of the body.
    pub fn open(&mut self, entered: &Entered, exchange: &Exchange) -> Result<Opened, Rejection> {
        let route = &entered.matched.route;
        let Guard::Verify(gate) = &route.guard else { return Ok(Opened::Public) };
        let head = &exchange.head;
        if preflight::passes(route, head) {
            return Ok(Opened::Public);
        }
        let public_url = route.public_url.as_deref().or(exchange.connection.listener.public_url.as_deref());
        let site = Site { public_url, captures: &entered.matched.captures };
        match gate.open(head, site, self.now, route.limits.macs) {
            Ok(mut check) => {
                if route.forward == Forward::Payload {
                    check.keep_payload();
                }
                self.ask(route, check.ring());
                self.told.record.scheme = Some(Arc::clone(check.scheme()));
                self.told.record.skew = check.stamp().map(|stamp| self.now.millis().saturating_sub(stamp.millis()));
                Ok(Opened::Checking(check))
            }
            Err(rejection) if forgives(route, || gate.observes(head, site, self.now)) => {
                Ok(Opened::Observed(rejection))
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// Receives the body whole; above the bound only an observing route goes on.
    pub async fn receive(
        &mut self,
        entered: &Entered,
        opened: &mut Opened,
        exchange: &mut Exchange,
    ) -> Result<Received, Rejection> {
        let route = &entered.matched.route;
        if exchange.body.declared().is_some_and(|declared| declared > route.limits.body_max) && !route.observe {
            return Err(Code::BodyTooLarge.into());
        }
        let mut check = opened.check();
        if route.observe
            && let Some(check) = check.as_deref_mut()
        {
            check.keep_body();
        }
        let known = check.as_deref().is_none_or(Check::names_known_key);
        let whole = check.as_deref().is_some_and(|check| check.need() == Need::Whole) || signs_whole(route);
        let threshold = if whole { route.limits.whole_max } else { route.limits.memory };
        let worker = Rc::clone(&self.worker);
        let holding = Holding::new(&worker.process.bodies, Holder { source: entered.client, known }, threshold);
        let intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
        let mut intake = intake.digesting(self.digests());
        let received = body::receive(&mut intake, holding, check).await;
        self.took(&intake);
        let received = received?;
        if received.excess.is_some() && !route.observe {
            return Err(Code::BodyTooLarge.into());
        }
        Ok(received)
    }

    /// The verdict over head and body.
    pub async fn close(&mut self, route: &Route, opened: Opened, body: &mut Received) -> Result<Admission, Rejection> {
        match opened {
            Opened::Checking(_) if body.excess.is_some() => Ok(Admission::Observed(Code::BodyTooLarge.into())),
            Opened::Checking(check) if check.need() == Need::Whole => {
                let whole = body.held.whole();
                if !stint::is_long(whole.as_deref().map_or(0, <[u8]>::len)) {
                    return self.judge(route, check, whole.as_deref());
                }
                let observed = forgives(route, || check.observes());
                let verdict = stint::aside(move || check.close(whole.as_deref())).await?;
                self.judged(observed, verdict)
            }
            Opened::Checking(check) => self.judge(route, check, None),
            Opened::Observed(rejection) => Ok(Admission::Observed(rejection)),
            Opened::Public => Ok(Admission::Public),
        }
    }

    /// Closes a check and notes what it says.
    pub fn judge(&mut self, route: &Route, check: Check, whole: Option<&[u8]>) -> Result<Admission, Rejection> {
        let observed = forgives(route, || check.observes());
        let whole = if check.need() == Need::Whole { whole } else { None };
        self.judged(observed, check.close(whole))
    }

    fn judged(&mut self, observed: bool, verdict: Result<Permit, Rejection>) -> Result<Admission, Rejection> {
        match verdict {
            Ok(permit) => {
                self.told.used(Direction::Verify, permit.ring(), permit.kept());
                self.told.record.key = Some(Arc::clone(permit.key()));
                self.told.record.master = permit.master().cloned();
                Ok(Admission::Verified(permit))
            }
            Err(rejection) if observed => Ok(Admission::Observed(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    /// Claims a verified request in the replay store; only authentic requests get this far, by keys that may do this, and not too often.
    pub async fn claim(
        &mut self,
        route: &Route,
        admission: Admission,
    ) -> Result<(Admission, Option<Claim>), Rejection> {
        let judged = Some(self.told.elapsed());
        self.told.record.judged = judged;
        let Admission::Verified(permit) = admission else {
            // A preflight that passes a route which verifies is anybody's: it spends nothing that callers need.
            let is_preflight = matches!((&admission, &route.guard), (Admission::Public, Guard::Verify(_)));
            if !is_preflight {
                self.pace(route, None).await?;
            }
            self.note(&admission);
            return Ok((admission, None));
        };
        self.allow(route, &permit)?;
        let process = &self.worker.process;
        let link = self.worker.replay.as_deref();
        let attempt = Attempt {
            permit: &permit,
            link,
            method: &self.told.record.method,
            total: route.limits.total.unwrap_or_default(),
        };
        match process.replay.claim(&attempt, &route.replay, self.now, &self.departed).await {
            Ok(claim) => {
                self.told.record.unchecked = !claim.is_checked(link);
                // The same request may come again, also where it streams: then its end did not leave.
                if let Err(rejection) = self.pace(route, Some(&permit)).await {
                    claim.give_back();
                    return Err(rejection);
                }
                let admission = Admission::Verified(permit);
                self.note(&admission);
                Ok((admission, Some(claim)))
            }
            Err(rejection) if forgives(route, || permit.key().observe) => {
                self.pace(route, None).await?;
                let admission = Admission::Observed(rejection);
                self.note(&admission);
                Ok((admission, None))
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// Notes the verdict on a request that goes on, or is answered here.
    pub fn note(&mut self, admission: &Admission) {
        self.told.record.verdict = match admission {
            Admission::Verified(_) => Verdict::Verified,
            Admission::Observed(rejection) => {
                self.told.record.rejection = Some(rejection.clone());
                Verdict::Observed
            }
            Admission::Public => Verdict::Public,
        };
    }
}

impl Opened {
    /// The check, where there is one.
    pub fn check(&mut self) -> Option<&mut Check> {
        match self {
            Self::Checking(check) => Some(check),
            Self::Observed(_) | Self::Public => None,
        }
    }
}

/// Whether what is wrong with a request is told and not enforced: by the route, or by the key that it names.
fn forgives(route: &Route, key_observes: impl FnOnce() -> bool) -> bool {
    route.observe || route.callers.take_anybody() && key_observes()
}

fn signs_whole(route: &Route) -> bool {
    route.seal.as_ref().is_some_and(|seal| seal.need() == Need::Whole)
}
