//! Whether `noexec` holds a program on this host.
//!
//! Original sudo keeps a program from starting others by a library that it has the loader preload.
//! Nothing preloads it into a program without a loader, into one that another loader loads, or into
//! one that is executed with rights beyond the caller's. (sudo-rs has the kernel refuse, which holds
//! every program: nothing of this is asked there.)

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use super::image::{Elf, Image, Parts};

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
/// The attribute with a file's capabilities.
const CAPABILITIES: &str = "security.capability";
/// As many scripts that read scripts as Linux starts.
const MOST_SCRIPTS: usize = 5;

/// As whom `noexec` is to hold a program, the stricter later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    /// No rule for it has `noexec`.
    Not,
    /// One that runs it as root has.
    AsRoot,
    /// One that runs it as somebody else has, to whom setuid bits and capabilities give more rights.
    AsAnother,
}

/// What sudo preloads can be loaded by whatever loads sudo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preload {
    sudo: Elf,
}

impl Preload {
    /// Of this sudo; none where it is no program with a loader.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of(sudo: &Path) -> io::Result<Option<Self>> {
        Ok(match image(sudo)? {
            Image::Elf(sudo) if sudo.loader.is_some() => Some(Self { sudo }),
            Image::Elf(_) | Image::Script(_) | Image::Other => None,
        })
    }

    /// Why it does not reach a program, in words; none when it does.
    ///
    /// # Errors
    /// When the program, or what reads it, cannot be read.
    pub(crate) fn misses(&self, program: &Path, held: Held) -> io::Result<Option<String>> {
        if held == Held::Not {
            return Ok(None);
        }
        let mut path = program.to_owned();
        for _ in 0..MOST_SCRIPTS {
            let why = match image(&path)? {
                // The bits of a script count for nothing; what reads it is what runs.
                Image::Script(reader) => {
                    path = reader;
                    continue;
                }
                Image::Elf(elf) => self.elf_misses(&elf).or(rights(&path, held)?),
                Image::Other => None,
            };
            return Ok(why.map(|why| {
                if path == program {
                    why
                } else {
                    format!("is read by `{}`, which {why}", path.display())
                }
            }));
        }
        Ok(None)
    }

    fn elf_misses(&self, elf: &Elf) -> Option<String> {
        let Some(loader) = &elf.loader else {
            return Some("is linked statically".to_owned());
        };
        let name = |elf: &Elf| elf.loader.as_ref()?.file_name().map(ToOwned::to_owned);
        let is_same = elf.machine == self.sudo.machine && name(elf) == name(&self.sudo);
        (!is_same).then(|| format!("is loaded by `{}`, as sudo is not", loader.display()))
    }
}

/// What makes the loader preload nothing, since the program has more rights than who starts it.
fn rights(path: &Path, held: Held) -> io::Result<Option<String>> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & SETGID != 0 {
        return Ok(Some("is setgid".to_owned()));
    }
    if held == Held::AsAnother {
        if mode & SETUID != 0 {
            return Ok(Some("is setuid".to_owned()));
        }
        if rustix::fs::getxattr(path, CAPABILITIES, &mut [0_u8; 0][..]).is_ok() {
            return Ok(Some("has capabilities".to_owned()));
        }
    }
    Ok(None)
}

fn image(path: &Path) -> io::Result<Image> {
    // A directory or a pipe is told by the look at the program, and not opened here.
    if !fs::metadata(path)?.is_file() {
        return Ok(Image::Other);
    }
    Image::read(&File::open(path)?)
}

impl Parts for File {
    fn part(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            let at = from.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            match self.read_at(rest, at) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn misses(path: &Path, held: Held) -> Option<String> {
        let here = std::env::current_exe().unwrap();
        let preload = Preload::of(&here).unwrap().unwrap();
        preload.misses(path, held).unwrap()
    }

    #[test]
    fn a_real_static_program_is_missed_and_a_usual_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("main.c");
        fs::write(&source, "int main(void) { return 0; }\n").unwrap();
        for (option, missed) in [("-static", true), ("-static-pie", true), ("-pie", false)] {
            let program = directory.path().join(option);
            let built = Command::new("cc")
                .args([option, "-o"])
                .args([&program, &source])
                .status();
            assert!(built.unwrap().success(), "{option}");
            assert_eq!(
                misses(&program, Held::AsRoot).as_deref(),
                missed.then_some("is linked statically"),
                "{option}"
            );
            assert_eq!(misses(&program, Held::Not), None);
            // Of what reads a script.
            let script = directory.path().join("script");
            fs::write(&script, format!("#! {}\n", program.display())).unwrap();
            let why = misses(&script, Held::AsRoot);
            assert_eq!(
                why.is_some_and(|why| why.ends_with("which is linked statically")),
                missed
            );
        }
    }

    #[test]
    fn a_program_with_rights_of_its_own_is_missed() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("tool");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        for (mode, as_root, as_another) in [
            (0o755, None, None),
            (0o2755, Some("is setgid"), Some("is setgid")),
            (0o4755, None, Some("is setuid")),
        ] {
            fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(misses(&program, Held::AsRoot).as_deref(), as_root);
            assert_eq!(misses(&program, Held::AsAnother).as_deref(), as_another);
        }
    }

    #[test]
    fn a_script_that_reads_itself_ends_the_look() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        fs::write(&script, format!("#!{}\n", script.display())).unwrap();
        assert_eq!(misses(&script, Held::AsRoot), None);
    }
}
