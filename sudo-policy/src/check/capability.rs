//! What a program can do, and what that means for a bundle.

use crate::code::Code;

/// What a program can do when it runs as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capability {
    /// It is a shell.
    Shell,
    /// It runs code that it is given.
    Interpret,
    /// From within, a person can start commands and open other files.
    Edit,
    /// It runs another program.
    Run,
    /// It loads a library, a module or a plugin.
    Load,
    /// It hands out another user's rights.
    Become,
    /// It runs the scripts of packages.
    Install,
    /// It looks into the memory of other processes.
    Trace,
    /// It writes whatever an archive says.
    Unpack,
    /// It keeps the host's daemon from ending a session.
    Unwatch,
    /// It prints what is secret.
    Secret,
    /// It starts a pager by itself.
    Page,
    /// It shows the contents of files.
    Read,
    /// It does so for all files below a directory.
    Recurse,
    /// It writes files, and follows links there.
    Write,
    /// It deletes files or changes what belongs to them.
    Remove,
    /// It signals, stops, starts or configures something.
    Change,
    /// It opens network connections.
    Network,
    /// It takes wildcards by itself.
    Glob,
    /// It opens files and shows their sizes, kinds or digests, never contents.
    Opens,
    /// It shows names, never contents.
    Names,
    /// It only looks.
    Look,
}

/// In which bundles a capability is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// In every bundle.
    Always,
    /// In a bundle that says it only reads, and in others where any file is in reach.
    ReadOnlyOrAny,
    /// In every bundle, unless a reason is given.
    Unexplained,
    /// In a bundle that says it only reads.
    ReadOnly,
}

/// What is reported about a capability.
pub(super) struct Danger {
    pub(super) code: Code,
    pub(super) when: When,
    /// What the program does, behind its name.
    pub(super) effect: &'static str,
    pub(super) help: &'static str,
}

use Capability::{
    Become, Change, Edit, Glob, Install, Interpret, Load, Look, Names, Network, Opens, Page, Read,
    Recurse, Remove, Run, Secret, Shell, Trace, Unpack, Unwatch, Write,
};

impl Capability {
    /// Every capability, in the order in which they are described.
    pub(super) const ALL: [Self; 22] = [
        Shell, Interpret, Edit, Run, Load, Become, Install, Trace, Unpack, Unwatch, Secret, Page,
        Read, Recurse, Write, Remove, Change, Network, Glob, Opens, Names, Look,
    ];

    /// Whether a program of which nothing else is known can do no harm.
    pub(super) fn only_looks(self) -> bool {
        matches!(self, Glob | Opens | Names | Look)
    }

    /// Whether a program that can do it may start another one.
    pub(super) fn starts_programs(self) -> bool {
        matches!(
            self,
            Shell | Interpret | Edit | Run | Load | Become | Install | Page
        )
    }

    /// The word for it in the table of programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Shell => "shell",
            Interpret => "interpret",
            Edit => "edit",
            Run => "run",
            Load => "load",
            Become => "become",
            Install => "install",
            Trace => "trace",
            Unpack => "unpack",
            Unwatch => "unwatch",
            Secret => "secret",
            Page => "page",
            Read => "read",
            Recurse => "recurse",
            Write => "write",
            Remove => "remove",
            Change => "change",
            Network => "network",
            Glob => "glob",
            Opens => "opens",
            Names => "names",
            Look => "look",
        }
    }

    /// What is reported about it by itself, if anything is.
    pub(super) fn danger(self) -> Option<Danger> {
        let danger = |code, when, effect, help| {
            Some(Danger {
                code,
                when,
                effect,
                help,
            })
        };
        match self {
            Shell => danger(
                Code::Shell,
                When::Always,
                "is a shell",
                "name the commands that are needed, one by one",
            ),
            Interpret => danger(
                Code::Interpreter,
                When::Always,
                "is an interpreter",
                "put the fixed script into a file of its own that root owns, and allow that file",
            ),
            Edit => danger(
                Code::EditorOrPager,
                When::Always,
                "runs commands, and opens and writes other files, from within",
                "allow a program that prints and ends, as `journalctl --no-pager`, `ps` or `cat` of one file",
            ),
            Run => danger(
                Code::RunsPrograms,
                When::Always,
                "runs another program",
                "allow the program that it would run by itself, or exactly the arguments that run none",
            ),
            Load => danger(
                Code::LoadsCode,
                When::Always,
                "loads a library, a module or a plugin",
                "allow exactly the arguments that load nothing",
            ),
            Become => danger(
                Code::BecomesUser,
                When::Always,
                "hands out another user's rights, or decides who has them",
                "set `run_as` instead",
            ),
            Install => danger(
                Code::InstallsCode,
                When::Always,
                "runs scripts of packages as root",
                "let configuration management install; to look at packages allow `dpkg-query -W` or `rpm -qa`",
            ),
            Trace => danger(
                Code::Traces,
                When::Always,
                "looks into the memory of other processes",
                "look at `/proc/<pid>/exe`, `ss` and `lsof`; dump memory outside of a bundle, with a human beside it",
            ),
            Unpack => danger(
                Code::Writes,
                When::Always,
                "writes whatever an archive says, anywhere",
                "list what is in it, as with `tar -tf`; unpack as somebody else with `run_as`",
            ),
            Unwatch => danger(
                Code::HostDaemon,
                When::Unexplained,
                "may keep the host's daemon from ending sessions",
                "name the units or processes that are meant, without `portreeve-host` among them",
            ),
            Secret => danger(
                Code::Secret,
                When::Always,
                "prints what is secret",
                "allow exactly the arguments that print none",
            ),
            Page => danger(
                Code::Pager,
                When::Always,
                "starts a pager by itself",
                "make it print and end",
            ),
            Write => danger(
                Code::Writes,
                When::ReadOnlyOrAny,
                "writes a file",
                "leave it out, or say `intent = \"write\"` and name the file",
            ),
            Remove => danger(
                Code::Writes,
                When::ReadOnlyOrAny,
                "deletes files or changes what belongs to them",
                "leave it out, or say `intent = \"write\"` and name the file",
            ),
            Change => danger(
                Code::ChangesState,
                When::ReadOnly,
                "signals, stops, starts or configures something",
                "leave it out, or say `intent = \"write\"`",
            ),
            Network => danger(
                Code::Network,
                When::ReadOnly,
                "opens network connections",
                "leave it out; let the agent connect from where it runs",
            ),
            Read | Recurse | Glob | Opens | Names | Look => None,
        }
    }
}
