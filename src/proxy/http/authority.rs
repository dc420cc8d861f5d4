//! Which host a request is for: exactly one, well-formed, and the same wherever it is said (RFC 9112 §3.2, RFC 9113 §8.3.1).

use http::Version;

use super::framing::Lines;
use crate::reject::{Code, Rejection};

/// The one authority of a request as bytes of its head; empty only for HTTP/1.0 without a Host.
/// `said` is the one of the target.
pub(super) fn authority<'a>(
    version: Version,
    said: Option<&'a [u8]>,
    fields: &'a impl Lines,
) -> Result<&'a [u8], Rejection> {
    let mut hosts = fields.values(b"host");
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(refuse("more than one Host"));
    }
    if let (Some(said), Some(host)) = (said, host)
        && !said.eq_ignore_ascii_case(host)
    {
        return Err(refuse("Host differs from the target's authority"));
    }
    if host.is_none() && version == Version::HTTP_11 {
        return Err(refuse("no Host"));
    }
    match said.or(host) {
        Some(authority) if is_valid(authority) => Ok(authority),
        Some(_) => Err(refuse("not a host")),
        None if version == Version::HTTP_10 => Ok(b""),
        None => Err(refuse("no authority")),
    }
}

fn refuse(note: &'static str) -> Rejection {
    Rejection::from(Code::HostInvalid).because(note)
}

/// `host[:port]` without userinfo: a name, an IPv4 address or a bracketed IPv6 address.
fn is_valid(authority: &[u8]) -> bool {
    let (host, port) = match authority.strip_prefix(b"[") {
        Some(rest) => match split(rest, b']') {
            Some((host, after)) => return is_ipv6(host) && is_port_suffix(after),
            None => return false,
        },
        None => split(authority, b':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    !host.is_empty() && host.iter().all(|byte| is_name_byte(*byte)) && port.is_none_or(is_port)
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..place)?, text.get(place.checked_add(1)?..)?))
}

fn is_ipv6(host: &[u8]) -> bool {
    std::str::from_utf8(host).is_ok_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port_suffix(after: &[u8]) -> bool {
    after.is_empty() || after.strip_prefix(b":").is_some_and(is_port)
}

/// Digits of a 16-bit number; `u16::from_str` alone would take a leading `+`.
fn is_port(port: &[u8]) -> bool {
    port.iter().all(u8::is_ascii_digit) && std::str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok())
}

/// Registered names without percent-encoding: what DNS, certificates and every known server agree on.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let good = ["a", "a.example", "a.example:80", "127.0.0.1:1", "[::1]", "[::1]:65535", "a_b", "A.Example"];
        let bad = [
            "", ":80", "a:", "a:+1", "a:65536", "a:b", "u@a", "a,b", "a b", "a/b", "[::1", "[::1]x", "[a]", "::1",
            "a%41", "a\u{e9}", "a:1:2",
        ];
        for host in good {
            assert!(is_valid(host.as_bytes()), "{host}");
        }
        for host in bad {
            assert!(!is_valid(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn host_and_target_agree_or_the_request_is_refused() {
        let cases: [(Version, &str, &[&str], bool); 9] = [
            (Version::HTTP_11, "/", &["a"], true),
            (Version::HTTP_11, "/", &[], false),
            (Version::HTTP_11, "/", &["a", "a"], false),
            (Version::HTTP_10, "/", &[], true),
            (Version::HTTP_11, "http://a/", &["a"], true),
            (Version::HTTP_11, "http://a/", &["b"], false),
            (Version::HTTP_11, "http://u@a/", &["u@a"], false),
            (Version::HTTP_2, "http://a/", &[], true),
            (Version::HTTP_2, "http://a/", &["b"], false),
        ];
        for (version, uri, hosts, accepted) in cases {
            let mut fields = HeaderMap::new();
            for host in hosts {
                fields.append(header::HOST, host.parse().unwrap());
            }
            let uri: http::Uri = uri.parse().unwrap();
            let said = uri.authority().map(|authority| authority.as_str().as_bytes());
            assert_eq!(authority(version, said, &fields).is_ok(), accepted, "{version:?} {uri} {hosts:?}");
        }
    }
}
