//! What is refused, what the agent reads, and what the trail says.

use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::certificate::OPTION_BASTION;
use portreeve_protocol::event::{AccessFact, Body};
use portreeve_protocol::problem::Code;

use crate::as_root::as_root;
use crate::client::{assert_status, output, text};
use crate::daemon::Mood;
use crate::mint::{Draft, Mint, key, public};
use crate::world::World;

/// What the trail says of a certificate that russh does not accept.
const EXPIRED: &str = "no certificate that is valid now";

#[test]
fn root_serves_only_when_it_says_so() {
    let serve = |more: &[&str]| {
        let mut command = as_root(env!("CARGO_BIN_EXE_portreeve-bastion"));
        command
            .args(["serve", "--config", "/nowhere.toml"])
            .args(more);
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (exit, said) = serve(&[]);
    // With this exit code no unit starts it again.
    assert_eq!(exit, Some(3));
    assert!(said.contains("this runs as root"), "{said}");
    // It goes on to its configuration.
    let (exit, said) = serve(&["--allow-root"]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("/nowhere.toml"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_certificates_are_refused_with_a_code_and_a_reason_in_the_trail() {
    type Spoil = fn(&mut Draft);
    let cases: [(&str, Spoil, Code, &str); 5] = [
        (
            "too large",
            |d| d.set_extension("padding@example.com", &"x".repeat(17 * 1024)),
            Code::Unauthenticated,
            "larger than 16 KiB",
        ),
        (
            "other CA",
            |d| d.signer = key(99),
            Code::Unauthenticated,
            "not signed by the access CA",
        ),
        (
            "expired",
            |d| d.valid_before = d.valid_after + 1,
            Code::Unauthenticated,
            EXPIRED,
        ),
        (
            "other bastion",
            |d| d.set_option(OPTION_BASTION, "bastion-2"),
            Code::SessionUnavailable,
            "for another bastion",
        ),
        (
            "unknown option",
            |d| d.set_option("force-command", "id"),
            Code::Unauthenticated,
            "not known here",
        ),
    ];
    let mut world = World::start().await;
    let mint = world.mint();
    for (name, spoil, code, reason) in cases {
        let mut draft = mint.draft(&mint.grant(), world.unsealing().recipient());
        spoil(&mut draft);
        let done = world.agent_with(&mint, &draft.sign()).run("true").await;
        assert_status(&done, 255);
        let told = text(&done.stderr);
        // russh turns an expired certificate away before anybody can say a word.
        let is_told = reason == EXPIRED || told.contains(&format!("portreeve: {}", code.as_str()));
        assert!(is_told, "{name}: {told}");
        assert!(!told.contains(reason), "{name}: {told}");
        wait_for_refusal(&world, reason).await;
    }
    assert_eq!(world.ca.claims(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_another_bastion_or_a_plain_key_opens_nothing() {
    let mut world = World::start().await;
    let mint = world.mint();
    let draft = mint.draft(
        &mint.grant(),
        Identity::from_secret_bytes(&[77; 32]).recipient(),
    );
    let done = world.agent_with(&mint, &draft.sign()).run("true").await;
    assert!(
        text(&done.stderr).contains("portreeve: unauthenticated"),
        "{}",
        text(&done.stderr)
    );
    wait_for_refusal(&world, "sealed to another bastion").await;

    let agent = world.agent_of(&mint);
    std::fs::remove_file(agent.file("key-cert.pub")).unwrap();
    let done = agent.run("true").await;
    assert!(
        text(&done.stderr).contains("Permission denied (publickey)"),
        "{}",
        text(&done.stderr)
    );
    assert_eq!(world.ca.claims(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_certificate_without_its_key_opens_nothing() {
    let mut world = World::start().await;
    let mint = world.mint();
    let certificate = mint
        .draft(&mint.grant(), world.unsealing().recipient())
        .sign();
    let thief = Mint {
        agent_key: key(66),
        ..world_copy(&mint)
    };
    let done = world.agent_with(&thief, &certificate).run("true").await;
    assert_status(&done, 255);
    assert_eq!(world.ca.claims(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forwardings_and_strange_subsystems_are_refused_and_decided() {
    let mut world = World::start().await;
    let agent = world.agent();
    let done = output(agent.ssh(&["-W", "127.0.0.1:22"], "x")).await;
    assert!(
        text(&done.stderr).contains("portreeve: forwarding is refused"),
        "{}",
        text(&done.stderr)
    );
    let done = output(agent.ssh(
        &["-R", "0:127.0.0.1:22", "-o", "ExitOnForwardFailure=yes"],
        "true",
    ))
    .await;
    assert_status(&done, 255);
    let mut netconf = agent.command("ssh");
    netconf.args(["-s", &agent.target(), "netconf"]);
    let done = output(netconf).await;
    assert!(
        text(&done.stderr).contains("this subsystem is not offered"),
        "{}",
        text(&done.stderr)
    );
    for what in ["direct-tcpip", "tcpip-forward"] {
        let decided = |fact: &AccessFact| {
            let json = serde_json::to_value(fact).unwrap();
            json["fact"] == "channel_decided"
                && json["request"]["what"] == what
                && json["decision"]["permitted"] == false
        };
        world.ca.wait_for(agent.session, what, decided).await;
    }
    assert_status(&agent.run("true").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policy_counts_from_the_next_command() {
    let mut world = World::start().await;
    let agent = world.agent();
    assert_status(&agent.run("true").await, 0);
    world.ca.publish(
        r#"@id("shells") permit (principal, action == Portreeve::Action::"shell", resource);"#,
    );
    let refused = loop {
        let done = agent.run("true").await;
        if done.status.code() != Some(0) {
            break done;
        }
    };
    assert_status(&refused, 126);
    assert!(text(&refused.stderr).contains("portreeve: refused: the policy does not permit this"));
    let denied = |fact: &AccessFact| matches!(fact, AccessFact::ChannelDecided { decision, .. } if !decision.permitted);
    world.ca.wait_for(agent.session, "denial", denied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_lies_or_has_another_key_gets_no_session_connection() {
    let mut world = World::start().await;
    for mood in [Mood::Refusing, Mood::Lying] {
        world.daemon.set_mood(mood);
        let agent = world.agent();
        let done = agent.run("true").await;
        assert_status(&done, 255);
        assert!(
            text(&done.stderr).contains("the host did not open"),
            "{}",
            text(&done.stderr)
        );
        let fact = world
            .ca
            .wait_for(agent.session, "end", |f| {
                matches!(f, AccessFact::SessionClosed { .. })
            })
            .await;
        assert!(
            matches!(
                fact,
                AccessFact::SessionClosed {
                    cause: EndCause::HostFailed,
                    ..
                }
            ),
            "{mood:?}"
        );
        assert!(
            world
                .ca
                .facts(agent.session)
                .iter()
                .any(|f| matches!(f, AccessFact::HostRefused { .. }))
        );
    }
    let mut mint = world.mint();
    mint.host_keys = vec![public(&key(55))];
    let agent = world.agent_of(&mint);
    assert_status(&agent.run("true").await, 255);
    let other_key = |fact: &AccessFact| matches!(fact, AccessFact::HostRefused { detail } if detail.contains("not registered"));
    world
        .ca
        .wait_for(agent.session, "other key", other_key)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_certificate_does_not_open_a_live_session() {
    let mut world = World::start().await;
    let mint = world.mint();
    let agent = world.agent_of(&mint);
    assert_status(&agent.run("true").await, 0);
    let mut grant = mint.grant();
    grant.access_key = public(&key(67)).fingerprint();
    let mut draft = mint.draft(&grant, world.unsealing().recipient());
    draft.key = key(67);
    let other = Mint {
        agent_key: key(67),
        ..world_copy(&mint)
    };
    let done = world.agent_with(&other, &draft.sign()).run("true").await;
    assert!(
        text(&done.stderr).contains("portreeve: unauthenticated"),
        "{}",
        text(&done.stderr)
    );
}

async fn wait_for_refusal(world: &World, reason: &str) {
    for _ in 0..100 {
        let is_there = world.ca.events().iter().any(|event| match &event.body {
            Body::Refused { detail, .. } => detail.contains(reason),
            _ => false,
        });
        if is_there {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "no refusal because of `{reason}` in {:#?}",
        world.ca.events()
    );
}

/// The same session to give, for a spoiled copy.
fn world_copy(mint: &Mint) -> Mint {
    let mut copy = Mint::new(mint.now);
    copy.session = mint.session;
    copy.host_address.clone_from(&mint.host_address);
    copy.host_keys.clone_from(&mint.host_keys);
    copy
}
