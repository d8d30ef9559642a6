//! `bundle diff`: which command lines a change allows or forbids.

use portreeve_sudo_policy::diff::compare;

use super::origin;
use crate::args::bundle::Origin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;
use crate::settings::Settings;

/// Compares two bundles. As with diff(1), 0 means the same, 1 different, 2 trouble.
pub(super) async fn run(
    before: &Origin,
    after: &Origin,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let trouble = |failure: Failure| failure.with_exit(Exit::Usage);
    let before = origin::fetched(before, settings).await.map_err(trouble)?;
    let after = origin::fetched(after, settings).await.map_err(trouble)?;
    let diff = compare(&before, &after);
    printer.data(&diff, || safe::lines(&diff.render()))?;
    Ok(if diff.is_same() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
