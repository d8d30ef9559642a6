//! `POST /v1/sessions`: a pair asks for a session.

use portreeve_protocol::event::{AccessFact, Event};
use portreeve_protocol::name::BundleName;
use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::session::{SessionGranted, SessionRequest};

use super::record::{Access, alarm, note};
use super::session_plan::{Drawn, Plan};
use super::session_resolve::{Missing, Resolved, Target};
use super::{App, Failure, Origin};
use crate::decide::{self, StartDecision, StartPermit};
use crate::identity::Delegation;

/// A request that policy permits and whose host and bastions are there.
struct Cleared {
    permit: StartPermit,
    target: Target,
    /// The decision, to be recorded together with the intent.
    decided: Event,
}

impl App {
    /// Grants a session, or says why not.
    ///
    /// No record, no certificate: the intent is durable before anything is signed, and what was
    /// signed leaves the house only after the result is durable.
    ///
    /// # Errors
    /// When policy does not permit it, something it names is not there, or the store or the signer fails.
    pub async fn request_session(
        &self,
        delegation: &Delegation,
        request: SessionRequest,
        origin: Origin,
    ) -> Result<SessionGranted, Failure> {
        let drawn = Drawn::new(origin.at);
        let resolved = self.resolve(delegation, &request, &drawn).await?;
        let cleared = self.clear(delegation, resolved, origin).await?;
        let plan = Plan::new(
            cleared.permit,
            cleared.target,
            &request,
            drawn,
            &self.settings.sessions,
            self.settings.retention,
            origin,
        );
        self.record_intent(&plan, cleared.decided, origin).await?;
        self.issue(plan, origin).await
    }

    /// Decides and, unless the session may begin, records why and refuses.
    ///
    /// What does not exist is decided and recorded like what is forbidden, so that neither the
    /// answer nor the work behind it tells the one from the other.
    async fn clear(
        &self,
        delegation: &Delegation,
        resolved: Resolved,
        origin: Origin,
    ) -> Result<Cleared, Failure> {
        let policies = self.policy.now()?;
        let Resolved {
            asked,
            task,
            target,
        } = resolved;
        let (session, host) = (asked.id, asked.host.name.clone());
        let bundle = asked.bundle.version.name.clone();
        let access = Access {
            pair: delegation.pair(),
            task: Some(&task),
            session: Some(session),
        };
        let decision = decide::start(&policies, delegation, asked, origin.address, origin.at);
        let record = match &decision {
            StartDecision::Permit(permit) => permit.record(),
            StartDecision::NeedsApproval(pending) => pending.record(),
            StartDecision::Denial(denial) => denial.record(),
        };
        let alarm = alarm(origin.at, record);
        let decision_note = note(origin.at, record)?;
        let decided = access.event(
            origin.at,
            AccessFact::SessionDecided {
                host,
                decision: decision_note,
            },
        );
        let target = match target {
            Ok(target) if matches!(decision, StartDecision::Permit(_)) => Ok(target),
            // Asked for each refusal, so that none takes longer than another.
            target => self.withdrawn_or(target, &bundle).await?,
        };
        let refusal = match (decision, target) {
            (StartDecision::Permit(_), Ok(_)) if self.is_crowded(delegation, origin).await? => {
                Refusal::of_crowd(self.settings.sessions.max_live_per_agent)
            }
            (StartDecision::Permit(permit), Ok(target)) => {
                return Ok(Cleared {
                    permit,
                    target,
                    decided,
                });
            }
            (StartDecision::Permit(_), Err(missing)) => Refusal::of_missing(missing),
            (StartDecision::NeedsApproval(pending), Ok(_)) => Refusal {
                code: Code::PendingApproval,
                detail: format!("approval is missing: {}", pending.missing().join(", ")),
                advice: Some(format!(
                    "ask a member of {} to approve",
                    pending.missing().join(" and of ")
                )),
            },
            (StartDecision::NeedsApproval(_), Err(missing)) => Refusal::of_missing(missing),
            (StartDecision::Denial(denial), target) => {
                let denied = match denial.determining() {
                    ids if ids.is_empty() => "no policy permits it".into(),
                    ids => format!("forbidden by {}", ids.join(", ")),
                };
                Refusal {
                    code: Code::NotPermitted,
                    // What is not there is decided with nothing but its name, which few policies
                    // permit: who reads the trail looks for a wrong name and not for a wrong policy.
                    detail: match target {
                        Ok(_) => denied,
                        Err(missing) => format!("{missing}; {denied}"),
                    },
                    advice: None,
                }
            }
        };
        let refused = access.event(
            origin.at,
            AccessFact::SessionRefused {
                code: refusal.code,
                detail: refusal.detail,
            },
        );
        let mut problem = Problem::new(refusal.code).event(refused.id);
        problem.detail = refusal.advice;
        let events = [decided, refused].into_iter().chain(alarm).collect();
        self.log.append(events).await?;
        Err(Failure::Told(Box::new(problem)))
    }

    /// The same, with a bundle that was withdrawn told from one that never was.
    async fn withdrawn_or(
        &self,
        target: Result<Target, Missing>,
        bundle: &BundleName,
    ) -> Result<Result<Target, Missing>, Failure> {
        let was_published = self.store.bundle_was_published(bundle).await?;
        Ok(match target {
            Err(Missing::Bundle) if was_published => Err(Missing::Withdrawn),
            Ok(_) | Err(_) => target,
        })
    }

    /// Whether the agent has as many live sessions as one may have.
    ///
    /// Requests that are answered at the same moment do not see each other's sessions; how many those are is bounded by
    /// the connections that the service takes.
    async fn is_crowded(&self, delegation: &Delegation, origin: Origin) -> Result<bool, Failure> {
        let most = self.settings.sessions.max_live_per_agent;
        let agent = &delegation.pair().agent;
        let live = self.store.live_sessions(agent, origin.at, most).await?;
        Ok(live >= u64::from(most))
    }

    async fn record_intent(
        &self,
        plan: &Plan,
        decided: Event,
        origin: Origin,
    ) -> Result<(), Failure> {
        let intended = plan.access().event(
            origin.at,
            AccessFact::SessionIntended {
                host: plan.host().clone(),
                account: plan.account().clone(),
                bundle: plan.bundle().clone(),
                expires_at: plan.expires_at(),
            },
        );
        self.log.append(vec![decided, intended]).await?;
        Ok(())
    }
}

/// Why a session does not begin: for the trail, and what is told of it.
struct Refusal {
    code: Code,
    detail: String,
    advice: Option<String>,
}

impl Refusal {
    fn of_crowd(most: u32) -> Self {
        Self {
            code: Code::Busy,
            detail: format!("the agent has {most} live sessions, as many as one may have"),
            advice: Some(format!(
                "the agent has {most} live sessions, as many as one may have: end some with `portreeve session kill`, or \
                 wait until they expire"
            )),
        }
    }

    fn of_missing(missing: Missing) -> Self {
        let detail = missing.to_string();
        Self {
            code: missing.code(),
            // Whoever is permitted may know what the service lacks; what does not exist is not told.
            advice: (missing.code() == Code::Unavailable).then(|| detail.clone()),
            detail,
        }
    }
}
