//! Places where secrets lie.

use super::programs::{READERS, is_one_of};
use super::reach::may_hold;
use crate::bundle::{Arguments, Command};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::Sought;

/// Texts that only the path of a secret has, and what lies there.
///
/// A text without a slash counts anywhere in an exact argument, but in a pattern only behind a
/// slash: what a pattern takes for the name of a unit is not a file.
const PLACES: &[(&str, &str)] = &[
    ("/etc/shadow", "password hashes"),
    ("/etc/gshadow", "password hashes"),
    ("/var/backups/shadow", "password hashes"),
    ("/etc/security/opasswd", "password hashes"),
    ("/etc/ssh/ssh_host_", "the host's private keys"),
    ("/.ssh/", "private keys"),
    ("id_rsa", "private keys"),
    ("id_ecdsa", "private keys"),
    ("id_ed25519", "private keys"),
    ("/etc/ssl/private", "private keys"),
    ("/private/", "private keys"),
    (".pem", "private keys"),
    (".key", "private keys"),
    (".p12", "private keys"),
    (".keytab", "Kerberos keys"),
    ("/var/lib/sss/", "cached credentials"),
    ("_history", "what people typed"),
    ("/.aws/", "cloud credentials"),
    ("/.azure/", "cloud credentials"),
    ("/.config/gcloud", "cloud credentials"),
    ("/.kube/", "cluster credentials"),
    ("/etc/kubernetes/", "cluster credentials"),
    ("/var/run/secrets/", "service credentials"),
    ("/run/secrets/", "service credentials"),
    ("/run/credentials/", "service credentials"),
    ("/.docker/config", "registry credentials"),
    ("/.netrc", "passwords"),
    ("/.pgpass", "passwords"),
    ("/.my.cnf", "passwords"),
    ("/.gnupg/", "private keys"),
    ("169.254.169.254", "cloud credentials"),
    ("metadata.google.internal", "cloud credentials"),
    ("/proc/kcore", "the kernel's memory"),
    ("/dev/mem", "the machine's memory"),
    ("/dev/kmem", "the machine's memory"),
    ("/dev/port", "the machine's ports"),
    ("/dev/sd", "a raw disk"),
    ("/dev/hd", "a raw disk"),
    ("/dev/vd", "a raw disk"),
    ("/dev/xvd", "a raw disk"),
    ("/dev/nvme", "a raw disk"),
    ("/dev/dm-", "a raw disk"),
    ("/dev/mapper/", "a raw disk"),
    ("/dev/disk/", "a raw disk"),
    ("/var/crash", "memory dumps"),
    ("/var/lib/systemd/coredump", "memory dumps"),
];

/// Names that are secrets in the directory where they belong, and the caller chooses the directory.
const RELATIVE: &[(&str, &str)] = &[
    ("shadow", "password hashes"),
    ("gshadow", "password hashes"),
];

/// Files of a process that hold its memory, or lead past the permissions of files.
const OF_PROCESSES: &[(&str, &str)] = &[
    ("/mem", "the memory of a process"),
    ("/maps", "the memory map of a process"),
    ("/smaps", "the memory map of a process"),
    ("/map_files", "the memory of a process"),
    ("/numa_maps", "the memory map of a process"),
    ("/pagemap", "the memory map of a process"),
    (
        "/environ",
        "the environment of a process, where secrets are",
    ),
    ("/auxv", "addresses in the memory of a process"),
    ("/stack", "addresses in the kernel"),
    ("/syscall", "addresses in the memory of a process"),
    ("/fd/", "the open files of a process"),
    ("/root/", "the files of a process, past its namespace"),
    ("/cwd/", "the files of a process, past its namespace"),
];

/// Reports every kind of secret that a command may reach, once.
pub(super) fn check(command: &Command, found: &mut Vec<Diagnostic>) {
    if *command.arguments() == Arguments::Any {
        // With any arguments everything is in reach; that matters where the program prints files.
        if is_one_of(command.path().file_name(), READERS) {
            let message = format!(
                "`{}` prints any file, with all secrets of this host",
                command.path()
            );
            let help = "name the files that are needed, as exact arguments";
            found.push(Diagnostic::error(
                Code::Secret,
                command.arguments_span(),
                message,
                help,
            ));
        }
        return;
    }
    let is_pattern = matches!(command.arguments(), Arguments::Pattern(_));
    let places = PLACES.iter().map(|(place, what)| {
        let is_path = place.contains('/') || !is_pattern;
        (
            if is_path {
                Sought::Part(place)
            } else {
                Sought::PartsInOrder("/", place)
            },
            *place,
            *what,
        )
    });
    let relative = RELATIVE
        .iter()
        .map(|(name, what)| (Sought::Word(name), *name, *what));
    let processes = OF_PROCESSES
        .iter()
        .map(|(file, what)| (Sought::PartsInOrder("/proc/", file), *file, *what));
    let mut told = Vec::new();
    for (sought, place, what) in places.chain(relative).chain(processes) {
        if !told.contains(&what) && may_hold(command.arguments(), &sought) {
            told.push(what);
            let message = format!("the arguments reach {what} (`{place}`)");
            found.push(Diagnostic::error(
                Code::Secret,
                command.arguments_span(),
                message,
                "name files and options that lead elsewhere",
            ));
        }
    }
}
