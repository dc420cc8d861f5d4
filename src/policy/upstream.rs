//! Where a permitted request goes.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::listen::Certificate;
use crate::sig::message::Method;

/// An upstream of the configuration.
pub struct Upstream {
    /// Its name in the configuration; a metric label.
    pub name: Arc<str>,
    /// One or more addresses, chosen by least load.
    pub endpoints: Vec<Endpoint>,
    /// Path put before the outgoing target; empty or `/base` without a final slash.
    pub base_path: Arc<str>,
    /// `Host` of outgoing requests.
    pub host: Host,
    /// TLS towards it; `None` is plain.
    pub tls: Option<Tls>,
    /// Which HTTP version is spoken.
    pub protocol: Protocol,
    /// Most connections over the whole process; `None` is no cap.
    pub max_connections: Option<usize>,
    /// How long a request waits for a free connection when the cap is reached.
    pub queue: Duration,
    /// Time for TCP (or unix) connect plus TLS handshake.
    pub connect: Duration,
    /// Idle connections are closed after this time.
    pub idle: Duration,
    /// How often names are resolved again; the last good answer stays while resolving fails.
    pub resolve: Duration,
    /// How its addresses are found to be well or not; `None`: nobody looks.
    pub health: Option<Health>,
}

impl Upstream {
    /// When an address that is not healthy may be again, in whole seconds: after the next question, or else its rest. At least 1.
    pub fn recovery(&self) -> NonZeroU32 {
        let by_question = |health: &Health| health.active.as_ref().map(|active| active.interval);
        let by_rest = |health: &Health| health.passive.as_ref().map(|passive| passive.rest);
        let wait = self.health.as_ref().and_then(|health| by_question(health).or_else(|| by_rest(health)));
        let whole = wait.map_or(1, |wait| wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)));
        NonZeroU32::new(u32::try_from(whole).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
    }
}

/// What takes an address of an upstream out of the choice. At least one of the two is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// By asking it.
    pub active: Option<Active>,
    /// By what becomes of requests.
    pub passive: Option<Passive>,
    /// With no address left that is well, requests are refused; else every address is tried all the same.
    pub refuse: bool,
}

/// A question that each address is asked again and again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Active {
    /// Path and query, as sent.
    pub path: Arc<str>,
    /// GET or HEAD.
    pub method: Method,
    /// `Host` of the question; `None` is the address's own `host[:port]`.
    pub host: Option<Arc<str>>,
    /// Statuses of an address that is well; empty is every 2xx.
    pub statuses: Vec<u16>,
    /// From one question to the next, at least 100 ms.
    pub interval: Duration,
    /// For connecting and the whole answer; at most the interval.
    pub timeout: Duration,
    /// So many good answers in a row bring it back; at least 1.
    pub passes: u32,
    /// So many failures in a row take it out; at least 1.
    pub fails: u32,
}

/// What requests tell of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passive {
    /// So many requests in a row without an answer take it out; at least 1.
    pub fails: u32,
    /// For this long.
    pub rest: Duration,
}

/// One address of an upstream.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// A name or an address literal, and a port.
    Tcp {
        /// DNS name or IP literal (IPv6 without brackets).
        host: Arc<str>,
        /// Port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// Which `Host` (or `:authority`) an outgoing request carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// The client's, unchanged.
    Preserve,
    /// The upstream's own `host[:port]`.
    Upstream(Arc<str>),
}

/// Which HTTP version is spoken to an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// HTTP/1.1 on plain connections, by ALPN on TLS.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only: with prior knowledge on plain connections (h2c).
    Http2,
}

/// TLS towards an upstream. Contents, not paths.
pub struct Tls {
    /// PEM of the accepted authorities; `None`: the system's.
    pub ca: Option<Vec<u8>>,
    /// Shown when the upstream asks for one.
    pub client: Option<Certificate>,
    /// Name to verify and to send as SNI instead of the endpoint's host.
    pub server_name: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(health: Option<Health>) -> Upstream {
        let second = Duration::from_secs(1);
        Upstream {
            name: "app".into(),
            endpoints: Vec::new(),
            base_path: "".into(),
            host: Host::Preserve,
            tls: None,
            protocol: Protocol::Auto,
            max_connections: None,
            queue: second,
            connect: second,
            idle: second,
            resolve: second,
            health,
        }
    }

    fn active(interval: Duration) -> Active {
        let (path, method, timeout) = ("/".into(), Method::GET, interval);
        Active { path, method, host: None, statuses: Vec::new(), interval, timeout, passes: 1, fails: 1 }
    }

    #[test]
    fn an_address_may_be_well_again_after_its_next_question_or_its_rest() {
        let milliseconds = Duration::from_millis;
        for (interval, rest, expected) in [
            (Some(100), None, 1),
            (Some(1000), None, 1),
            (Some(1001), Some(9000), 2),
            (None, Some(9000), 9),
            (Some(u64::MAX), None, u32::MAX),
        ] {
            let active = interval.map(|interval| active(milliseconds(interval)));
            let passive = rest.map(|rest| Passive { fails: 1, rest: milliseconds(rest) });
            let health = Health { active, passive, refuse: true };
            assert_eq!(upstream(Some(health)).recovery().get(), expected, "{interval:?} {rest:?}");
        }
        assert_eq!(upstream(None).recovery().get(), 1);
    }
}
