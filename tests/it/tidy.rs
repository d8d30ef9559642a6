//! What the repository promises about itself: lints, the crate graph, dependencies, plain text.

mod dependencies;
mod evidence;
mod fuzz;
mod text;
mod workspace;
