//! Writes the proposed bundle: each rule with where it comes from, then the expectations, then what
//! is not in it and why.

use portreeve_protocol::facts::Intent;

use super::evidence::{Evidence, Line};
use super::{Known, LeftOut, Wanted};
use crate::bundle::arguments::MAX_ALTERNATIVES;
use crate::word::RunAs;

/// How many places a rule says that it comes from.
const MAX_SOURCES: usize = 5;
/// How many command lines of one rule become expectations.
const MAX_EXPECTED: usize = 5;
/// How many refused command lines become expectations, and are listed.
const MAX_REFUSED: usize = 200;

/// A rule that the linter takes.
#[derive(Debug)]
pub(super) enum Rule<'o> {
    /// Exactly these command lines, of one program and user.
    Exact(Vec<Known<'o>>),
    /// A pattern that covers these.
    Pattern { text: String, lines: Vec<Known<'o>> },
}

/// Everything that the file says.
pub(super) struct Draft<'d, 'o> {
    pub(super) wanted: &'d Wanted,
    pub(super) rules: &'d [Rule<'o>],
    pub(super) refused: &'d [Known<'o>],
    pub(super) left_out: &'d [LeftOut],
}

/// Exact rules for command lines of one program and user.
pub(super) fn exact_rules(lines: Vec<Known<'_>>) -> Vec<Rule<'_>> {
    lines
        .chunks(MAX_ALTERNATIVES)
        .map(|chunk| Rule::Exact(chunk.to_vec()))
        .collect()
}

/// The file.
pub(super) fn written(draft: &Draft<'_, '_>, intent: Intent) -> String {
    let mut out = String::from(
        "# Proposed from what sessions asked sudo for. Read every rule before it is published:\n\
         # that something was done is no reason to allow it.\n\n",
    );
    out.push_str(&head(draft.wanted.name.as_str(), intent));
    for rule in draft.rules {
        out.push('\n');
        out.push_str(&rule.table());
    }
    for rule in draft.rules {
        for (line, evidence) in rule.lines().iter().take(MAX_EXPECTED) {
            out.push_str(&expectation("allow", line, evidence, None));
        }
    }
    let mut refuses = false;
    if !draft.wanted.include_refused {
        for (line, evidence) in draft.refused.iter().take(MAX_REFUSED) {
            let why = Some("refused when it was asked for");
            out.push_str(&expectation("refuse", line, evidence, why));
            refuses = true;
        }
    }
    if !refuses {
        out.push_str("\n[[expect]]\nrefuse = [\"/usr/bin/cat\", \"/etc/shadow\"]\n");
    }
    out.push_str(&proposals(draft));
    out.push_str(&omissions(draft.left_out));
    out
}

/// A rule for one line, exact or by a pattern that covers it.
pub(super) fn alone(line: &Line, pattern: Option<&str>) -> String {
    let arguments = match pattern {
        Some(pattern) => format!("args_pattern = {}\n", quoted(pattern)),
        None => format!(
            "args = {}\n",
            list(line.words.iter().map(|word| word.as_str()))
        ),
    };
    format!(
        "[[command]]\npath = {}\n{arguments}{}",
        quoted(line.path.as_str()),
        run_as(&line.run_as)
    )
}

impl Rule<'_> {
    /// A rule's text as a bundle of its own.
    pub(super) fn in_a_bundle(rule: &str, intent: Intent) -> String {
        format!(
            "{}\n{rule}\n[[expect]]\nrefuse = [\"/nonexistent\"]\n",
            head("learned", intent)
        )
    }

    fn lines(&self) -> &[Known<'_>] {
        match self {
            Self::Exact(lines) | Self::Pattern { lines, .. } => lines,
        }
    }

    fn table(&self) -> String {
        let Some((first, _)) = self.lines().first() else {
            return String::new();
        };
        let rule = match self {
            Self::Pattern { text, .. } => alone(first, Some(text)),
            Self::Exact(lines) if lines.len() == 1 => alone(first, None),
            Self::Exact(lines) => {
                let lists = lines.iter().map(|(line, _)| {
                    format!(
                        "    {},\n",
                        list(line.words.iter().map(|word| word.as_str()))
                    )
                });
                format!(
                    "[[command]]\npath = {}\nargs_any_of = [\n{}]\n{}",
                    quoted(first.path.as_str()),
                    lists.collect::<String>(),
                    run_as(&first.run_as)
                )
            }
        };
        format!("{}{rule}{}", self.origin(), self.comment())
    }

    /// Where the rule comes from, as comments of the file.
    fn origin(&self) -> String {
        let mut sources: Vec<_> = self
            .lines()
            .iter()
            .flat_map(|(line, evidence)| {
                let sources = evidence.sources().into_iter();
                let words = [line.path.as_str()].into_iter();
                let words = words.chain(evidence.arguments().iter().map(String::as_str));
                let argv = shown(words);
                sources.map(move |source| (source, argv.clone()))
            })
            .collect();
        sources.sort_by_key(|(source, _)| (source.at, source.session));
        let mut out = String::new();
        for (source, argv) in sources.iter().take(MAX_SOURCES) {
            let answer = if source.allowed { "allowed" } else { "REFUSED" };
            let times = match source.times {
                1 => String::new(),
                times => format!(" ({times} times)"),
            };
            out.push_str(&format!(
                "# {answer} in session {} at {}{times}: {argv}\n",
                source.session, source.at
            ));
        }
        if let Some(more) = sources
            .len()
            .checked_sub(MAX_SOURCES)
            .filter(|more| *more > 0)
        {
            out.push_str(&format!("# and {more} more like these\n"));
        }
        out
    }

    fn comment(&self) -> String {
        let lines = self.lines();
        let refused = lines.iter().filter(|(_, evidence)| !evidence.is_allowed());
        let mut sessions: Vec<_> = lines
            .iter()
            .flat_map(|(_, evidence)| evidence.sources())
            .map(|source| source.session)
            .collect();
        sessions.sort();
        sessions.dedup();
        let text = format!(
            "learned from {} of {}{}",
            counted(lines.len(), "command line"),
            counted(sessions.len(), "session"),
            match refused.count() {
                0 => String::new(),
                refused => format!(", {refused} of them refused then"),
            }
        );
        format!("comment = {}\n", quoted(&text))
    }
}

fn head(name: &str, intent: Intent) -> String {
    format!(
        "name = {}\ndescription = {}\nintent = {}\n",
        quoted(name),
        quoted("What sessions asked sudo for, learned from their trails. Say here what it is for."),
        quoted(intent.as_str())
    )
}

/// What was refused, as rules that somebody may want, commented out.
fn proposals(draft: &Draft<'_, '_>) -> String {
    if draft.wanted.include_refused || draft.refused.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "\n# Refused in these sessions, and refused by this bundle. To allow one, take the marks away and\n\
         # remove its expectation above.\n",
    );
    for known in draft.refused.iter().take(MAX_REFUSED) {
        let rule = Rule::Exact(vec![*known]).table();
        let commented = rule.lines().map(|line| match line.strip_prefix("# ") {
            Some(comment) => format!("# {comment}\n"),
            None => format!("#   {line}\n"),
        });
        out.push_str("#\n");
        out.extend(commented);
    }
    if let Some(more) = draft
        .refused
        .len()
        .checked_sub(MAX_REFUSED)
        .filter(|more| *more > 0)
    {
        out.push_str(&format!("#\n# and {more} more\n"));
    }
    out
}

fn omissions(left_out: &[LeftOut]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n# Left out, because no good rule can say it:\n");
    for one in left_out.iter().take(MAX_REFUSED) {
        let argv = shown(one.argv.iter().map(String::as_str));
        out.push_str(&format!("# {argv}\n#   {}\n", plain(&one.why)));
    }
    out
}

fn expectation(
    outcome: &str,
    line: &Line,
    evidence: &Evidence<'_>,
    comment: Option<&str>,
) -> String {
    let words = [line.path.as_str()].into_iter();
    let words = words.chain(evidence.arguments().iter().map(String::as_str));
    let comment = comment.map_or_else(String::new, |text| format!("comment = {}\n", quoted(text)));
    format!(
        "\n[[expect]]\n{outcome} = {}\n{}{comment}",
        list(words),
        run_as(&line.run_as)
    )
}

fn run_as(run_as: &RunAs) -> String {
    let mut out = String::new();
    if let Some(user) = run_as.user().filter(|_| *run_as != RunAs::root()) {
        out.push_str(&format!("run_as = {}\n", quoted(user.as_str())));
    }
    if let Some(group) = run_as.group() {
        out.push_str(&format!("run_as_group = {}\n", quoted(group.as_str())));
    }
    out
}

fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(quoted).collect();
    format!("[{}]", words.join(", "))
}

/// A TOML string. Words hold printable ASCII only, so two characters need a backslash.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A command line for people, on one line and bounded.
fn shown<'w>(words: impl Iterator<Item = &'w str>) -> String {
    const MOST: usize = 200;
    let words: Vec<String> = words
        .map(|word| {
            if word.is_empty() || word.contains(' ') {
                format!("'{word}'")
            } else {
                word.to_owned()
            }
        })
        .collect();
    plain(&words.join(" ")).chars().take(MOST).collect()
}

/// Text in printable ASCII, as a comment needs it.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_graphic() || c == ' ' {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
