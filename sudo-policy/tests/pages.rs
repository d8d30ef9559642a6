//! Every code has a page, and what the page says is so.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::diagnostic::{Report, Severity};
use portreeve_sudo_policy::link::link;
use portreeve_sudo_policy::render::check_with;
use portreeve_sudo_policy::source::Source;

/// A `toml` block of a page.
struct Example {
    /// What stands behind `toml` in its first line.
    words: Vec<String>,
    text: String,
}

impl Example {
    fn is(&self, word: &str) -> bool {
        self.words.iter().any(|given| given == word)
    }

    /// The bundle that the block stands for. One that names and describes itself is whole; any other
    /// is the part that matters of a read-only bundle that refuses something.
    fn bundle(&self) -> String {
        let has = |start: &str| self.text.lines().any(|line| line.starts_with(start));
        let mut top = self.text.lines().take_while(|line| !line.starts_with("[["));
        let repeat = self
            .words
            .iter()
            .find_map(|word| word.strip_prefix("repeat="))
            .map_or(1, |count| count.parse().unwrap());
        let text = self.text.repeat(repeat);
        if top.any(|line| line.starts_with("name =") || line.starts_with("description =")) {
            return text;
        }
        let intent = if has("intent =") {
            ""
        } else {
            "intent = \"read-only\"\n"
        };
        let proof = if has("[[expect]]") || has("[[source]]") {
            ""
        } else {
            "[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n"
        };
        format!("name = \"example\"\ndescription = \"An example.\"\n{intent}{text}\n{proof}")
    }

    /// What is found in the bundle: by the linker, by the linter, and for each kind of sudo.
    fn reports(&self, code: Code) -> Vec<Report> {
        let source = Source::new("example.toml", self.bundle());
        // This one is about who does not link.
        if code == Code::NotLinked {
            let bundle = Bundle::parse("example.toml", source.text().as_bytes());
            return bundle.err().into_iter().collect();
        }
        let linked = match link(&source, &|name| neighbour(name.as_str())) {
            Ok(linked) => linked,
            Err(report) => return vec![report],
        };
        let dialects = DIALECTS.map(|dialect| dialect.parse().unwrap());
        vec![check_with(linked.bundle(), &dialects).unwrap()]
    }
}

/// The kinds of sudo for which every example is tried.
const DIALECTS: [&str; 4] = [
    "sudo 1.9.5",
    "sudo 1.9.13",
    "sudo-rs 0.2.8",
    "sudo-rs 0.2.14",
];

/// The bundles that examples include; the example itself is one of them.
fn neighbour(name: &str) -> Option<Source> {
    let (intent, body) = match name {
        "base-looking" => ("read-only", "[[command]]\npath = \"/usr/bin/uptime\"\n"),
        "base-restarting" => ("write", ""),
        "example" => ("read-only", "include = [\"example\"]\n"),
        _ => return None,
    };
    let text = format!(
        "name = \"{name}\"\ndescription = \"A neighbour.\"\nintent = \"{intent}\"\n{body}\n\
         [[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n"
    );
    Some(Source::new(format!("{name}.toml"), text))
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("```toml") else {
            continue;
        };
        let text = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        examples.push(Example {
            words: words.split_whitespace().map(str::to_owned).collect(),
            text,
        });
    }
    examples
}

/// Whether a code is about the file alone. The others are about a host, and the tests of the host's
/// program have one.
fn is_of_a_file(code: Code) -> bool {
    ["SP0", "SP1", "SP2", "SP3"]
        .iter()
        .any(|kind| code.as_str().starts_with(kind))
}

#[test]
fn every_page_begins_with_its_rule_and_says_why_and_what_is_wrong_and_right() {
    for &code in Code::ALL {
        let page = code.page();
        let heading = format!("# {code}: {}", code.title());
        assert_eq!(page.lines().next(), Some(heading.as_str()), "{code}");
        for part in ["\n## Why\n", "\n## Wrong\n", "\n## Right\n"] {
            assert_eq!(page.matches(part).count(), 1, "{code} {part}");
        }
        let blocks = page.matches("\n```").count();
        assert!(blocks >= 4, "{code} shows nothing wrong or nothing right");
        if is_of_a_file(code) {
            let examples = examples(page);
            assert!(examples.iter().any(|example| example.is("wrong")), "{code}");
            assert!(examples.iter().any(|example| example.is("right")), "{code}");
        }
    }
}

#[test]
fn what_a_page_calls_wrong_is_reported_under_its_code_and_what_it_calls_right_is_not() {
    let mut untrue = String::new();
    for &code in Code::ALL.iter().filter(|&&code| is_of_a_file(code)) {
        for example in examples(code.page()) {
            let reports = example.reports(code);
            let findings = || reports.iter().flat_map(Report::findings);
            let has_code = findings().any(|finding| finding.code == code);
            // For a sudo that cannot hold it, a good bundle may be an error of another kind.
            let has_error = findings().any(|finding| {
                finding.severity == Severity::Error && !finding.code.as_str().starts_with("SP3")
            });
            let (kind, is_so) = if example.is("wrong") {
                ("wrong", has_code)
            } else if example.is("right") {
                (
                    "right",
                    !has_code && (!has_error || code.as_str().starts_with("SP3")),
                )
            } else {
                ("neither wrong nor right", false)
            };
            if !is_so {
                let said: String = reports.iter().map(Report::render).collect();
                untrue += &format!("---- {code}, {kind}:\n{said}\n");
            }
        }
    }
    assert!(untrue.is_empty(), "{untrue}");
}

#[test]
fn the_index_has_every_code_with_its_rule_and_a_link_to_its_page() {
    let index = include_str!("../../docs/spec/bundle-codes.md");
    let rows: Vec<&str> = index
        .lines()
        .filter(|line| line.starts_with("| [SP"))
        .collect();
    let wanted: Vec<String> = Code::ALL
        .iter()
        .map(|code| {
            let title = code.title();
            format!("| [{code}](../../sudo-policy/codes/{code}.md) | {title} |")
        })
        .collect();
    for (row, wanted) in rows.iter().zip(&wanted) {
        assert_eq!(row, wanted, "docs/spec/bundle-codes.md, beside {wanted}");
    }
    assert_eq!(rows.len(), wanted.len(), "docs/spec/bundle-codes.md");
}

#[test]
fn no_page_is_left_over() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/codes");
    let mut pages: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let wanted: Vec<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(pages, wanted);
}
