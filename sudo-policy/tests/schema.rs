//! The JSON Schema for editors says what the parser says, as far as a schema can.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_sudo_policy::SCHEMA;
use portreeve_sudo_policy::bundle::Bundle;
use regex::Regex;
use serde_json::{Value, json};

/// Whether a value is as a schema says. Knows the keywords that ours uses and no others, so a new
/// one is noticed.
fn holds(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(keywords) = schema.as_object() else {
        return schema.as_bool().unwrap();
    };
    keywords.iter().all(|(keyword, wanted)| {
        let all = || {
            wanted
                .as_array()
                .unwrap()
                .iter()
                .map(|one| holds(root, one, value))
        };
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let place = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                holds(root, root.pointer(place).unwrap(), value)
            }
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                other => panic!("the type {other}"),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "pattern" => value
                .as_str()
                .is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
            "minLength" => {
                text_length(value).is_none_or(|length| length >= wanted.as_u64().unwrap())
            }
            "maxLength" => {
                text_length(value).is_none_or(|length| length <= wanted.as_u64().unwrap())
            }
            "minItems" => {
                list_length(value).is_none_or(|length| length >= wanted.as_u64().unwrap())
            }
            "maxItems" => {
                list_length(value).is_none_or(|length| length <= wanted.as_u64().unwrap())
            }
            "uniqueItems" => value.as_array().is_none_or(|items| {
                items
                    .iter()
                    .enumerate()
                    .all(|(at, one)| !items.iter().take(at).any(|other| other == one))
            }),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| holds(root, wanted, item))),
            "required" => value.as_object().is_none_or(|table| {
                wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| table.contains_key(key.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|table| {
                let properties = wanted.as_object().unwrap().iter();
                properties
                    .filter_map(|(key, schema)| Some((schema, table.get(key)?)))
                    .all(|(schema, value)| holds(root, schema, value))
            }),
            "additionalProperties" => {
                assert_eq!(*wanted, false);
                let known = schema["properties"].as_object().unwrap();
                value
                    .as_object()
                    .is_none_or(|table| table.keys().all(|key| known.contains_key(key)))
            }
            "not" => !holds(root, wanted, value),
            "allOf" => all().all(|holds| holds),
            "anyOf" => all().any(|holds| holds),
            "oneOf" => all().filter(|holds| *holds).count() == 1,
            "if" => {
                let branch = if holds(root, wanted, value) {
                    "then"
                } else {
                    "else"
                };
                keywords
                    .get(branch)
                    .is_none_or(|schema| holds(root, schema, value))
            }
            "then" | "else" => true,
            other => panic!("the keyword {other}"),
        }
    })
}

fn text_length(value: &Value) -> Option<u64> {
    Some(value.as_str()?.chars().count() as u64)
}

fn list_length(value: &Value) -> Option<u64> {
    Some(value.as_array()?.len() as u64)
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

const HEAD: &str = "name = \"x\"\ndescription = \"d\"\nintent = \"read-only\"\n";

#[test]
fn the_shipped_bundles_are_as_the_schema_says() {
    let schema = schema();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/bundles");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                holds(&schema, &schema, &as_json(&text)),
                "{}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn parser_and_schema_take_and_refuse_the_same() {
    let schema = schema();
    let command = |fields: &str| format!("[[command]]\npath = \"/usr/bin/x\"\n{fields}\n");
    let hex = format!("\"sha256:{}\"", "0".repeat(64));
    let digests = |count: usize| format!("digests = [{}]", format!("{hex}, ").repeat(count));
    let source = format!("[[source]]\nname = \"x\"\ndigest = {hex}\n");
    let good = [
        String::new(),
        command(""),
        command("args = \"none\""),
        command("args = \"any\"\nreason = \"r\""),
        command("args = [\"-a\", \"*\"]\nrun_as = \"www-data\"\nrun_as_group = \"adm\""),
        command("args_any_of = [[], [\"-a\"]]\nnoexec = false\nreason = \"r\""),
        command("args_pattern = \"^-p <number:1-9>$\"\nnoexec = true\ncwd = \"/\""),
        command(&format!("digest = {hex}\ncwd = \"/var/lib\"\ncomment = \"c\"")),
        command(&digests(16)),
        format!("{source}{}", command("from = \"x:1\"")),
        format!("{source}[[expect]]\nrefuse = [\"a\"]\nfrom = \"x:1\"\n"),
        "[[expect]]\nallow = [\"a\", \"\"]\nrun_as = \"root\"\nrun_as_group = \"adm\"\ncomment = \"c\"\n".to_owned(),
    ];
    for body in &good {
        let text = format!("{HEAD}{body}");
        assert!(Bundle::parse("x", text.as_bytes()).is_ok(), "{text}");
        assert!(holds(&schema, &schema, &as_json(&text)), "{text}");
    }
    let bad = [
        "extra = 1\n".to_owned(),
        "command = 7\n".to_owned(),
        "include = [\"B\"]\n".to_owned(),
        "include = [\"a\", \"a\"]\n".to_owned(),
        format!("include = [\"a\"]\n{source}"),
        "[[source]]\nname = \"x\"\n".to_owned(),
        format!("{source}{}", command("")),
        command("from = \"x:1\""),
        format!("{source}{}", command("from = \"x:01\"")),
        command("extra = 1"),
        command("args = \"all\""),
        command("args = \"any\""),
        command("args = [\"a b\"]"),
        command("args = [\"\"]"),
        command("args = [\"\\\"\"]"),
        command("args = []\nargs_pattern = \"^a$\""),
        command("args = []\nargs_any_of = [[]]"),
        command("args_any_of = []"),
        command("args_pattern = \"a\""),
        command("noexec = false"),
        command("noexec = 1"),
        command("run_as = \"ALL\""),
        command("run_as_group = \"#0\""),
        command("cwd = \"~\""),
        command("cwd = \"/a/../b\""),
        command("cwd = \"/a/\""),
        command("digest = \"sha256:0\""),
        command("digests = []"),
        command(&digests(17)),
        command(&format!("digest = {hex}\ndigests = [{hex}]")),
        command("comment = \" \""),
        command(&format!("reason = \"{}\"", "x".repeat(1001))),
        "[[command]]\nargs = []\n".to_owned(),
        "[[command]]\npath = \"x\"\n".to_owned(),
        "[[command]]\npath = \"/a/./b\"\n".to_owned(),
        "[[command]]\npath = \"/a/\"\n".to_owned(),
        "[[command]]\npath = \"/a*\"\n".to_owned(),
        "[[expect]]\n".to_owned(),
        "[[expect]]\nallow = []\n".to_owned(),
        "[[expect]]\nallow = [\"a\"]\nrefuse = [\"a\"]\n".to_owned(),
    ];
    for body in &bad {
        let text = format!("{HEAD}{body}");
        assert!(Bundle::parse("x", text.as_bytes()).is_err(), "{text}");
        assert!(!holds(&schema, &schema, &as_json(&text)), "{text}");
    }
    for head in [
        "",
        "name = \"x\"\n",
        "name = \"-\"\ndescription = \"d\"\nintent = \"read-only\"\n",
        "name = \"x\"\ndescription = \"d\"\nintent = \"look\"\n",
    ] {
        assert!(Bundle::parse("x", head.as_bytes()).is_err(), "{head}");
        assert!(!holds(&schema, &schema, &as_json(head)), "{head}");
    }
    // Whether a bundle is linked is a question of use, and editors show those that are not.
    let text = format!("{HEAD}include = [\"a\"]\n");
    assert!(holds(&schema, &schema, &as_json(&text)));
    assert!(!holds(&schema, &schema, &json!([])));
}
