//! What is noted of a request that proves nothing: whose key it names, why that may be, and the request itself where it is to be kept.
//!
//! **Invariant:** nothing here changes a verdict, and a request that is verified costs nothing here.

use std::sync::Arc;

use bytes::Bytes;

use super::body::{self, Received};
use super::exchange::Exchange;
use super::upstream::Admission;
use super::visit::{Entered, Visit};
use crate::app::Generation;
use crate::explain::captured::{self, Kept};
use crate::explain::{self, Question};
use crate::policy::gate::Named;
use crate::policy::operations::{AuditSink, Capture};
use crate::policy::route::{Guard, Route};
use crate::reject::{Blame, Rejection};
use crate::sig::Site;
use crate::sig::message::Head;
use crate::telemetry::record::{Cause, Noted};

/// Longest body that a signature is tried on for the audit line.
const TRIED: usize = 16 << 10;

/// What is wanted of one refused request.
#[derive(Clone, Copy, Debug)]
struct Interest {
    cause: bool,
    capture: bool,
    /// Most bytes of its body.
    body: usize,
}

impl Visit {
    /// Lets a client finish whose head was refused, and notes what it sent.
    pub async fn turn_away(&mut self, entered: &Entered, exchange: &mut Exchange, rejection: Rejection) -> Rejection {
        let interest = self.interest(&entered.matched.route, &rejection);
        let body = body::let_finish(exchange, interest.body).await;
        self.witness((entered, &exchange.head), &rejection, (interest, body));
        rejection
    }

    /// Notes what a verdict was about that was not good.
    pub fn attest(
        &mut self,
        closed: Result<Admission, Rejection>,
        place: (&Entered, &Head),
        received: &mut Received,
    ) -> Result<Admission, Rejection> {
        let rejection = match &closed {
            Ok(Admission::Verified(_) | Admission::Public) => return closed,
            Ok(Admission::Observed(rejection)) | Err(rejection) => rejection,
        };
        let interest = self.interest(&place.0.matched.route, rejection);
        let is_whole = received.excess.is_none() && received.held.len() == self.told.record.received;
        let fits = u64::try_from(interest.body).is_ok_and(|most| received.held.len() <= most);
        let body = if is_whole && fits { received.held.whole() } else { None };
        self.witness(place, rejection, (interest, body));
        closed
    }

    fn interest(&self, route: &Route, rejection: &Rejection) -> Interest {
        let operations = &self.generation.policy.operations;
        let (code, peer) = (rejection.code(), self.told.record.peer);
        let (is_proof, rations) = (code.reason().blame == Blame::Proof, &self.worker.rations);
        let is_written = operations.audit.sink != AuditSink::Off;
        let cause = is_proof && is_written && rations.causes.grants(code, peer, self.now);
        let wanted = operations.capture.as_ref().filter(|capture| is_wanted(capture, route));
        let capture = wanted.filter(|_| rations.captures.grants(code, peer, self.now));
        let body = capture.map_or(0, |capture| capture.body).max(if cause { TRIED } else { 0 });
        Interest { cause, capture: capture.is_some(), body }
    }

    fn witness(
        &mut self,
        (entered, head): (&Entered, &Head),
        rejection: &Rejection,
        (interest, body): (Interest, Option<Bytes>),
    ) {
        let Guard::Verify(gate) = &entered.matched.route.guard else { return };
        let named = if self.worker.shard.is_watched() { gate.named(head, self.site(entered)) } else { Named::Nobody };
        let kept = (interest.cause || interest.capture).then(|| self.kept((entered, head), (rejection, body)));
        if let (Some(kept), Some(settings), true) =
            (&kept, &self.generation.policy.operations.capture, interest.capture)
        {
            let fits = kept.body.len() <= settings.body;
            let body = if fits { kept.body.clone() } else { Bytes::new() };
            let (head, whole_body) = (captured::redacted(&kept.head, gate), kept.whole_body && fits);
            let kept = Kept { head, body, whole_body, ..kept.clone() };
            self.worker.process.captures.keep(kept, settings);
        }
        let cause = kept.filter(|_| interest.cause).map(|kept| late(self.generation.shared(), kept));
        if named != Named::Nobody || cause.is_some() {
            self.told.record.noted = Some(Box::new(Noted { named, cause }));
        }
    }

    fn site<'a>(&'a self, entered: &'a Entered) -> Site<'a> {
        let of_route = entered.matched.route.public_url.as_deref();
        let public_url = of_route.or(self.told.record.listener.public_url.as_deref());
        Site { public_url, captures: &entered.matched.captures }
    }

    fn kept(&self, (entered, head): (&Entered, &Head), (rejection, body): (&Rejection, Option<Bytes>)) -> Kept {
        let record = &self.told.record;
        Kept {
            id: String::from_utf8_lossy(&record.request_id).into(),
            time: self.now,
            rejection: rejection.clone(),
            route: Arc::clone(&entered.matched.route.name),
            listener: Arc::clone(&record.listener.name),
            peer: record.peer,
            head: captured::copied(head),
            whole_body: body.is_some(),
            body: body.map(|body| Bytes::copy_from_slice(&body)).unwrap_or_default(),
        }
    }
}

fn is_wanted(capture: &Capture, route: &Route) -> bool {
    capture.routes.is_empty() || capture.routes.iter().any(|name| **name == *route.name)
}

/// Looked for by the audit thread, with the rules that refused it.
fn late(generation: Arc<Generation>, kept: Kept) -> Cause {
    Cause::Late(Box::new(move || {
        let Kept { time, rejection, listener, head, body, whole_body, .. } = kept;
        let (policy, listener) = (&generation.policy, Some(&*listener));
        let question = Question { policy, listener, head, body, now: Some(time), clock: time, expected: false };
        explain::cause(question, whole_body, &rejection)
    }))
}
