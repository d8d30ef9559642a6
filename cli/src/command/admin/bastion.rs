//! `bastion …`

use portreeve_protocol::admin::{AddBastion, BastionTicket, Listing};
use portreeve_protocol::session::BastionContact;

use crate::args::admin::Bastions;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::session::address::Address;
use crate::settings::Settings;

/// Does what was asked.
///
/// # Errors
/// When the CA refuses.
pub async fn run(
    act: Bastions,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    match act {
        Bastions::Add {
            bastion,
            address,
            egress,
            again,
        } => {
            let _: Address = address.parse().map_err(|error| {
                Failure::usage(format!("`{address}` is no address")).because(&error)
            })?;
            let request = AddBastion {
                bastion,
                address,
                egress,
                again,
            };
            let ticket: BastionTicket = ca.post(&caller, "/v1/bastions", &request).await?;
            printer.data(&ticket, || ticket.token.expose().to_owned())?;
            printer.say(&format!(
                "the token is good until {}; on the bastion: `portreeve-bastion enroll --ca {} --name {} --token-file FILE`",
                moment(ticket.expires_at),
                ca.issuer(),
                ticket.bastion
            ));
        }
        Bastions::List => {
            let listing: Listing<BastionContact> = ca.get(&caller, "/v1/bastions").await?;
            printer.data(&listing, || {
                output::table(
                    ["bastion", "address", "host CA"],
                    listing.items.iter().map(|bastion| {
                        [
                            bastion.name.to_string(),
                            bastion.address.clone(),
                            bastion.host_ca.fingerprint().to_string(),
                        ]
                    }),
                )
            })?;
        }
    }
    Ok(Exit::Done)
}
