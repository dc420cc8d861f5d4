//! One request's stay in the gateway: the rules it is judged by, and the record that is told of it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::body::Intake;
use super::exchange::{Answer, Exchange};
use super::told::Told;
use super::worker::{Rules, Worker};
use super::{client, request_id, respond};
use super::{forward, forward_auth};
use crate::policy::Seal;
use crate::policy::route::{ErrorShape, Route};
use crate::policy::routes::Matched;
use crate::policy::upkeep::Direction;
use crate::reject::{Code, Rejection};
use crate::replay::Departed;
use crate::sig::signing::Signing;
use crate::sig::time::Moment;
use crate::telemetry::record::{Record, Verdict};

/// Everything that belongs to one request beside the request itself.
pub struct Visit {
    /// The worker that serves it.
    pub worker: Rc<Worker>,
    /// The rules in force when it arrived; it is judged by these to the end.
    pub generation: Rc<Rules>,
    /// The one wall-clock time of its judgement.
    pub now: Moment,
    /// Set when a byte of it may have reached the upstream.
    pub departed: Departed,
    pub(super) told: Box<Told>,
    /// The name of the ring that was asked, where the route counts by key.
    pub(super) ring: Option<Arc<str>>,
    /// How it is refused.
    errors: ErrorShape,
    /// Whether the client sees where a body of unknown length ends.
    pub(super) sees_ends: bool,
}

/// A request that has found its route.
pub struct Entered {
    /// The route and what its pattern captured.
    pub matched: Matched,
    /// The client's address, seen through trusted proxies.
    pub client: Option<IpAddr>,
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
            ring: None,
            worker: Rc::clone(worker),
            errors: ErrorShape::Problem,
            sees_ends: exchange.sees_ends,
        }
    }

    /// A signature is being made: its keys are in use.
    pub(super) fn signed(&self, seal: &Seal, signing: &Signing) {
        for key in signing.signers() {
            self.told.used(Direction::Sign, seal.ring().name(), &key.id);
        }
    }

    /// The id that this request is told under.
    pub fn request_id(&self) -> &Bytes {
        &self.told.record.request_id
    }

    /// When it must be over, counted from its head.
    pub fn deadline(&self, total: Option<Duration>) -> Option<Instant> {
        self.told.deadline(total)
    }

    /// Finds the route; refuses what arrived malformed.
    pub fn enter(&mut self, exchange: &Exchange) -> Result<Entered, Rejection> {
        if let Some(defect) = &exchange.defect {
            return Err(defect.clone());
        }
        let listener = &exchange.connection.listener;
        let matched = self.generation.policy.routes.find(&exchange.head, &listener.name)?;
        self.told.record.route = Some(Arc::clone(&matched.route));
        self.errors = respond::shape(matched.route.errors, &exchange.head.fields);
        let client = client::address(&exchange.connection, &exchange.head.fields);
        self.told.record.peer = client;
        Ok(Entered { matched, client })
    }

    /// Notes that nothing was demanded of this request.
    pub fn unasked(&mut self) {
        self.told.record.verdict = Verdict::Public;
    }

    /// The upstream of a route, noted.
    pub fn upstream(&mut self, route: &Route) -> Result<forward::Target, Rejection> {
        let place = route.upstream.ok_or(Code::Internal)?;
        let upstream = self.generation.policy.upstreams.get(place).ok_or(Code::Internal)?;
        self.told.record.upstream = Some(Arc::clone(&upstream.name));
        Ok(Arc::clone(upstream))
    }

    /// Notes what the upstream said and how long it took.
    pub fn answered(&mut self, status: u16, after: Duration) {
        self.told.record.upstream_status = Some(status);
        self.told.record.answered = Some(after);
    }

    /// Whether the operator wants a digest of every body.
    pub fn digests(&self) -> bool {
        self.generation.policy.operations.audit.digest
    }

    /// Notes how much came in, and what was dropped of it.
    pub fn took(&mut self, intake: &Intake<'_>) {
        self.told.record.received = intake.received();
        self.told.record.waited = intake.waited();
        self.told.record.digest = intake.digest().map(Box::new);
        if intake.saw_trailers() {
            self.worker.shard.trailers_dropped();
        }
    }

    /// The answer as the client gets it; the record is told when its last byte is gone.
    pub fn conclude(mut self, mut answer: Answer) -> Answer {
        if let Some(route) = &self.told.record.route {
            forward::edit(&mut answer.fields, &route.response);
            self.told.total = route.limits.total;
        }
        if !answer.fields.contains(request_id::HEADER) {
            answer.fields.append(request_id::HEADER, self.request_id().clone());
        }
        self.told.record.status = answer.status;
        answer.body = self.told.follow(answer.body);
        answer
    }

    /// Says no.
    pub fn refuse(mut self, rejection: &Rejection) -> Answer {
        let record = &mut self.told.record;
        let mut answer = respond::refusal(rejection, (record.route.as_deref(), self.errors), &record.request_id);
        if rejection.code() == Code::MethodNotAllowed {
            let path = record.target.split(|byte| *byte == b'?').next().unwrap_or_default();
            let routes = &self.generation.policy.routes;
            respond::allow(&mut answer, &routes.allowed(&record.authority, path, &record.listener.name));
        }
        if let Some(auth) = record.listener.forward_auth {
            forward_auth::refused(auth, rejection, &mut answer);
        }
        record.verdict = Verdict::Refused;
        record.rejection = Some(rejection.clone());
        record.status = answer.status;
        answer.body = self.told.follow(answer.body);
        answer
    }
}

fn record(exchange: &Exchange, worker: &Worker, now: Moment) -> Record {
    let fields = &exchange.head.fields;
    let trusted = client::is_trusted(&exchange.connection);
    let theirs = fields.one(request_id::HEADER).ok().flatten().filter(|_| trusted);
    let trace = fields.one("traceparent").ok().flatten();
    Record {
        request_id: theirs.and_then(request_id::acceptable).unwrap_or_else(|| worker.ids.next()),
        trace_id: trace.and_then(request_id::trace_id),
        parent: trace.and_then(request_id::sampled_parent),
        started: now,
        listener: Arc::clone(&exchange.connection.listener),
        route: None,
        peer: exchange.connection.peer,
        method: exchange.head.method.clone(),
        target: exchange.head.target.clone(),
        authority: exchange.head.authority.clone(),
        scheme: None,
        key: None,
        master: None,
        verdict: Verdict::Refused,
        rejection: None,
        unchecked: false,
        skew: None,
        received: 0,
        digest: None,
        sent: 0,
        status: 499,
        upstream_status: None,
        upstream: None,
        waited: None,
        judged: None,
        answered: None,
        total: Duration::ZERO,
        truncated: false,
        noted: None,
    }
}
