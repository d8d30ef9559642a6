//! Plain OpenSSH beside Portreeve: the same hosts, the agent's own key, the cipher that is fastest
//! for all of them.

use anyhow::Result;
use portreeve_tests::installation::{HOST, Installation};
use portreeve_tests::{Network, Sshd};

/// Who connects to production directly.
pub(super) const DESK: &str = "desk";
/// The ssh_config of the one beside the bastion.
pub(super) const DESK_CONFIG: &str = "/home/desk/bench.conf";
/// The ssh_config of the agent.
pub(super) const AGENT_CONFIG: &str = "/home/forensics/bench.conf";

/// Accounts and configuration. What comes back is the sshd in between.
pub(super) fn set_up(installation: &Installation) -> Result<Sshd> {
    let lab = installation.lab();
    let (bastion, prod) = (lab.host("bastion"), lab.host(HOST));
    let jump = bastion.start_sshd()?;
    let agent = installation.agent();
    let public = agent.public_key()?;
    for (host, user) in [(bastion, "jump"), (prod, "bench"), (bastion, DESK)] {
        host.add_user(user)?;
        host.command("sh")
            .user(user)
            .args([
                "-euc",
                "umask 077; mkdir -p .ssh; cat >.ssh/authorized_keys",
            ])
            .input(public.as_bytes())
            .run()?
            .ok()?;
    }
    let bastion_address = bastion.address(&Network::access())?;
    let prod_address = prod.address(&Network::production())?;
    let known = format!(
        "{bastion_address} {}\n{prod_address} {}\n",
        jump.host_key, installation.sshd.host_key
    );
    let config = |home: &str| {
        format!(
            "Host direct via\n  HostName {prod_address}\n  User bench\n\
             Host via\n  ProxyJump jump\n\
             Host jump\n  HostName {bastion_address}\n  User jump\n\
             Host *\n  IdentityFile {home}/agent_key\n  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n\
             \x20 Ciphers aes128-gcm@openssh.com\n  StrictHostKeyChecking yes\n\
             \x20 UserKnownHostsFile {home}/bench_known_hosts\n  GlobalKnownHostsFile none\n"
        )
    };
    let key = agent.account.host().read(&agent.key)?;
    for (host, user) in [
        (agent.account.host(), agent.account.user()),
        (bastion, DESK),
    ] {
        let home = format!("/home/{user}");
        host.write(&format!("{home}/bench.conf"), config(&home), 0o644)?;
        host.write(&format!("{home}/bench_known_hosts"), &known, 0o644)?;
        host.write(&format!("{home}/agent_key"), &key, 0o600)?;
        host.run(&["chown", user, &format!("{home}/agent_key")])?
            .ok()?;
    }
    Ok(jump)
}
