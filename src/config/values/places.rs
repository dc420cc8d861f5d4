//! Where to listen, and who comes from where.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::FromText;
use crate::policy::listen::{Address, ListenAt};

impl FromText for Address {
    const EXPECTED: &'static str = "`ip:port`, `localhost:port` or `unix:/path`";

    fn from_text(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Self::Unix(PathBuf::from(path)));
        }
        let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        text.parse::<SocketAddr>().ok().map(Self::Socket)
    }
}

impl FromText for ListenAt {
    const EXPECTED: &'static str = "`systemd:name` of an inherited socket, `ip:port`, `localhost:port` or `unix:/path`";

    /// A name as systemd takes it: visible ASCII without a colon, at most 255 bytes.
    fn from_text(text: &str) -> Option<Self> {
        let Some(name) = text.strip_prefix("systemd:") else { return Address::from_text(text).map(Self::Address) };
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        (plain && (1..=255).contains(&name.len())).then(|| Self::Inherited(name.into()))
    }
}

impl FromText for IpNet {
    const EXPECTED: &'static str = "an address or network such as `203.0.113.7` or `203.0.113.0/24`";

    fn from_text(text: &str) -> Option<Self> {
        let net = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))?;
        let mapped = net.addr().is_ipv6().then(|| net.addr().to_canonical()).filter(IpAddr::is_ipv4);
        // Clients are known by their IPv4 address wherever they have one: what is written as `::ffff:…` would never fit anybody.
        match (mapped, net.prefix_len().checked_sub(96)) {
            (Some(four), Some(bits)) => Self::new(four, bits).ok(),
            _ => Some(net),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_written_as_mapped_is_the_network_of_ipv4_that_it_means() {
        for (text, expected) in [
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:203.0.113.7", Some("203.0.113.7/32")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::/0", Some("::/0")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.0/33", None),
        ] {
            assert_eq!(IpNet::from_text(text).map(|net| net.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_numeric_or_a_unix_path() {
        for good in ["0.0.0.0:8443", "[::1]:0", "localhost:80", "unix:/run/x.sock"] {
            assert!(Address::from_text(good).is_some(), "{good}");
        }
        for bad in ["8443", "example.com:80", "unix:relative", "127.0.0.1", "127.0.0.1:65536", ""] {
            assert!(Address::from_text(bad).is_none(), "{bad}");
            assert!(ListenAt::from_text(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_listener_may_be_handed_over_under_a_name() {
        for good in ["systemd:public", "systemd:countersign.socket", "unix:/run/x.sock", "[::]:443"] {
            assert_eq!(ListenAt::from_text(good).unwrap().to_string(), good);
        }
        for bad in ["systemd:", "systemd:a:b", "systemd:a b", "systemd", &format!("systemd:{}", "x".repeat(256))] {
            assert!(ListenAt::from_text(bad).is_none(), "{bad}");
        }
        assert!(Address::from_text("systemd:public").is_none(), "only listeners inherit");
    }
}
