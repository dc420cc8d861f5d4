//! What counts as one source.

use std::net::{IpAddr, Ipv4Addr};

/// NAT64's well-known prefix (RFC 6052 §2.1): what follows is an IPv4 address.
const NAT64: u128 = 0x0064_ff9b << 96_u32;

/// The network that one customer has: an IPv4 address, however it is written, or a /64 of IPv6, since counting single addresses of it would
/// count nothing.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        four @ IpAddr::V4(_) => four,
        IpAddr::V6(six) => match u32::try_from(u128::from(six) ^ NAT64) {
            Ok(four) => Ipv4Addr::from(four).into(),
            Err(_) => IpAddr::V6((u128::from(six) & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_source_however_his_address_is_written() {
        for (address, source) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.1"),
            ("64:ff9b::1:c000:201", "64:ff9b::"),
            ("64:ff9b:1::c000:201", "64:ff9b:1::"),
            ("::192.0.2.1", "::"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), source.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
