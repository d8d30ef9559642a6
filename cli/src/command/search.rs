//! `search`: moments of all recordings in the index.

use std::path::PathBuf;

use portreeve_protocol::time::Timestamp;
use portreeve_recording::moment::Kind;
use serde::Serialize;

use crate::args::search::{Kind as AskedKind, Search};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::review::index::Index;
use crate::review::index::find::{Exit as End, Hit, Page, Selection};
use crate::review::index::query::{NoTerms, Terms};
use crate::safe;
use crate::settings::Settings;
use crate::ssh::quote;

/// The most of a line that is shown, in characters.
const MAX_SHOWN: usize = 240;
/// How much of it stands before the first place that was found.
const BEFORE: usize = 80;

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Answer {
    moments: Vec<Row>,
    more: bool,
    /// Of so many sessions nothing that passed can be found.
    sealed: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    session: String,
    at: Timestamp,
    at_us: i64,
    channel: u32,
    kind: &'static str,
    human: String,
    agent: String,
    host: String,
    ticket: String,
    task: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_status: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    exit_signal: bool,
    line: String,
    matches: Vec<[usize; 2]>,
    more_lines: usize,
    #[serde(skip_serializing_if = "is_false")]
    incomplete: bool,
    recording: PathBuf,
    replay: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Searches.
///
/// # Errors
/// When there is no index, or what is asked cannot be looked for.
pub fn run(args: &Search, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let selection = selection(args, clock::now())?;
    let folder = args.index.as_ref().unwrap_or(&settings.places().index);
    let index = Index::open(folder)?.ok_or_else(|| {
        Failure::failed(format!("there is no index in `{}`", folder.display()))
            .next("make one with `portreeve index`")
    })?;
    let Page { hits, more } = index.find(&selection)?;
    let answer = Answer {
        moments: hits.into_iter().map(row).collect(),
        more,
        sealed: index.sealed()?,
    };
    let colour = printer.colour();
    printer.data(&answer, || in_words(&answer, colour))?;
    if answer.moments.is_empty() && !printer.json() {
        printer.say("nothing found");
    }
    if answer.sealed > 0 && !printer.json() {
        printer.say(&format!(
            "nothing that passed in {} sessions can be found: no review key opened them; `portreeve index --identity FILE` tries again",
            answer.sealed
        ));
    }
    Ok(Exit::Done)
}

fn selection(args: &Search, now: Timestamp) -> Result<Selection, Failure> {
    let terms = Terms::new(&args.terms, args.word).map_err(no_terms)?;
    Ok(Selection {
        terms,
        argv: args.argv.clone(),
        path: args.path.clone(),
        exit: args.exit,
        human: args.human.clone(),
        agent: args.by_agent.clone(),
        host: args.host.clone(),
        ticket: args.ticket.clone(),
        task: args.task.clone(),
        session: args.session.map(|session| session.to_string()),
        since: args.since.map(|when| when.from_now(now)),
        until: args.until.map(|when| when.from_now(now)),
        kinds: args.kind.iter().map(|kind| kind_asked(*kind)).collect(),
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
    })
}

fn no_terms(error: NoTerms) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        NoTerms::TooShort => failure.next(
            "a short word of a command line is found by --argv; otherwise give a longer term beside it",
        ),
        NoTerms::Empty | NoTerms::TooLong | NoTerms::TooMany | NoTerms::Control => failure,
    }
}

const fn kind_asked(kind: AskedKind) -> Kind {
    match kind {
        AskedKind::Session => Kind::Session,
        AskedKind::Command => Kind::Command,
        AskedKind::Output => Kind::Output,
        AskedKind::Input => Kind::Input,
        AskedKind::File => Kind::File,
        AskedKind::Refused => Kind::Refused,
        AskedKind::Note => Kind::Note,
        AskedKind::Host => Kind::Host,
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Session => "session",
        Kind::Command => "command",
        Kind::Output => "output",
        Kind::Input => "input",
        Kind::File => "file",
        Kind::Refused => "refused",
        Kind::Note => "note",
        Kind::Host => "host",
    }
}

fn row(hit: Hit) -> Row {
    let replay = replay(&hit);
    let (line, matches) = snippet(&hit);
    let (exit_status, exit_signal) = match hit.exit {
        Some(End::Status(status)) => (Some(status), false),
        Some(End::Signal) => (None, true),
        Some(End::Failed | End::None) | None => (None, false),
    };
    Row {
        session: hit.session,
        at: hit.at,
        at_us: hit.at_us,
        channel: hit.channel,
        kind: kind_name(hit.kind),
        human: hit.human,
        agent: hit.agent,
        host: hit.host,
        ticket: hit.ticket,
        task: hit.task,
        command: hit.command,
        exit_status,
        exit_signal,
        line,
        matches,
        more_lines: hit.more_lines,
        incomplete: hit.is_incomplete,
        recording: hit.file.into(),
        replay,
    }
}

/// The command that shows a moment.
fn replay(hit: &Hit) -> Vec<String> {
    let mut argv = [
        "portreeve",
        "replay",
        &hit.file,
        "--at",
        &hit.at.to_string(),
    ]
    .map(str::to_owned)
    .to_vec();
    // What happened to the session as a whole is not on a channel.
    if hit.channel > 0 {
        argv.extend(["--channel".to_owned(), hit.channel.to_string()]);
    }
    argv
}

/// The part of a line around the first place that was found, and the places in it.
fn snippet(hit: &Hit) -> (String, Vec<[usize; 2]>) {
    let length = hit.line.chars().count();
    if length <= MAX_SHOWN {
        let spans = hit.spans.iter().map(|span| [span.start, span.end]);
        return (hit.line.clone(), spans.collect());
    }
    let first = hit.spans.first().map_or(0, |span| span.start);
    let from = first.saturating_sub(BEFORE).min(length - MAX_SHOWN);
    let to = from + MAX_SHOWN;
    let spans = hit
        .spans
        .iter()
        .filter(|span| span.end > from && span.start < to)
        .map(|span| [span.start.max(from) - from, span.end.min(to) - from]);
    let line = hit.line.chars().skip(from).take(MAX_SHOWN).collect();
    (line, spans.collect())
}

fn in_words(answer: &Answer, colour: bool) -> String {
    let mut text = String::new();
    for row in &answer.moments {
        let who = format!(
            "{} via {} on {} ({})",
            row.human, row.agent, row.host, row.ticket
        );
        text.push_str(&format!("{} {} {}\n", row.at, row.kind, safe::line(&who)));
        if let Some(command) = row.command.as_ref().filter(|_| row.kind != "command") {
            text.push_str(&format!("  of: {}\n", safe::line(command)));
        }
        text.push_str(&format!("  {}", marked(row, colour)));
        if row.more_lines > 0 {
            text.push_str(&format!("  (and {} more lines)", row.more_lines));
        }
        text.push('\n');
        if row.incomplete {
            text.push_str("  the session has more than the index takes of one\n");
        }
        text.push_str(&format!(
            "  {}\n",
            safe::line(&quote::command_line(&row.replay))
        ));
    }
    if answer.more {
        text.push_str("… and more: narrow the search, or give a higher --limit\n");
    }
    text
}

/// The line with what was found in it shown, where the terminal has a way to.
fn marked(row: &Row, colour: bool) -> String {
    let mut text = String::new();
    let characters: Vec<char> = row.line.chars().collect();
    let mut piece = |from: usize, to: usize, is_match: bool| {
        let part: String = characters
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .collect();
        let part = safe::line(&part);
        if is_match && colour {
            text.push_str(&format!("\x1b[1m{part}\x1b[0m"));
        } else {
            text.push_str(&part);
        }
    };
    let mut from = 0;
    for [start, end] in &row.matches {
        piece(from, *start, false);
        piece(*start, *end, true);
        from = *end;
    }
    piece(from, characters.len(), false);
    text
}

#[cfg(test)]
mod tests;
