//! `bundle check` and `bundle explain`: what authors of bundles and their pull requests are told.

use std::path::PathBuf;

use portreeve_sudo_policy::shipped::SHIPPED;

use crate::program::User;

const HEAD: &str = "name = \"look\"\ndescription = \"d\"\nintent = \"read-only\"\n";
const REFUSAL: &str = "[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n";

/// A good bundle, one with an error in the language and one with an error of the linter's.
fn three(user: &User) -> [String; 3] {
    let write = |name: &str, body: &str| {
        let path: PathBuf = user.home().join(name);
        std::fs::write(&path, format!("{HEAD}{body}{REFUSAL}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [
        write("good.toml", "[[command]]\npath = \"/usr/bin/uptime\"\n"),
        write(
            "typo.toml",
            "[[command]]\npath = \"/usr/bin/uptime\"\nagrs = []\n",
        ),
        write("shell.toml", "[[command]]\npath = \"/usr/bin/bash\"\n"),
    ]
}

#[test]
fn every_problem_of_every_file_is_told_in_order() {
    let user = User::new();
    let [good, typo, shell] = three(&user);
    let said = user.run(&["bundle", "check", &good, &typo, &shell]);
    assert_eq!((said.code, said.err.as_str()), (7, ""), "{said:?}");
    let places = [
        "error[SP004]: unknown field `agrs`".to_owned(),
        format!(" --> {typo}:6:1\n"),
        "help: did you mean `args`?".to_owned(),
        format!("`{typo}` has 1 error and 0 warnings\n"),
        "error[SP101]: ".to_owned(),
        format!("`{shell}` has 1 error and 0 warnings\n"),
    ];
    let mut rest = said.out.as_str();
    for place in &places {
        let at = rest
            .find(place)
            .unwrap_or_else(|| panic!("{place}: {said:?}"));
        rest = rest.get(at..).unwrap();
    }
    assert!(!said.out.contains('\u{1b}'), "no colour but on a terminal");
    user.run(&["bundle", "check", &good]).ok();
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let user = User::new();
    let [_, _, shell] = three(&user);
    let said = user.run(&["bundle", "check", "/nowhere.toml", &shell]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("/nowhere.toml"), "{said:?}");
    assert!(said.out.contains("SP101"), "{said:?}");
}

#[test]
fn what_a_named_sudo_cannot_express_is_told_with_its_place() {
    let user = User::new();
    let path = user.home().join("pattern.toml");
    let body = "[[command]]\npath = \"/usr/bin/uptime\"\nargs_pattern = \"^-[ps]$\"\n";
    std::fs::write(&path, format!("{HEAD}{body}{REFUSAL}")).unwrap();
    let file = path.to_str().unwrap();
    let check = |dialect: &str| user.run(&["bundle", "check", "--dialect", dialect, file]);
    check("sudo:1.9.10").ok();
    let said = check("sudo-rs:0.2.14");
    assert_eq!(said.code, 7, "{said:?}");
    assert!(
        said.out
            .contains("error[SP301]: sudo-rs 0.2.14 has no patterns"),
        "{said:?}"
    );
    assert!(said.out.contains(":6:16\n"), "{said:?}");
    for none in ["sudo:1.9.4", "doas:6.8"] {
        assert_eq!(check(none).code, 2, "{none}");
    }
}

#[test]
fn programs_get_the_same_as_json_and_as_sarif() {
    let user = User::new();
    let [good, typo, shell] = three(&user);
    let check = |form: &[&str]| {
        let said = user.run(&[&["bundle", "check", &good, &typo, &shell], form].concat());
        assert_eq!(said.code, 7, "{said:?}");
        said.json()
    };
    let json = check(&["--json"]);
    assert_eq!(json, check(&["--format", "json"]));
    let code = |value: &serde_json::Value| value["code"].as_str().unwrap().to_owned();
    let codes: Vec<String> = json.as_array().unwrap().iter().map(code).collect();
    assert_eq!(codes, ["SP004", "SP101"]);

    let results = check(&["--format", "sarif"])["runs"][0]["results"].clone();
    assert_eq!(results[0]["ruleId"], "SP004");
    assert_eq!(results[1]["ruleId"], "SP101");
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 6);
    // From the folder itself a file is named as code hosting knows it.
    let inside = user
        .command(&crate::program::path())
        .current_dir(user.home())
        .args(["bundle", "check", "--format", "sarif", &typo])
        .output()
        .unwrap();
    let log: serde_json::Value = serde_json::from_slice(&inside.stdout).unwrap();
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "typo.toml");
}

#[test]
fn what_a_bundle_includes_is_looked_for_beside_it() {
    let user = User::new();
    let [_, _, shell] = three(&user);
    let root = user.home().join("root.toml");
    let text =
        "name = \"root\"\ndescription = \"d\"\nintent = \"read-only\"\ninclude = [\"shell\"]\n";
    std::fs::write(&root, text).unwrap();
    let included = std::fs::read_to_string(&shell).unwrap();
    let included = included.replace("name = \"look\"", "name = \"shell\"");
    std::fs::write(&shell, included).unwrap();
    let said = user.run(&["--json", "bundle", "check", root.to_str().unwrap()]);
    assert_eq!(said.code, 7, "{said:?}");
    let json = said.json();
    assert_eq!(json[0]["code"], "SP101", "{json}");
    assert_eq!(json[0]["file"], shell.as_str());
}

#[test]
fn a_code_is_explained_by_its_page() {
    let user = User::new();
    for code in ["SP104", "sp104"] {
        let said = user.run(&["bundle", "explain", code]).ok();
        assert!(said.out.starts_with("# SP104: "), "{said:?}");
        assert!(said.out.contains("```toml wrong"), "{said:?}");
    }
    let json = user
        .run(&["--json", "bundle", "explain", "SP104"])
        .ok()
        .json();
    assert_eq!(json["code"], "SP104");
    assert!(json["page"].as_str().unwrap().contains("find -exec"));

    let list = user.run(&["bundle", "explain"]).ok().out;
    assert!(
        list.lines().any(|line| line.starts_with("SP202 ")),
        "{list}"
    );
    let json = user.run(&["--json", "bundle", "explain"]).ok().json();
    assert!(
        json.as_array().unwrap().len() + 1 == list.lines().count(),
        "{list}"
    );
}

#[test]
fn what_is_no_code_is_told_what_would_be_one() {
    let user = User::new();
    for (text, hint) in [
        ("SP1O4", "did you mean SP104"),
        ("104", "did you mean SP104"),
        ("find", "`portreeve bundle explain` lists all codes"),
    ] {
        let said = user.run(&["bundle", "explain", text]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(
            said.err.contains(&format!("`{text}` is not a code")),
            "{said:?}"
        );
        assert!(said.err.contains(hint), "{said:?}");
    }
}

#[test]
fn every_shipped_bundle_passes_the_strict_check() {
    let user = User::new();
    for one in SHIPPED {
        let path = user.home().join(format!("{}.toml", one.name));
        std::fs::write(&path, one.text).unwrap();
        let said = user.run(&["bundle", "check", "--strict", path.to_str().unwrap()]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("0 errors"), "{said:?}");
    }
}

#[test]
fn a_reason_makes_a_missing_fence_a_note_that_strict_lets_pass() {
    let user = User::new();
    let path = user.home().join("fence.toml");
    let check = |fields: &str, wanted: i32, told: &str| {
        let body = format!("[[command]]\npath = \"/usr/bin/uptime\"\nnoexec = false\n{fields}\n");
        std::fs::write(&path, format!("{HEAD}{body}{REFUSAL}")).unwrap();
        let said = user.run(&["bundle", "check", "--strict", path.to_str().unwrap()]);
        assert_eq!(said.code, wanted, "{said:?}");
        assert!(said.out.contains(told), "{said:?}");
    };
    check("", 7, "error[SP013]");
    check("reason = \"it is a script\"", 0, "note[SP110]");
}

#[test]
fn what_is_wrong_with_commands_is_told_beside_what_is_no_bundle() {
    let user = User::new();
    let path = user.home().join("both.toml");
    let body = "agrs = []\n[[command]]\npath = \"/usr/bin/bash\"\n[[command]]\npath = \"uptime\"\n";
    std::fs::write(&path, format!("{HEAD}{body}{REFUSAL}")).unwrap();
    let said = user.run(&["bundle", "check", path.to_str().unwrap()]);
    assert_eq!(said.code, 7, "{said:?}");
    for code in ["error[SP004]", "error[SP009]", "error[SP101]"] {
        assert!(said.out.contains(code), "{code}: {said:?}");
    }
}

#[test]
fn a_bad_file_is_told_in_the_same_words_by_whatever_reads_it() {
    let user = User::new();
    let [_, typo, _] = three(&user);
    let write = |name: &str, bytes: &[u8]| {
        let path = user.home().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let long = write("long.toml", "#\n".repeat(40_000).as_bytes());
    let latin = write("latin.toml", b"# caf\xe9\n");
    for (file, code) in [(&typo, "SP004"), (&long, "SP002"), (&latin, "SP001")] {
        let checked = user.run(&["bundle", "check", file]);
        let (report, _summary) = checked.out.rsplit_once("\n`").unwrap();
        assert!(report.contains(code), "{checked:?}");
        for others in [
            &["bundle", "can", file, "--", "ls"][..],
            &["bundle", "link", file],
            &["bundle", "test", file],
            &["bundle", "render", "--sudo", "sudo:1.9.13", file],
        ] {
            let said = user.run(others);
            assert_eq!(said.code, 7, "{said:?}");
            for line in report.lines().filter(|line| !line.is_empty()) {
                assert!(said.err.contains(line), "{others:?}: {line}\n{said:?}");
            }
        }
    }
}

#[test]
fn an_include_that_cannot_be_read_is_not_called_missing() {
    let user = User::new();
    let root = user.home().join("root.toml");
    let text = "name = \"root\"\ndescription = \"d\"\nintent = \"write\"\n\
                include = [\"none\", \"folder\", \"latin\", \"long\"]\n";
    std::fs::write(&root, text).unwrap();
    std::fs::create_dir(user.home().join("folder.toml")).unwrap();
    std::fs::write(user.home().join("latin.toml"), b"# caf\xe9\n").unwrap();
    std::fs::write(user.home().join("long.toml"), "#\n".repeat(40_000)).unwrap();
    let said = user.run(&["bundle", "check", root.to_str().unwrap()]);
    assert_eq!(said.code, 7, "{said:?}");
    for told in [
        "there is no bundle `none`",
        "put the file `none.toml` beside this one",
        "the bundle `folder` is there and cannot be read: Is a directory",
        "the file is not UTF-8",
        "the file has more than 65,536 bytes",
    ] {
        assert!(said.out.contains(told), "{told}: {said:?}");
    }
}

#[test]
fn too_many_rules_of_one_bundle_do_not_hide_the_others() {
    let user = User::new();
    let [_, _, shell] = three(&user);
    let path = user.home().join("many.toml");
    let lists = vec!["[]"; 100].join(", ");
    let command = format!(
        "[[command]]\npath = \"/usr/bin/a-program-with-a-name\"\nargs_any_of = [{lists}]\n"
    );
    std::fs::write(&path, format!("{HEAD}{}{REFUSAL}", command.repeat(130))).unwrap();
    let many = path.to_str().unwrap();
    let said = user.run(&["bundle", "check", "--dialect", "sudo:1.9.13", many, &shell]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.out.contains("error[SP305]"), "{said:?}");
    assert!(said.out.contains("error[SP101]"), "{said:?}");
}
