//! Callers who did not prove who they are: recorded, and told as little as they need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use portreeve_protocol::event::Body;
use portreeve_protocol::problem::{Code, Problem};

use super::record::event;
use super::{App, Failure, Origin};
use crate::identity::Refused;
use crate::network::network;

/// How many refusals in a row are recorded one by one, and how often one is after that.
const IN_ALL: Rate = Rate::new(200, Duration::from_millis(50));
/// The same for one network: what one stranger sends is never all that is recorded.
const OF_ONE: Rate = Rate::new(50, Duration::from_millis(200));

/// Bounds what strangers can write into the audit log. What is beyond is counted, and the count
/// stands in the next refusal that is recorded.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Used>);

/// How far ahead of its rate everybody is: the moment from which nothing is used any more.
///
/// Only what is recorded uses anything, so that there are never more networks than `IN_ALL` lets
/// in until the first of them is even again.
#[derive(Debug, Default)]
struct Used {
    in_all: Option<Instant>,
    of_one: HashMap<IpAddr, Instant>,
    skipped: u64,
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: Duration,
    one: Duration,
}

impl Rate {
    const fn new(burst: u32, one: Duration) -> Self {
        Self {
            burst: one.saturating_mul(burst),
            one,
        }
    }

    /// What is used after one more, or nothing when there is no room for one.
    fn one_more(self, used: Option<Instant>, now: Instant) -> Option<Instant> {
        let next = used.map_or(now, |used| used.max(now)) + self.one;
        (next - now <= self.burst).then_some(next)
    }
}

impl Throttle {
    /// How many were skipped before this one, or nothing when this one is to be skipped too.
    fn admit(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = used.take(address.to_canonical(), now);
        if admitted.is_none() {
            used.skipped += 1;
        }
        admitted
    }
}

impl Used {
    fn take(&mut self, address: IpAddr, now: Instant) -> Option<u64> {
        let in_all = IN_ALL.one_more(self.in_all, now)?;
        // On this machine stands whoever we run beside: a load balancer speaks for everybody.
        if !address.is_loopback() {
            let network = network(address);
            let of_one = OF_ONE.one_more(self.of_one.get(&network).copied(), now)?;
            self.of_one.retain(|_, until| *until > now);
            self.of_one.insert(network, of_one);
        }
        self.in_all = Some(in_all);
        Some(std::mem::take(&mut self.skipped))
    }
}

impl App {
    /// Records that somebody was not believed, and gives what they are told.
    pub(super) async fn refuse(&self, refused: Refused, origin: Origin) -> Failure {
        let remedy = refused.kind.remedy();
        let code = refused.code();
        self.refuse_claim(
            &refused.claimed.clone(),
            refused.to_string(),
            code,
            Some(remedy),
            origin,
        )
        .await
    }

    /// Records that a request came without a credential that its route takes, and gives what is
    /// told. A token of somebody else in the wrong place is how a theft shows itself.
    pub(crate) async fn turn_away(
        &self,
        claimed: &str,
        code: Code,
        advice: &str,
        origin: Origin,
    ) -> Failure {
        let detail = format!("no credential for this route: {advice}");
        self.refuse_claim(claimed, detail, code, Some(advice), origin)
            .await
    }

    /// The same for a claim that came without a token.
    pub(super) async fn refuse_claim(
        &self,
        claimed: &str,
        detail: String,
        code: Code,
        remedy: Option<&str>,
        origin: Origin,
    ) -> Failure {
        tracing::info!(claimed, detail, address = %origin.address, "refused");
        let mut problem = Problem::new(code);
        problem.detail = remedy.map(str::to_owned);
        let Some(skipped) = self.refusals.admit(origin.address, Instant::now()) else {
            return Failure::Told(Box::new(problem));
        };
        let detail = match skipped {
            0 => detail,
            more => format!("{detail}; {more} refusals before this one were not recorded"),
        };
        let event = event(
            origin.at,
            Body::Refused {
                claimed: claimed.to_owned(),
                address: Some(origin.address),
                code,
                detail,
            },
        );
        let id = event.id;
        match self.log.append(vec![event]).await {
            Ok(_) => Failure::Told(Box::new(problem.event(id))),
            // They are refused all the same; that it is not in the trail is our fault to report.
            Err(error) => {
                tracing::error!(%error, "a refusal could not be recorded");
                Failure::Told(Box::new(problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn refusals_beyond_the_bound_are_counted() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for host in 0..200 {
            let from = address(&format!("192.0.2.{host}"));
            assert_eq!(throttle.admit(from, now), Some(0));
        }
        let another = address("198.51.100.1");
        for _ in 0..5 {
            assert_eq!(throttle.admit(another, now), None);
        }
        let later = now + Duration::from_secs(1);
        assert_eq!(throttle.admit(another, later), Some(5));
        assert_eq!(throttle.admit(another, later), Some(0));
    }

    #[test]
    fn one_network_does_not_hide_what_another_tries() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        // Ten minutes of a flood from one customer's network, from ever other addresses.
        for sent in 0..60_000_u32 {
            now += Duration::from_millis(10);
            throttle.admit(address(&format!("2001:db8:0:1::{sent:x}")), now);
        }
        assert!(throttle.admit(address("2001:db8:0:1::"), now).is_none());
        let skipped = throttle.admit(address("2001:db8:0:2::1"), now).unwrap();
        assert!(skipped > 0);
        assert_eq!(throttle.0.lock().unwrap().of_one.len(), 2);
    }

    #[test]
    fn what_comes_from_this_machine_is_everybody() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..200 {
            assert_eq!(throttle.admit(address("::ffff:127.0.0.1"), now), Some(0));
        }
        assert_eq!(throttle.admit(address("127.0.0.1"), now), None);
    }
}
