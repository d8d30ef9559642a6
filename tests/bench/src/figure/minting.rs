//! How many sessions the CA can grant, and how many certificates its signer can sign.

use std::time::Duration;

use anyhow::{Context, Result};
use portreeve_tests::installation::{CA_URL, HOST, Wish};

use super::Scale;
use crate::load::Rate;
use crate::machine;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::Site;

const CONNECTIONS: [u32; 2] = [1, 16];
/// How long one load may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let mut figure = Figure::new(
        "minting",
        "on all processors, the client's load among it",
        "1/s",
    );
    for connections in CONNECTIONS {
        let mut samples = Samples::default();
        let mut cost = Samples::default();
        for _ in 0..scale.long_rounds {
            site.sign_in()?;
            let count = if connections == 1 {
                scale.minted / 8
            } else {
                scale.minted
            };
            let before = machine::processor_seconds_of_tree(site.ca_pid()?)?;
            let rate = mint(site, count, connections)?;
            let used = machine::processor_seconds_of_tree(site.ca_pid()?)? - before;
            samples.add(rate.per_second());
            cost.add(used / f64::from(rate.count) * 1e6);
        }
        let target = (connections > 1).then_some(Target::AtLeast(1000.0));
        figure.row(
            format!("sessions granted, {connections} at once"),
            &samples,
            target,
        );
        if let Some(cost) = cost.median() {
            figure.note(format!("{connections} at once: {cost:.0} µs of processor time of the CA and its signer per session"));
        }
    }
    let mut signed = Samples::default();
    for _ in 0..scale.long_rounds {
        signed.add(sign(site, scale.minted)?.per_second());
        // The signer's own limit is 5000 a second; it has to be whole again.
        std::thread::sleep(Duration::from_secs(2));
    }
    figure.row("certificates signed, 64 at once", &signed, None);
    figure.note("a session takes three certificates and an order");
    Ok(vec![figure.judged()])
}

fn mint(site: &Site, count: u32, connections: u32) -> Result<Rate> {
    let agent = site.installation.agent();
    let wish = Wish::default();
    let output = agent
        .account
        .command("/usr/bin/portreeve-bench")
        .args([
            "load",
            "mint",
            "--ca",
            CA_URL,
            "--root",
            "/etc/portreeve/ca.pem",
        ])
        .args([
            "--token",
            &format!("{}/.local/state/portreeve/token", agent.account.home()),
        ])
        .args(["--key", &agent.key, "--host", HOST, "--bundle", wish.bundle])
        .args([
            "--count",
            &count.to_string(),
            "--connections",
            &connections.to_string(),
        ])
        .limit(PATIENCE)
        .run()?
        .ok()?;
    serde_json::from_slice(&output.stdout).context("the load says no rate")
}

fn sign(site: &Site, count: u32) -> Result<Rate> {
    let output = site
        .host("bastion")
        .command("/usr/bin/portreeve-bench")
        .user("portreeve-ca")
        .args(["load", "signer", "/var/lib/portreeve-ca/run/signer.sock"])
        .arg(count.to_string())
        .limit(PATIENCE)
        .run()?
        .ok()?;
    serde_json::from_slice(&output.stdout).context("the load says no rate")
}
