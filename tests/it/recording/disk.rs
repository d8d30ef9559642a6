//! A disk on which no more can be recorded.

use portreeve_protocol::attest::EndCause;
use portreeve_tests::installation::{BASTION_CONFIG, HOST, Wish, traces};
use portreeve_tests::until;

use super::{PATIENCE, signed_in, wait_for};

#[test]
fn a_full_disk_ends_the_session_and_lets_no_other_begin() {
    let site = signed_in();
    let (agent, bastion, prod) = (
        site.agent(),
        site.lab().host("bastion"),
        site.lab().host(HOST),
    );
    let waiting = agent.start_session(&Wish::default()).unwrap();
    bastion
        .sh(&format!(
            "mount -t tmpfs -o size=2m,mode=700,uid=$(id -u portreeve-bastion) recordings {}",
            site.evidence.recordings
        ))
        .unwrap()
        .ok()
        .unwrap();

    let granted = agent.start_session(&Wish::default()).unwrap();
    let account = granted.account.as_str();
    agent
        .exec(granted.session, &["true"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    let uid = prod.user(account).unwrap().uid;
    let flood = agent
        .exec(granted.session, &["head", "-c", "50000000", "/dev/urandom"])
        .run()
        .unwrap();
    assert_eq!(flood.code(), Some(125), "{}", flood.complaint());
    assert!(
        flood.complaint().contains("can no longer be recorded"),
        "{}",
        flood.complaint()
    );
    assert!(flood.stdout.len() < 50_000_000);
    let story = wait_for(&site, &granted, |story| story.closed().is_some());
    assert_eq!(story.closed(), Some((EndCause::RecordingFailed, true)));
    assert_eq!(traces(prod, account, uid).unwrap(), Vec::<String>::new());

    // The last segment did not fit, and something smaller might.
    let fill = format!(
        "cat /dev/zero >{}/filler 2>/dev/null || true",
        site.evidence.recordings
    );
    bastion.sh(&fill).unwrap().ok().unwrap();
    let refused = agent.exec(waiting.session, &["true"]).run().unwrap();
    assert_eq!(refused.code(), Some(125), "{refused:?}");
    assert_eq!(prod.find_user(waiting.account.as_str()).unwrap(), None);
}

#[test]
fn a_disk_that_gets_full_lets_nobody_in_then_ends_sessions_in_order_and_goes_on_when_there_is_room()
{
    let mut site = signed_in();
    let bastion = site.lab().host("bastion").clone();
    let folder = site.evidence.recordings.clone();
    let sh = |script: &str| bastion.sh(script).unwrap().ok().unwrap();
    site.bastion.stop().unwrap();
    sh(&format!(
        "echo 'reserve = \"16MiB\"' >>{BASTION_CONFIG} && \
         mount -t tmpfs -o size=64m,mode=700,uid=$(id -u portreeve-bastion) recordings {folder}"
    ));
    site.bastion.start_again().unwrap();
    let agent = site.agent();
    let begin = || {
        let granted = agent.start_session(&Wish::default())?;
        let ran = agent.exec(granted.session, &["true"]).run()?;
        anyhow::Ok((granted, ran))
    };
    let (granted, _) = until("a session", PATIENCE, || {
        Ok(begin().ok().filter(|(_, ran)| ran.success()))
    })
    .unwrap();
    let _running = agent
        .exec(granted.session, &["sleep", "3600"])
        .spawn("running")
        .unwrap();

    sh(&format!("head -c 50M /dev/zero >{folder}/filler"));
    let says = |words: &str| {
        until(words, PATIENCE, || {
            Ok(site.bastion.log()?.contains(words).then_some(()))
        })
        .unwrap();
    };
    says("no session begins");
    let (refused, ran) = begin().unwrap();
    assert_eq!(ran.code(), Some(125), "{ran:?}");
    assert!(
        ran.complaint().contains("portreeve: unavailable"),
        "{ran:?}"
    );
    let why = "the reserve is 16 MiB; give it a larger disk";
    until("the reason in the trail", PATIENCE, || {
        let trail = agent.trail(refused.session)?;
        let says_why = trail.events.iter().any(|logged| logged.event.contains(why));
        Ok(says_why.then_some(()))
    })
    .unwrap();
    agent
        .exec(granted.session, &["true"])
        .run()
        .unwrap()
        .ok()
        .unwrap();

    sh(&format!("head -c 8M /dev/zero >{folder}/more"));
    let story = wait_for(&site, &granted, |story| story.closed().is_some());
    assert_eq!(story.closed(), Some((EndCause::RecordingFailed, true)));
    let recording = site.evidence.recording(&granted);
    let verified = site.evidence.verify(&bastion, &[&recording]).unwrap();
    let verified = verified.ok().unwrap().text();
    assert!(
        verified.contains("nothing is missing at the end"),
        "{verified}"
    );

    sh(&format!("rm {folder}/filler {folder}/more"));
    says("there is room for recordings and events again");
    let (_, ran) = begin().unwrap();
    assert!(ran.success(), "{ran:?}");
}
