//! Who may talk to the admin listener: local programs, and no page in a browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The headers that tell a local program from a web page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller<'a> {
    /// Every `Host` value.
    pub(super) hosts: &'a [&'a [u8]],
    /// Whether there is an `Origin`.
    pub(super) origin: bool,
    /// Whether the target was in absolute form.
    pub(super) absolute: bool,
    /// Whether `Sec-Fetch-Site` names another site.
    pub(super) foreign: bool,
}

/// Refuses DNS rebinding (a `Host` that is no loopback name) and cross-site requests (browsers add `Origin`). On a unix socket no name
/// leads here, so any `Host` goes.
pub(super) fn admit(caller: Caller<'_>, unix: bool) -> Result<(), &'static str> {
    if caller.origin || caller.foreign {
        return Err("requests from web pages are refused");
    }
    if caller.absolute {
        return Err("the target must be a path");
    }
    match caller.hosts {
        _ if unix => Ok(()),
        [host] if is_loopback(host) => Ok(()),
        _ => Err("Host must be localhost or a loopback address"),
    }
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) if is_port(port) => return name.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|ip| IpAddr::from(ip).is_loopback())
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':');
    text.is_empty() || digits.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_hosts() {
        let cases: [(&str, bool); 18] = [
            ("localhost", true),
            ("LOCALHOST:8081", true),
            ("127.0.0.1", true),
            ("127.0.0.1:8081", true),
            ("127.255.255.254", true),
            ("[::1]", true),
            ("[::1]:8081", true),
            ("", false),
            ("localhost.", false),
            ("localhost:", false),
            ("localhost:80a", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("128.0.0.1", false),
            ("0.0.0.0", false),
            ("127.1", false),
            ("::1", false),
            ("[::1]evil:80", false),
        ];
        for (host, good) in cases {
            let hosts: &[&[u8]] = &[host.as_bytes()];
            assert_eq!(admit(Caller { hosts, ..Caller::default() }, false).is_ok(), good, "{host}");
            assert!(admit(Caller { hosts, ..Caller::default() }, true).is_ok(), "{host} on a unix socket");
        }
    }

    #[test]
    fn a_missing_or_repeated_host_is_refused() {
        let twice: [&[u8]; 2] = [b"localhost", b"localhost"];
        assert!(admit(Caller { hosts: &twice, ..Caller::default() }, false).is_err());
        assert!(admit(Caller::default(), false).is_err());
    }

    #[test]
    fn web_pages_are_refused_on_every_kind_of_socket() {
        let hosts: &[&[u8]] = &[b"localhost"];
        let page = Caller { hosts, origin: true, ..Caller::default() };
        let foreign = Caller { hosts, foreign: true, ..Caller::default() };
        let absolute = Caller { hosts, absolute: true, ..Caller::default() };
        for caller in [page, foreign, absolute] {
            assert!(admit(caller, false).is_err() && admit(caller, true).is_err(), "{caller:?}");
        }
    }
}
