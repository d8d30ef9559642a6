//! What is not a session's stays as it is, whatever it is called: what was there before, what
//! comes to be there while the session is made, and what is put in the place of its account.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::OrderRefusal;

use crate::SLEEPER;
use crate::bastion::{Answer, Control, until};
use crate::ca::{Ca, Pass};
use crate::host::{self, Host, assert_as_before, sh, snapshot, status};
use crate::sandbox;
use crate::tracer::Tracer;

/// Something of somebody else's under the name of a session's account.
struct Foreign {
    make: &'static str,
    /// What it is and what is in it, byte for byte.
    look: &'static str,
    remove: &'static str,
}

/// `$account` is the session's account.
const FOREIGN: &[Foreign] = &[
    Foreign {
        make: "useradd --create-home --comment standing $account; echo theirs >/home/$account/file",
        look: "getent passwd $account; getent group $account; cat /home/$account/file",
        remove: "userdel --remove $account 2>/dev/null",
    },
    Foreign {
        make: "groupadd $account",
        look: "getent group $account",
        remove: "groupdel $account",
    },
    Foreign {
        make: "mkdir /home/$account; echo theirs >/home/$account/file",
        look: "stat -c '%u %a' /home/$account; cat /home/$account/file",
        remove: "rm -r /home/$account",
    },
    Foreign {
        make: "echo '# theirs' >/etc/sudoers.d/portreeve-$account",
        look: "stat -c '%u %a %i' /etc/sudoers.d/portreeve-$account; cat /etc/sudoers.d/portreeve-$account",
        remove: "rm /etc/sudoers.d/portreeve-$account",
    },
    Foreign {
        make: "echo theirs >/var/lib/portreeve/sudo/$account.json",
        look: "cat /var/lib/portreeve/sudo/$account.json",
        remove: "rm /var/lib/portreeve/sudo/$account.json",
    },
];

/// What is looked for before a session, beside what its steps make.
const BY_NAME: &[Foreign] = &[
    Foreign {
        make: "echo '# theirs' >/etc/sudoers.d/.portreeve-$account.new",
        look: "stat -c '%u %a %i' /etc/sudoers.d/.portreeve-$account.new",
        remove: "rm /etc/sudoers.d/.portreeve-$account.new",
    },
    Foreign {
        make: "mkdir /sys/fs/cgroup/portreeve/$account",
        look: "ls -d /sys/fs/cgroup/portreeve/$account",
        remove: "rmdir /sys/fs/cgroup/portreeve/$account",
    },
    Foreign {
        make: "mkdir -p /var/spool/cron/crontabs; echo '# theirs' >/var/spool/cron/crontabs/$account",
        look: "cat /var/spool/cron/crontabs/$account",
        remove: "rm /var/spool/cron/crontabs/$account",
    },
    Foreign {
        make: "echo theirs >/var/mail/$account",
        look: "cat /var/mail/$account",
        remove: "rm /var/mail/$account",
    },
    Foreign {
        make: "mkdir -p /var/lib/systemd/linger; : >/var/lib/systemd/linger/$account",
        look: "ls /var/lib/systemd/linger/$account",
        remove: "rm /var/lib/systemd/linger/$account",
    },
];

fn on(pass: &Pass, script: &str) -> String {
    sh(&format!("account={}; {script}", pass.order.account))
}

fn refusal(pass: &Pass) -> (OrderRefusal, String) {
    match Control::without_ssh().order(pass) {
        Answer::Refused(refusal, detail) => (refusal, detail),
        Answer::Ready(_) => panic!("obeyed"),
    }
}

#[test]
fn what_is_there_under_a_sessions_name_stays_as_it_is() {
    let name = "foreign::what_is_there_under_a_sessions_name_stays_as_it_is";
    sandbox::run(name, || {
        let ca = Ca::new();
        let mut host = Host::start(&ca);
        let untouched = snapshot();
        for foreign in FOREIGN.iter().chain(BY_NAME) {
            let pass = ca.order(SLEEPER, 300);
            on(&pass, foreign.make);
            let (before, theirs) = (snapshot(), on(&pass, foreign.look));
            let (refusal, detail) = refusal(&pass);
            assert_eq!(refusal, OrderRefusal::AccountExists, "{detail}");
            assert!(detail.contains("not ours to touch"), "{detail}");
            assert_eq!(on(&pass, foreign.look), theirs);
            assert_as_before(&before);
            on(&pass, foreign.remove);
        }
        assert_as_before(&untouched);

        // It comes to be there after the host was looked at, and before the step that finds it.
        for foreign in FOREIGN {
            for crashes in [false, true] {
                let pass = ca.order(SLEEPER, 300);
                let group = format!("/sys/fs/cgroup/portreeve/{}", pass.order.account);
                let slow = "inject=mkdir:delay_enter=700000:when=1";
                let tracer =
                    Tracer::attach(host.daemon.id(), std::slice::from_ref(&group), Some(slow));
                let order = pass.clone();
                let answer = std::thread::spawn(move || {
                    // A daemon that is killed gives none.
                    std::panic::catch_unwind(|| refusal(&order)).ok()
                });
                let journal = format!("/var/lib/portreeve/journal/{}.journal", pass.order.session);
                until("the plan", || {
                    std::fs::metadata(&journal).is_ok_and(|facts| facts.len() > 0)
                });
                on(&pass, foreign.make);
                let theirs = on(&pass, foreign.look);
                if crashes {
                    host.kill_daemon();
                }
                let answer = answer.join().unwrap();
                tracer.detach();
                if crashes {
                    host.restart_daemon();
                } else {
                    let (refusal, detail) = answer.unwrap();
                    assert_eq!(refusal, OrderRefusal::Failed, "{detail}");
                }
                until("the removal", || {
                    let (_, said) = status();
                    said.contains("\"unfinished\": []") && said.contains("\"removing\": 0")
                });
                assert_eq!(on(&pass, foreign.look), theirs, "{}", foreign.make);
                on(&pass, foreign.remove);
                assert_as_before(&untouched);
            }
        }
    });
}

#[test]
fn an_account_that_is_not_the_one_that_was_made_stays() {
    let name = "foreign::an_account_that_is_not_the_one_that_was_made_stays";
    sandbox::run(name, || {
        let ca = Ca::new();
        let host = Host::start(&ca);
        let before = snapshot();
        for replace in [
            "usermod --comment 'somebody else' $account",
            "userdel --force $account; useradd --no-create-home --uid 4321 $account",
        ] {
            let pass = ca.order(SLEEPER, 300);
            let mut control = Control::without_ssh();
            assert!(matches!(control.order(&pass), Answer::Ready(_)));
            on(&pass, replace);
            let theirs = on(&pass, "getent passwd $account");
            let (_, receipt) = control.end(EndCause::Asked);
            let receipt = receipt.verify(&host.identity).unwrap().into_inner();
            let named = receipt
                .left
                .iter()
                .any(|left| left.contains("not the one that was made"));
            assert!(named, "{:?}\n{}", receipt.left, host::log());
            assert_eq!(on(&pass, "getent passwd $account"), theirs);
            on(
                &pass,
                "userdel --force $account; groupdel $account 2>/dev/null || true",
            );
            assert_as_before(&before);
        }
    });
}
