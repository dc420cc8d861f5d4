//! Who can be reached, and by which requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::Said;
use super::table::Code;
use crate::policy::routes::Match;
use crate::policy::upstream::{Endpoint, Upstream};
use crate::sig::message::Method;

/// Last labels of names that are not looked up outside (RFC 6761, RFC 6762, RFC 8375, and what clusters and offices use).
const INSIDE: [&str; 10] =
    ["localhost", "local", "internal", "svc", "lan", "arpa", "intranet", "corp", "test", "docker"];

/// Which requests a route takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Whether it takes a single path.
    pub one_path: bool,
    /// The methods it takes; empty: all.
    pub methods: Vec<Method>,
    /// Names of the captures, where nothing else makes its paths differ.
    pub captures: Option<Vec<Arc<str>>>,
}

impl Reach {
    /// What a route with these matches takes.
    pub fn of(matches: &[Match]) -> Self {
        let mut paths = matches.iter().map(|one| one.path.exact());
        let first = paths.next().flatten();
        let one_path = first.is_some() && paths.all(|path| path == first);
        let methods = matches.first().map(|one| one.methods.clone()).unwrap_or_default();
        let captures = match matches {
            [one] if one.path.is_captured() => Some(one.path.names().cloned().collect()),
            _ => None,
        };
        Self { one_path, methods, captures }
    }

    /// The same where the path chooses the ring: a request cannot be sent to another path, since other keys are asked there.
    pub(super) fn bound_by(&self, names: &[Arc<str>]) -> Self {
        let bound = self.captures.as_ref().is_some_and(|captures| captures.iter().all(|name| names.contains(name)));
        Self { one_path: self.one_path || bound, ..self.clone() }
    }

    /// Whether there is nothing to change the method into: a HEAD is a GET without its body.
    pub(super) fn has_one_method(&self) -> bool {
        self.methods.len() == 1 || self.is_bodiless()
    }

    /// Whether no request that it takes usually has a body.
    pub(super) fn is_bodiless(&self) -> bool {
        let bodiless = |method: &Method| *method == Method::GET || *method == Method::HEAD;
        !self.methods.is_empty() && self.methods.iter().all(bodiless)
    }
}

/// An upstream that others can reach: the signature that the gateway demands can be gone around. One that may ask for our certificate is not meant.
pub(super) fn exposed(upstream: &Upstream) -> Option<Said> {
    if upstream.tls.as_ref().is_some_and(|tls| tls.client.is_some()) {
        return None;
    }
    let hosts = upstream.endpoints.iter().filter_map(|endpoint| match endpoint {
        Endpoint::Tcp { host, .. } => Some(host),
        Endpoint::Unix(_) => None,
    });
    let mut exposed = hosts.filter(|host| !is_inside(host));
    let host = exposed.next()?;
    let named = host.parse::<IpAddr>().is_err();
    let looks = if named { "may be" } else { "is" };
    let message = format!(
        "upstream `{}` {looks} reachable without the gateway: `{host}` is not a private address",
        upstream.name
    );
    Some(Said::new(Code::UpstreamExposed, message).noted_if(named))
}

fn is_inside(host: &str) -> bool {
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => is_inside_v4(address),
        Ok(IpAddr::V6(address)) => is_inside_v6(address),
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            let last = name.rsplit_once('.').map(|(_, last)| last);
            last.is_none_or(|last| INSIDE.contains(&last))
        }
    }
}

/// Loopback, private (RFC 1918), link-local, this machine, or behind a provider's translation (RFC 6598).
fn is_inside_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified() || shared
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unspecified() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_and_names_are_inside() {
        for (host, inside) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("169.254.0.1", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("203.0.113.1", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true),
            ("app", true),
            ("app.prod.svc.cluster.local", true),
            ("App.Internal.", true),
            ("api.example.com", false),
        ] {
            assert_eq!(is_inside(host), inside, "{host}");
        }
    }
}
