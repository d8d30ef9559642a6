//! Sessions: claimed once, whoever comes first.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::session::{SessionState, TrailLimit};

use super::*;

fn claim(bastion: &str) -> Change {
    Change::ClaimSession {
        session: examples::session_id(),
        bastion: bastion.parse().unwrap(),
        serial: 11,
        trail_limit: TrailLimit::DEFAULT,
        at: NOW,
    }
}

fn end(confirmed: bool, at: Timestamp) -> Change {
    Change::EndSession {
        session: examples::session_id(),
        cause: EndCause::Asked,
        confirmed,
        at,
    }
}

async fn with_session() -> Home {
    let home = Home::new().await;
    home.change(Change::AddSession(Box::new(new_session())))
        .await
        .unwrap();
    home
}

impl Home {
    async fn session(&self) -> Session {
        self.store
            .session(examples::session_id())
            .await
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn of_many_claims_one_wins_and_the_others_learn_who() {
    let home = with_session().await;
    let racers: Vec<_> = (0..40)
        .map(|n| {
            let store = home.store.clone();
            let bastion = if n % 2 == 0 { "east" } else { "west" };
            tokio::spawn(async move {
                (
                    bastion,
                    store.commit(vec![claim(bastion)], Vec::new()).await,
                )
            })
        })
        .collect();
    let (mut winners, mut refused) = (Vec::new(), Vec::new());
    for racer in racers {
        match racer.await.unwrap() {
            (bastion, Ok(_)) => winners.push(bastion),
            (_, Err(CommitError::Refused(Refusal::Claimed(owner)))) => refused.push(owner),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert!(refused.iter().all(|owner| owner.as_str() == winners[0]));
    assert_eq!(refused.len(), 39);
    let session = home.session().await;
    assert_eq!(session.summary.state, SessionState::Claimed);
    assert_eq!(session.summary.bastion.unwrap().as_str(), winners[0]);
}

fn attested(used: Option<u32>) -> Attested {
    Attested {
        digest: Digest::of(b"attestation"),
        used,
        watch: None,
        ready_at: after(1),
    }
}

#[tokio::test]
async fn a_session_goes_from_issued_to_ended() {
    let home = with_session().await;
    let again = Change::AddSession(Box::new(new_session()));
    assert_eq!(home.refusal(again).await, Refusal::Exists);
    let stored = home.session().await;
    assert_eq!(stored.summary.pair, examples::pair());
    assert_eq!(stored.summary.task, examples::task());
    assert_eq!((stored.access_serial, stored.session_serial), (11, 12));
    assert_eq!(stored.connect_by, after(60));
    home.change(claim("east")).await.unwrap();
    home.change(Change::OpenSession {
        session: examples::session_id(),
        attested: attested(None),
    })
    .await
    .unwrap();
    assert_eq!(home.session().await.summary.state, SessionState::Open);
    home.change(end(false, after(10))).await.unwrap();
    assert_eq!(
        home.session().await.summary.state,
        SessionState::NotConfirmed
    );
    home.change(end(true, after(11))).await.unwrap();
    home.change(Change::OpenSession {
        session: examples::session_id(),
        attested: attested(None),
    })
    .await
    .unwrap();
    let ended = home.session().await.summary;
    assert_eq!(ended.state, SessionState::Ended);
    assert_eq!(
        (ended.ended_at, ended.cause),
        (Some(after(11)), Some(EndCause::Asked))
    );
}

#[tokio::test]
async fn a_killed_session_cannot_be_claimed_or_killed_again() {
    let home = with_session().await;
    let kill = || Change::KillSession {
        session: examples::session_id(),
        by: Some("alice@example.com".parse().unwrap()),
        reason: "it reads what it should not".into(),
        at: after(1),
    };
    home.change(kill()).await.unwrap();
    assert_eq!(home.refusal(kill()).await, Refusal::Over);
    assert_eq!(home.refusal(claim("east")).await, Refusal::Over);
    let killed = home.session().await.summary;
    assert_eq!(
        (killed.state, killed.cause),
        (SessionState::Ended, Some(EndCause::Killed))
    );
    assert_eq!(killed.killed_by.unwrap().as_str(), "alice@example.com");
    let reason = killed.kill_reason.unwrap();
    assert_eq!(reason, "it reads what it should not");
}

#[tokio::test]
async fn a_session_that_its_pair_ended_was_not_killed() {
    let home = with_session().await;
    home.change(Change::KillSession {
        session: examples::session_id(),
        by: None,
        reason: "done".into(),
        at: after(1),
    })
    .await
    .unwrap();
    let ended = home.session().await.summary;
    assert_eq!(
        (ended.state, ended.cause, ended.killed_by),
        (SessionState::Ended, Some(EndCause::Asked), None)
    );
}

#[tokio::test]
async fn time_settles_what_nobody_claimed_and_what_nobody_confirmed() {
    let home = with_session().await;
    home.change(Change::Sweep { at: after(59) }).await.unwrap();
    assert_eq!(home.session().await.summary.state, SessionState::Issued);
    home.change(Change::Sweep { at: after(60) }).await.unwrap();
    assert_eq!(home.session().await.summary.state, SessionState::Unused);

    let home = with_session().await;
    home.change(claim("east")).await.unwrap();
    home.change(Change::Sweep { at: after(959) }).await.unwrap();
    assert_eq!(home.session().await.summary.state, SessionState::Claimed);
    home.change(Change::Sweep { at: after(960) }).await.unwrap();
    let settled = home.session().await.summary;
    assert_eq!(settled.state, SessionState::NotConfirmed);
    assert_eq!(
        (settled.cause, settled.ended_at),
        (Some(EndCause::Expired), Some(after(900)))
    );
}

#[tokio::test]
async fn listings_are_filtered_newest_first() {
    let home = Home::new().await;
    for n in 0..4_u8 {
        let mut new = new_session();
        new.session = SessionId::new(NOW, [n; 10]);
        new.created_at = after(n.into());
        if n % 2 == 1 {
            new.pair.agent = "soc/other".parse().unwrap();
            new.host = "prod-2".parse().unwrap();
        }
        home.change(Change::AddSession(Box::new(new)))
            .await
            .unwrap();
    }
    let count = async |filter: SessionFilter| home.store.sessions(&filter).await.unwrap().len();
    let all = SessionFilter::default;
    let listed = home.store.sessions(&all()).await.unwrap();
    let times: Vec<_> = listed
        .iter()
        .map(|session| session.summary.created_at)
        .collect();
    assert_eq!(times, [after(3), after(2), after(1), after(0)]);
    let human = examples::pair().human.id();
    assert_eq!(
        count(SessionFilter {
            human: Some(human),
            ..all()
        })
        .await,
        4
    );
    assert_eq!(
        count(SessionFilter {
            human: Some("nobody".into()),
            ..all()
        })
        .await,
        0
    );
    assert_eq!(
        count(SessionFilter {
            agent: Some("soc/other".parse().unwrap()),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(SessionFilter {
            host: Some("prod-2".parse().unwrap()),
            ..all()
        })
        .await,
        2
    );
    let states = vec![SessionState::Issued, SessionState::Open];
    assert_eq!(count(SessionFilter { states, ..all() }).await, 4);
    let states = vec![SessionState::Ended];
    assert_eq!(count(SessionFilter { states, ..all() }).await, 0);
    assert_eq!(
        count(SessionFilter {
            limit: Some(3),
            ..all()
        })
        .await,
        3
    );
}
