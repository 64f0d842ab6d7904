//! Addresses and networks in CIDR notation (RFC 4632, RFC 4291 §2.3): which peers an operator trusts.
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// True for addresses inside. An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: &IpAddr) -> bool {
        let bits = u32::from(self.bits);
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(other)) => {
                let differ = u32::from(base) ^ u32::from(other);
                differ.checked_shr(32 - bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(other)) => {
                let differ = u128::from(base) ^ u128::from(other);
                differ.checked_shr(128 - bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let base = address.to_canonical();
        Self {
            base,
            bits: if base.is_ipv4() { 32 } else { 128 },
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads an address (`192.0.2.1`) or a network (`10.0.0.0/8`, `fd00::/8`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        let Some((base, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| wrong());
        };
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let digits = bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
        let bits = bits
            .parse::<u8>()
            .ok()
            .filter(|_| digits)
            .ok_or_else(wrong)?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        if bits > longest {
            return Err(wrong());
        }
        Ok(Self { base, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "::2"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ] {
            let network: Network = network.parse().expect(network);
            assert!(network.contains(&inside.parse().expect(inside)), "{inside}");
            assert!(
                !network.contains(&outside.parse().expect(outside)),
                "{outside}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "proxy.example.com",
            "10.0.0.0/8/8",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
