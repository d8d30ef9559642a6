//! Agents, hosts, bastions, humans, published texts, the feed, what is used once.

use portreeve_protocol::attest::{HostWatch, Watcher};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::name::HostName;

use super::*;

fn agent(name: &str, key: u8) -> AgentRecord {
    AgentRecord {
        agent: name.parse().unwrap(),
        key: examples::key(key),
        owner: "alice@example.com".parse().unwrap(),
        enabled: true,
        review_by: Some(after(3600)),
        created_at: NOW,
    }
}

#[tokio::test]
async fn agents_are_added_once_each_with_a_key_of_its_own() {
    let home = Home::new().await;
    let record = agent("soc/forensics", 1);
    home.change(Change::AddAgent(record.clone())).await.unwrap();
    for again in [agent("soc/forensics", 2), agent("soc/other", 1)] {
        assert_eq!(home.refusal(Change::AddAgent(again)).await, Refusal::Exists);
    }
    let stored = home.store.agent(&record.agent).await.unwrap().unwrap();
    assert_eq!(format!("{stored:?}"), format!("{record:?}"));
    home.change(Change::DisableAgent(record.agent.clone()))
        .await
        .unwrap();
    assert!(
        !home
            .store
            .agent(&record.agent)
            .await
            .unwrap()
            .unwrap()
            .enabled
    );
    let nobody = "soc/nobody".parse().unwrap();
    assert!(home.store.agent(&nobody).await.unwrap().is_none());
    assert_eq!(
        home.refusal(Change::DisableAgent(nobody)).await,
        Refusal::Missing
    );
    assert_eq!(home.store.agents().await.unwrap().len(), 1);
}

fn add_host(token: &[u8]) -> Change {
    Change::AddHost {
        host: "prod-1".parse().unwrap(),
        address: "192.0.2.10:22".into(),
        labels: vec!["production".into()],
        again: false,
        token: Digest::of(token),
        token_expires_at: after(600),
        at: NOW,
    }
}

fn enrol_host(host: &str, token: &[u8], at: Timestamp) -> Change {
    Change::EnrolHost {
        host: host.parse().unwrap(),
        token: Digest::of(token),
        enrolled: HostEnrolled {
            identity: examples::key(4),
            host_keys: vec![examples::key(5), examples::key(6)],
            sudo: "sudo 1.9.13".into(),
        },
        at,
    }
}

#[tokio::test]
async fn a_host_enrols_once_with_the_last_token_it_was_given() {
    let home = Home::new().await;
    let host = "prod-1".parse().unwrap();
    home.change(add_host(b"lost")).await.unwrap();
    home.change(add_host(b"token")).await.unwrap();
    let waiting = home.store.host(&host).await.unwrap().unwrap();
    assert!(waiting.record.enrolled_at.is_none() && waiting.host_keys.is_empty());
    for bad in [
        enrol_host("prod-1", b"lost", NOW),
        enrol_host("prod-2", b"token", NOW),
        enrol_host("prod-1", b"token", after(600)),
    ] {
        assert_eq!(home.refusal(bad).await, Refusal::Token);
    }
    home.change(enrol_host("prod-1", b"token", after(1)))
        .await
        .unwrap();
    let again = enrol_host("prod-1", b"token", after(2));
    assert_eq!(home.refusal(again).await, Refusal::Token);
    assert_eq!(home.refusal(add_host(b"another")).await, Refusal::Exists);
    let enrolled = home.store.host(&host).await.unwrap().unwrap();
    assert_eq!(enrolled.record.enrolled_at, Some(after(1)));
    assert_eq!(enrolled.record.identity, Some(examples::key(4)));
    assert_eq!(enrolled.host_keys.len(), 2);
    assert_eq!(home.store.hosts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_that_is_to_enrol_again_goes_on_until_it_does() {
    let home = Home::new().await;
    let host = "prod-1".parse().unwrap();
    home.change(add_host(b"first")).await.unwrap();
    home.change(enrol_host("prod-1", b"first", after(1)))
        .await
        .unwrap();
    let mut again = add_host(b"second");
    if let Change::AddHost { again, .. } = &mut again {
        *again = true;
    }
    home.change(again).await.unwrap();
    let waiting = home.store.host(&host).await.unwrap().unwrap();
    assert_eq!(waiting.record.enrolled_at, Some(after(1)));
    assert_eq!(waiting.host_keys.len(), 2);
    home.change(enrol_host("prod-1", b"second", after(2)))
        .await
        .unwrap();
    let enrolled = home.store.host(&host).await.unwrap().unwrap();
    assert_eq!(enrolled.record.enrolled_at, Some(after(2)));
}

/// What a host says comes through whichever bastion has the session, in any order.
#[tokio::test]
async fn what_a_host_attested_last_is_what_it_watches_by() {
    let home = Home::new().await;
    let mut new = new_session();
    let host: HostName = "prod-1".parse().unwrap();
    home.change(add_host(b"token")).await.unwrap();
    new.host = host.clone();
    let sessions = [1_u8, 2, 3].map(|n| SessionId::new(NOW, [n; 10]));
    for session in sessions {
        new.session = session;
        home.change(Change::AddSession(Box::new(new.clone())))
            .await
            .unwrap();
    }
    let ebpf = HostWatch {
        processes: Watcher::Ebpf,
        ..HostWatch::NOTHING
    };
    for (session, said, seconds, watch, expected) in [
        (
            0,
            "a",
            20,
            Some(HostWatch::NOTHING),
            Some(HostWatch::NOTHING),
        ),
        // It is older, and comes later.
        (1, "b", 10, Some(ebpf), Some(HostWatch::NOTHING)),
        // It is newer, and not the first that is said of its session.
        (1, "c", 30, Some(ebpf), Some(HostWatch::NOTHING)),
        (2, "d", 40, Some(ebpf), Some(ebpf)),
        (0, "a", 20, Some(HostWatch::NOTHING), Some(ebpf)),
    ] {
        home.change(Change::OpenSession {
            session: sessions[session],
            attested: Attested {
                digest: Digest::of(said.as_bytes()),
                used: None,
                watch,
                ready_at: after(seconds),
            },
        })
        .await
        .unwrap();
        let known = home.store.host(&host).await.unwrap().unwrap();
        assert_eq!(known.watch, expected, "{said}");
    }
}

/// Another identity is another installation, which counts from its own beginning.
#[tokio::test]
async fn the_highest_uid_of_a_host_is_kept_with_its_identity() {
    let home = Home::new().await;
    let session = new_session();
    let host = session.host.clone();
    let add = |token: &[u8]| {
        let mut change = add_host(token);
        if let Change::AddHost {
            host: name, again, ..
        } = &mut change
        {
            (*name, *again) = (host.clone(), true);
        }
        change
    };
    home.change(add(b"first")).await.unwrap();
    home.change(enrol_host(host.as_str(), b"first", after(1)))
        .await
        .unwrap();
    let open = |uid| Change::OpenSession {
        session: session.session,
        attested: Attested {
            digest: Digest::of(b"attestation"),
            used: Some(uid),
            watch: Some(HostWatch::NOTHING),
            ready_at: after(1),
        },
    };
    home.change(Change::AddSession(Box::new(session.clone())))
        .await
        .unwrap();
    for (uid, floor) in [(7, 8), (3, 8), (9, 10)] {
        home.change(open(uid)).await.unwrap();
        let known = home.store.host(&host).await.unwrap().unwrap();
        assert_eq!(known.uid_floor, Some(floor));
        assert_eq!(known.watch, Some(HostWatch::NOTHING));
    }
    home.change(add(b"second")).await.unwrap();
    home.change(enrol_host(host.as_str(), b"second", after(2)))
        .await
        .unwrap();
    let known = home.store.host(&host).await.unwrap().unwrap();
    assert_eq!(known.uid_floor, Some(10), "the same identity");
    // Its client may be another one by now.
    assert_eq!(known.watch, None);
    home.change(add(b"third")).await.unwrap();
    let mut anew = enrol_host(host.as_str(), b"third", after(3));
    if let Change::EnrolHost { enrolled, .. } = &mut anew {
        enrolled.identity = examples::key(9);
    }
    home.change(anew).await.unwrap();
    let known = home.store.host(&host).await.unwrap().unwrap();
    assert_eq!(known.uid_floor, None, "another identity");
}

#[tokio::test]
async fn a_bastion_enrols_once() {
    let home = Home::new().await;
    let name: BastionName = "east".parse().unwrap();
    let add = |token: &[u8]| Change::AddBastion {
        bastion: name.clone(),
        address: "bastion.example.com:22".into(),
        egress: vec!["192.0.2.20".parse().unwrap()],
        again: token == b"renewal",
        token: Digest::of(token),
        token_expires_at: after(600),
        at: NOW,
    };
    let recipient = portreeve_protocol::age::Identity::from_secret_bytes(&[9; 32]).recipient();
    let enrol = |token: &[u8]| Change::EnrolBastion {
        bastion: name.clone(),
        token: Digest::of(token),
        enrolled: BastionEnrolled {
            identity: examples::key(7),
            host_key: examples::key(8),
            recipient,
        },
        at: after(1),
    };
    home.change(add(b"token")).await.unwrap();
    assert!(
        home.store
            .bastion(&name)
            .await
            .unwrap()
            .unwrap()
            .enrolled
            .is_none()
    );
    assert_eq!(home.refusal(enrol(b"other")).await, Refusal::Token);
    home.change(enrol(b"token")).await.unwrap();
    assert_eq!(home.refusal(enrol(b"token")).await, Refusal::Token);
    assert_eq!(home.refusal(add(b"again")).await, Refusal::Exists);
    home.change(add(b"renewal")).await.unwrap();
    home.change(enrol(b"renewal")).await.unwrap();
    let bastion = home.store.bastions().await.unwrap().remove(0);
    let (at, enrolled) = bastion.enrolled.unwrap();
    assert_eq!((at, enrolled.recipient), (after(1), recipient));
    assert_eq!(bastion.egress.len(), 1);
}

#[tokio::test]
async fn humans_are_remembered_and_stay_deprovisioned() {
    let home = Home::new().await;
    let human = examples::pair().human;
    let see = |at| Change::SeeHuman {
        human: human.clone(),
        at,
    };
    let deprovision = |at| Change::DeprovisionHuman {
        human: human.id(),
        at,
    };
    assert_eq!(home.refusal(deprovision(NOW)).await, Refusal::Missing);
    home.change(see(NOW)).await.unwrap();
    home.change(see(after(5))).await.unwrap();
    home.change(deprovision(after(6))).await.unwrap();
    home.change(deprovision(after(9))).await.unwrap();
    home.change(see(after(10))).await.unwrap();
    let known = home.store.human(&human.id()).await.unwrap().unwrap();
    assert_eq!(known.human, human);
    assert_eq!((known.first_seen_at, known.last_seen_at), (NOW, after(10)));
    assert_eq!(known.deprovisioned_at, Some(after(6)));
}

#[tokio::test]
async fn the_text_published_last_is_in_force_and_none_is_lost() {
    let home = Home::new().await;
    let policy = |text: &str| Change::PublishPolicy {
        text: text.into(),
        at: NOW,
    };
    assert!(home.store.policy().await.unwrap().is_none());
    for text in ["one", "two", "one"] {
        home.change(policy(text)).await.unwrap();
        assert_eq!(home.store.policy().await.unwrap().unwrap().text, text);
    }
    let two = Digest::of(b"two");
    assert_eq!(
        home.store
            .policy_version(&two)
            .await
            .unwrap()
            .unwrap()
            .version,
        two
    );

    let bundle = |name: &str, text: &str| Change::PublishBundle {
        name: name.parse().unwrap(),
        text: text.into(),
        by: None,
        message: None,
        at: NOW,
    };
    for (name, text) in [
        ("look", "v1"),
        ("look", "v2"),
        ("fix", "v1"),
        ("look", "v1"),
    ] {
        home.change(bundle(name, text)).await.unwrap();
        let current = home
            .store
            .bundle(&name.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(current.text.as_deref(), Some(text));
    }
    let old = home
        .store
        .bundle_version(&Digest::of(b"v2"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(old.name.as_str(), "look");
    let listed: Vec<_> = home.store.bundles().await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|b| (b.name.as_str(), b.digest, &b.text))
        .collect();
    let v1 = Digest::of(b"v1");
    assert_eq!(listed, [("fix", v1, &None), ("look", v1, &None)]);
}

#[tokio::test]
async fn the_feed_is_numbered_and_watched_and_numbers_never_begin_again() {
    let home = Home::new().await;
    let mut watch = home.store.watch_feed();
    let item = FeedItem::Kill {
        session: examples::session_id(),
        reason: "done".into(),
        by_pair: false,
    };
    let feed = |at| Change::Feed {
        item: item.clone(),
        at,
    };
    for _ in 0..3 {
        home.change(feed(NOW)).await.unwrap();
    }
    assert_eq!(*watch.borrow_and_update(), 3);
    let entries = home.store.feed_after(1, 10).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [2, 3]
    );
    assert_eq!(entries[0].item, item);
    let later = after(8 * 24 * 3600);
    home.change(Change::Sweep { at: later }).await.unwrap();
    assert_eq!(home.store.feed_after(0, 10).await.unwrap().len(), 1);
    let home = home.reopened().await;
    assert_eq!(*home.store.watch_feed().borrow(), 3);
    home.change(feed(later)).await.unwrap();
    assert_eq!(home.store.feed_after(3, 10).await.unwrap()[0].seq, 4);
}

#[tokio::test]
async fn what_is_used_once_is_refused_until_it_is_forgotten() {
    let home = Home::new().await;
    let once = |nonce: &str| Change::UseOnce {
        nonce: nonce.into(),
        until: after(60),
    };
    home.change(once("a")).await.unwrap();
    assert_eq!(home.refusal(once("a")).await, Refusal::Replayed);
    let home = home.reopened().await;
    // A request that came before it was void may reach the store a little after that.
    home.change(Change::Sweep { at: after(120) }).await.unwrap();
    assert_eq!(home.refusal(once("a")).await, Refusal::Replayed);
    home.change(Change::Sweep { at: after(121) }).await.unwrap();
    home.change(once("a")).await.unwrap();
}
