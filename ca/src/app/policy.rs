//! Publishing the policy.

use std::sync::Arc;

use portreeve_protocol::admin::{PolicyRecord, Publish};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::problem::Code;

use super::{App, Failure, Origin};
use crate::decide::{self, Decision, HumanAct, NoPolicy, Policies};
use crate::identity::Person;
use crate::store::Change;

impl App {
    /// The policy in force.
    ///
    /// # Errors
    /// When the person may not see it, there is none, or the store fails.
    pub async fn policy(&self, person: &Person, origin: Origin) -> Result<PolicyRecord, Failure> {
        self.permit(person, HumanAct::ManagePolicy, "policy", origin)
            .await?;
        Ok(self.store.policy().await?.ok_or(NoPolicy)?)
    }

    /// Puts a policy into force, here and, through the feed, at the bastions.
    ///
    /// # Errors
    /// When the person may not, it has errors, it would leave the person unable to publish
    /// another, or the store fails.
    pub async fn publish_policy(
        &self,
        person: &Person,
        request: Publish,
        origin: Origin,
    ) -> Result<PolicyRecord, Failure> {
        let permitted = self
            .permit(person, HumanAct::ManagePolicy, "policy", origin)
            .await?;
        let text = request.text.clone();
        let read = move || Policies::parse("policy.cedar", &text);
        let understood = self.labour.of(read).await?;
        let understood = understood
            .map_err(|problems| Failure::advise(Code::Invalid, problems.to_string()))
            .and_then(|policies| {
                demand_way_back(&policies, person, origin)?;
                Ok(policies)
            });
        let policies = match understood {
            Ok(policies) => policies,
            Err(failure) => {
                let refused = permitted.event("not published: it has errors");
                self.log.append(vec![refused]).await?;
                return Err(failure);
            }
        };
        let version = policies.version();
        let changes = vec![
            Change::PublishPolicy {
                text: request.text.clone(),
                at: origin.at,
            },
            Change::Feed {
                item: FeedItem::Policy {
                    version,
                    text: request.text.clone(),
                },
                at: origin.at,
            },
        ];
        // Two that publish at once must come into force in the order in which they are stored.
        let _turn = self.publishing.lock().await;
        let published = permitted.event(format!("published as {version}"));
        self.store.commit(changes, vec![published]).await?;
        self.policy.replace(Arc::new(policies));
        Ok(PolicyRecord {
            version,
            published_at: origin.at,
            text: request.text,
        })
    }
}

/// A policy under which its author could not publish another would lock everybody out.
fn demand_way_back(policies: &Policies, person: &Person, origin: Origin) -> Result<(), Failure> {
    let again = decide::person(
        policies,
        person,
        HumanAct::ManagePolicy,
        origin.address,
        origin.at,
    );
    match again {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(_) => Err(Failure::advise(
            Code::Invalid,
            "under this policy you could not publish another; permit `managePolicy` to yourself",
        )),
    }
}
