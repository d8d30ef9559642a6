//! A comparison in words.

use std::fmt;

use super::{Change, Diff, Difference, Kind, Verdict};

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Widens => "widens",
            Self::Narrows => "narrows",
            Self::Both => "both",
        })
    }
}

impl Diff {
    /// The comparison for people: what is allowed now, what is not any more, what changed, and a
    /// last line with the verdict.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (kind, heading, sign) in [
            (Kind::Allowed, "allowed now, and not before", '+'),
            (Kind::Forbidden, "not allowed any more", '-'),
            (Kind::Changed, "allowed in another way", '~'),
        ] {
            let of_kind = self.changes.iter().filter(|change| change.kind == kind);
            let lines: String = of_kind.map(|change| words(change, sign)).collect();
            if !lines.is_empty() {
                out.push_str(&format!("{heading}:\n{lines}\n"));
            }
        }
        for one in &self.undecided {
            out.push_str(&format!(
                "? {} as {}: the rules are too intricate to be compared to the end; it may differ\n",
                one.program, one.run_as
            ));
        }
        for one in &self.about {
            out.push_str(&format!("{}\n", otherwise(one)));
        }
        let verdict = match self.verdict {
            Verdict::Same => "same: the same command lines are allowed in the same way",
            Verdict::Widens => "widens: more is allowed",
            Verdict::Narrows => "narrows: less is allowed",
            Verdict::Both if !self.undecided.is_empty() => {
                "both: not everything could be compared, so it may widen and narrow"
            }
            Verdict::Both => "both: something more is allowed, and something less",
        };
        out.push_str(verdict);
        out.push('\n');
        out
    }
}

fn words(change: &Change, sign: char) -> String {
    let mut out = String::new();
    for line in &change.command_lines {
        out.push_str(&format!("  {sign} {line}\n"));
    }
    let rule = change.after.as_ref().or(change.before.as_ref());
    if change.more {
        let like = rule.map_or("", |rule| rule.arguments.as_str());
        out.push_str(&format!("  {sign} … and others: {like}\n"));
    }
    let place = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} → {}", before.place, after.place),
        _ => rule.map_or_else(String::new, |rule| rule.place.clone()),
    };
    out.push_str(&format!("      as {}, {place}\n", change.run_as));
    for one in &change.differs {
        out.push_str(&format!("      {}\n", otherwise(one)));
    }
    out
}

fn otherwise(one: &Difference) -> String {
    format!("{}: {} → {}", one.field, one.before, one.after)
}
