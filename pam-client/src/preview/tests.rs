use portreeve_protocol::control::FromBastion;
use portreeve_protocol::signed::Signed;
use portreeve_sudo_policy::STARTER_BUNDLE;

use portreeve_protocol::order::Order;

use super::*;
use crate::accept::tests::{World, circumstances, now, order, sign};
use crate::plan::tests::place;

fn seen(input: &Input, seen: &Seen, alter: impl FnOnce(&mut Circumstances<'_>)) -> Report {
    let world = World::new();
    let mut host = circumstances(&world);
    alter(&mut host);
    let next_uid = |floor: Option<u32>| match floor {
        Some(_) => Err(CounterError::Exhausted.into()),
        None => Ok(SessionUid::for_test(2_010_000_000)),
    };
    looked_at(input, &host, seen, &place(&world.paths), next_uid, |_| {
        Ok(())
    })
    .unwrap()
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.checks.iter().filter(|check| !check.passed);
    failed.map(|check| check.check).collect()
}

fn made_up() -> Input {
    let world = World::new();
    input::made_up(STARTER_BUNDLE.into(), &world.trust, now(), LIFETIME).unwrap()
}

fn delivered(text: &str, bundle: Option<&str>) -> Result<Input, NoInput> {
    input::delivered(text, bundle.map(str::to_owned), &World::new().trust)
}

#[test]
fn a_bundle_alone_shows_what_a_session_with_it_would_do() {
    let report = seen(&made_up(), &Seen::default(), |_| {});
    assert_eq!(failed(&report), [] as [&str; 0]);
    assert!(report.obeyed && report.order.is_none());
    assert_eq!(report.uid, Some(2_010_000_000));
    let steps: Vec<_> = report.steps.iter().map(|step| step.step).collect();
    assert_eq!(
        steps,
        [
            "make the control group",
            "make sudo's log",
            "make the account",
            "make the home",
            "install the sudo rules"
        ]
    );
    for step in &report.steps {
        let inverse = report.end.iter().any(|line| line.removal == step.inverse);
        assert!(inverse, "{} has no inverse", step.step);
    }
    let shown = show::text(&report);
    assert!(shown.contains("none: the session is made up"), "{shown}");
    assert!(shown.contains("inverse: remove the home"), "{shown}");
}

#[test]
fn an_order_is_read_as_the_ca_signed_it_or_as_a_bastion_sends_it() {
    let signed = serde_json::to_string(&sign(&order())).unwrap();
    let message = serde_json::to_string(&FromBastion::Order {
        order: sign(&order()),
        bundle: STARTER_BUNDLE.into(),
    })
    .unwrap();
    for input in [
        delivered(&signed, Some(STARTER_BUNDLE)).unwrap(),
        delivered(&message, None).unwrap(),
    ] {
        let report = seen(&input, &Seen::default(), |_| {});
        assert_eq!(failed(&report), [] as [&str; 0]);
        assert_eq!(report.order, Some(order().id));
    }
    assert!(matches!(delivered(&signed, None), Err(NoInput::NoBundle)));
    assert!(matches!(delivered("{}", None), Err(NoInput::Order(_))));
}

#[test]
fn an_order_that_would_be_refused_is_shown_with_every_reason() {
    let forged = Signed::<Order>::assemble(
        sign(&order()).unverified_payload().into(),
        sign(&order()).signature().replace('A', "B"),
    );
    let text = serde_json::to_string(&forged).unwrap();
    let input = delivered(&text, Some(STARTER_BUNDLE)).unwrap();
    let known = Seen {
        orders: [order().id].into(),
        ..Seen::default()
    };
    let report = seen(&input, &known, |host| {
        host.now = host.now.plus(Duration::from_secs(3600));
        host.room = false;
    });
    assert_eq!(failed(&report), ["signature", "fresh", "unseen", "room"]);
    assert!(!report.obeyed && !report.steps.is_empty());
    assert!(show::text(&report).contains("would be refused"));
}

#[test]
fn an_order_with_another_bundle_has_no_plan() {
    let signed = serde_json::to_string(&sign(&order())).unwrap();
    let input = delivered(&signed, Some("name = \"other\"")).unwrap();
    let report = seen(&input, &Seen::default(), |_| {});
    assert_eq!(failed(&report), ["bundle"]);
    assert!(report.steps.is_empty() && report.end.is_empty());
}

/// What is shown is what is decided.
#[test]
fn all_checks_pass_exactly_when_the_order_is_accepted() {
    type Alter = fn(&mut Order);
    let table: [Alter; 7] = [
        |_| {},
        |o| o.host = "prod-2".parse().unwrap(),
        |o| o.account = "pr-0000000000000000".parse().unwrap(),
        |o| o.deliver_by = now().minus(Duration::from_secs(1)),
        |o| o.expires_at = now().plus(Duration::from_secs(3601)),
        |o| o.deliver_by = now().plus(Duration::from_secs(901)),
        |o| o.bundle.digest = portreeve_protocol::digest::Digest::of(b"other"),
    ];
    let world = World::new();
    for alter in table {
        let mut order = order();
        alter(&mut order);
        let host = circumstances(&world);
        let accepted = accept::accept(&sign(&order), STARTER_BUNDLE, &host, |_| false).is_ok();
        let (verdicts, _) = accept::verdicts(&order, STARTER_BUNDLE, &host, |_| false);
        assert_eq!(accepted, verdicts.iter().all(|(_, said)| said.is_ok()));
    }
}
