//! Who may do what: the policy in force, and the questions that the use cases put to it.
//!
//! The engine and the permits that only it can make are `portreeve-access-policy`'s. Here proofs
//! of identity and rows of the registry become its questions. Nothing is looked up here; the
//! callers are the use cases in [`crate::app`].

mod in_force;
mod person;
mod session;
mod start;

pub use in_force::{NoPolicy, PolicyInForce};
pub use person::person;
pub use session::{Known, session};
pub use start::{Asked, start};

pub use portreeve_access_policy::act::HumanAct;
pub use portreeve_access_policy::decide::{Decision, Denial, Policies, StartDecision};
pub use portreeve_access_policy::permit::{HumanPermit, StartPermit};
