//! `cargo xtask demo`: one investigation on the real programs, told step by step.
//!
//! Every step checks what it tells; the first that does not hold ends the tour with an error.

mod chapters;
mod review;
mod tour;

use anyhow::{Result, ensure};
use portreeve_tests::installation::Installation;
use portreeve_tests::programs::Build;
use portreeve_tests::{Kept, packages};

use crate::{cargo, say};
use tour::Tour;

/// Builds, installs, and plays the investigation; leaves everything up if `keep` says so.
pub(crate) fn run(keep: bool) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the demonstration makes hosts out of namespaces, which needs root"
    );
    say::step("Debian packages");
    packages::ensure(packages::HOSTS, &mut say::line)?;
    packages::ensure_node(&mut say::line)?;
    say::step(
        "programs (a debug build: quick to make, and slower than what is measured by `cargo xtask bench`)",
    );
    cargo::run(&["build", "--workspace", "--bins", "--quiet"], &[])?;

    let mut tour = Tour::begin();
    tour.say(INTRODUCTION);
    let site = tour.step("An administrator sets everything up", |notes| {
        let site = Installation::with(Build::Own, &mut |step| notes.fact(step))?;
        notes.fact("hosts: agent, bastion (with CA and identity provider), prod, and an attacker's on the outside");
        Ok(site)
    })?;
    chapters::play(&mut tour, &site)?;
    tour.end();
    if keep {
        let suggestions = suggestions(&site);
        tour.say(&entrances(&site.keep()?));
        tour.say(&suggestions);
    }
    Ok(())
}

const INTRODUCTION: &str = "
An analyst, alice, has a ticket: something on the production server `prod` calls an address that it should not.
She sends an agent, soc/forensics. It has no credential that `prod` would accept, and no network path to it.
What follows are the real programs, the distribution's sshd and sudo, and a certified OpenID provider,
on hosts made of namespaces on this machine.";

/// What one may try on hosts that are left up. Asks the installation, so it is made before that is left alone.
fn suggestions(site: &Installation) -> String {
    let issuer = site.idp.issuer();
    let user = site.agent().account.user();
    let options = "--ticket INC-4711 --purpose 'to look around' --bundle forensic-read-only";
    let (review, recordings) = (&site.evidence.review_key, &site.evidence.recordings);
    format!(
        r#"
Let alice sign in again for the agent, and hand it the token; it is good for five minutes:

  on_bastion su - alice -c "portreeve login --issuer {issuer} --scope 'openid email profile groups' \
    --browser /usr/local/bin/browser-alice --for-agent" |
    on_agent su - {user} -c 'cat >subject_token && portreeve exchange'

Be the agent:

  on_agent su - {user}
  portreeve exec --host prod {options} -- sudo ss -tnp
  portreeve ssh prod {options}
  portreeve session list

Be an administrator of `prod`, while the agent is there and afterwards:

  on_prod bash -l
  getent passwd | tail -1; cat /etc/sudoers.d/*; portreeve-host status

Be a reviewer:

  on_bastion portreeve replay --identity {review} {recordings}/SESSION.tar"#
    )
}

/// How to get at the hosts, as lines for a shell, and how to end them.
fn entrances(kept: &Kept) -> String {
    let mut text =
        String::from("\nEverything is left running. These lines make a command for each host:\n\n");
    for (name, command) in &kept.enter {
        let enter = command.trim_end_matches("bash -l");
        text.push_str(&format!("  on_{name}() {{ {enter}\"$@\"; }}\n"));
    }
    text.push_str(&format!(
        "\nThe logs of all programs are in {}. This ends everything:\n\n  {}",
        kept.logs.display(),
        kept.stop
    ));
    text
}
