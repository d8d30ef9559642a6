//! Known escapes: the linter refuses what lets them through, or our rules hold it; and no shipped
//! bundle lets them through.
//!
//! That they are escapes is shown by the machine tests, which run each row of `escapes.toml`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use std::collections::BTreeSet;
use std::path::Path;

use portreeve_protocol::name::BundleName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::diagnostic::{Report, Severity};
use portreeve_sudo_policy::link::link;
use portreeve_sudo_policy::render::{Target, render};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::source::Source;
use portreeve_sudo_policy::word::RunAs;
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    escape: Vec<Escape>,
}

/// What these tests need of a row; the file says what each field means.
#[derive(Deserialize)]
struct Escape {
    program: String,
    #[serde(default)]
    form: Form,
    argv: Vec<String>,
    bundle: Option<String>,
    intent: Option<String>,
    code: Option<String>,
    held: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Form {
    #[default]
    Plain,
    LooksSafe,
}

impl Escape {
    /// The bundle of whoever would have written the careless rule.
    fn bundle(&self) -> String {
        let any = "args = \"any\"\nreason = \"it is needed\"";
        let rest = self.bundle.as_deref().unwrap_or(any);
        let command = if rest.contains("path = ") {
            rest.to_owned()
        } else {
            format!("path = \"{}\"\n{rest}", self.program)
        };
        let intent = self.intent.as_deref().unwrap_or("write");
        format!(
            "name = \"careless\"\ndescription = \"An accident.\"\nintent = \"{intent}\"\n\
             [[command]]\n{command}\n[[expect]]\nrefuse = [\"/nowhere\"]\n"
        )
    }

    fn parse(&self) -> Result<Bundle, Report> {
        Bundle::parse("careless.toml", self.bundle().as_bytes())
    }

    fn said(&self) -> String {
        self.argv.join(" ")
    }
}

fn escapes() -> Vec<Escape> {
    let table: Table = toml::from_str(include_str!("escapes.toml")).unwrap();
    table.escape
}

fn is_allowed(bundle: &Bundle, argv: &[String]) -> bool {
    let root = RunAs::root();
    let line = CommandLine {
        argv,
        run_as: &root,
    };
    can(bundle, &line).is_allowed()
}

#[test]
fn the_linter_refuses_the_bundle_of_every_escape_with_its_code() {
    let mut missed = String::new();
    for escape in escapes() {
        let Some(code) = &escape.code else { continue };
        let report = match escape.parse() {
            Ok(bundle) => check(&bundle),
            Err(report) => report,
        };
        let refused = report
            .findings()
            .any(|finding| finding.severity == Severity::Error && finding.code.as_str() == code);
        if !refused {
            let findings = report.findings();
            let found: Vec<String> = findings
                .map(|finding| format!("{} {:?}", finding.code, finding.severity))
                .collect();
            missed += &format!(
                "{}: `{}` is not {} but {found:?}\n",
                escape.program,
                escape.said(),
                code
            );
        }
    }
    assert!(missed.is_empty(), "{missed}");
}

#[test]
fn what_the_linter_need_not_refuse_is_held_by_words_of_its_rules() {
    let account = "pr-0123456789abcdef".parse().unwrap();
    let target = Target {
        account: &account,
        dialect: "sudo:1.9.13".parse().unwrap(),
        log: None,
        until: None,
    };
    for escape in escapes() {
        assert_ne!(escape.code.is_some(), escape.held.is_some());
        let Some(words) = &escape.held else { continue };
        let rules = render(&escape.parse().unwrap(), &target).unwrap();
        let rule = rules.as_str().lines().rev().nth(1).unwrap();
        assert!(rule.contains(&format!(" {words} ")), "{words}: {rule}");
    }
}

/// Otherwise the linter would be tried with another mistake than the escape needs.
#[test]
fn the_bundle_of_an_escape_allows_it() {
    for escape in escapes() {
        if let Ok(bundle) = escape.parse() {
            assert!(
                is_allowed(&bundle, &escape.argv),
                "`{}` is not allowed by\n{}",
                escape.said(),
                escape.bundle()
            );
        }
    }
}

#[test]
fn no_shipped_bundle_allows_an_escape() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundles");
    let mut bundles = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        bundles += 1;
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path).ok()?;
            Some(Source::new(path.display().to_string(), text))
        };
        let beside = |name: &BundleName| read(&path.with_file_name(format!("{name}.toml")));
        let linked = link(&read(&path).unwrap(), &beside);
        let linked = linked.map_err(|report| report.render()).unwrap();
        for escape in escapes() {
            let allowed = is_allowed(linked.bundle(), &escape.argv);
            assert!(!allowed, "{} allows `{}`", path.display(), escape.said());
        }
    }
    assert!(bundles > 0);
}

#[test]
fn the_table_is_long_and_no_row_stands_there_twice() {
    let escapes = escapes();
    assert!(escapes.len() >= 150, "{}", escapes.len());
    let programs: BTreeSet<&str> = escapes
        .iter()
        .map(|escape| escape.program.as_str())
        .collect();
    assert!(programs.len() >= 100, "{}", programs.len());
    let looks_safe = escapes
        .iter()
        .filter(|escape| escape.form == Form::LooksSafe);
    assert!(looks_safe.count() >= 60);
    let rows: BTreeSet<(String, String)> = escapes
        .iter()
        .map(|escape| (escape.said(), escape.bundle()))
        .collect();
    assert_eq!(rows.len(), escapes.len());
}
