//! What code hosting reads: SARIF 2.1.0.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::diagnostic::Report;
use portreeve_sudo_policy::link::link;
use portreeve_sudo_policy::sarif;
use portreeve_sudo_policy::source::Source;
use serde_json::Value;

fn report(name: &str, text: &str) -> Report {
    match Bundle::parse(name, text.as_bytes()) {
        Ok(bundle) => check(&bundle),
        Err(report) => report,
    }
}

fn log(reports: &[Report]) -> Value {
    serde_json::to_value(sarif::log(reports)).unwrap()
}

const WRONG: &str = "name = \"x\"\ndescription = \"日本\"\nintent = \"read-only\"\n\
                     [[command]]\npath = \"/usr/bin/find\"\nargs = [\n  \"/etc\", \"-delete\",\n]\n";

#[test]
fn a_result_says_which_rule_was_broken_and_where() {
    let reports = [report("bundles/a b.toml", WRONG)];
    let log = log(&reports);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let written = results
        .iter()
        .find(|result| result["ruleId"] == "SP111")
        .unwrap();
    assert_eq!(written["level"], "error");
    let place = &written["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "bundles/a%20b.toml");
    assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    let region = serde_json::json!(
        {"startLine": 6, "startColumn": 8, "endLine": 8, "endColumn": 2}
    );
    assert_eq!(place["region"], region);
}

/// The properties that the schema requires, of each object that a log has, and what it says of
/// their values: <https://json.schemastore.org/sarif-2.1.0.json>.
#[test]
fn a_log_has_what_the_schema_requires() {
    let reports = [
        report("a.toml", WRONG),
        report("b.toml", "name = x\n"),
        report("c.toml", ""),
    ];
    let log = log(&reports);
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().starts_with("https://"));
    let [run] = log["runs"].as_array().unwrap().as_slice() else {
        unreachable!("one run")
    };
    assert_eq!(run["columnKind"], "unicodeCodePoints");

    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "portreeve");
    assert!(driver["semanticVersion"].as_str().unwrap().contains('.'));
    let rules = driver["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Code::ALL.len());
    for rule in rules {
        assert!(rule["id"].as_str().unwrap().starts_with("SP"));
        assert!(!rule["name"].as_str().unwrap().contains(' '));
        assert!(
            !rule["shortDescription"]["text"]
                .as_str()
                .unwrap()
                .is_empty()
        );
        assert!(rule["help"]["text"].as_str().unwrap().starts_with("# SP"));
        assert_eq!(rule["help"]["text"], rule["help"]["markdown"]);
    }

    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 4);
    let number = |value: &Value| value.as_u64().unwrap();
    for result in results {
        let index = usize::try_from(number(&result["ruleIndex"])).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        for location in result["locations"].as_array().unwrap() {
            let place = &location["physicalLocation"];
            assert!(
                !place["artifactLocation"]["uri"]
                    .as_str()
                    .unwrap()
                    .is_empty()
            );
            let region = &place["region"];
            let start = (number(&region["startLine"]), number(&region["startColumn"]));
            let end = (number(&region["endLine"]), number(&region["endColumn"]));
            assert!(start.0 >= 1 && start.1 >= 1 && start <= end, "{region}");
        }
    }
}

#[test]
fn the_other_place_of_a_problem_is_told_too() {
    let rule = "[[command]]\npath = \"/usr/bin/uptime\"\n";
    let bundle = |name: &str, head: &str| {
        let text =
            format!("name = \"{name}\"\ndescription = \"d\"\nintent = \"read-only\"\n{head}{rule}");
        Source::new(format!("{name}.toml"), text)
    };
    let root = bundle("root", "include = [\"base\"]\n");
    let report = link(&root, &|_| Some(bundle("base", ""))).unwrap_err();
    let result = log(&[report])["runs"][0]["results"][0].clone();
    let other = &result["relatedLocations"][0];
    assert_eq!(
        other["physicalLocation"]["artifactLocation"]["uri"],
        "base.toml"
    );
    assert_eq!(other["physicalLocation"]["region"]["startLine"], 4);
    assert!(!other["message"]["text"].as_str().unwrap().is_empty());
}

#[test]
fn without_problems_there_is_a_log_without_results() {
    let log = log(&[]);
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
}
