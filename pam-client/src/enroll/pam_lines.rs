//! The lines in `/etc/pam.d/sshd`, between markers so that they can be found again. Pure.
//!
//! For every user that is not called `pr-…` the first line of each pair jumps over the second, so
//! a standing account never depends on our program: whatever `pam_succeed_if` says other than "is
//! not so" jumps, too.

/// The lines of account, as they are installed.
const ACCOUNT: &str = include_str!("../../../packaging/pam/sshd.account");
/// The lines of session, as they are installed.
const SESSION: &str = include_str!("../../../packaging/pam/sshd.session");
const BEGIN: &str = "# portreeve begin: sessions of agents; every other account is skipped";
const END: &str = "# portreeve end";

/// The file with our lines: the account's before all others of account, the session's after all
/// others of session, when the process is where the others have put it.
pub(crate) fn with_ours(file: &str) -> String {
    let file = without_ours(file);
    let mut text = String::with_capacity(file.len() + 512);
    let mut placed = false;
    for line in file.split_inclusive('\n') {
        if !placed && is_of_account(line) {
            text.push_str(ACCOUNT);
            placed = true;
        }
        text.push_str(line);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if !placed {
        text.push_str(ACCOUNT);
    }
    text.push_str(SESSION);
    text
}

/// The file without our lines: as it was before.
pub(crate) fn without_ours(file: &str) -> String {
    let mut text = String::with_capacity(file.len());
    let mut ours = false;
    for line in file.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == BEGIN {
            ours = true;
        } else if ours && bare == END {
            ours = false;
        } else if !ours {
            text.push_str(line);
        }
    }
    text
}

fn is_of_account(line: &str) -> bool {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("account" | "-account") => true,
        Some("@include") => words.next() == Some("common-account"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "@include common-auth\n\naccount required pam_nologin.so\n@include common-account\n\
                          session required pam_loginuid.so\n@include common-session\n@include common-password\n";
    /// Debian 13 and Ubuntu 24.04, without their comments.
    const DEBIAN_13: &str = "@include common-auth\naccount    required     pam_nologin.so\n@include common-account\n\
        session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close\n\
        session    required     pam_loginuid.so\nsession    optional     pam_keyinit.so force revoke\n\
        @include common-session\nsession    required     pam_limits.so\nsession    required     pam_env.so\n\
        session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so open\n\
        @include common-password\n";
    const RHEL_9: &str = "#%PAM-1.0\nauth       substack     password-auth\nauth       include      postlogin\n\
        account    required     pam_sepermit.so\naccount    required     pam_nologin.so\n\
        account    include      password-auth\npassword   include      password-auth\n\
        session    required     pam_selinux.so close\nsession    required     pam_loginuid.so\n\
        session    required     pam_selinux.so open env_params\nsession    required     pam_namespace.so\n\
        session    include      password-auth\nsession    include      postlogin\n";
    const NO_LINE_END: &str =
        "auth substack password-auth\naccount required pam_sepermit.so\nsession include postlogin";

    #[test]
    fn the_account_is_asked_first_and_the_session_last() {
        for (file, account, session) in [
            (DEBIAN, "pam_nologin", "@include common-session"),
            (DEBIAN_13, "pam_nologin", "pam_selinux.so open"),
            (RHEL_9, "pam_sepermit", "session    include      postlogin"),
        ] {
            let text = with_ours(file);
            let at = |needle: &str| text.find(needle).unwrap();
            assert!(at("account required pam_exec.so") < at(account), "{text}");
            assert!(at("session required pam_exec.so") > at(session), "{text}");
            assert!(at("account [auth_err") < at("account required pam_exec.so"));
        }
    }

    #[test]
    fn what_is_installed_stands_between_the_markers() {
        for block in [ACCOUNT, SESSION] {
            let lines: Vec<_> = block.lines().collect();
            assert_eq!((lines[0], lines[3], lines.len()), (BEGIN, END, 4));
            assert!(
                lines[2].ends_with(&format!(" pam_exec.so quiet {} pam", crate::paths::PROGRAM))
            );
        }
    }

    #[test]
    fn adding_twice_is_adding_once_and_removing_gives_the_file_back() {
        for file in [
            DEBIAN,
            DEBIAN_13,
            RHEL_9,
            "@include common-account\n",
            "",
            "# only a comment\n",
        ] {
            let once = with_ours(file);
            assert_eq!(with_ours(&once), once);
            assert_eq!(without_ours(&once), file);
        }
        // A last line without an end gets one, which PAM does not mind.
        assert_eq!(
            without_ours(&with_ours(NO_LINE_END)),
            format!("{NO_LINE_END}\n")
        );
    }
}
