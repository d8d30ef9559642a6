//! Figures of a whole installation, beside OpenSSH direct and through ProxyJump, in one run on one
//! machine, so that what the machine does at the same time disturbs all alternatives alike.
//!
//! Nothing is asserted: a figure that misses its target is printed as such. The same program is
//! copied onto the hosts of the lab as `runner` and `load`, so that no time is spent on entering a
//! host while a clock runs. Run by `cargo xtask bench`.

#![forbid(unsafe_code)]

mod figure;
mod load;
mod machine;
mod report;
mod runner;
mod samples;
mod site;
mod synthetic;
mod unrecorded;

use std::io::Write;

use anyhow::Result;
use clap::{Parser, Subcommand};
use portreeve_tests::dice;

use crate::figure::Scale;
use crate::report::Report;

#[derive(Debug, Parser)]
#[command(name = "portreeve-bench", about = "Figures beside plain OpenSSH")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Fewer rounds and fewer bytes
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Only these figures
    #[arg(long, value_name = "FIGURE", value_delimiter = ',')]
    only: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do what standard input says, on a host of the lab
    #[command(hide = true)]
    Runner,
    /// Serve as a bastion that records nothing
    #[command(hide = true)]
    Unrecorded {
        /// The bastion's configuration.
        #[arg(long)]
        config: std::path::PathBuf,
    },
    /// Put load on the CA or on a host, from a host of the lab
    #[command(hide = true)]
    Load(load::Load),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Runner) => runner::serve(),
        Some(Command::Unrecorded { config }) => unrecorded::serve(config),
        Some(Command::Load(load)) => load.run(),
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let scale = if arguments.quick {
        Scale::quick()
    } else {
        Scale::full()
    };
    let mut report = Report::new(machine::describe()?);
    for figure in figure::measure(&scale, &arguments.only, &mut say)? {
        report.add(figure);
    }
    let text = if arguments.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Tells whoever waits how far it is.
fn say(text: &str) {
    // Nobody may be listening, and the work goes on without them.
    let _ = writeln!(std::io::stderr(), "{text}");
}
