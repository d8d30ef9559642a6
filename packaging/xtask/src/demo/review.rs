//! What is left to look at after the session.

use anyhow::{Result, ensure};
use portreeve_tests::installation::{AGENT, Installation, SessionGranted, Story};

use super::tour::Notes;

/// The exit code of `portreeve verify` for what does not hold.
const VERIFICATION_FAILED: i32 = 7;

pub(super) fn replay(
    notes: &mut Notes,
    site: &Installation,
    granted: &SessionGranted,
) -> Result<()> {
    let recording = site.evidence.recording(granted);
    let reviewer = site.lab().host("bastion");
    notes.typed("reviewer@bastion", "portreeve replay --commands …");
    let command = reviewer.command("portreeve").args([
        "replay",
        "--commands",
        "--identity",
        &site.evidence.review_key,
        &recording,
    ]);
    let commands = notes.time(|| command.run())?.ok()?.text();
    notes.answered(&commands);
    ensure!(
        commands.contains("sudo ss -tnp") && commands.contains("/etc/shadow"),
        "the recording does not have what the agent did"
    );
    notes.fact("the bastion sealed it to the reviewers' key and cannot read it any more");
    Ok(())
}

pub(super) fn trail(
    notes: &mut Notes,
    site: &Installation,
    granted: &SessionGranted,
    story: &Story,
) -> Result<()> {
    notes.answered(&story.names().join(" → "));
    let both = story.pairs().iter().all(|pair| {
        pair.is_some_and(|pair| {
            pair.human.name.as_str() == "alice@example.com" && pair.agent.to_string() == AGENT
        })
    });
    ensure!(both, "an event does not name both");
    notes.proved(&format!(
        "each of the {} events names alice@example.com and {AGENT}",
        story.events.len()
    ));

    let reviewer = site.lab().host("bastion");
    let trail = site.agent().trail_text(granted.session)?;
    reviewer.write("/tmp/trail.json", &trail, 0o644)?;
    let altered = trail.replacen("alice@example.com", "mallory@example.com", 1);
    reviewer.write("/tmp/altered.json", altered, 0o644)?;

    notes.typed(
        "reviewer@bastion",
        "portreeve verify trail.json recording.tar --log-key …    (without a network)",
    );
    let verified = notes.time(|| {
        site.evidence.verify(
            reviewer,
            &["/tmp/trail.json", &site.evidence.recording(granted)],
        )
    })?;
    let verified = verified.ok()?;
    notes.answered(&verified.text());
    notes.proved(
        "nothing in trail, attestation, receipt and recording was altered since it was signed",
    );
    let refused = site.evidence.verify(reviewer, &["/tmp/altered.json"])?;
    ensure!(
        refused.code() == Some(VERIFICATION_FAILED),
        "an altered trail was not noticed: {refused:?}"
    );
    notes.proved("the same trail with one name altered is refused");
    Ok(())
}
