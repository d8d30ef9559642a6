//! What the CA's configuration says here and not by default.

use anyhow::Result;
use portreeve_tests::installation::Installation;

const CONFIG: &str = "/var/lib/portreeve-ca/config.toml";
/// A session stays while the alternatives are measured, and one agent asks for as many as it likes and does as much.
const SESSIONS: &str =
    r#"idle = "1h"\nlinger = "1h"\nmax_live_per_agent = 1000000\ntrail_limit = "1GiB""#;

/// Changes it. The CA reads it when it starts again.
pub(super) fn lift_limits(installation: &Installation) -> Result<()> {
    let script = format!("sed -i 's/^\\[sessions\\]$/&\\n{SESSIONS}/' {CONFIG}");
    let bastion = installation.lab().host("bastion");
    bastion.sh(&script)?.ok()?;
    bastion
        .run(&["grep", "-q", "^max_live_per_agent", CONFIG])?
        .ok()?;
    Ok(())
}
