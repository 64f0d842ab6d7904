//! Which addresses are of the public internet.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, by its first one and the bits that all of them share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// `10.0.0.0/8`, `fd00::/8`, or one address. Bits beyond the length must be zero: anything else is a mistake.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        let network = Self { first, bits };
        (bits <= width && network.masked(first) == Some(network.number())).then_some(network)
    }

    /// Whether `address` is one of the range.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.masked(address) == Some(self.number())
    }

    fn number(self) -> u128 {
        number(self.first)
    }

    /// The address with everything beyond the shared bits cleared; `None` for the other family.
    fn masked(self, address: IpAddr) -> Option<u128> {
        let width = if self.first.is_ipv4() { 32 } else { 128 };
        (self.first.is_ipv4() == address.is_ipv4()).then(|| {
            let rest = width - u32::from(self.bits);
            let kept = u128::MAX.checked_shl(rest).unwrap_or(0);
            number(address) & kept
        })
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    }
}

/// IPv4 ranges that are not of the public internet (RFC 6890 and its registry), and one cloud's host service, which has
/// a public address and answers to tenants only.
const NOT_PUBLIC_4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Ranges inside `2000::/3` that are not: protocol assignments with Teredo, documentation, 6to4.
const NOT_PUBLIC_6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the public internet. An IPv4 address inside an IPv6 one (`::ffff:127.0.0.1`) is judged as
/// what it is; translated ones (NAT64, 6to4, Teredo) are refused, because what is behind them is not known here.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => NOT_PUBLIC_4
            .iter()
            .all(|(first, bits)| (a.to_bits() ^ first.to_bits()) >> (32 - bits) != 0),
        IpAddr::V6(a) => {
            a.to_bits() >> 125 == 1
                && NOT_PUBLIC_6
                    .iter()
                    .all(|(first, bits)| (a.to_bits() ^ first.to_bits()) >> (128 - bits) != 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "3ffe::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn networks_are_read_strictly_and_hold_their_own() {
        let contains = |network: &str, address: &str| {
            Network::parse(network)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.9.8.7") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "10.0.0.1"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && contains("::/0", "::1"));
        for bad in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "fd00::1/8",
            "10.0.0.0/",
            "::/129",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert!(Network::parse(bad).is_none(), "{bad}");
        }
    }
}
