//! Who shares a limit when callers are known by their address only.

use std::net::{IpAddr, Ipv6Addr};

/// The network of an address: the address itself, or its IPv6 network of 64 bits, which is what
/// one customer of a network has.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(peer) => IpAddr::V6(Ipv6Addr::from_bits(peer.to_bits() >> 64 << 64)),
    }
}
