//! A source network as audit lines tell it: a /24 of IPv4, a /56 of IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::rate;

/// What one site has of addresses: three bytes of IPv4, seven of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Network {
    Four([u8; 3]),
    Six([u8; 7]),
}

impl Network {
    /// The network of an address, however that is written.
    pub(super) fn of(address: IpAddr) -> Self {
        match rate::network(address) {
            IpAddr::V4(four) => {
                let [a, b, c, _] = four.octets();
                Self::Four([a, b, c])
            }
            IpAddr::V6(six) => {
                let [a, b, c, d, e, f, g, ..] = six.octets();
                Self::Six([a, b, c, d, e, f, g])
            }
        }
    }

    /// A few bits that mostly tell networks apart. Never 0.
    pub(super) fn tag(self) -> u32 {
        let (kind, bytes) = match self {
            Self::Four([a, b, c]) => (4, u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c])),
            Self::Six([a, b, c, d, e, f, g]) => (6, u64::from_be_bytes([0, a, b, c, d, e, f, g])),
        };
        let mixed = (bytes ^ kind).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32_u32;
        u32::try_from(mixed).unwrap_or(u32::MAX) | 1
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Four([a, b, c]) => write!(f, "{a}.{b}.{c}.0/24"),
            Self::Six([a, b, c, d, e, g, h]) => {
                let address = Ipv6Addr::from([*a, *b, *c, *d, *e, *g, *h, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                write!(f, "{address}/56")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_told_as_one() {
        for (address, told) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("203.0.113.255", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
            ("64:ff9b::203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
            ("2001:db8:1:200:5::", "2001:db8:1:200::/56"),
            ("2001:db8:1:300::1", "2001:db8:1:300::/56"),
            ("::1", "::/56"),
        ] {
            assert_eq!(Network::of(address.parse().unwrap()).to_string(), told, "{address}");
        }
    }

    #[test]
    fn a_tag_is_never_nothing_and_tells_neighbours_apart() {
        let tags: std::collections::HashSet<u32> = (0..=255).map(|place| Network::Four([10, 0, place]).tag()).collect();
        assert!(tags.len() > 250 && !tags.contains(&0), "{}", tags.len());
    }
}
