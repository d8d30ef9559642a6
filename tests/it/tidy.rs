//! What the repository promises about itself: lints, the crate graph, dependencies, plain text.

mod dependencies;
mod text;
mod workspace;
