//! The critical option `source-address`: addresses and networks in CIDR form, joined by commas, as OpenSSH reads it.

use std::net::IpAddr;

/// Whether `peer` is one of the addresses, or in one of the networks, of `list`.
///
/// An entry that is neither matches nothing, so a list that nobody understands lets nobody in.
pub(super) fn is_in(peer: IpAddr, list: &str) -> bool {
    let peer = peer.to_canonical();
    list.split(',').any(|entry| matches_entry(peer, entry))
}

fn matches_entry(peer: IpAddr, entry: &str) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let (Ok(network), Some(length)) = (network.parse::<IpAddr>(), length) else {
        return false;
    };
    let is_whole_address = length == u32::MAX;
    match (peer, network) {
        (IpAddr::V4(peer), IpAddr::V4(network)) => {
            let length = if is_whole_address { 32 } else { length };
            length <= 32
                && prefix(peer.to_bits().into(), 32, length)
                    == prefix(network.to_bits().into(), 32, length)
        }
        (IpAddr::V6(peer), IpAddr::V6(network)) => {
            let length = if is_whole_address { 128 } else { length };
            length <= 128
                && prefix(peer.to_bits(), 128, length) == prefix(network.to_bits(), 128, length)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The first `length` of `width` bits.
fn prefix(bits: u128, width: u32, length: u32) -> u128 {
    bits.checked_shr(width - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn lists_hold_addresses_and_networks() {
        let cases = [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.7/32", true),
            ("192.0.2.7", "192.0.2.0/24", true),
            ("192.0.2.7", "0.0.0.0/0", true),
            ("192.0.2.7", "192.0.2.8/32", false),
            ("192.0.2.7", "198.51.100.1/32,192.0.2.7/32", true),
            ("192.0.2.7", "", false),
            ("192.0.2.7", "192.0.2.7/33", false),
            ("192.0.2.7", "192.0.2.7/-1", false),
            ("192.0.2.7", "192.0.2.7/", false),
            ("192.0.2.7", "::/0", false),
            ("192.0.2.7", "!192.0.2.8", false),
            ("::ffff:192.0.2.7", "192.0.2.7/32", true),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::1", "2001:db8::/32", true),
            ("2001:db8::1", "2001:db8::2/128", false),
            ("2001:db8::1", "::/0", true),
        ];
        for (peer, list, expected) in cases {
            assert_eq!(
                is_in(peer.parse().unwrap(), list),
                expected,
                "{peer} in {list}"
            );
        }
    }
}
