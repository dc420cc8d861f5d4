//! `listeners:` as written.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::super::field::{Field, HasShort, List, Many, Named, Short};
use super::super::values::{Of, Origin, Size};
use super::Lint;
use super::mapping::mapping;
use crate::policy::listen::ListenAt;

mapping! {
    pub(crate) struct Listener {
        pub(crate) address: Field<Of<ListenAt>>,
        pub(crate) tls: Field<Tls>,
        pub(crate) public_url: Field<Of<Origin>>,
        pub(crate) trusted: Field<Many<Of<IpNet>>>,
        pub(crate) proxy_protocol: Field<ProxyProtocol>,
        pub(crate) limits: Field<Limits>,
        pub(crate) timeouts: Field<Timeouts>,
        pub(crate) http2: Field<bool>,
        pub(crate) signing_hosts: Field<List<String>>,
        pub(crate) forward_auth: Field<Short<ForwardAuth>>,
        pub(crate) lint: Field<Lint>,
    }
}

mapping! {
    pub(crate) struct ForwardAuth {
        pub(crate) from: Field<Asker>,
        pub(crate) body: Field<bool>,
    }
}

impl HasShort for ForwardAuth {
    const FORM: &'static str = "countersign::Short:from";
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Asker {
    Nginx,
    Traefik,
    Caddy,
    Envoy,
}

mapping! {
    pub(crate) struct Tls {
        pub(crate) certificate: Field<String>,
        pub(crate) key: Field<String>,
        pub(crate) directory: Field<String>,
        pub(crate) certificates: Field<List<Certificate>>,
        pub(crate) clients: Field<Clients>,
        pub(crate) hosts: Field<Named<Clients>>,
        pub(crate) minimum: Field<TlsVersion>,
    }
}

mapping! {
    pub(crate) struct Certificate {
        #[serde(rename = "certificate")]
        pub(crate) chain: Field<String>,
        pub(crate) key: Field<String>,
        pub(crate) directory: Field<String>,
    }
}

mapping! {
    pub(crate) struct Clients {
        pub(crate) mode: Field<ClientMode>,
        pub(crate) ca: Field<String>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientMode {
    Ignored,
    Optional,
    Required,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TlsVersion {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

mapping! {
    pub(crate) struct ProxyProtocol {
        pub(crate) from: Field<Many<Of<IpNet>>>,
    }
}

mapping! {
    pub(crate) struct Limits {
        pub(crate) head: Field<Of<Size>>,
        pub(crate) fields: Field<u32>,
        pub(crate) target: Field<Of<Size>>,
        pub(crate) connections: Field<u32>,
        pub(crate) connections_per_source: Field<u32>,
        pub(crate) h2_streams: Field<u32>,
    }
}

mapping! {
    pub(crate) struct Timeouts {
        pub(crate) handshake: Field<Of<Duration>>,
        pub(crate) head: Field<Of<Duration>>,
        pub(crate) idle: Field<Of<Duration>>,
        pub(crate) write: Field<Of<Duration>>,
    }
}
