//! What is wrong with a policy file, and where.

use portreeve_access_policy::decide::Policies;

/// `line:column message` of every problem.
fn problems(text: &str) -> Vec<String> {
    match Policies::parse("p.cedar", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .as_slice()
            .iter()
            .map(|p| format!("{}:{} {}", p.line, p.column, p.message))
            .collect(),
    }
}

const SHELL: &str = "permit(principal, action == Portreeve::Action::\"shell\", resource)";

#[test]
fn every_problem_of_a_file_is_reported_at_its_place() {
    for (text, wanted) in [
        (format!("{SHELL};"), "1:1 a policy has no `@id`"),
        (format!("@id(\"a\")\n{SHELL};\n\n@id(\"A b\")\n{SHELL};"), "4:1 a policy has no `@id`"),
        (format!("@id(\"a\") {SHELL};\n@id(\"a\") {SHELL};"), "2:1 two policies have the id `a`"),
        (format!("@id(\"a\") @max_ttl(\"30\") {SHELL};"), "1:1 `@max_ttl(\"30\")` is not understood"),
        (format!("@id(\"a\") @maxttl(\"30m\") {SHELL};"), "1:1 `@maxttl(\"30m\")` is not understood"),
        (
            "@id(\"a\") @max_ttl(\"30m\") forbid(principal, action == Portreeve::Action::\"shell\", resource);".to_owned(),
            "1:1 a `forbid` demands nothing",
        ),
        ("@id(\"a\")\npermit(principal, action, resource\n;".to_owned(), "3:1 unexpected token `;`"),
    ] {
        assert_eq!(problems(&text), [wanted], "{text}");
    }
}

#[test]
fn policies_that_do_not_follow_the_schema_are_refused() {
    for (text, part) in [
        (
            "@id(\"a\") permit(principal, action == Portreeve::Action::\"login\", resource);",
            "login",
        ),
        (
            "@id(\"a\") permit(principal == Portreeve::User::\"x\", action, resource);",
            "User",
        ),
        (
            "@id(\"a\") permit(principal, action == Portreeve::Action::\"shell\", resource) when { principal.agent.name == 7 };",
            "not compatible",
        ),
        (
            "@id(\"a\") permit(principal, action == Portreeve::Action::\"shell\", resource) when { context.command == \"x\" };",
            "command",
        ),
        (
            "@id(\"a\") permit(principal is Portreeve::Human, action == Portreeve::Action::\"manageAgents\", resource) when { principal.email == \"x\" };",
            "email",
        ),
        (
            "@id(\"a\") permit(principal is Portreeve::Agent, action == Portreeve::Action::\"shell\", resource);",
            "unable to find an applicable action",
        ),
        (
            "@id(\"a\") permit(principal == ?principal, action == Portreeve::Action::\"shell\", resource);",
            "templates are not used",
        ),
    ] {
        let found = problems(text);
        assert!(
            found.iter().any(|problem| problem.contains(part)),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn several_problems_are_told_at_once() {
    let text = format!(
        "{SHELL};\n@id(\"a\") @recording(\"loose\") {SHELL};\n\
         @id(\"b\") permit(principal, action == Portreeve::Action::\"login\", resource);"
    );
    let lines: Vec<char> = problems(&text)
        .iter()
        .filter_map(|problem| problem.chars().next())
        .collect();
    assert_eq!(lines, ['1', '2', '3'], "{:?}", problems(&text));
}

#[test]
fn size_is_bounded() {
    let long = format!("// {}\n", "x".repeat(300_000));
    assert_eq!(problems(&long), ["1:1 the file has 300004 bytes"]);
    let many: String = (0..1001)
        .map(|n| format!("@id(\"p{n}\") {SHELL};\n"))
        .collect();
    assert_eq!(problems(&many), ["1:1 the file has 1001 policies"]);
}

#[test]
fn the_version_is_the_digest_of_the_exact_text() {
    let text = format!("@id(\"a\") {SHELL};\n");
    let version = |text: &str| Policies::parse("p.cedar", text).map(|policies| policies.version());
    assert_eq!(
        version(&text),
        Ok(portreeve_protocol::digest::Digest::of(text.as_bytes()))
    );
    assert_ne!(version(&text), version(&format!("{text}\n")));
}
