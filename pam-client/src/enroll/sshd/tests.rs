//! sshd's configuration as distributions have it, and what sshd says of it.

use super::*;

#[test]
fn every_setting_stands_inside_a_match_block() {
    let outside: Vec<_> = DROP_IN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("    ") && !line.starts_with('#'))
        .collect();
    assert_eq!(
        outside,
        ["Match User portreeve", "Match User pr-*", "Match all"]
    );
    assert!(
        DROP_IN.ends_with("Match all\n"),
        "what other files say must not fall into our block"
    );
}

#[test]
fn the_drop_in_names_what_is_installed() {
    let ca = paths::text(&paths::Paths::system().session_ca());
    for needle in [
        &format!("TrustedUserCAKeys {ca}\n"),
        &format!("ForceCommand {PROGRAM} control\n"),
    ] {
        assert!(DROP_IN.contains(needle), "{needle}");
    }
    assert!(DROP_IN.contains(&format!("AuthorizedPrincipalsCommandUser {CONTROL_USER}\n")));
}

/// What `sshd -T` of each system says where we ask, shortened to that.
const DEBIAN_12: &str = "usepam yes\npubkeyauthentication yes\ntrustedusercakeys none\n\
    casignaturealgorithms ssh-ed25519,ecdsa-sha2-nistp256,sk-ssh-ed25519@openssh.com,rsa-sha2-512\n\
    pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512\n\
    acceptenv LANG\nacceptenv LC_*\n";
const RHEL_9: &str = "usepam yes\npubkeyauthentication yes\ntrustedusercakeys none\n\
    casignaturealgorithms ecdsa-sha2-nistp256,sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519,rsa-sha2-256\n\
    pubkeyacceptedalgorithms ecdsa-sha2-nistp256,ssh-ed25519,ssh-ed25519-cert-v01@openssh.com,rsa-sha2-256\n";
const RHEL_9_FIPS: &str = "usepam yes\npubkeyauthentication yes\ntrustedusercakeys none\n\
    casignaturealgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-256,rsa-sha2-512\n\
    pubkeyacceptedalgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-256\n";

fn complaint(said: &str) -> Option<String> {
    let settings = Settings::read(said);
    let said =
        suits_user(CONTROL_USER, &settings).and_then(|()| suits_user(EXAMPLE_ACCOUNT, &settings));
    said.err().map(|error| error.to_string())
}

#[test]
fn an_sshd_as_it_is_delivered_suits() {
    for said in [DEBIAN_12, RHEL_9, "usepam yes\n"] {
        assert_eq!(complaint(said), None, "{said}");
    }
}

#[test]
fn what_is_in_the_way_is_named() {
    let debian = |more: &str| format!("{DEBIAN_12}{more}\n");
    let table = [
        (
            DEBIAN_12.replace("usepam yes", "usepam no"),
            "`UsePAM` is `no`",
        ),
        (
            RHEL_9_FIPS.to_owned(),
            "`casignaturealgorithms` lacks `ssh-ed25519`",
        ),
        (
            RHEL_9.replace("ssh-ed25519-cert-v01@openssh.com,", ""),
            "`pubkeyacceptedalgorithms` lacks",
        ),
        (
            debian("allowusers alice\nallowusers bob"),
            "`allowusers` keeps out `portreeve`",
        ),
        (
            debian("allowusers alice\nallowusers portreeve"),
            "`allowusers` keeps out `pr-",
        ),
        (
            debian("allowgroups staff"),
            "`allowgroups` keeps out `portreeve`",
        ),
        (debian("denyusers pr-*"), "`denyusers` keeps out `pr-"),
        (debian("denygroups *"), "`denygroups` keeps out `portreeve`"),
    ];
    for (said, expected) in table {
        let complaint = complaint(&said).unwrap();
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn who_is_let_in_by_name_is_let_in() {
    for more in [
        "allowusers alice\nallowusers portreeve@198.51.100.*\nallowusers pr-*",
        "allowusers *",
        "allowgroups p*\ndenyusers guest?\ndenygroups pr",
    ] {
        assert_eq!(complaint(&format!("{DEBIAN_12}{more}\n")), None, "{more}");
    }
}

#[test]
fn patterns_are_those_of_sshd() {
    for (pattern, text, expected) in [
        ("pr-*", "pr-0123", true),
        ("pr-*", "pr", false),
        ("*-*3", "pr-0123", true),
        ("p?-0123", "pr-0123", true),
        ("?", "", false),
        ("", "", true),
        ("a*b*c", "axxbxxbxc", true),
        ("a*b*c", "axxbxxbx", false),
    ] {
        assert_eq!(
            fits(pattern.as_bytes(), text.as_bytes()),
            expected,
            "{pattern} {text}"
        );
    }
}

/// Configuration files without their comments.
const CONFIG_OF_DEBIAN_12: &str = "\nInclude /etc/ssh/sshd_config.d/*.conf\n\nKbdInteractiveAuthentication no\n\
    UsePAM yes\nX11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\nSubsystem sftp /usr/lib/openssh/sftp-server\n";
const CONFIG_OF_RHEL_9: &str = "\nInclude /etc/ssh/sshd_config.d/*.conf\n\n\
    AuthorizedKeysFile\t.ssh/authorized_keys\nSubsystem\tsftp\t/usr/libexec/openssh/sftp-server\n";
const CONFIG_OF_RHEL_8: &str = "HostKey /etc/ssh/ssh_host_ed25519_key\nSyslogFacility AUTHPRIV\n\
    AuthorizedKeysFile\t.ssh/authorized_keys\nUsePAM yes\nX11Forwarding yes\n";

#[test]
fn a_configuration_says_whether_it_reads_drop_ins_for_everybody() {
    let table = [
        (CONFIG_OF_DEBIAN_12, true),
        (CONFIG_OF_RHEL_9, true),
        ("include=\"sshd_config.d/*\"\n", true),
        (
            "Include /etc/ssh/other.conf /etc/ssh/sshd_config.d/5*.conf\n",
            true,
        ),
        (CONFIG_OF_RHEL_8, false),
        ("#Include /etc/ssh/sshd_config.d/*.conf\n", false),
        ("Include /etc/ssh/sshd_config.d/*.local\n", false),
        (
            "Match User alice\nInclude /etc/ssh/sshd_config.d/*.conf\n",
            false,
        ),
        ("", false),
    ];
    for (config, expected) in table {
        assert_eq!(reads_drop_ins(config), expected, "{config}");
    }
}
