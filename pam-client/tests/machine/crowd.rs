//! Many sessions at a time, while somebody else administers the host.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use portreeve_protocol::attest::EndCause;

use crate::SLEEPER;
use crate::bastion::{Answer, Control};
use crate::ca::Ca;
use crate::host::{self, Host, assert_as_before, sh, snapshot, status};
use crate::sandbox;

const AT_A_TIME: usize = 20;
const SESSIONS: usize = 200;

#[test]
fn two_hundred_sessions_twenty_at_a_time_leave_the_host_as_before() {
    let name = "crowd::two_hundred_sessions_twenty_at_a_time_leave_the_host_as_before";
    sandbox::run(name, || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        sh("useradd standing; usermod --comment '0 changes' standing");
        let before = snapshot();
        let uids = Mutex::new(BTreeSet::new());
        let over = AtomicBool::new(false);
        let changes = std::thread::scope(|scope| {
            let administrator = scope.spawn(|| administer(&over));
            let workers: Vec<_> = (0..AT_A_TIME)
                .map(|_| scope.spawn(|| work(&ca, &host, &uids)))
                .collect();
            let worked: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            over.store(true, Ordering::SeqCst);
            let changes = administrator.join().unwrap();
            for worker in worked {
                worker.unwrap();
            }
            changes
        });
        assert_eq!(
            uids.into_inner().unwrap().len(),
            SESSIONS,
            "a UID was used again"
        );

        // Nothing that the administrator did was lost, and nothing else has changed.
        let said = format!("{changes} changes");
        assert!(
            sh("getent passwd standing").contains(&said),
            "{said} is lost"
        );
        assert!(changes > 0);
        sh("usermod --comment '0 changes' standing");
        assert_as_before(&before);
        sh("userdel standing");
        let locks = sh(
            "cd /etc && ls -d passwd?* shadow?* group?* gshadow?* sub[ug]id?* | grep -v -- '-$' || true",
        );
        assert_eq!(locks, "", "a lock or half a file is left");
        let (_, said) = status();
        assert!(said.contains("\"unfinished\": []"), "{said}");
    });
}

fn work(ca: &Ca, host: &Host, uids: &Mutex<BTreeSet<u32>>) {
    for _ in 0..SESSIONS / AT_A_TIME {
        let pass = ca.order(SLEEPER, 300);
        let mut control = Control::without_ssh();
        let attestation = match control.order(&pass) {
            Answer::Ready(attestation) => attestation,
            Answer::Refused(refusal, detail) => panic!("{refusal:?}: {detail}\n{}", host::log()),
        };
        let said = attestation.verify(&host.identity).unwrap().into_inner();
        assert!(uids.lock().unwrap().insert(said.uid), "{} again", said.uid);
        let (_, receipt) = control.end(EndCause::Asked);
        let receipt = receipt.verify(&host.identity).unwrap().into_inner();
        assert_eq!(receipt.left, Vec::<String>::new(), "{}", host::log());
        control.finish();
    }
}

/// Changes a standing account with the distribution's tools until the sessions are over.
fn administer(over: &AtomicBool) -> usize {
    let mut changes = 0;
    while !over.load(Ordering::SeqCst) {
        changes += 1;
        sh(&format!("usermod --comment '{changes} changes' standing"));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    changes
}
