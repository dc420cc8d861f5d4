//! A request that was judged, for the tests of this module.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::record::{Record, Verdict};
use crate::policy::limits;
use crate::policy::listen::{Address, Listener};
use crate::policy::route::{
    Answers, BodyMode, Edits, ErrorShape, Guard, Identity, Preflight, Replay, ReplayBy, Route, Trailers,
};
use crate::sig::key::{Key, Window};
use crate::sig::message::Method;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// A verified POST.
pub(super) fn record() -> Record {
    Record {
        request_id: "r-1".into(),
        trace_id: None,
        parent: None,
        started: Moment::from_millis(1_795_321_800_250),
        listener: Arc::new(listener()),
        route: Some(route("/orders")),
        peer: None,
        method: Method::POST,
        target: Bytes::from_static(b"/orders?id=7"),
        authority: Bytes::from_static(b"shop.example"),
        scheme: Some("timestamp-body".into()),
        key: None,
        master: None,
        verdict: Verdict::Verified,
        rejection: None,
        unchecked: false,
        skew: None,
        received: 17,
        digest: None,
        sent: 2,
        status: 200,
        upstream_status: None,
        upstream: None,
        waited: None,
        judged: None,
        answered: None,
        total: Duration::from_micros(12_034),
        truncated: false,
        noted: None,
    }
}

/// A key that is always usable.
pub(super) fn key(id: &str) -> Arc<Key> {
    Arc::new(Key {
        id: id.into(),
        principal: id.into(),
        secret: Secret::new(b"canary".to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    })
}

fn listener() -> Listener {
    Listener {
        name: "public".into(),
        address: Address::Unix("/nowhere".into()).into(),
        tls: None,
        public_url: None,
        trusted: Vec::new(),
        proxied: None,
        limits: limits::Connection::default(),
        http2: false,
        signing_hosts: None,
        forward_auth: None,
    }
}

/// A route that demands nothing.
pub(super) fn route(name: &str) -> Arc<Route> {
    let replay = Replay {
        by: ReplayBy::Off,
        methods: Vec::new(),
        spares_head: false,
        keep: None,
        beyond: Duration::ZERO,
        ahead: Duration::ZERO,
        duplicate: None,
        release_on: Vec::new(),
        open: false,
        chosen: true,
    };
    Arc::new(Route {
        name: name.into(),
        guard: Guard::Public,
        observe: false,
        seal: None,
        request: Edits::default(),
        response: Edits::default(),
        answers: Answers { gate: None, seal: None, body: BodyMode::Hold, max: 0 },
        rewrite: None,
        identity: Identity { key: None, principal: None, verdict: Bytes::new(), strip_signature: false },
        body: BodyMode::Hold,
        forward: crate::policy::route::Forward::Envelope,
        limits: limits::Request::default(),
        replay,
        upstream: Some(0),
        connect_retries: 0,
        errors: ErrorShape::Problem,
        statuses: std::collections::BTreeMap::new(),
        callers: crate::policy::route::Callers::default(),
        sources: Vec::new(),
        client_certificate: false,
        subject_header: None,
        websocket: false,
        preflight: Preflight::Verify,
        trailers: Trailers::Drop,
        challenge: None,
        public_url: None,
    })
}
