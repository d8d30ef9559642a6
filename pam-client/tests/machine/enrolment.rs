//! Making the host known, and taking that back.

use crate::ca::Ca;
use crate::host::{enroll, sh};
use crate::sandbox;

#[test]
fn enrolment_can_be_repeated_and_taken_back() {
    sandbox::run(
        "enrolment::enrolment_can_be_repeated_and_taken_back",
        || {
            let ca = Ca::new();
            let etc = "cd /etc && find pam.d ssh portreeve sudoers.d passwd group shadow gshadow -type f 2>/dev/null | sort | xargs sha256sum";
            sh("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key");
            let before = sh(etc);
            let one = ca.confirm(&enroll(&ca));
            let enrolled = sh(etc);
            assert_ne!(before, enrolled);
            assert_eq!(one, ca.confirm(&enroll(&ca)), "the identity stays");
            assert_eq!(enrolled, sh(etc));

            // Whatever fails, everything is put back.
            sh("/usr/lib/portreeve/portreeve-host unenroll");
            assert_eq!(before, sh(etc));
            let ticket = serde_json::to_string(&ca.ticket()).unwrap();
            for (spoil, said) in [
                ("sed -i 's/^Include.*//' /etc/ssh/sshd_config", "Include"),
                (
                    "sed -i 's/UsePAM yes/UsePAM no/' /etc/ssh/sshd_config",
                    "UsePAM",
                ),
                (
                    "sed -i 1iAllowUsers=root /etc/ssh/sshd_config",
                    "allowusers",
                ),
                ("sed -i /includedir/d /etc/sudoers", "@includedir"),
            ] {
                sh("cp -a /etc/sudoers /etc/ssh/sshd_config /root");
                sh(spoil);
                let spoilt = sh(etc);
                let failed = sh(&format!(
                    "echo '{ticket}' | /usr/lib/portreeve/portreeve-host enroll 2>&1 && exit 9; true"
                ));
                assert!(failed.contains(said), "{failed}");
                assert_eq!(spoilt, sh(etc));
                sh("cp -a /root/sudoers /etc; cp -a /root/sshd_config /etc/ssh");
            }
        },
    );
}
