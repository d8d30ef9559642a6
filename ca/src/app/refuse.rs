//! Callers who did not prove who they are: recorded, and told as little as they need.

use std::sync::{Mutex, PoisonError};

use portreeve_protocol::event::Body;
use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::time::Timestamp;

use super::record::event;
use super::{App, Failure, Origin};
use crate::identity::Refused;

/// How many refusals in a row are recorded one by one.
const BURST: u32 = 200;
/// How many a second after that.
const EACH_SECOND: i64 = 20;

/// Bounds what strangers can write into the audit log. What is beyond is counted, and the count
/// stands in the next refusal that is recorded.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Bucket>);

#[derive(Debug, Default)]
struct Bucket {
    used: u32,
    refilled_at: Option<Timestamp>,
    skipped: u64,
}

impl Throttle {
    /// How many were skipped before this one, or nothing when this one is to be skipped too.
    fn admit(&self, now: Timestamp) -> Option<u64> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = bucket
            .refilled_at
            .map_or(0, |at| now.as_seconds().saturating_sub(at.as_seconds()));
        if bucket.refilled_at.is_none() || passed > 0 {
            let back = u32::try_from(passed.saturating_mul(EACH_SECOND)).unwrap_or(BURST);
            bucket.used = bucket.used.saturating_sub(back);
            bucket.refilled_at = Some(now);
        }
        if bucket.used >= BURST {
            bucket.skipped += 1;
            return None;
        }
        bucket.used += 1;
        Some(std::mem::take(&mut bucket.skipped))
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
        let Some(skipped) = self.refusals.admit(origin.at) else {
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
    use std::time::Duration;

    #[test]
    fn refusals_beyond_the_bound_are_counted() {
        let throttle = Throttle::default();
        let now = Timestamp::from_seconds(1_000);
        for _ in 0..BURST {
            assert_eq!(throttle.admit(now), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(throttle.admit(now), None);
        }
        let later = now.plus(Duration::from_secs(1));
        assert_eq!(throttle.admit(later), Some(5));
        assert_eq!(throttle.admit(later), Some(0));
    }
}
