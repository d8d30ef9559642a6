//! The names under which one program is installed in versions, variants and for other machines.
//!
//! `python3.11-dbg`, `vim.tiny` and `x86_64-linux-gnu-gcc-12` are `python`, `vim` and `gcc`.

/// So many parts of a name are taken off.
const MAX_STEPS: usize = 8;

/// Kinds of processors, as compilers name them.
const PROCESSORS: &[&str] = &[
    "x86_64",
    "amd64",
    "x32",
    "i386",
    "i486",
    "i586",
    "i686",
    "aarch64",
    "arm64",
    "arm",
    "armel",
    "armhf",
    "armv7l",
    "armv7hl",
    "riscv64",
    "powerpc",
    "powerpc64",
    "powerpc64le",
    "ppc64",
    "ppc64el",
    "ppc64le",
    "s390x",
    "mips",
    "mipsel",
    "mips64el",
    "loongarch64",
    "sparc64",
];

/// What stands behind a processor: who made the system, the system, and how programs call it.
const SYSTEMS: &[&str] = &[
    "linux",
    "gnu",
    "gnux32",
    "gnueabi",
    "gnueabihf",
    "gnuabi64",
    "musl",
    "musleabi",
    "musleabihf",
    "pc",
    "unknown",
    "none",
    "elf",
    "eabi",
    "redhat",
    "suse",
    "alpine",
    "w64",
    "mingw32",
];

/// Words at the end of a name for the same program, built or installed otherwise.
const VARIANTS: &[&str] = &[
    "alpha",
    "athena",
    "basic",
    "beta",
    "bin",
    "cgi",
    "dbg",
    "debug",
    "full",
    "gtk",
    "gtk2",
    "gtk3",
    "legacy",
    "lucid",
    "mini",
    "minimal",
    "multiarch",
    "nft",
    "nightly",
    "nox",
    "orig",
    "original",
    "pgtk",
    "posix",
    "preview",
    "rc",
    "real",
    "small",
    "snapshot",
    "stable",
    "static",
    "tiny",
    "win32",
];

/// The names that a file name stands for, each with one part less than the one before.
pub(super) fn plainer(file_name: &str) -> impl Iterator<Item = &str> {
    let first = Some(of_this_machine(file_name));
    std::iter::successors(first, |name| one_part_less(name)).take(MAX_STEPS)
}

/// A name without the machine that it is for in front, as in `x86_64-linux-gnu-gcc`.
fn of_this_machine(name: &str) -> &str {
    let Some((_, mut rest)) = name
        .split_once('-')
        .filter(|(first, _)| PROCESSORS.contains(first))
    else {
        return name;
    };
    while let Some((word, behind)) = rest.split_once('-')
        && SYSTEMS.contains(&word)
    {
        rest = behind;
    }
    rest
}

/// A name without its version, or its last word where that tells a variant.
fn one_part_less(name: &str) -> Option<&str> {
    let without_version =
        name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    if without_version.len() < name.len() {
        return (!without_version.is_empty()).then_some(without_version);
    }
    if let Some((before, last)) = name.rsplit_once('-')
        && [VARIANTS, SYSTEMS, PROCESSORS]
            .iter()
            .any(|words| words.contains(&last))
    {
        return Some(before);
    }
    // How an interpreter was built, as in `python3.13t`.
    let without_build = name.trim_end_matches(['d', 'm', 't', 'u']);
    if without_build.len() < name.len()
        && without_build.ends_with(|c: char| c.is_ascii_digit())
        && without_build.contains('.')
    {
        return Some(without_build);
    }
    let (before, _) = name.split_once('.')?;
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_the_program_that_it_is_a_variant_of() {
        for (file_name, program) in [
            ("python3.11", "python"),
            ("python3.11-dbg", "python"),
            ("python3.13t", "python"),
            ("python3.6dm", "python"),
            ("pypy3.9", "pypy"),
            ("perl5.36.0", "perl"),
            ("perl5.36-x86_64-linux-gnu", "perl"),
            ("ruby3.1", "ruby"),
            ("lua5.4", "lua"),
            ("luajit-2.1.0-beta3", "luajit"),
            ("node18", "node"),
            ("php8.2", "php"),
            ("php8.2-cgi", "php"),
            ("gdb-multiarch", "gdb"),
            ("x86_64-linux-gnu-gcc-12", "gcc"),
            ("i686-w64-mingw32-gcc-12-posix", "gcc"),
            ("arm-none-eabi-gdb", "gdb"),
            ("busybox.static", "busybox"),
            ("bash-static", "bash"),
            ("vim.tiny", "vim"),
            ("nc.openbsd", "nc"),
        ] {
            let found = plainer(file_name).any(|name| name == program);
            assert!(
                found,
                "{file_name}: {:?}",
                plainer(file_name).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn other_words_belong_to_the_name() {
        for (file_name, other) in [
            ("apt-file", "apt"),
            ("git-lfs", "git"),
            ("docker-proxy", "docker"),
            ("ps2pdf", "ps"),
            ("id3v2", "id"),
            ("python-argcomplete", "python"),
            ("x86_64", ""),
            ("7", ""),
        ] {
            assert!(plainer(file_name).all(|name| name != other), "{file_name}");
        }
    }
}
