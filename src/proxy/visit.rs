//! One request's stay in the gateway: the rules it is judged by, and the record that is told of it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::body::{self, Intake, Received};
use super::budget::Holder;
use super::exchange::{Answer, Exchange};
use super::forward;
use super::held::{Held, Holding};
use super::told::Told;
use super::upstream::Admission;
use super::worker::Worker;
use super::{client, preflight, request_id, respond};
use crate::app::Generation;
use crate::policy::route::{Guard, Route};
use crate::policy::routes::Matched;
use crate::reject::{Code, Rejection};
use crate::replay::{Attempt, Claim, Departed};
use crate::sig::check::Check;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};
use crate::telemetry::record::{Record, Verdict};

/// Everything that belongs to one request beside the request itself.
pub struct Visit {
    /// The worker that serves it.
    pub worker: Rc<Worker>,
    /// The rules in force when it arrived; it is judged by these to the end.
    pub generation: Arc<Generation>,
    /// The one wall-clock time of its judgement.
    pub now: Moment,
    /// Set when a byte of it may have reached the upstream.
    pub departed: Departed,
    told: Told,
}

/// A request that has found its route.
pub struct Entered {
    /// The route and what its pattern captured.
    pub matched: Rc<Matched>,
    /// The client's address, seen through trusted proxies.
    pub client: Option<IpAddr>,
}

/// What is known after the head was read.
pub enum Opened {
    /// Evidence is there and well-formed.
    Checking(Box<Check>),
    /// It is not, and the route only observes.
    Observed(Rejection),
    /// Nothing is demanded.
    Public,
}

impl Visit {
    /// Takes the time, the rules and a request id.
    pub fn begin(exchange: &Exchange, worker: &Rc<Worker>) -> Self {
        let now = worker.process.clock.now();
        Self {
            generation: worker.generation(),
            now,
            departed: Departed::default(),
            told: Told::new(record(exchange, worker, now), &worker.shard),
            worker: Rc::clone(worker),
        }
    }

    /// The id that this request is told under.
    pub fn request_id(&self) -> &str {
        &self.told.record.request_id
    }

    /// Finds the route; refuses what arrived malformed.
    pub fn enter(&mut self, exchange: &Exchange) -> Result<Entered, Rejection> {
        if let Some(defect) = &exchange.defect {
            return Err(defect.clone());
        }
        let listener = &exchange.connection.listener;
        let matched = self.generation.policy.routes.find(&exchange.head, &listener.name)?;
        self.told.record.route = Some(Arc::clone(&matched.route));
        let client = client::address(&exchange.connection, &exchange.head.fields);
        self.told.record.peer = client;
        Ok(Entered { matched: Rc::new(matched), client })
    }

    /// Notes that nothing was demanded of this request.
    pub fn unasked(&mut self) {
        self.told.record.verdict = Verdict::Public;
    }

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
            Ok(check) => {
                self.told.record.scheme = Some(Arc::clone(check.scheme()));
                self.told.record.skew = check.stamp().map(|stamp| self.now.millis().saturating_sub(stamp.millis()));
                Ok(Opened::Checking(Box::new(check)))
            }
            Err(rejection) if route.observe || gate.observes(head, site) => Ok(Opened::Observed(rejection)),
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
        let check = opened.check();
        let known = check.as_deref().is_none_or(Check::names_known_key);
        let whole = check.as_deref().is_some_and(|check| check.need() == Need::Whole) || signs_whole(route);
        let threshold = if whole { route.limits.whole_max } else { route.limits.memory };
        let process = Arc::clone(&self.worker.process);
        let holding = Holding::new(&process.bodies, Holder { source: entered.client, known }, threshold);
        let mut intake = Intake::new(&mut exchange.body, &route.limits, route.trailers);
        // With an unknown key the verdict is certain, but an observing route forwards all the same.
        let received = body::receive(&mut intake, holding, check, known || route.observe).await;
        self.took(&intake);
        let received = received?;
        if received.excess.is_some() && !route.observe {
            return Err(Code::BodyTooLarge.into());
        }
        Ok(received)
    }

    /// The verdict over head and body.
    pub fn close(&mut self, route: &Route, opened: Opened, body: &Received) -> Result<Admission, Rejection> {
        let whole = match &body.held {
            Held::Memory(bytes) => Some(&bytes[..]),
            Held::Empty => Some(&[][..]),
            Held::Spooled(..) => None,
        };
        match opened {
            Opened::Checking(_) if body.excess.is_some() => Ok(Admission::Observed(Code::BodyTooLarge.into())),
            Opened::Checking(check) => self.judge(route, check, whole),
            Opened::Observed(rejection) => Ok(Admission::Observed(rejection)),
            Opened::Public => Ok(Admission::Public),
        }
    }

    /// Closes a check and notes what it says.
    pub fn judge(&mut self, route: &Route, check: Box<Check>, whole: Option<&[u8]>) -> Result<Admission, Rejection> {
        let observed = route.observe || check.observes();
        let whole = if check.need() == Need::Whole { whole } else { None };
        match check.close(whole) {
            Ok(permit) => {
                self.told.record.key = Some(Arc::clone(permit.key()));
                Ok(Admission::Verified(permit))
            }
            Err(rejection) if observed => Ok(Admission::Observed(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    /// Claims a verified request in the replay store; only authentic requests get this far.
    pub async fn claim(
        &mut self,
        route: &Route,
        admission: Admission,
    ) -> Result<(Admission, Option<Claim>), Rejection> {
        let judged = Some(self.told.elapsed());
        self.told.record.judged = judged;
        let Admission::Verified(permit) = admission else {
            self.note(&admission);
            return Ok((admission, None));
        };
        let process = &self.worker.process;
        let attempt = Attempt {
            permit: &permit,
            method: &self.told.record.method,
            total: route.limits.total.unwrap_or_default(),
            future: route.guard.window().map_or(Duration::ZERO, |(_, future)| future),
        };
        match process.replay.claim(&attempt, &route.replay, self.now, &self.departed).await {
            Ok(claim) => {
                let admission = Admission::Verified(permit);
                self.note(&admission);
                Ok((admission, Some(claim)))
            }
            Err(rejection) if route.observe || permit.key().observe => {
                let admission = Admission::Observed(rejection);
                self.note(&admission);
                Ok((admission, None))
            }
            Err(rejection) => Err(rejection),
        }
    }

    fn note(&mut self, admission: &Admission) {
        self.told.record.verdict = match admission {
            Admission::Verified(_) => Verdict::Verified,
            Admission::Observed(rejection) => {
                self.told.record.rejection = Some(rejection.clone());
                Verdict::Observed
            }
            Admission::Public => Verdict::Public,
        };
    }

    /// The upstream of a route, noted.
    pub fn upstream(&mut self, route: &Route) -> Result<forward::Target, Rejection> {
        let upstream = self.generation.policy.upstreams.get(route.upstream).ok_or(Code::Internal)?;
        self.told.record.upstream = Some(Arc::clone(&upstream.name));
        Ok(Arc::clone(upstream))
    }

    /// Notes what the upstream said and how long it took.
    pub fn answered(&mut self, status: u16, after: Duration) {
        self.told.record.upstream_status = Some(status);
        self.told.record.answered = Some(after);
    }

    /// Notes how much came in, and what was dropped of it.
    pub fn took(&mut self, intake: &Intake<'_>) {
        self.told.record.received = intake.received();
        if intake.saw_trailers() {
            self.worker.shard.trailers_dropped();
        }
    }

    /// The answer as the client gets it; the record is told when its last byte is gone.
    pub fn conclude(mut self, mut answer: Answer) -> Answer {
        if let Some(route) = self.told.record.route.clone() {
            forward::edit(&mut answer.fields, &route.response);
            self.told.bound(route.limits.total);
        }
        if !answer.fields.contains(request_id::HEADER) {
            let id = bytes::Bytes::copy_from_slice(self.request_id().as_bytes());
            answer.fields.append(request_id::HEADER, id);
        }
        self.told.record.status = answer.status;
        answer.body = self.told.follow(answer.body);
        answer
    }

    /// Says no.
    pub fn refuse(mut self, rejection: &Rejection) -> Answer {
        let record = &mut self.told.record;
        let mut answer = respond::refusal(rejection, record.route.as_deref(), &record.request_id);
        record.verdict = Verdict::Refused;
        record.rejection = Some(rejection.clone());
        record.status = answer.status;
        answer.body = self.told.follow(answer.body);
        answer
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

fn signs_whole(route: &Route) -> bool {
    route.seal.as_ref().is_some_and(|seal| seal.need() == Need::Whole)
}

fn record(exchange: &Exchange, worker: &Worker, now: Moment) -> Record {
    let fields = &exchange.head.fields;
    let trusted = client::is_trusted(&exchange.connection);
    let theirs = fields.one(request_id::HEADER).ok().flatten().filter(|_| trusted);
    let trace = fields.one("traceparent").ok().flatten();
    Record {
        request_id: theirs.and_then(request_id::acceptable).unwrap_or_else(|| worker.ids.next()),
        trace_id: trace.and_then(request_id::trace_id),
        started: now,
        listener: Arc::clone(&exchange.connection.listener),
        route: None,
        peer: exchange.connection.peer,
        method: exchange.head.method.clone(),
        target: exchange.head.target.clone(),
        authority: exchange.head.authority.clone(),
        scheme: None,
        key: None,
        verdict: Verdict::Refused,
        rejection: None,
        skew: None,
        received: 0,
        sent: 0,
        status: 499,
        upstream_status: None,
        upstream: None,
        judged: None,
        answered: None,
        total: Duration::ZERO,
        truncated: false,
    }
}
