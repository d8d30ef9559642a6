//! A host's own part: from an order to the attestation, and from the end to the receipt, beside
//! plain `useradd` and `userdel`.
//!
//! Orders are signed here with the CA's key, and given to the daemon as a bastion would, without
//! SSH in between.

mod control;

use std::collections::BTreeMap;

use anyhow::Result;
use portreeve_tests::installation::HOST;

use self::control::Orders;
use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::Site;

const ADD: &str = "useradd -m";
const READY: &str = "order → attestation";
const REMOVE: &str = "userdel -r";
const GONE: &str = "end → receipt";

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let orders = Orders::new(site)?;
    let mut figures = compare(site, scale, &orders, "few accounts")?;
    add_accounts(site, scale.accounts)?;
    figures.extend(compare(
        site,
        scale,
        &orders,
        &format!("{} more accounts", scale.accounts),
    )?);
    Ok(figures)
}

fn compare(site: &mut Site, scale: &Scale, orders: &Orders, besides: &str) -> Result<Vec<Figure>> {
    let mut samples: BTreeMap<&str, Samples> = BTreeMap::new();
    for _ in 0..scale.rounds {
        let mut add = |what, ms| samples.entry(what).or_default().add(ms);
        let command = |text: &str| ["sh", "-c", text].map(str::to_owned).to_vec();
        add(
            ADD,
            site.prod
                .run(&command("useradd -m -s /bin/bash plain; echo"))?
                .total_ms,
        );
        add(
            REMOVE,
            site.prod
                .run(&command("userdel -r plain 2>/dev/null; echo"))?
                .total_ms,
        );
        let served = orders.serve_one(site.host(HOST))?;
        add(READY, served.ready_ms);
        add(GONE, served.gone_ms);
    }
    let mut pair = |title: &str, plain: &str, ours: &str, bound| {
        let mut figure = Figure::new("account", format!("{title}, {besides}"), "ms");
        figure.row(plain, &samples.remove(plain).unwrap_or_default(), None);
        figure.row(
            ours,
            &samples.remove(ours).unwrap_or_default(),
            Some(Target::RatioAtMost(bound)),
        );
        figure.beside(plain)
    };
    Ok(vec![
        pair("making an account", ADD, READY, 3.0),
        pair("removing it", REMOVE, GONE, 5.0),
    ])
}

/// Accounts that were there before, at the end of the files that the tools search.
fn add_accounts(site: &Site, count: u32) -> Result<()> {
    let lines: String = (0..count)
        .map(|number| {
            format!(
                "old{number}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n",
                id = 20_000 + number
            )
        })
        .collect();
    site.host(HOST)
        .command("newusers")
        .input(lines.as_bytes())
        .run()?
        .ok()?;
    Ok(())
}
