//! Whether a person may do something.

use std::net::IpAddr;

use portreeve_access_policy::act::HumanRequest;
use portreeve_access_policy::facts::{Circumstances, Human};
use portreeve_protocol::time::Timestamp;

use super::{Decision, HumanAct, HumanPermit, Policies};
use crate::identity::Person;

/// Asks whether `person` may do `act`.
pub fn person(
    policies: &Policies,
    person: &Person,
    act: HumanAct,
    source: IpAddr,
    now: Timestamp,
) -> Decision<HumanPermit> {
    policies.human(HumanRequest {
        human: Human {
            identity: person.human().clone(),
            email: person.email().map(str::to_owned),
            groups: person.groups().to_vec(),
        },
        act,
        circumstances: Circumstances {
            now,
            source,
            sign_in: person.sign_in().clone(),
        },
    })
}
