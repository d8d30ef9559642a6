//! Places for connections that have not proved their access: so many in all, and half of them at most for one network, so
//! that whoever only connects does not keep everybody else out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections are on their way, by network.
type Taken = Mutex<HashMap<IpAddr, usize>>;

/// All places.
#[derive(Debug, Clone)]
pub struct Starting {
    most: usize,
    taken: Arc<Taken>,
}

/// One connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    network: IpAddr,
    taken: Arc<Taken>,
}

impl Starting {
    /// So many places.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// A place for a connection from `peer`, if there is one for it now.
    #[must_use]
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        let network = network(peer.to_canonical());
        // Whoever is on this machine may be many: a load balancer speaks for everybody.
        let most_of_one = if network.is_loopback() {
            self.most
        } else {
            self.most.div_ceil(2)
        };
        let mut taken = lock(&self.taken);
        let all: usize = taken.values().sum();
        let own = taken.entry(network).or_insert(0);
        if all >= self.most || *own >= most_of_one {
            if *own == 0 {
                taken.remove(&network);
            }
            return None;
        }
        *own += 1;
        Some(Place {
            network,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

/// An address, or the IPv6 network of 64 bits that one customer of a network has.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(peer) if peer.is_loopback() => IpAddr::V6(peer),
        IpAddr::V6(peer) => IpAddr::V6(Ipv6Addr::from_bits(peer.to_bits() >> 64 << 64)),
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    // A panic elsewhere leaves the numbers whole.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(starting: &Starting, peer: &str, times: usize) -> Vec<Place> {
        let peer = peer.parse().unwrap();
        (0..times).map_while(|_| starting.take(peer)).collect()
    }

    #[test]
    fn one_network_leaves_half_of_the_places_to_others() {
        let starting = Starting::new(8);
        let mine = take(&starting, "2001:db8::1", 8);
        let same = take(&starting, "2001:db8::ffff", 8);
        let others = take(&starting, "192.0.2.1", 8);
        assert_eq!((mine.len(), same.len(), others.len()), (4, 0, 4));
        assert!(take(&starting, "192.0.2.2", 1).is_empty());
        drop(mine);
        assert_eq!(take(&starting, "192.0.2.2", 8).len(), 4);
        drop(others);
        assert!(lock(&starting.taken).is_empty());
    }

    #[test]
    fn this_machine_may_have_them_all() {
        let starting = Starting::new(3);
        assert_eq!(take(&starting, "::ffff:127.0.0.1", 5).len(), 3);
    }
}
