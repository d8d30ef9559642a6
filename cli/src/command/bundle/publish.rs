//! `bundle publish`: links, checks, and publishes a bundle at the CA.

use std::path::Path;

use portreeve_protocol::bundle::{BundlePublished, PublishBundle, PublishOutcome};
use portreeve_protocol::task::Purpose;
use portreeve_sudo_policy::check::check;

use super::origin;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;
use crate::settings::Settings;

/// Publishes what the linter finds no error in. Its warnings are told.
pub(super) async fn run(
    file: &Path,
    message: Option<Purpose>,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let linked = origin::linked(file)?;
    let report = linked.retraced(check(linked.bundle()));
    if !report.is_empty() {
        printer.say(&safe::lines(report.render().trim_end()));
    }
    if report.has_errors() {
        return Err(Failure::new(
            Exit::VerificationFailed,
            format!("{report}; it is not published"),
        ));
    }
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let request = PublishBundle {
        text: linked.text().to_owned(),
        message,
    };
    let published: BundlePublished = ca.put(&caller, "/v1/bundles", &request).await?;
    printer.data(&published, || {
        let (name, digest) = (&published.bundle.name, published.bundle.digest);
        match published.outcome {
            PublishOutcome::Published => format!("published `{name}` as {digest}"),
            PublishOutcome::Restored => {
                format!("`{name}` {digest} was published before and is in force again")
            }
            PublishOutcome::Unchanged => {
                format!("nothing changed: `{name}` {digest} is in force already")
            }
        }
    })?;
    Ok(Exit::Done)
}
