//! Makes one bundle out of a bundle and those that it includes.
//!
//! Only what was linked is published, sent to hosts and known by its digest, so nothing behind this
//! module knows of includes. A linked bundle is a text like any other, in which each command says
//! where it was written. The linker fetches nothing: its caller says where bundles are found.

mod conflict;
mod gather;
mod text;
mod trace;

use portreeve_protocol::name::BundleName;

use self::trace::Trace;
use crate::bundle::{Bundle, MAX_ITEMS, Parsed};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::source::{MAX_BYTES, Source, Span};

/// Deepest nesting of includes.
pub const MAX_DEPTH: usize = 8;

/// A bundle that needs no other, and where its parts were written.
#[derive(Debug, Clone)]
pub struct Linked {
    bundle: Bundle,
    trace: Trace,
}

impl Linked {
    /// The bundle. One that includes nothing is what it was, byte for byte.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The text to publish.
    #[must_use]
    pub fn text(&self) -> &str {
        self.bundle.source().text()
    }

    /// A report about the linked bundle with each problem at the place where somebody wrote what it
    /// is about.
    #[must_use]
    pub fn retraced(&self, report: Report) -> Report {
        self.trace.retraced(self.bundle.source(), report)
    }
}

/// A bundle's file as it was found: nothing is known of what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, for messages.
    pub name: String,
    /// What is in it. Of a file that is too long the first bytes will do, one more than
    /// [`MAX_BYTES`].
    pub bytes: Vec<u8>,
}

impl From<&Source> for File {
    fn from(source: &Source) -> Self {
        Self {
            name: source.name().to_owned(),
            bytes: source.text().as_bytes().to_vec(),
        }
    }
}

/// Why there is no file for a bundle's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoFile {
    /// There is none.
    Absent,
    /// There is one that cannot be read, for this reason.
    Unreadable(String),
}

/// Links texts that are at hand, as [`link_files`] does files.
///
/// # Errors
///
/// As [`link_files`].
pub fn link(root: &Source, find: &dyn Fn(&BundleName) -> Option<Source>) -> Result<Linked, Report> {
    link_files(&File::from(root), &|name| {
        find(name).as_ref().map(File::from).ok_or(NoFile::Absent)
    })
}

/// Links `root` with everything that it includes, by way of others too.
///
/// `find` gives the file of a bundle by its name.
///
/// # Errors
///
/// Every problem of every file, and everything in which they do not fit together.
pub fn link_files(
    root: &File,
    find: &dyn Fn(&BundleName) -> Result<File, NoFile>,
) -> Result<Linked, Report> {
    let members = gather::gather(root, find)?;
    let (root, included) = members.split();
    if included.is_empty() {
        return Ok(Linked {
            bundle: root.bundle.clone(),
            trace: Trace::default(),
        });
    }
    let main = root.bundle.shared_source();
    let (text, trace) = text::write(root, included);
    let too_large = too_large(root, included, &text);
    let problems = if too_large.is_empty() {
        conflict::conflicts(&members)
    } else {
        too_large
    };
    if !problems.is_empty() {
        return Err(Report::new(main.clone(), problems));
    }
    let name = format!("{} (linked)", main.name());
    match Bundle::parse(&name, text.as_bytes()) {
        Ok(bundle) => Ok(Linked { bundle, trace }),
        Err(report) => Err(trace.retraced(&Source::new(name, text), report)),
    }
}

/// The limits of one bundle, which the linked one keeps too.
fn too_large(root: &Parsed, included: &[Parsed], text: &str) -> Vec<Diagnostic> {
    let all = || included.iter().chain([root]);
    let commands: usize = all().map(|one| one.bundle.commands().len()).sum();
    let expectations: usize = all().map(|one| one.bundle.expectations().len()).sum();
    let span = root
        .includes
        .first()
        .map_or(Span::default(), |include| include.span);
    [
        (commands, MAX_ITEMS, "commands"),
        (expectations, MAX_ITEMS, "expectations"),
        (text.len(), MAX_BYTES, "bytes"),
    ]
    .into_iter()
    .filter(|(found, most, _)| found > most)
    .map(|(found, most, what)| {
        let message = format!("together the bundles have {found} {what}");
        let help = format!("include fewer or smaller ones; {most} is the most");
        Diagnostic::error(Code::TooLarge, span, message, help)
    })
    .collect()
}
