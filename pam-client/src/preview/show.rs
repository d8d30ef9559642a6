//! A preview for people.

use std::fmt::Write;

use super::Report;

/// The preview as text.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = head(&mut text, report);
    let _ = checks(&mut text, report);
    let _ = steps(&mut text, report);
    text
}

fn head(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text, "host      {}", report.host)?;
    match report.order {
        Some(order) => writeln!(text, "order     {order}")?,
        None => writeln!(text, "order     none: the session is made up")?,
    }
    writeln!(text, "session   {}", report.session)?;
    writeln!(text, "pair      {} for {}", report.pair, report.ticket)?;
    let uid = report.uid.map_or_else(
        || "no UID is left".to_owned(),
        |uid| format!("UID {uid} or a later one"),
    );
    writeln!(text, "account   {}, {uid}", report.account)?;
    writeln!(
        text,
        "bundle    {} {}",
        report.bundle.name, report.bundle.digest
    )?;
    writeln!(text, "until     {} at the latest", report.expires_at)?;
    writeln!(text, "sudo      {}", report.sudo)
}

fn checks(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text, "\nchecks")?;
    for check in &report.checks {
        let verdict = if check.passed { "ok" } else { "no" };
        let detail = check.detail.as_deref().unwrap_or_default();
        writeln!(text, "  {verdict}  {:9} {detail}", check.check)?;
    }
    let verdict = if report.obeyed {
        "the order would be obeyed"
    } else {
        "the order would be refused, and nothing changed"
    };
    writeln!(text, "  {verdict}")
}

fn steps(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.steps.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nsteps, all in the journal before the first")?;
    for (number, step) in (1..).zip(&report.steps) {
        writeln!(text, "  {number}  {}: {}", step.step, step.what)?;
        writeln!(text, "     inverse: {}", step.inverse)?;
    }
    writeln!(text, "\nthe end, in this order, whatever becomes of each")?;
    for (number, removal) in (1..).zip(&report.end) {
        writeln!(text, "  {number:2} {}: {}", removal.removal, removal.what)?;
    }
    Ok(())
}
