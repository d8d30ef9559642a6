//! A report for people.

use std::fmt::Write;

use super::finding::{Finding, sorted};
use super::program::Found;
use super::report::Report;
use portreeve_sudo_policy::code::Code;

/// The report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = head(&mut text, report);
    let _ = programs(&mut text, &report.programs);
    let _ = findings(&mut text, report);
    text
}

fn head(text: &mut String, report: &Report) -> std::fmt::Result {
    let sudo = &report.sudo;
    let or = |value: &Option<String>, otherwise: &str| {
        value.clone().unwrap_or_else(|| otherwise.to_owned())
    };
    writeln!(
        text,
        "bundle    {} {}",
        report.bundle.name, report.bundle.digest
    )?;
    writeln!(
        text,
        "sudo      {} at {}, {}",
        or(&sudo.version, "none that works"),
        or(&sudo.path, "no place"),
        match &sudo.package {
            Some(package) => format!("package {package}"),
            None => "no package".to_owned(),
        }
    )?;
    let rules = if report.rules {
        "written for this sudo, and visudo takes them"
    } else {
        "not usable here: a session with this bundle would be refused"
    };
    writeln!(text, "rules     {rules}")?;
    if !report.complete {
        writeln!(text, "seen      not everything; see SP420 below")?;
    }
    Ok(())
}

fn programs(text: &mut String, programs: &[Found]) -> std::fmt::Result {
    let there = programs.iter().filter(|found| found.exists).count();
    writeln!(text, "programs  {there} of {} are here\n", programs.len())?;
    let width = programs
        .iter()
        .map(|found| found.path.len())
        .max()
        .unwrap_or(0);
    for found in programs {
        let state = match (&found.digest, found.exists) {
            (Some(digest), _) => digest.to_string(),
            (None, true) => "not read".to_owned(),
            (None, false) => "not here".to_owned(),
        };
        let real = found
            .real_path
            .as_ref()
            .map_or_else(String::new, |path| format!("  ({path})"));
        writeln!(text, "  {:width$}  {state}{real}", found.path)?;
    }
    Ok(())
}

fn findings(text: &mut String, report: &Report) -> std::fmt::Result {
    let of_programs = report.programs.iter().flat_map(|found| &found.findings);
    let all = sorted(report.findings.iter().chain(of_programs).cloned().collect());
    if all.is_empty() {
        return writeln!(text, "\nnothing was found");
    }
    writeln!(text)?;
    for finding in &all {
        writeln!(text, "{}", line(finding))?;
    }
    let mut codes: Vec<Code> = all.iter().map(|finding| finding.code).collect();
    codes.sort();
    codes.dedup();
    writeln!(text, "\nwhat to do:")?;
    for code in codes {
        writeln!(text, "  {code}  {}", advice(code))?;
    }
    writeln!(text, "`portreeve bundle explain <code>` says why.")
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        super::finding::Severity::Error => "error  ",
        super::finding::Severity::Warning => "warning",
        super::finding::Severity::Note => "note   ",
    };
    let path = finding
        .path
        .as_ref()
        .map_or_else(String::new, |path| format!("{path}: "));
    format!("{severity}  {}  {path}{}", finding.code, finding.detail)
}

/// The first paragraph of what the code's page says to do.
fn advice(code: Code) -> String {
    code.page()
        .split_once("## Right\n")
        .and_then(|(_, right)| right.trim_start().split("\n\n").next())
        .map_or_else(
            || code.title().to_owned(),
            |advice| advice.replace('\n', " "),
        )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::super::report::tests::empty;
    use super::*;

    #[test]
    fn a_clean_host_reads_as_such() {
        let shown = text(&empty());
        assert!(shown.contains("nothing was found"), "{shown}");
        assert!(shown.contains("sudo 1.9.13 at /usr/bin/sudo, package sudo 1.9.13p3-1+deb12u4"));
    }

    #[test]
    fn a_finding_is_told_with_its_code_and_what_to_do() {
        let finding = Finding::new(
            Code::OthersMayReplace,
            Severity::Error,
            "everybody may write it\x1b[2J",
        )
        .about(std::path::Path::new("/opt/tool"));
        let report = Report {
            findings: vec![finding],
            ..empty()
        };
        let shown = text(&report);
        assert!(
            shown.contains("error    SP403  /opt/tool: everybody may write it"),
            "{shown}"
        );
        assert!(shown.contains("Take the write permission away"), "{shown}");
        assert!(!shown.contains('\x1b'), "a file's name drives a terminal");
    }

    #[test]
    fn every_code_of_a_host_has_advice() {
        for code in Code::ALL.iter().filter(|code| code.as_str() >= "SP4") {
            let advice = advice(*code);
            assert_ne!(advice, code.title(), "{code}");
            assert!(!advice.contains("```"), "{code}: {advice}");
        }
    }
}
