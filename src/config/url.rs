//! `http://` and `https://` URLs as a configuration writes them: an authority without user information, then what follows it.

use std::net::Ipv6Addr;

/// A URL in its parts, all as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Url<'a> {
    /// Whether it is `https`.
    pub(crate) tls: bool,
    /// `host[:port]`.
    pub(crate) authority: &'a str,
    /// A name or an address; IPv6 without brackets.
    pub(crate) host: &'a str,
    /// The port, where one is written.
    pub(crate) port: Option<u16>,
    /// Empty, or the path with its `/` and everything after it.
    pub(crate) rest: &'a str,
}

impl<'a> Url<'a> {
    /// The parts of `text`; `None` where it is something else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (tls, text) = match text.split_once("://")? {
            ("http", text) => (false, text),
            ("https", text) => (true, text),
            _ => return None,
        };
        let (authority, rest) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
        let (host, port) = host_and_port(authority)?;
        Some(Self { tls, authority, host, port, rest })
    }
}

fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if after.is_empty() { None } else { Some(port(after.strip_prefix(':')?)?) };
        return Some((host, port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (authority, None),
    };
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    (named && !host.is_empty()).then_some((host, port))
}

fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_without_changing_it() {
        for (text, tls, authority, host, port, rest) in [
            ("http://a", false, "a", "a", None, ""),
            ("https://A.example:8443/x/?y#z", true, "A.example:8443", "A.example", Some(8443), "/x/?y#z"),
            ("http://[::1]:80", false, "[::1]:80", "::1", Some(80), ""),
            ("http://[::1]/", false, "[::1]", "::1", None, "/"),
            ("http://h?x", false, "h", "h", None, "?x"),
            ("http://h:65535", false, "h:65535", "h", Some(65535), ""),
        ] {
            assert_eq!(Url::parse(text), Some(Url { tls, authority, host, port, rest }), "{text}");
        }
    }

    #[test]
    fn what_two_programs_could_read_differently_is_no_url() {
        for text in [
            "",
            "h",
            "ftp://h",
            "HTTP://h",
            "http:/h",
            "http://",
            "http:///x",
            "http://u@h",
            "http://u:p@h",
            "http://h:",
            "http://h:0",
            "http://h:65536",
            "http://h:+80",
            "http://h:80:81",
            "http://[::1",
            "http://[h]",
            "http://[::1]80",
            "http://a b",
            "http://a\\b",
            "http://%41",
            "http://\u{e9}",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
