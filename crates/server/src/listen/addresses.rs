//! How many connections each address holds.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections by address; an IPv6 network of 64 bits counts as one, because that is what one customer is given.
#[derive(Debug)]
pub(super) struct Addresses {
    held: Mutex<HashMap<IpAddr, usize>>,
    most: usize,
}

/// One connection's share of its address, given back when it ends.
#[derive(Debug)]
pub(super) struct Share {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// At most `most` connections from one address.
    pub(super) fn new(most: usize) -> Self {
        Self {
            held: Mutex::default(),
            most,
        }
    }

    /// A share for one more connection, if the address has one left or is exempt.
    pub(super) fn share(self: &Arc<Self>, address: IpAddr, exempt: bool) -> Option<Share> {
        let address = network(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        // A count of 0 was made here: it is below the limit, which is 1 at least.
        if *count >= self.most && !exempt {
            return None;
        }
        *count += 1;
        Some(Share {
            addresses: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self
            .addresses
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more_and_gives_it_back() {
        let addresses = Arc::new(Addresses::new(2));
        let from = |text: &str| text.parse::<IpAddr>().expect(text);
        let one = addresses.share(from("203.0.113.9"), false);
        let two = addresses.share(from("203.0.113.9"), false);
        assert!(one.is_some() && two.is_some());
        assert!(addresses.share(from("203.0.113.9"), false).is_none());
        assert!(addresses.share(from("203.0.113.9"), true).is_some());
        assert!(addresses.share(from("203.0.113.10"), false).is_some());
        drop(one);
        assert!(addresses.share(from("203.0.113.9"), false).is_some());
        let six =
            ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"].map(|a| addresses.share(from(a), false));
        assert!(six.iter().all(Option::is_some));
        assert!(addresses.share(from("2001:db8:1:2:3::4"), false).is_none());
        assert!(addresses.share(from("2001:db8:1:3::1"), false).is_some());
        drop((two, six));
        assert!(addresses.held.lock().expect("unpoisoned").is_empty());
    }
}
