//! Arguments that make a harmless program dangerous.
//!
//! Facts, as data: which argument, of which program, does what.

use super::programs::When::{self, Always, ReadOnly};
use crate::code::Code::{
    self, ChangesState, EditorOrPager, InstallsCode, RunsPrograms, Secret, Writes,
};
use crate::pattern::Sought::{self, FirstLetters, Part, Prefix, Short, Something, Verb, Word};

/// One dangerous argument: of which program, which one, the kind of danger, when it counts, and
/// what it does.
type Danger = (&'static str, Sought<'static>, Code, When, &'static str);

/// Every dangerous argument.
// A table is read by its lines.
#[rustfmt::skip]
pub(super) const DANGERS: &[Danger] = &[
    ("find", Prefix("-exec"), RunsPrograms, Always, "runs a program"),
    ("find", Prefix("-ok"), RunsPrograms, Always, "runs a program"),
    ("find", Word("-delete"), Writes, ReadOnly, "deletes"),
    ("find", Prefix("-fprint"), Writes, Always, "writes any file"),
    ("find", Prefix("-fls"), Writes, Always, "writes any file"),
    ("tar", Prefix("--checkpoint-action"), RunsPrograms, Always, "runs a program"),
    ("tar", Prefix("--to-command"), RunsPrograms, Always, "runs a program"),
    ("tar", Prefix("--use-compress"), RunsPrograms, Always, "runs a program"),
    ("tar", Prefix("--rsh-command"), RunsPrograms, Always, "runs a program"),
    ("tar", Short('I'), RunsPrograms, Always, "runs a program"),
    ("tar", Short('F'), RunsPrograms, Always, "runs a program"),
    ("tar", Short('x'), Writes, Always, "writes any file"),
    ("tar", Prefix("--extract"), Writes, Always, "writes any file"),
    ("tcpdump", Short('z'), RunsPrograms, Always, "runs a program"),
    ("tcpdump", Short('w'), Writes, Always, "writes any file"),
    ("ss", Short('K'), ChangesState, ReadOnly, "closes sockets"),
    ("ss", Prefix("--kill"), ChangesState, ReadOnly, "closes sockets"),
    ("ss", Short('D'), Writes, Always, "writes any file"),
    ("ss", Prefix("--diag"), Writes, Always, "writes any file"),
    ("ss", Short('F'), Secret, Always, "reads any file and shows it in its complaints"),
    ("ss", Prefix("--filter"), Secret, Always, "reads any file and shows it in its complaints"),
    ("ip", Word("exec"), RunsPrograms, Always, "runs a program"),
    ("ip", Short('b'), Secret, Always, "reads any file and shows it in its complaints"),
    ("ip", Word("add"), ChangesState, ReadOnly, "changes the network"),
    ("ip", Word("del"), ChangesState, ReadOnly, "changes the network"),
    ("ip", Word("set"), ChangesState, ReadOnly, "changes the network"),
    ("ip", Word("flush"), ChangesState, ReadOnly, "changes the network"),
    ("ps", FirstLetters('e'), Secret, Always, "shows the environments of processes, where secrets are"),
    ("dmesg", Short('c'), ChangesState, ReadOnly, "empties the log"),
    ("dmesg", Short('C'), ChangesState, ReadOnly, "empties the log"),
    ("dmesg", Prefix("--clear"), ChangesState, ReadOnly, "empties the log"),
    ("dmesg", Short('F'), Secret, Always, "prints any file"),
    ("dmesg", Prefix("--file"), Secret, Always, "prints any file"),
    ("date", Short('f'), Secret, Always, "reads any file and shows it in its complaints"),
    ("date", Short('s'), ChangesState, ReadOnly, "sets the clock"),
    ("date", Prefix("--set"), ChangesState, ReadOnly, "sets the clock"),
    ("hostname", Something, ChangesState, ReadOnly, "sets the name"),
    ("mount", Part("/"), ChangesState, ReadOnly, "mounts"),
    ("mount", Word("-a"), ChangesState, ReadOnly, "mounts"),
    ("sysctl", Short('w'), ChangesState, ReadOnly, "changes the kernel's settings"),
    ("sysctl", Part("="), ChangesState, ReadOnly, "changes the kernel's settings"),
    ("sysctl", Short('p'), ChangesState, ReadOnly, "changes the kernel's settings"),
    ("sort", Prefix("--compress-program"), RunsPrograms, Always, "runs a program"),
    ("sort", Short('o'), Writes, Always, "writes any file"),
    ("journalctl", Prefix("--vacuum"), Writes, ReadOnly, "deletes logs"),
    ("journalctl", Prefix("--rotate"), ChangesState, ReadOnly, "changes the journal"),
    ("journalctl", Prefix("--flush"), ChangesState, ReadOnly, "changes the journal"),
    ("journalctl", Prefix("--relinquish"), ChangesState, ReadOnly, "changes the journal"),
    ("journalctl", Prefix("--setup-keys"), Writes, ReadOnly, "writes keys"),
    ("crontab", Short('e'), EditorOrPager, Always, "starts an editor"),
    ("crontab", Short('r'), Writes, ReadOnly, "deletes"),
    ("dpkg", Short('i'), InstallsCode, Always, "runs the scripts of a package"),
    ("dpkg", Prefix("--install"), InstallsCode, Always, "runs the scripts of a package"),
    ("dpkg", Prefix("--unpack"), InstallsCode, Always, "runs the scripts of a package"),
    ("dpkg", Prefix("--configure"), InstallsCode, Always, "runs the scripts of a package"),
    ("dpkg", Prefix("--pre-invoke"), RunsPrograms, Always, "runs a program"),
    ("dpkg", Prefix("--post-invoke"), RunsPrograms, Always, "runs a program"),
    ("dpkg", Short('r'), Writes, ReadOnly, "removes a package"),
    ("dpkg", Short('P'), Writes, ReadOnly, "removes a package"),
    ("rpm", Short('i'), InstallsCode, Always, "runs the scripts of a package"),
    ("rpm", Short('U'), InstallsCode, Always, "runs the scripts of a package"),
    ("rpm", Short('F'), InstallsCode, Always, "runs the scripts of a package"),
    ("rpm", Short('e'), Writes, ReadOnly, "removes a package"),
    ("rpm", Short('E'), RunsPrograms, Always, "expands macros, which run programs"),
    ("rpm", Prefix("--eval"), RunsPrograms, Always, "expands macros, which run programs"),
    ("rpm", Prefix("--define"), RunsPrograms, Always, "makes macros, which run programs"),
    ("rpm", Prefix("--pipe"), RunsPrograms, Always, "runs a program"),
    ("systemctl", Verb("edit"), EditorOrPager, Always, "starts an editor"),
    ("systemctl", Verb("link"), RunsPrograms, Always, "makes any file a service"),
    ("systemctl", Verb("import-environment"), RunsPrograms, Always, "changes what services load"),
    ("systemctl", Verb("set-environment"), RunsPrograms, Always, "changes what services load"),
];

/// The verbs of `systemctl` that only look.
pub(super) const SYSTEMCTL_LOOKS: &str = "status show cat help list-units list-unit-files list-timers list-sockets list-automounts \
    list-paths list-dependencies list-jobs list-machines is-active is-enabled is-failed \
    is-system-running get-default show-environment";

/// The verbs of `systemctl` that change something.
pub(super) const SYSTEMCTL_CHANGES: &str = "start stop reload restart try-restart reload-or-restart try-reload-or-restart isolate \
    kill clean freeze thaw set-property bind mount-image reset-failed enable disable \
    reenable preset preset-all mask unmask revert add-wants add-requires set-default cancel \
    unset-environment daemon-reload daemon-reexec log-level log-target service-watchdogs \
    default rescue emergency halt poweroff reboot kexec exit switch-root sleep suspend \
    hibernate hybrid-sleep suspend-then-hibernate";

/// Programs that start a pager unless they are told not to, and how they are told.
pub(super) const PAGERS: &[(&str, &str)] = &[
    ("journalctl", "--no-pager"),
    ("systemctl", "--no-pager"),
    ("systemd-analyze", "--no-pager"),
    ("coredumpctl", "--no-pager"),
    ("resolvectl", "--no-pager"),
    ("networkctl", "--no-pager"),
];
