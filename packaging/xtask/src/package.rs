//! `cargo xtask package`: the Debian packages, made with dpkg's own tools.
//!
//! The same programs give the same bytes: no time but that of the commit, no order but that of names,
//! nothing of the machine. Callers: a person, the machine test of the packages.

mod contents;
mod control;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use portreeve_tests::packages;
use portreeve_tests::programs::{self, Build};

use self::contents::{PACKAGES, Package};
use self::tree::Tree;
use crate::{cargo, say};

/// What is made, and of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The build of the programs: `dev` is for trying the packages
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Take the programs as they were built last
    #[arg(long)]
    no_build: bool,
    /// The folder that the packages are put into
    #[arg(long, value_name = "DIR", default_value = "target/debian")]
    output: PathBuf,
    /// Another version than the workspace's, for a package that others are upgraded to
    #[arg(long, value_name = "VERSION")]
    package_version: Option<String>,
    /// This package and not all; may be repeated
    #[arg(long, value_name = "PACKAGE", value_parser = known_package)]
    only: Vec<String>,
}

/// How the programs were built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Release,
    Dev,
}

impl Profile {
    const fn build(self) -> Build {
        match self {
            Self::Release => Build::Release,
            Self::Dev => Build::Own,
        }
    }

    /// How hard dpkg-deb packs: programs with everything in them are packed for trying only.
    const fn packing(self) -> &'static [&'static str] {
        match self {
            // More threads would cut the work, and with it the result, by the number of processors.
            Self::Release => &["-Zxz", "--threads-max=1"],
            Self::Dev => &["-Znone"],
        }
    }
}

/// What all packages of a run have in common.
#[derive(Debug)]
struct Run {
    build: Build,
    version: String,
    architecture: String,
    /// The time that everything in the packages has, in seconds.
    epoch: String,
    date: String,
    packing: &'static [&'static str],
    output: PathBuf,
}

/// Makes the packages and says where they are.
pub(crate) fn run(options: &Options) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        packages::ensure(packages::PACKAGING, &mut say::line)?;
    } else {
        packages::require(packages::PACKAGING)?;
    }
    let wanted: Vec<_> = PACKAGES
        .iter()
        .filter(|package| {
            options.only.is_empty() || options.only.iter().any(|name| name == package.name)
        })
        .collect();
    if !options.no_build {
        say::step("programs");
        build(&wanted, options.profile)?;
    }
    say::step("packages");
    let epoch = epoch()?;
    let run = Run {
        build: options.profile.build(),
        version: options
            .package_version
            .clone()
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        architecture: said(Command::new("dpkg").arg("--print-architecture"))?,
        date: said(Command::new("date").args([
            "--utc",
            "--rfc-email",
            "--date",
            &format!("@{epoch}"),
        ]))?,
        epoch,
        packing: options.profile.packing(),
        output: programs::source().join(&options.output),
    };
    fs::create_dir_all(&run.output)
        .with_context(|| format!("cannot make `{}`", run.output.display()))?;
    for package in wanted {
        let made = run.make(package)?;
        say::line(&made.display().to_string());
    }
    Ok(())
}

fn known_package(name: &str) -> Result<String, String> {
    let names: Vec<_> = PACKAGES.iter().map(|package| package.name).collect();
    if names.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there are {}", names.join(", ")))
    }
}

fn build(wanted: &[&Package], profile: Profile) -> Result<()> {
    let mut args = vec!["build", "--locked", "--bins"];
    if profile == Profile::Release {
        args.push("--release");
    }
    for package in wanted {
        args.extend(["--package", package.source]);
    }
    cargo::run(&args, &[])
}

/// The time of the last commit, unless the caller says another.
fn epoch() -> Result<String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        ensure!(
            !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()),
            "`SOURCE_DATE_EPOCH` is `{epoch}` and must be a number of seconds"
        );
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(programs::source());
    said(&mut git).context("no commit to take the time from: set `SOURCE_DATE_EPOCH`")
}

impl Run {
    fn make(&self, package: &Package) -> Result<PathBuf> {
        // Beside the packages, because a name in a shared directory could be somebody else's.
        let work = self.output.join(format!(".{}", package.name));
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        let made = self.fill(package, &work);
        fs::remove_dir_all(&work)?;
        made.with_context(|| format!("cannot make the package `{}`", package.name))
    }

    fn fill(&self, package: &Package, work: &Path) -> Result<PathBuf> {
        let tree = Tree::new(&work.join("tree"))?;
        let program = tree.program(
            &self.build.directory()?.join(package.program),
            package.program_path,
        )?;
        for (link, target) in package.links {
            tree.link(link, target)?;
        }
        for (source, path) in package.files {
            tree.copy(&programs::source().join("packaging").join(source), path)?;
        }
        self.completions(package, &tree, &program)?;
        if package.prints_manual {
            let manual = tree.directory("usr/share/man/man1")?;
            said(Command::new(&program).args(["man", "--dir"]).arg(&manual))?;
        }
        self.papers(package, &tree)?;
        tree.pack_papers()?;

        let depends = self.depends(package, &program, work)?;
        let control = control::control(
            package,
            &control::Facts {
                version: &self.version,
                architecture: &self.architecture,
                installed_kib: tree.kib()?,
                depends: &depends,
            },
        );
        tree.write("DEBIAN/control", &control, 0o644)?;
        tree.sums()?;
        for script in package.scripts {
            let source = format!("packaging/deb/{}/{script}", package.name);
            let text = fs::read_to_string(programs::source().join(source))?;
            tree.write(&format!("DEBIAN/{script}"), &text, 0o755)?;
        }
        let file = self.output.join(format!(
            "{}_{}_{}.deb",
            package.name, self.version, self.architecture
        ));
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.env("SOURCE_DATE_EPOCH", &self.epoch)
            .args(["--root-owner-group", "--build"])
            .args(self.packing)
            .args([tree.root(), &file]);
        said(&mut dpkg)?;
        Ok(file)
    }

    /// What the program prints for each shell, where the shell looks for it.
    fn completions(&self, package: &Package, tree: &Tree, program: &Path) -> Result<()> {
        let name = package.program;
        for (shell, path) in [
            (
                "bash",
                format!("usr/share/bash-completion/completions/{name}"),
            ),
            ("zsh", format!("usr/share/zsh/vendor-completions/_{name}")),
            (
                "fish",
                format!("usr/share/fish/vendor_completions.d/{name}.fish"),
            ),
        ] {
            let script = said(Command::new(program).args(["completions", shell]))?;
            tree.write(&path, &format!("{script}\n"), 0o644)?;
        }
        Ok(())
    }

    /// Copyright, changelog, and the libraries that are linked in.
    fn papers(&self, package: &Package, tree: &Tree) -> Result<()> {
        let papers = format!("usr/share/doc/{}", package.name);
        tree.copy(
            &programs::source().join("packaging/deb/copyright"),
            &format!("{papers}/copyright"),
        )?;
        let changelog = control::changelog(package, &self.version, &self.date);
        tree.write(&format!("{papers}/changelog"), &changelog, 0o644)?;
        let mut crates = Command::new(cargo::program());
        crates
            .current_dir(programs::source())
            .args(["tree", "--locked", "--package", package.source])
            .args(["--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p} {l}"]);
        let crates = control::crates(&said(&mut crates)?);
        tree.write(&format!("{papers}/crates"), &crates, 0o644)
    }

    /// The libraries that the program is linked with at run time, as packages.
    fn depends(&self, package: &Package, program: &Path, work: &Path) -> Result<String> {
        // The tool wants to be in a source package.
        let control = format!(
            "Source: {0}\n\nPackage: {0}\nArchitecture: any\n",
            package.name
        );
        fs::create_dir_all(work.join("debian"))?;
        fs::write(work.join("debian/control"), control)?;
        let mut shlibdeps = Command::new("dpkg-shlibdeps");
        shlibdeps
            .current_dir(work)
            .arg("-O")
            .arg(format!("-e{}", program.display()));
        let found = said(&mut shlibdeps)?;
        found
            .strip_prefix("shlibs:Depends=")
            .map(str::to_owned)
            .with_context(|| format!("dpkg-shlibdeps says `{found}`"))
    }
}

/// What a tool prints, without the line end.
fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Output {
        status,
        stdout,
        stderr,
    } = command
        // Words and order of words are not for the machine's language to say.
        .env("LC_ALL", "C.UTF-8")
        .output()
        .with_context(|| format!("cannot run `{name}`"))?;
    if !status.success() {
        bail!(
            "`{name}` failed with {status}: {}",
            String::from_utf8_lossy(&stderr).trim()
        );
    }
    Ok(String::from_utf8(stdout)?.trim_end().to_owned())
}
