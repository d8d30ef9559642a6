//! `bundle withdraw`: no session gets a version any more.

use portreeve_protocol::bundle::{BundleWithdrawn, RunningSessions, WithdrawBundle};

use super::origin;
use crate::args::bundle::Withdraw;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::settings::Settings;

/// Withdraws a version.
pub(super) async fn run(
    args: Withdraw,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let name = &args.version.name;
    let digest = match &args.version.digest {
        Some(start) => Some(origin::whole(&ca, &caller, name, start).await?),
        None => None,
    };
    let fall_back_to = match &args.fall_back_to {
        Some(start) => Some(origin::whole(&ca, &caller, name, start).await?),
        None => None,
    };
    let request = WithdrawBundle {
        digest,
        reason: args.reason,
        // The command line takes exactly one of the two.
        sessions: if args.end_sessions {
            RunningSessions::End
        } else {
            RunningSessions::Spare
        },
        fall_back_to,
    };
    let path = format!("/v1/bundles/{name}/withdraw");
    let answer = ca.post(&caller, &path, &request).await;
    let withdrawn: BundleWithdrawn =
        answer.map_err(|error| origin::not_there(error.into(), name))?;
    printer.data(&withdrawn, || words(&withdrawn))?;
    Ok(Exit::Done)
}

fn words(withdrawn: &BundleWithdrawn) -> String {
    let bundle = &withdrawn.bundle;
    let next = match withdrawn.in_force {
        Some(digest) => format!("new sessions get {digest}"),
        None => format!("no version of `{}` is in force", bundle.name),
    };
    format!(
        "withdrew `{}` {}\n{next}\n{} sessions are being ended, {} go on with it\n",
        bundle.name, bundle.digest, withdrawn.ended, withdrawn.spared
    )
}
