//! The shipped bundles hold what they promise.

use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::expect::run_expectations;

#[test]
fn the_starter_bundle_has_nothing_that_the_linter_reports() {
    let bundle = Bundle::parse("forensic-read-only.toml", STARTER_BUNDLE.as_bytes())
        .unwrap_or_else(|report| panic!("{}", report.render()));
    let report = check(&bundle);
    assert!(report.is_empty(), "{}", report.render());
}

#[test]
fn the_starter_bundle_says_what_it_refuses() {
    let bundle = Bundle::parse("forensic-read-only.toml", STARTER_BUNDLE.as_bytes()).unwrap();
    let tried: Vec<_> = run_expectations(&bundle).collect();
    assert!(tried.iter().all(|tried| tried.holds()));
    assert!(
        tried
            .iter()
            .filter(|tried| !tried.verdict.is_allowed())
            .count()
            >= 15
    );
}
