//! The files of a package, laid out below a directory as they will be below `/`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::said;

/// A package's files while it is made.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// A tree without files.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot make `{}`", root.display()))?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Where it begins.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A directory in it, whatever the caller's umask is.
    pub(crate) fn directory(&self, path: &str) -> Result<PathBuf> {
        let mut directory = self.root.clone();
        for part in Path::new(path) {
            directory.push(part);
            if !directory.exists() {
                fs::create_dir(&directory)?;
            }
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        }
        Ok(directory)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        let file = self.place(path)?;
        fs::write(&file, text)?;
        Ok(fs::set_permissions(
            &file,
            fs::Permissions::from_mode(mode),
        )?)
    }

    /// Copies a file that everybody may read.
    pub(crate) fn copy(&self, source: &Path, path: &str) -> Result<()> {
        let text = fs::read_to_string(source)
            .with_context(|| format!("cannot read `{}`", source.display()))?;
        self.write(path, &text, 0o644)
    }

    /// Makes a link; `target` is as it will be read.
    pub(crate) fn link(&self, path: &str, target: &str) -> Result<()> {
        Ok(symlink(target, self.place(path)?)?)
    }

    /// Copies a program without its symbols, and says where it is.
    pub(crate) fn program(&self, built: &Path, path: &str) -> Result<PathBuf> {
        ensure!(
            built.exists(),
            "`{}` was not built: leave out `--no-build`",
            built.display()
        );
        let file = self.place(path)?;
        let mut strip = Command::new("strip");
        strip
            .args(["--strip-unneeded", "--remove-section=.comment"])
            .args(["--remove-section=.note", "-o"])
            .args([&file, built]);
        said(&mut strip)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        Ok(file)
    }

    /// Packs manual pages, the changelog and lists, as readers of `/usr/share` expect them.
    pub(crate) fn pack_papers(&self) -> Result<()> {
        let packed = |file: &Path| {
            let name = file.file_name().unwrap_or_default();
            file.starts_with(self.root.join("usr/share/man"))
                || name == "changelog"
                || name == "crates"
        };
        for file in self.files()?.iter().filter(|file| packed(file)) {
            // Without the name and time of the file, which are the only things that vary.
            said(Command::new("gzip").args(["-9", "--no-name"]).arg(file))?;
            let packed = file.with_file_name(format!(
                "{}.gz",
                file.file_name().unwrap_or_default().to_string_lossy()
            ));
            fs::set_permissions(packed, fs::Permissions::from_mode(0o644))?;
        }
        Ok(())
    }

    /// The size of everything, as dpkg counts it.
    pub(crate) fn kib(&self) -> Result<u64> {
        let mut kib: u64 = 0;
        for file in self.files()? {
            kib = kib.saturating_add(fs::metadata(file)?.len().div_ceil(1024));
        }
        Ok(kib)
    }

    /// Writes the list by which `dpkg --verify` knows a changed file.
    pub(crate) fn sums(&self) -> Result<()> {
        let mut sums = Command::new("md5sum");
        sums.current_dir(&self.root);
        for file in self.files()? {
            sums.arg(file.strip_prefix(&self.root)?);
        }
        let sums = said(&mut sums)?;
        self.write("DEBIAN/md5sums", &format!("{sums}\n"), 0o644)
    }

    /// The plain files of the package itself, in the order of their names.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut waiting = vec![self.root.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() && entry.file_name() != "DEBIAN" {
                    waiting.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        Ok(files)
    }

    fn place(&self, path: &str) -> Result<PathBuf> {
        let path = Path::new(path);
        let name = path.file_name().context("a file has a name")?;
        let parent = path.parent().and_then(Path::to_str).unwrap_or_default();
        Ok(self.directory(parent)?.join(name))
    }
}
