//! `routes:` and `defaults:` as written.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::super::field::{Field, HasShort, Many, Named, Short};
use super::super::values::{HeaderName, MethodName, Of, Origin, Size, Status};
use super::Lint;
use super::callers::{Rates, Rule};
use super::mapping::mapping;

mapping! {
    pub(crate) struct Route {
        pub(crate) path: Field<Many<String>>,
        pub(crate) host: Field<Many<String>>,
        pub(crate) methods: Field<Many<Of<MethodName>>>,
        pub(crate) listeners: Field<Many<String>>,
        pub(crate) public: Field<bool>,
        pub(crate) verify: Field<Many<Short<Verify>>>,
        pub(crate) keys: Field<String>,
        pub(crate) sign: Field<Short<Sign>>,
        pub(crate) mode: Field<Mode>,
        pub(crate) body: Field<Short<Body>>,
        pub(crate) limits: Field<Limits>,
        pub(crate) timeouts: Field<Timeouts>,
        pub(crate) replay: Field<Short<Replay>>,
        pub(crate) request: Field<Edits>,
        pub(crate) response: Field<Response>,
        pub(crate) rewrite: Field<String>,
        pub(crate) identity: Field<Identity>,
        pub(crate) errors: Field<Errors>,
        pub(crate) statuses: Field<Named<Of<Status>>>,
        pub(crate) sources: Field<Many<Of<IpNet>>>,
        pub(crate) allow: Field<Many<Rule>>,
        pub(crate) rate: Field<Rates>,
        pub(crate) client_certificate: Field<Short<ClientCertificate>>,
        pub(crate) upgrade: Field<Many<Upgrade>>,
        pub(crate) preflight: Field<Preflight>,
        pub(crate) trailers: Field<Trailers>,
        pub(crate) public_url: Field<Of<Origin>>,
        pub(crate) retry: Field<Retry>,
        pub(crate) challenge: Field<Short<Challenge>>,
        pub(crate) lint: Field<Lint>,
        pub(crate) upstream: Field<String>,
    }
}

mapping! {
    pub(crate) struct Verify {
        pub(crate) scheme: Field<String>,
        pub(crate) keys: Field<String>,
        pub(crate) legacy: Field<Many<String>>,
        #[serde(rename = "override")]
        pub(crate) overrides: Field<Override>,
    }
}

mapping! {
    pub(crate) struct Sign {
        pub(crate) scheme: Field<String>,
        pub(crate) keys: Field<String>,
        pub(crate) with: Field<With>,
        #[serde(rename = "override")]
        pub(crate) overrides: Field<Override>,
    }
}

mapping! {
    pub(crate) struct Override {
        pub(crate) algorithm: Field<String>,
        pub(crate) past: Field<Of<Duration>>,
        pub(crate) future: Field<Of<Duration>>,
        pub(crate) headers: Field<Named<String>>,
        pub(crate) settings: Field<Named<String>>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum With {
    Newest,
    All,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Enforce,
    Observe,
}

mapping! {
    pub(crate) struct Body {
        pub(crate) mode: Field<BodyMode>,
        pub(crate) max: Field<Of<Size>>,
        pub(crate) memory: Field<Of<Size>>,
        pub(crate) whole_max: Field<Of<Size>>,
        pub(crate) rate: Field<Of<Size>>,
        pub(crate) forward: Field<Forward>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Forward {
    Envelope,
    Payload,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyMode {
    Hold,
    Stream,
}

mapping! {
    pub(crate) struct Limits {
        pub(crate) macs: Field<u32>,
    }
}

mapping! {
    pub(crate) struct Timeouts {
        pub(crate) total: Field<Of<Duration>>,
        pub(crate) body_idle: Field<Of<Duration>>,
        pub(crate) response: Field<Of<Duration>>,
        pub(crate) response_idle: Field<Of<Duration>>,
        pub(crate) tunnel_age: Field<Of<Duration>>,
        pub(crate) tunnel_idle: Field<Of<Duration>>,
    }
}

mapping! {
    pub(crate) struct Replay {
        pub(crate) by: Field<ReplayBy>,
        pub(crate) once: Field<bool>,
        pub(crate) methods: Field<Many<Of<MethodName>>>,
        pub(crate) keep: Field<Of<Duration>>,
        pub(crate) duplicate: Field<Of<Status>>,
        pub(crate) release_on: Field<Many<Of<Status>>>,
        pub(crate) outage: Field<Outage>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outage {
    Closed,
    Open,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReplayBy {
    Off,
    Nonce,
    Signature,
}

mapping! {
    pub(crate) struct Edits {
        pub(crate) remove: Field<Many<Of<HeaderName>>>,
        pub(crate) set: Field<Named<String>>,
    }
}

mapping! {
    pub(crate) struct Response {
        pub(crate) remove: Field<Many<Of<HeaderName>>>,
        pub(crate) set: Field<Named<String>>,
        pub(crate) verify: Field<Many<Short<Verify>>>,
        pub(crate) sign: Field<Short<Sign>>,
        pub(crate) body: Field<BodyMode>,
        pub(crate) max: Field<Of<Size>>,
    }
}

mapping! {
    pub(crate) struct Identity {
        pub(crate) key: Field<HeaderOrNone>,
        pub(crate) principal: Field<HeaderOrNone>,
        pub(crate) verdict: Field<Of<HeaderName>>,
        pub(crate) strip_signature: Field<bool>,
    }
}

/// A header name, or `off`.
#[derive(Deserialize, Clone, Debug)]
#[serde(transparent)]
pub(crate) struct HeaderOrNone(pub(crate) Of<HeaderName>);

impl HeaderOrNone {
    /// The name, unless it is `off`.
    pub(crate) fn name(&self) -> Option<bytes::Bytes> {
        let Self(Of(HeaderName(name))) = self;
        (name != "off").then(|| name.clone())
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Errors {
    Problem,
    Drf,
    Page,
}

mapping! {
    pub(crate) struct ClientCertificate {
        pub(crate) required: Field<bool>,
        pub(crate) subject: Field<Of<HeaderName>>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Upgrade {
    Websocket,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preflight {
    Verify,
    Pass,
    Answer(Answer),
}

mapping! {
    pub(crate) struct Answer {
        pub(crate) origins: Field<Many<String>>,
        pub(crate) methods: Field<Many<Of<MethodName>>>,
        pub(crate) headers: Field<Many<Of<HeaderName>>>,
        pub(crate) max_age: Field<Of<Duration>>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trailers {
    Drop,
    Refuse,
}

mapping! {
    pub(crate) struct Retry {
        pub(crate) on: Field<Many<RetryOn>>,
        pub(crate) attempts: Field<u32>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RetryOn {
    Connect,
}

mapping! {
    pub(crate) struct Challenge {
        pub(crate) enabled: Field<bool>,
        pub(crate) keys: Field<String>,
    }
}

impl HasShort for Challenge {
    const FORM: &'static str = "countersign::Short:enabled";
}

impl HasShort for Verify {
    const FORM: &'static str = "countersign::Short:scheme";
}

impl HasShort for Sign {
    const FORM: &'static str = "countersign::Short:scheme";
}

impl HasShort for Body {
    const FORM: &'static str = "countersign::Short:mode";
}

impl HasShort for Replay {
    const FORM: &'static str = "countersign::Short:by";
}

impl HasShort for ClientCertificate {
    const FORM: &'static str = "countersign::Short:required";
}
