//! The policy in force: parsed once, shared by every decision, replaced as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use super::Policies;

/// The policy that decides from now on.
#[derive(Debug, Default)]
pub struct PolicyInForce(RwLock<Option<Arc<Policies>>>);

/// No policy was published, so nothing is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no policy is in force: publish one")]
pub struct NoPolicy;

impl PolicyInForce {
    /// The policies in force now. A decision takes them once and uses nothing else.
    ///
    /// # Errors
    /// When none were published.
    pub fn now(&self) -> Result<Arc<Policies>, NoPolicy> {
        // Every write replaces the whole value, so a poisoned lock still holds a whole one.
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(NoPolicy)
    }

    /// Puts policies into force.
    pub fn replace(&self, policies: Arc<Policies>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(policies);
    }
}
