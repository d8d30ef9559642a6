//! Withdrawing a version of a sudo bundle: no session gets it any more, and those that have it are
//! ended or spared, as asked.
//!
//! The withdrawal is durable first. From then on no session that has the version can be claimed, so
//! the ones that are live at that moment are all that there are. Bastions are told of each session
//! that is killed; they need not know of the version.

use portreeve_protocol::bundle::{BundleRecord, BundleWithdrawn, RunningSessions, WithdrawBundle};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Event};
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::{BundleRef, SessionState, SessionSummary};

use super::kill::Kill;
use super::permit::Permitted;
use super::record::Access;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;
use crate::store::Change;

impl App {
    /// Withdraws a version. One that was withdrawn before stays as it is; its sessions are dealt
    /// with as asked now.
    ///
    /// # Errors
    /// When there is no such version, the version to fall back to cannot take its place, the person
    /// may not, or the store fails.
    pub async fn withdraw_bundle(
        &self,
        person: &Person,
        name: &BundleName,
        request: &WithdrawBundle,
        origin: Origin,
    ) -> Result<BundleWithdrawn, Failure> {
        let (version, permitted) = self.void(person, name, request, origin).await?;
        let (ended, spared) = self.settle(&version, request, &permitted, origin).await?;
        Ok(BundleWithdrawn {
            bundle: BundleRecord {
                text: None,
                ..self.known_version(&version).await?
            },
            in_force: self.store.bundle(name).await?.map(|record| record.digest),
            ended,
            spared,
        })
    }

    /// Makes a version void, durably, unless it is already.
    async fn void(
        &self,
        person: &Person,
        name: &BundleName,
        request: &WithdrawBundle,
        origin: Origin,
    ) -> Result<(BundleRef, Permitted), Failure> {
        let _turn = self.publishing.lock().await;
        let record = self
            .version_to_withdraw(person, name, request, origin)
            .await?;
        let version = BundleRef {
            name: record.name.clone(),
            digest: record.digest,
        };
        // A text that is no longer understood must not be in force for ever.
        let intent = self.intent_of(&record).unwrap_or(Intent::Write);
        let permitted = self.may_manage(person, &version, intent, origin).await?;
        if record.withdrawn.is_some() {
            if request.fall_back_to.is_some() {
                let detail = "this version was withdrawn before; publish the file of the version that is to be in force";
                return Err(self.not_withdrawn(&permitted, detail).await?);
            }
            let again = permitted.event(format!("was withdrawn before; {}", plan_of(request)));
            self.log.append(vec![again]).await?;
        } else {
            self.record_withdrawal(person, &record, request, &permitted, origin)
                .await?;
        }
        Ok((version, permitted))
    }

    /// The version that is meant. That there is none is told only to those who may manage bundles.
    async fn version_to_withdraw(
        &self,
        person: &Person,
        name: &BundleName,
        request: &WithdrawBundle,
        origin: Origin,
    ) -> Result<BundleRecord, Failure> {
        let found = match request.digest {
            Some(digest) => {
                let version = BundleRef {
                    name: name.clone(),
                    digest,
                };
                self.find_version(&version).await?
            }
            None => self.store.bundle(name).await?,
        };
        let Some(found) = found else {
            let asked = HumanAct::ManageBundles { bundle: None };
            let permitted = self.permit(person, asked, name.to_string(), origin).await?;
            let none = permitted.event("not withdrawn: there is no such version in force");
            self.log.append(vec![none]).await?;
            return Err(Failure::told(Code::NotPermitted));
        };
        Ok(found)
    }

    /// Makes the withdrawal durable.
    async fn record_withdrawal(
        &self,
        person: &Person,
        record: &BundleRecord,
        request: &WithdrawBundle,
        permitted: &Permitted,
        origin: Origin,
    ) -> Result<(), Failure> {
        let mut events = Vec::new();
        if let Some(digest) = request.fall_back_to {
            let next = match self.fall_back(record, digest).await? {
                Ok(next) => next,
                Err(detail) => return Err(self.not_withdrawn(permitted, detail).await?),
            };
            let version = BundleRef {
                name: next.name.clone(),
                digest,
            };
            // Whoever puts a version into force must be allowed to, whichever way it comes about.
            let intent = self.intent_of(&next)?;
            let restored = self.may_manage(person, &version, intent, origin).await?;
            events.push(restored.event(format!("{digest} is in force again")));
        }
        let change = Change::WithdrawBundle {
            name: record.name.clone(),
            digest: record.digest,
            by: permitted.human().name.clone(),
            reason: request.reason.clone(),
            fall_back_to: request.fall_back_to,
            at: origin.at,
        };
        let outcome = format!("withdrawn: {}; {}", request.reason, plan_of(request));
        events.insert(0, permitted.event(outcome));
        self.store.commit(vec![change], events).await?;
        Ok(())
    }

    /// The earlier version that takes the place of `record`, or why it cannot.
    async fn fall_back(
        &self,
        record: &BundleRecord,
        digest: Digest,
    ) -> Result<Result<BundleRecord, &'static str>, Failure> {
        if !record.in_force {
            return Ok(Err(
                "the version is not in force, so no other can take its place",
            ));
        }
        let next = BundleRef {
            name: record.name.clone(),
            digest,
        };
        Ok(match self.find_version(&next).await? {
            Some(next) if next.digest == record.digest => {
                Err("a version cannot take its own place; name an earlier one")
            }
            Some(next) if next.withdrawn.is_some() => {
                Err("the version to fall back to was withdrawn; name another")
            }
            Some(next) => Ok(next),
            None => Err("the bundle has no such version to fall back to; see `bundle history`"),
        })
    }

    /// Records that nothing was withdrawn, and tells why.
    async fn not_withdrawn(&self, permitted: &Permitted, detail: &str) -> Result<Failure, Failure> {
        let refused = permitted.event(format!("not withdrawn: {detail}"));
        self.log.append(vec![refused]).await?;
        Ok(Failure::advise(Code::Invalid, detail))
    }

    /// Ends or spares the sessions of a withdrawn version, and says how many of each.
    async fn settle(
        &self,
        version: &BundleRef,
        request: &WithdrawBundle,
        permitted: &Permitted,
        origin: Origin,
    ) -> Result<(u64, u64), Failure> {
        let live = self.store.live_with_bundle(&version.digest).await?;
        let (spared, ended): (Vec<_>, Vec<_>) = live
            .into_iter()
            .map(|session| session.summary)
            .partition(|session| is_spared(session, request.sessions));
        let told = |session: &SessionSummary, spared| -> Event {
            let access = Access {
                pair: &session.pair,
                task: Some(&session.task),
                session: Some(session.session),
            };
            access.event(
                origin.at,
                AccessFact::BundleWithdrawn {
                    by: permitted.human().clone(),
                    bundle: session.bundle.clone(),
                    reason: request.reason.as_str().to_owned(),
                    spared,
                },
            )
        };
        let events = spared.iter().map(|session| told(session, true));
        let events = events.chain(ended.iter().map(|session| told(session, false)));
        self.log.append(events.collect()).await?;
        let counts = (count(&ended), count(&spared));
        let reason = format!("the bundle was withdrawn: {}", request.reason);
        let kill = Kill {
            by: Some(permitted.human()),
            reason: &reason,
            at: origin.at,
        };
        self.kill_these(&kill, ended).await?;
        Ok(counts)
    }
}

/// A session that no bastion has claimed has not begun, and a withdrawn version begins none.
fn is_spared(session: &SessionSummary, asked: RunningSessions) -> bool {
    asked == RunningSessions::Spare && session.state != SessionState::Issued
}

fn plan_of(request: &WithdrawBundle) -> &'static str {
    match request.sessions {
        RunningSessions::End => "its sessions are ended",
        RunningSessions::Spare => "its running sessions are spared",
    }
}

fn count(sessions: &[SessionSummary]) -> u64 {
    u64::try_from(sessions.len()).unwrap_or(u64::MAX)
}
