//! An address we accept on, with or without TLS.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::limits;
use crate::sig::secret::Secret;

/// A listener of the configuration.
pub struct Listener {
    /// Its name in the configuration; a metric label.
    pub name: Arc<str>,
    /// Where it listens. Changing it needs a restart.
    pub address: ListenAt,
    /// TLS settings; `None` is plain.
    pub tls: Option<Tls>,
    /// `scheme://host[:port]` as clients see it: what URL-covering schemes verify. Never taken from a forwarded header.
    pub public_url: Option<Arc<str>>,
    /// Peers whose `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted: Vec<ipnet::IpNet>,
    /// Who sends a PROXY header before everything else, and has to; on a unix socket whoever can open it. `None`: nobody may.
    pub proxied: Option<Vec<ipnet::IpNet>>,
    /// Bounds of its connections.
    pub limits: limits::Connection,
    /// Whether HTTP/2 is spoken: by ALPN on TLS, with prior knowledge on a plain listener.
    pub http2: bool,
    /// `Host` values a signing-only listener takes (lower-case, without port); `None` on every other listener.
    pub signing_hosts: Option<Vec<Arc<str>>>,
    /// Another proxy asks here about its own requests, and nothing is forwarded; `None` on every other listener.
    pub forward_auth: Option<ForwardAuth>,
}

/// How another proxy asks whether it may forward a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForwardAuth {
    /// Who asks, and so where it says which request it asks about.
    pub from: Asker,
    /// Whether the question carries the body of that request, every byte of it.
    pub body: bool,
}

/// A proxy that asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker {
    /// `auth_request`: `X-Original-Method`, `X-Original-URI` and `X-Original-Host`, set by its configuration.
    Nginx,
    /// `ForwardAuth`: `X-Forwarded-Method`, `X-Forwarded-Uri` and `X-Forwarded-Host`.
    Traefik,
    /// `forward_auth`: the same headers.
    Caddy,
    /// `ext_authz`: over HTTP the request's own method, path behind `/verify`, and Host; over gRPC a message.
    Envoy,
}

/// Where a listener gets its socket from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ListenAt {
    /// It is opened at the start.
    Address(Address),
    /// `systemd:NAME`: whoever starts us holds it open under this name (`LISTEN_FDNAMES`, `FileDescriptorName=` of a socket unit).
    Inherited(Arc<str>),
}

impl fmt::Display for ListenAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Inherited(name) => write!(f, "systemd:{name}"),
        }
    }
}

impl From<Address> for ListenAt {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

/// Where to listen or connect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// `host:port`, already numeric. Port 0 lets the system choose.
    Socket(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// TLS of a listener. Contents, not paths: read and checked together with everything else of a generation.
pub struct Tls {
    /// The first serves clients without SNI; the others are chosen by the names in their certificates.
    pub certificates: Vec<Certificate>,
    /// Client certificates.
    pub clients: Clients,
    /// Client-certificate settings of single hosts (lower-case): their connections are told apart by SNI.
    pub hosts: Vec<(Arc<str>, Clients)>,
    /// Refuse TLS 1.2.
    pub only_tls13: bool,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone)]
pub struct Certificate {
    /// Leaf first.
    pub chain: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: Secret,
    /// Where it came from, for messages.
    pub origin: String,
}

/// What is asked of a client's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Clients {
    /// Nothing is asked.
    Ignored,
    /// One may be shown; a wrong one is refused.
    Optional {
        /// PEM of the accepted authorities.
        ca: Vec<u8>,
    },
    /// One must be shown.
    Required {
        /// PEM of the accepted authorities.
        ca: Vec<u8>,
    },
}
