//! A source network as audit lines tell it: a /24 of IPv4, a /56 of IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::rate;

/// What one site has of addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Network {
    /// The first three bytes, and a zero.
    Four(u32),
    /// The first seven bytes, and a zero.
    Six(u64),
}

impl Network {
    /// The network of an address, however that is written.
    pub(super) fn of(address: IpAddr) -> Self {
        match rate::network(address) {
            IpAddr::V4(four) => Self::Four(u32::from(four) & 0xffff_ff00),
            IpAddr::V6(six) => {
                let high = u64::try_from(u128::from(six) >> 64_u32).unwrap_or_default();
                Self::Six(high & 0xffff_ffff_ffff_ff00)
            }
        }
    }

    /// A few bits that mostly tell networks apart. Never 0.
    pub(super) fn tag(self) -> u32 {
        let bits = match self {
            Self::Four(bits) => u64::from(bits),
            Self::Six(bits) => bits | 1,
        };
        let mixed = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32_u32;
        u32::try_from(mixed).unwrap_or(u32::MAX) | 1
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Four(bits) => write!(f, "{}/24", Ipv4Addr::from(*bits)),
            Self::Six(bits) => write!(f, "{}/56", Ipv6Addr::from(u128::from(*bits) << 64_u32)),
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
        let tags: std::collections::HashSet<u32> =
            (0..=255).map(|place| Network::of(Ipv4Addr::new(10, 0, place, 1).into()).tag()).collect();
        assert!(tags.len() > 250 && !tags.contains(&0), "{}", tags.len());
    }
}
