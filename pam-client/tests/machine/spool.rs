//! What a host has to say and no bastion has taken is bounded.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::OrderRefusal;
use portreeve_sudo_policy::STARTER_BUNDLE;

use crate::bastion::{Answer, Control};
use crate::ca::Ca;
use crate::host::{Host, sh, status};
use crate::{clean, open, sandbox};

#[test]
fn a_full_spool_refuses_sessions_until_there_is_room() {
    sandbox::run(
        "spool::a_full_spool_refuses_sessions_until_there_is_room",
        || {
            let ca = Ca::new();
            let mut host = Host::start(&ca);
            sh("echo 'spool_limit_mib = 1' >/etc/portreeve/host.toml");
            host.kill_daemon();
            host.restart_daemon();
            sh("head -c 2000000 /dev/zero >/var/lib/portreeve/journal/filler");

            let pass = ca.pass(STARTER_BUNDLE, 300);
            match Control::open(&pass).order(&pass) {
                Answer::Refused(OrderRefusal::Full, why) => {
                    assert!(why.contains("portreeve-host status"), "{why}");
                }
                Answer::Refused(other, why) => panic!("{other:?}: {why}"),
                Answer::Ready(_) => panic!("obeyed"),
            }
            assert!(
                status().1.contains("\"spool_full\": true"),
                "{}",
                status().1
            );

            sh("rm /var/lib/portreeve/journal/filler");
            let (mut control, _) = open(&pass, &host);
            clean(&control.end(EndCause::Asked).1, &host);
        },
    );
}
