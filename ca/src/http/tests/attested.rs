//! What a host attests of itself: once for each session, and what policies make of it for the next one.

use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::{Attestation, HostWatch, Watcher};
use serde_json::json;

use super::events::{Live, ready};
use super::lab::Lab;

/// Whoever obeys an order twice, or says two things of one account, is to be looked at.
#[tokio::test]
async fn a_second_attestation_of_a_session_raises_an_alarm_and_the_same_one_does_not() {
    let another = |live: &Live| Attestation {
        uid: 200_009,
        gid: 200_009,
        ..live.attestation()
    };
    let alarms = async |live: &Live| live.log().await.matches("a second time").count();

    let live = Live::start().await;
    let first = ready(&live.attestation());
    for (number, fact, expected) in [
        (1, first.clone(), 0),
        (2, first.clone(), 0),
        (3, ready(&another(&live)), 1),
        (4, ready(&another(&live)), 1),
        (5, first.clone(), 1),
    ] {
        let event = live.event(number, fact);
        assert_eq!(live.deliver("b1", vec![event]).await.stored, 1);
        assert_eq!(alarms(&live).await, expected, "{number}");
    }

    // In one batch too, and when the session is over.
    let live = Live::start().await;
    let both = vec![
        live.event(1, ready(&live.attestation())),
        live.event(2, ready(&live.attestation())),
        live.event(3, ready(&another(&live))),
    ];
    assert_eq!(live.deliver("b1", both).await.stored, 3);
    assert_eq!(alarms(&live).await, 1);
}

const UNLESS_WATCHING: &str = r#"
@id("unless-watching")
forbid (principal, action == Portreeve::Action::"start", resource)
unless { ["ebpf", "unknown"].contains(context.hostWatch.processes) };
"#;
const UNLESS_KNOWN: &str = r#"
@id("unless-known")
forbid (principal, action == Portreeve::Action::"start", resource)
when { context.hostWatch.processes == "unknown" };
"#;

async fn publish(lab: &Lab, more: &str) {
    let body = json!({ "text": format!("{STARTER_POLICY}{more}") });
    lab.json("PUT", "/v1/policy", &lab.admin(), &body)
        .await
        .is(200);
}

#[tokio::test]
async fn what_a_host_watched_its_last_session_by_decides_about_the_next_one() {
    let mut lab = Lab::ready().await;
    publish(&lab, UNLESS_WATCHING).await;
    let watching = HostWatch {
        processes: Watcher::Ebpf,
        ..HostWatch::NOTHING
    };
    let mut number = 0;
    for (watch, is_granted) in [
        (Some(watching), true),
        // An older client says nothing, which is not known to be nothing.
        (None, true),
        (Some(HostWatch::NOTHING), false),
    ] {
        let live = Live::in_lab(lab).await;
        number += 1;
        let said = Attestation {
            watch,
            uid: 200_000 + u32::from(number),
            gid: 200_000 + u32::from(number),
            ..live.attestation()
        };
        let event = live.event(number, ready(&said));
        assert_eq!(live.deliver("b1", vec![event]).await.stored, 1);
        lab = live.lab;
        lab.pass(1);
        let token = lab.delegated("alice", &["soc"]).await;
        let answer = lab.ask(&token, |_| {}).await;
        assert_eq!(
            answer.status == 201,
            is_granted,
            "{watch:?}: {}",
            answer.text
        );
    }
    // Enrolled again, its client may be another one.
    lab.enrol_host("prod-1", true).await;
    lab.session().await;
}

#[tokio::test]
async fn a_policy_may_refuse_hosts_of_which_nothing_is_known() {
    let lab = Lab::ready().await;
    publish(&lab, UNLESS_KNOWN).await;
    let token = lab.delegated("alice", &["soc"]).await;
    let refused = lab.ask(&token, |_| {}).await;
    assert_eq!(refused.code(), "not_permitted");
}
