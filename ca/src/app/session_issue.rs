//! Signing what a permitted session needs, and recording it before anything leaves the house.

use portreeve_protocol::event::AccessFact;
use portreeve_protocol::session::SessionGranted;

use super::session_plan::{Inside, Plan};
use super::{App, Failure, Origin};
use crate::entropy;

impl App {
    /// Makes everything that `plan` needs and records it.
    pub(super) async fn issue(
        &self,
        plan: Plan,
        origin: Origin,
    ) -> Result<SessionGranted, Failure> {
        match self.sign_and_record(&plan, origin).await {
            Ok(certificate) => Ok(plan.granted(certificate, &self.keys.bastion_host_ca)),
            Err(failure) => {
                self.record_failed(&plan, &failure, origin).await;
                Err(failure)
            }
        }
    }

    /// Records that an intended session did not come about.
    async fn record_failed(&self, plan: &Plan, failure: &Failure, origin: Origin) {
        let fact = AccessFact::SessionRefused {
            code: failure.problem().code,
            detail: failure.chain(),
        };
        if let Err(error) = self
            .log
            .append(vec![plan.access().event(origin.at, fact)])
            .await
        {
            tracing::error!(%error, "a session that failed could not be recorded as such");
        }
    }

    async fn sign_and_record(&self, plan: &Plan, origin: Origin) -> Result<String, Failure> {
        let key = plan
            .session_key()
            .map_err(|error| Failure::Broken(format!("no session key: {error}")))?;
        let order = plan.order(&key);
        let (session, control) = (plan.session_spec(key.clone()), plan.control_spec(key));
        let (session_certificate, control_certificate, order) =
            self.signer.session(session, control, order).await?;
        let (change, fact) = plan.result(&order);
        let inside = Inside {
            session_certificate,
            control_certificate,
            order,
        };
        let grant = plan.seal(inside, &mut entropy::fill)?;
        let certificate = self
            .signer
            .access_certificate(plan.access_spec(grant))
            .await?;
        let issued = plan.access().event(origin.at, fact);
        self.store.commit(vec![change], vec![issued]).await?;
        Ok(certificate)
    }
}
