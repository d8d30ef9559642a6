//! `host discover`: the CA asks a host for its standing access, and we wait for the answer.

use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_protocol::inventory::HostInventory;
use portreeve_protocol::look::{LookProgress, LookStatus};
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Ttl;
use tokio::time::{Instant, sleep};

use super::inventory;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::settings::Settings;

/// The pauses between questions to the CA how it stands.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));

/// Has a host look at itself, and shows what it found as `host inventory` does.
///
/// # Errors
/// When the CA refuses, nothing came of the look, or there is no answer in time.
pub async fn run(
    ca: &Ca,
    host: &HostName,
    wait: Ttl,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let caller = exchange::person(settings)?;
    let path = format!("/v1/hosts/{host}/discover");
    let mut status: LookStatus = ca.post_empty(&caller, &path).await?;
    let path = format!("{path}/{}", status.look);
    let deadline = Instant::now() + wait.as_duration();
    let mut pauses = PAUSES;
    let mut said = None;
    while !status.progress.is_over() {
        let step = step(host, &status.progress);
        if said.as_ref() != Some(&step) {
            printer.say(&step);
            said = Some(step);
        }
        if Instant::now() >= deadline {
            return Err(too_slow(host, wait));
        }
        sleep(pauses.pause()).await;
        status = ca.get(&caller, &path).await?;
    }
    if let Some(failure) = failure(host, &status.progress) {
        return Err(failure);
    }
    let kept: HostInventory = ca
        .get(&caller, &format!("/v1/hosts/{host}/inventory"))
        .await?;
    inventory::show(&kept, printer)?;
    Ok(Exit::Done)
}

/// How far it is, for the person at the terminal.
fn step(host: &HostName, progress: &LookProgress) -> String {
    match progress {
        LookProgress::Waiting { .. } => format!("{host}: waiting for a bastion"),
        LookProgress::Looking { bastion, .. } => {
            format!("{host}: asked by {bastion}, looks at itself")
        }
        LookProgress::Kept { .. }
        | LookProgress::Failed { .. }
        | LookProgress::NotTaken
        | LookProgress::NotAnswered { .. } => format!("{host}: done"),
    }
}

fn too_slow(host: &HostName, wait: Ttl) -> Failure {
    Failure::new(
        Exit::Unavailable,
        format!("{host} did not answer within {} s", wait.as_seconds()),
    )
    .next(format!(
        "the look goes on, and the CA keeps what comes of it: `portreeve host inventory {host}`"
    ))
}

/// What is told of a look of which nothing came.
fn failure(host: &HostName, progress: &LookProgress) -> Option<Failure> {
    match progress {
        LookProgress::Waiting { .. } | LookProgress::Looking { .. } | LookProgress::Kept { .. } => {
            None
        }
        LookProgress::Failed { detail } => Some(
            Failure::failed(format!("{host} did not look at itself"))
                .reason(detail.clone())
                .next(format!(
                    "`portreeve-host status` on {host} may say more, and `portreeve log` who did what"
                )),
        ),
        LookProgress::NotTaken => Some(
            Failure::new(
                Exit::Unavailable,
                format!("no bastion took the look at {host} up"),
            )
            .next("see that a bastion runs and hears the CA, and try again"),
        ),
        LookProgress::NotAnswered { bastion } => Some(
            Failure::new(
                Exit::Unavailable,
                format!("bastion {bastion} brought no answer from {host}"),
            )
            .next(format!("see the log of {bastion}, and try again")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostName {
        "prod-1".parse().unwrap()
    }

    #[test]
    fn who_waits_is_told_which_bastion_asks() {
        let bastion = "b1".parse().unwrap();
        let until = "2026-01-01T00:00:00Z".parse().unwrap();
        let looking = LookProgress::Looking { bastion, until };
        assert_eq!(
            step(&host(), &looking),
            "prod-1: asked by b1, looks at itself"
        );
    }

    #[test]
    fn each_end_without_an_answer_is_a_failure_that_says_what_to_do() {
        let bastion = "b1".parse().unwrap();
        let detail = "the host refused: the host looks at itself already".to_owned();
        for (progress, exit, told) in [
            (
                LookProgress::Failed { detail },
                Exit::Failed,
                "looks at itself already",
            ),
            (LookProgress::NotTaken, Exit::Unavailable, "no bastion took"),
            (
                LookProgress::NotAnswered { bastion },
                Exit::Unavailable,
                "bastion b1 brought no answer",
            ),
        ] {
            assert!(progress.is_over());
            let failure = failure(&host(), &progress).unwrap();
            assert_eq!(failure.exit(), exit);
            assert!(
                failure.to_string().contains(told),
                "{}",
                failure.to_string()
            );
            assert!(
                failure.to_string().contains("next: "),
                "{}",
                failure.to_string()
            );
        }
        assert!(failure(&host(), &LookProgress::Kept { number: 1 }).is_none());
    }

    #[test]
    fn who_waits_in_vain_is_told_where_the_answer_will_be() {
        let failure = too_slow(&host(), Ttl::from_seconds(300).unwrap());
        assert_eq!(failure.exit(), Exit::Unavailable);
        let text = failure.to_string();
        assert!(
            text.contains("within 300 s") && text.contains("host inventory prod-1"),
            "{text}"
        );
    }
}
