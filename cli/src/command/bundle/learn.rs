//! `bundle learn`: proposes a bundle from what sessions asked sudo for.

use std::path::Path;

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::checkpoint::Trail as Proofs;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::name::BundleName;
use portreeve_sudo_policy::learn::{LeftOut, Observed, Wanted, learn};
use serde::Serialize;

use super::print;
use crate::args::bundle::{Learn, Trail};
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;
use crate::review::evidence::{self, Keys};
use crate::safe;
use crate::settings::Settings;
use crate::ssh::quote;

/// The longest trail that is read from a file.
const MAX_TRAIL: usize = 64 * 1024 * 1024;

/// Prints the proposal; what it leaves out goes to standard error.
pub(super) async fn run(
    args: Learn,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        bundle: &'a BundleName,
        digest: Digest,
        text: &'a str,
        left_out: &'a [LeftOut],
    }
    let mut observed = Vec::new();
    for trail in &args.trails {
        let trail = match trail {
            Trail::File(path) => saved(path)?,
            Trail::Session(session) => {
                let ca = Ca::new(settings)?;
                let caller = exchange::caller(&ca, settings).await?;
                ca.get(&caller, &format!("/v1/sessions/{session}/trail"))
                    .await?
            }
        };
        observed.extend(asked_of_sudo(&trail)?);
    }
    let wanted = Wanted {
        name: args.name,
        include_refused: args.include_refused,
    };
    let learned = learn(&observed, &wanted)
        .map_err(|error| Failure::failed("no bundle is proposed").because(&error))?;
    let answer = Answer {
        bundle: &wanted.name,
        digest: learned.bundle.digest(),
        text: &learned.text,
        left_out: &learned.left_out,
    };
    print(&answer, &learned.text, printer)?;
    for one in &learned.left_out {
        printer.say(&format!(
            "left out: `{}`: {}",
            safe::line(&quote::command_line(&one.argv)),
            safe::line(&one.why)
        ));
    }
    Ok(Exit::Done)
}

fn saved(path: &Path) -> Result<Proofs, Failure> {
    let text = files::read(path, MAX_TRAIL)?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::failed(format!("`{}` is no trail", path.display()))
            .because(&error)
            .next("name a session, or a file that `portreeve trail --output` made")
    })
}

/// What hosts reported about sudo, from a trail that hangs together.
fn asked_of_sudo(trail: &Proofs) -> Result<Vec<Observed>, Failure> {
    let findings = evidence::verified_trail(trail, &Keys::default());
    if let Some(fault) = findings.faults.first() {
        return Err(Failure::new(
            Exit::VerificationFailed,
            "the trail does not verify; nothing is learned from it",
        )
        .reason(safe::line(fault)));
    }
    let events = trail
        .events
        .iter()
        .filter_map(|logged| serde_json::from_str::<Event>(&logged.event).ok());
    Ok(events.filter_map(|event| reported(&event)).collect())
}

/// What a host's event says about sudo.
fn reported(event: &Event) -> Option<Observed> {
    let Body::Access {
        fact: AccessFact::Host { event: signed },
        ..
    } = &event.body
    else {
        return None;
    };
    // Who signed it was the CA's to check before it took the event into its log.
    let said: HostEvent = serde_json::from_str(signed.unverified_payload()).ok()?;
    let HostFact::Sudo {
        allowed,
        command,
        argv,
        run_as,
        ..
    } = said.fact
    else {
        return None;
    };
    Some(Observed {
        session: said.session,
        at: said.at,
        allowed,
        program: command,
        arguments: argv.into_iter().skip(1).collect(),
        run_as,
    })
}
