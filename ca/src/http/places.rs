//! Places for connections: so many in all, and no more than a part of them for one network.
//!
//! Without the second limit whoever reaches the listener could hold every place, and with that end
//! every session: bastions that lose the feed end theirs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::network::network;

/// The most connections at a time; more wait in the kernel's queue.
const IN_ALL: usize = 8192;
/// The most of them from one network. A site behind one address shares it.
const OF_ONE: usize = 1024;

/// All places.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _one: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// A part of what one network may have.
#[derive(Debug)]
struct Share {
    network: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(IN_ALL)),
            taken: Arc::default(),
        }
    }

    /// A place for a connection from `peer`, once there is one; nothing when its network has as
    /// many as it may.
    pub(super) async fn take(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        // On this machine stands whoever we run beside: a load balancer speaks for everybody.
        let share = if peer.is_loopback() {
            None
        } else {
            Some(self.share(network(peer))?)
        };
        let one = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place {
            _one: one,
            _share: share,
        })
    }

    fn share(&self, network: IpAddr) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(network).or_insert(0);
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        Some(Share {
            network,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_network_cannot_hold_every_place() {
        let places = Places::new();
        let mut held = Vec::new();
        for host in 0..OF_ONE {
            let peer = format!("2001:db8:0:1::{host:x}").parse().unwrap();
            held.push(places.take(peer).await.unwrap());
        }
        let same = "2001:db8:0:1:ffff::1".parse().unwrap();
        assert!(places.take(same).await.is_none());
        assert!(
            places
                .take("2001:db8:0:2::1".parse().unwrap())
                .await
                .is_some()
        );
        held.pop();
        assert!(places.take(same).await.is_some());
    }

    #[tokio::test]
    async fn places_are_given_back_and_nothing_is_remembered_of_them() {
        let places = Places::new();
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let (one, other) = (places.take(mapped).await, places.take(mapped).await);
        assert_eq!(
            places
                .taken
                .lock()
                .unwrap()
                .get(&"192.0.2.1".parse().unwrap()),
            Some(&2)
        );
        drop((one, other));
        assert!(places.taken.lock().unwrap().is_empty());
        assert_eq!(places.all.available_permits(), IN_ALL);
    }
}
