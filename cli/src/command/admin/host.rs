//! `host …`

use portreeve_protocol::admin::{AddHost, HostRecord, Listing};
use portreeve_protocol::enrol::{HostProof, HostTicket};

use super::{discover, inventory};
use crate::args::admin::Hosts;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::identity::caller::Caller;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::session::address::Address;
use crate::settings::Settings;

/// The longest proof that is read.
const MAX_PROOF: usize = 256 * 1024;

/// Does what was asked.
///
/// # Errors
/// When the CA refuses.
pub async fn run(act: Hosts, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    match act {
        Hosts::Add {
            host,
            address,
            labels,
            again,
        } => {
            let _: Address = address.parse().map_err(|error| {
                Failure::usage(format!("`{address}` is no address")).because(&error)
            })?;
            let request = AddHost {
                host,
                address,
                labels,
                again,
            };
            let caller = exchange::person(settings)?;
            let ticket: HostTicket = ca.post(&caller, "/v1/hosts", &request).await?;
            // JSON whatever form was asked for: it is for the host's program.
            printer.json_data(&ticket)?;
            printer.say(&format!(
                "the ticket is good until {}; on {}: `portreeve-host enroll <ticket >proof`, then here: \
                 `portreeve host confirm <proof`",
                moment(ticket.expires_at),
                ticket.host
            ));
        }
        Hosts::List => {
            let caller = exchange::person(settings)?;
            let listing: Listing<HostRecord> = ca.get(&caller, "/v1/hosts").await?;
            printer.data(&listing, || table(&listing.items))?;
        }
        Hosts::Discover { host, wait } => {
            return discover::run(&ca, &host, wait, settings, printer).await;
        }
        Hosts::Inventory { host, file } => {
            return inventory::run(&ca, host, file, settings, printer).await;
        }
        Hosts::Confirm => {
            let bytes = files::read_stdin("a host's proof", MAX_PROOF)?;
            let proof: HostProof = serde_json::from_slice(&bytes).map_err(|error| {
                Failure::usage("standard input is no proof of a host")
                    .because(&error)
                    .next("pipe in what `portreeve-host enroll` printed")
            })?;
            // The one-time token inside is the authority, so nobody need be signed in.
            let record: HostRecord = ca
                .post(&Caller::Nobody, "/v1/enrolments/hosts", &proof)
                .await?;
            printer.data(&record, || table(std::slice::from_ref(&record)))?;
        }
    }
    Ok(Exit::Done)
}

fn table(hosts: &[HostRecord]) -> String {
    output::table(
        ["host", "address", "labels", "enrolled", "sudo", "identity"],
        hosts.iter().map(|host| {
            [
                host.host.to_string(),
                host.address.clone(),
                host.labels.join(","),
                host.enrolled_at
                    .map_or_else(|| "ticket is out".into(), moment),
                host.sudo.clone().unwrap_or_default(),
                host.identity
                    .as_ref()
                    .map(|key| key.fingerprint().to_string())
                    .unwrap_or_default(),
            ]
        }),
    )
}
