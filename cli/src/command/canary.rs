//! `canary`: alters evidence in every place, and fails unless each alteration is noticed.

use std::sync::Arc;

use portreeve_protocol::time::Timestamp;

use crate::args::review::Canary;
use crate::canary::{self, Effort, NoCanary, Outcome, Seeds, Specimen, Tally};
use crate::clock;
use crate::command::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Printer};
use crate::review::exhibit;

/// How long it tries by default.
const SECONDS: u64 = 30;
/// How many bytes of each region are altered by default.
const SAMPLE: usize = 24;
/// The largest recording whose copies are kept in memory.
const MAX_RECORDING: usize = 64 * 1024 * 1024;

/// Alters, judges, and tells.
///
/// # Errors
/// When there is nothing to alter, or something goes unnoticed.
pub async fn run(args: &Canary, printer: &mut Printer) -> Result<Exit, Failure> {
    let seeds = seeds()?;
    let specimen = specimen(args, &seeds).await?;
    let effort = if args.thorough {
        Effort::Thorough
    } else {
        Effort::Sample(SAMPLE)
    };
    let seconds = args.seconds.or((!args.thorough).then_some(SECONDS));
    let until = seconds.map(|seconds| clock::now().plus(std::time::Duration::from_secs(seconds)));
    let alterations = canary::alterations(&specimen, &seeds, effort);
    let outcome = canary::run(&specimen, &canary::judged, alterations, || is_past(until)).map_err(
        |error| match &error {
            NoCanary::Ill(..) => {
                Failure::new(Exit::VerificationFailed, "there is nothing to alter")
                    .because(&error)
                    .next("`portreeve verify` says what is wrong with it")
            }
            NoCanary::Unread(_) => Failure::outdated("there is nothing to alter").because(&error),
        },
    )?;
    printer.data(&outcome, || words(&outcome))?;
    judge(&outcome, seconds)
}

fn is_past(until: Option<Timestamp>) -> bool {
    until.is_some_and(|until| clock::now() >= until)
}

fn judge(outcome: &Outcome, seconds: Option<u64>) -> Result<Exit, Failure> {
    if !outcome.all_noticed() {
        return Err(
            Failure::new(Exit::VerificationFailed, "alterations go unnoticed")
                .next("do not rely on verifications by this program; report it"),
        );
    }
    if !outcome.is_complete {
        return Err(Failure::failed(format!(
            "{} seconds did not suffice for every place",
            seconds.unwrap_or(SECONDS)
        ))
        .next("give it more with --seconds"));
    }
    Ok(Exit::Done)
}

fn seeds() -> Result<Seeds, Failure> {
    Ok(Seeds {
        keys: [
            clock::random()?,
            clock::random()?,
            clock::random()?,
            clock::random()?,
            clock::random()?,
        ],
        entropy: Arc::new(|bytes: &mut [u8]| {
            for chunk in bytes.chunks_mut(32) {
                // Keys of a canary seal nothing that anybody must not read.
                let random: [u8; 32] = clock::random().unwrap_or_default();
                for (to, from) in chunk.iter_mut().zip(random) {
                    *to = from;
                }
            }
        }),
    })
}

async fn specimen(args: &Canary, seeds: &Seeds) -> Result<Specimen, Failure> {
    let folder = files::ScratchFolder::new()?;
    let nothing = |error: &dyn std::error::Error| -> Failure {
        Failure::failed("there is nothing to alter").reason(error.to_string())
    };
    let made = canary::specimen(seeds, folder.path())
        .await
        .map_err(|error| nothing(&error))?;
    let (Some(recording), Some(trail)) = (&args.recording, &args.trail) else {
        return Ok(made);
    };
    let bytes = files::read(recording, MAX_RECORDING)?;
    let keys = verify::keys(&args.keys)?;
    let mut given =
        Specimen::given(bytes, exhibit::trail(trail)?, keys).map_err(|error| nothing(&error))?;
    given.other = Some(Box::new(made));
    Ok(given)
}

fn words(outcome: &Outcome) -> String {
    let mut text = output::table(
        ["", "alteration", "tried", "noticed", "with at least"],
        outcome.kinds.iter().map(|tally| {
            [
                tally.part.words().to_owned(),
                tally.kind.clone(),
                tally.tried.to_string(),
                tally.noticed.to_string(),
                tally
                    .needs
                    .map_or_else(|| "NOT NOTICED".to_owned(), |need| need.words().to_owned()),
            ]
        }),
    );
    let sum = |of: fn(&Tally) -> u64| outcome.kinds.iter().map(of).sum::<u64>();
    for tally in &outcome.kinds {
        for missed in &tally.missed {
            text.push_str(&format!(
                "NOT NOTICED: {}, {}: {missed}\n",
                tally.part.words(),
                tally.kind
            ));
        }
    }
    text.push_str(&format!(
        "{} alterations tried, {} noticed\n",
        sum(|tally| tally.tried),
        sum(|tally| tally.noticed)
    ));
    text
}
