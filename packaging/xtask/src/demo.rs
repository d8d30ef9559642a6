//! `cargo xtask demo`: one investigation on the real programs, told step by step.
//!
//! Every step checks what it tells; the first that does not hold ends the tour with an error.

mod chapters;
mod review;
mod tour;

use anyhow::{Result, ensure};
use portreeve_tests::installation::Installation;
use portreeve_tests::packages;
use portreeve_tests::programs::Build;

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
        tour.say(&after(&site));
        let kept = site.keep()?;
        tour.say(&leave(&kept));
    }
    Ok(())
}

const INTRODUCTION: &str = "
An analyst, alice, has a ticket: something on the production server `prod` calls an address that it should not.
She sends an agent, soc/forensics. It has no credential that `prod` would accept, and no network path to it.
What follows are the real programs, the distribution's sshd and sudo, and a certified OpenID provider,
on hosts made of namespaces on this machine.";

/// What one may try on hosts that are left up; written before the lab is, because it asks the installation.
fn after(site: &Installation) -> String {
    let agent = site.agent();
    let issuer = site.idp.issuer();
    format!(
        r#"
Everything is left running. First, on this machine, let alice sign in again and hand her sign-in to the agent
(a sign-in is good for five minutes):

  BASTION su - alice -c "portreeve login --issuer {issuer} --scope 'openid email profile groups' \
    --browser /usr/local/bin/browser-alice --print-token" |
    AGENT su - {user} -c 'cat >subject_token && portreeve exchange'

Then be the agent:

  AGENT su - {user}
  portreeve ssh prod {options}
  portreeve exec --host prod {options} -- sudo ss -tnp
  portreeve session list

Or be a reviewer:

  BASTION portreeve replay --identity {review} {recordings}/SESSION.tar"#,
        user = agent.account.user(),
        options = "--ticket INC-4711 --purpose 'looking around' --bundle forensic-read-only",
        review = site.evidence.review_key,
        recordings = site.evidence.recordings,
    )
}

fn leave(kept: &portreeve_tests::Kept) -> String {
    let mut text = String::from("\nwhere\n");
    for (name, command) in &kept.enter {
        let prefix = command.trim_end_matches("bash -l").trim_end();
        text.push_str(&format!("\n  {} is\n    {prefix}\n", name.to_uppercase()));
    }
    text.push_str(&format!(
        "\nwithout a command after it, each opens a root shell on that host with `bash -l`.\n\
         Logs: {}\n\
         Stop everything: {}\n",
        kept.logs.display(),
        kept.stop
    ));
    text
}
