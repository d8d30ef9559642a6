//! The simulator and the rendered rules agree with the sudo of this machine.
//!
//! Needs root and the original sudo. Nothing outside is changed: each question is put in a mount
//! namespace of its own, in which `/etc/sudoers` and `/etc/passwd` are other files.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{LogFile, Target, render};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::word::UserName;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

const ACCOUNT: &str = "pr-0123456789abcdef";

/// A mount namespace in which one account exists and sudo knows one file of rules.
struct Machine {
    files: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            files: TempDir::new().unwrap(),
        };
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let account = format!("{ACCOUNT}:x:65533:65534::/nonexistent:/bin/sh\n");
        fs::write(machine.path("passwd"), passwd + &account).unwrap();
        // Without an entry here PAM's account stage, which sudo always asks, refuses everything.
        fs::write(
            machine.path("shadow"),
            format!("{ACCOUNT}:!:20000:0:99999:7:::\n"),
        )
        .unwrap();
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    fn set_rules(&self, rules: &str) {
        write_rules(&self.path("sudoers"), rules);
    }

    /// Runs a script with the rules in force; the answer is what it printed.
    fn run(&self, script: &str) -> String {
        let enter = format!(
            "set -eu; cd /; mount --bind {0}/passwd /etc/passwd; mount --bind {0}/shadow /etc/shadow; mount --bind {0}/sudoers /etc/sudoers\n\
             as_account() {{ setpriv --reuid=65533 --regid=65534 --clear-groups \"$@\"; }}\n{script}",
            self.files.path().display()
        );
        let mut child = Command::new("unshare")
            .args(["--mount", "bash", "-s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(enter.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "needs root and sudo: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `sudo -l` says of each command line under each set of rules.
    fn ask(&self, cases: &[(String, Vec<Vec<String>>)]) -> Vec<Vec<bool>> {
        let questions = self.path("questions");
        fs::create_dir_all(&questions).unwrap();
        self.set_rules("");
        for (number, (rules, lines)) in cases.iter().enumerate() {
            write_rules(&questions.join(format!("{number}.rules")), rules);
            for (line, argv) in lines.iter().enumerate() {
                let text: String = argv
                    .iter()
                    .map(|argument| format!("{argument}\0"))
                    .collect();
                fs::write(questions.join(format!("{number}.{line}.argv")), text).unwrap();
            }
        }
        let script = format!(
            "cd {}\nfor rules in $(ls *.rules | sort -n); do\n\
               cat $rules > /etc/sudoers; visudo -cqf /etc/sudoers || echo \"visudo refuses $rules\"\n\
               for argv in $(ls ${{rules%.rules}}.*.argv | sort -t. -k2 -n); do\n\
                 xargs -0 -a $argv sudo -l -U {ACCOUNT} -- > /dev/null 2>&1 && echo yes || echo no\n\
               done\n\
             done",
            questions.display()
        );
        let printed = self.run(&script);
        let mut answers = printed.lines().map(|line| match line {
            "yes" => true,
            "no" => false,
            other => panic!("{other}"),
        });
        cases
            .iter()
            .map(|(_, lines)| answers.by_ref().take(lines.len()).collect())
            .collect()
    }
}

fn write_rules(path: &Path, rules: &str) {
    fs::write(path, format!("root ALL=(ALL:ALL) ALL\n{rules}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o440)).unwrap();
}

fn installed() -> Dialect {
    let output = Command::new("sudo")
        .arg("--version")
        .output()
        .expect("sudo is installed");
    Dialect::from_version_output(&String::from_utf8_lossy(&output.stdout)).expect("a known sudo")
}

fn bundle(commands: &str) -> Bundle {
    let text = format!("name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n{commands}");
    Bundle::parse("x.toml", text.as_bytes()).unwrap_or_else(|report| panic!("{}", report.render()))
}

fn rules(bundle: &Bundle, log: Option<&LogFile>) -> String {
    let account: AccountName = ACCOUNT.parse().unwrap();
    let target = Target {
        account: &account,
        dialect: installed(),
        log,
    };
    render(bundle, &target).unwrap().as_str().to_owned()
}

/// Asks sudo and the simulator the same and compares.
fn agree(cases: Vec<(Bundle, Vec<Vec<String>>)>) {
    let machine = Machine::new();
    let questions: Vec<_> = cases
        .iter()
        .map(|(bundle, lines)| (rules(bundle, None), lines.clone()))
        .collect();
    let answers = machine.ask(&questions);
    let root = UserName::root();
    let mut allowed = 0;
    for ((bundle, lines), answers) in cases.iter().zip(answers) {
        for (argv, answer) in lines.iter().zip(answers) {
            let ours = can(
                bundle,
                &CommandLine {
                    argv,
                    run_as: &root,
                },
            )
            .is_allowed();
            assert_eq!(
                ours,
                answer,
                "sudo says {answer} to {argv:?} under\n{}",
                rules(bundle, None)
            );
            allowed += usize::from(answer);
        }
    }
    assert!(allowed > 0, "nothing was allowed, so nothing was shown");
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(ToOwned::to_owned).collect()
}

#[test]
fn sudo_and_the_simulator_agree_on_a_table() {
    let args = |args: &str| bundle(&format!("[[command]]\npath = \"/usr/bin/ls\"\n{args}\n"));
    let line = |arguments: &[&str]| {
        std::iter::once("/usr/bin/ls")
            .chain(arguments.iter().copied())
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    agree(vec![
        (
            args(""),
            vec![
                line(&[]),
                line(&["-l"]),
                line(&[""]),
                words("ls"),
                words("/bin/ls"),
                words("ss"),
                words("nowhere"),
            ],
        ),
        (
            args("args = \"any\"\nreason = \"r\""),
            vec![line(&[]), line(&["-l", "/root"]), words("/usr/bin/ss")],
        ),
        (
            args("args = [\"-l\", \"/a\"]"),
            vec![
                line(&["-l", "/a"]),
                line(&["-l /a"]),
                line(&["-l", "/a", "/b"]),
                line(&["-l"]),
                line(&["-l", "", "/a"]),
            ],
        ),
        (
            args("args = [\"*\"]"),
            vec![line(&["*"]), line(&["a"]), line(&[])],
        ),
        (
            args("args_any_of = [[], [\"-a\"], [\"-b\", \"c\"]]"),
            vec![
                line(&[]),
                line(&["-a"]),
                line(&["-b", "c"]),
                line(&["-b"]),
                line(&["c"]),
            ],
        ),
        (
            args("args_pattern = \"^-l /proc/<pid>/(exe|cwd)$\""),
            vec![
                line(&["-l", "/proc/1/exe"]),
                line(&["-l", "/proc/01/exe"]),
                line(&["-l", "/proc/../exe"]),
                line(&["-l /proc/7/cwd"]),
                line(&["-l", "/proc/1/exe", "/root"]),
                line(&["-l", "/proc/1/exe\n"]),
            ],
        ),
        (
            args("args_pattern = \"^(-a)?$\""),
            vec![line(&[]), line(&[""]), line(&["-a"]), line(&["-a", ""])],
        ),
        (
            args("args_pattern = \"^[a-z.+-]{2,3}=[0-9]+,%@:~_$\""),
            vec![
                line(&["a.=1,%@:~_"]),
                line(&["+-z=12,%@:~_"]),
                line(&["a=1,%@:~_"]),
                line(&["abcd=1,%@:~_"]),
            ],
        ),
        (args("run_as = \"nobody\""), vec![line(&[])]),
    ]);
}

#[test]
fn sudo_and_the_simulator_agree_on_the_starter_bundle() {
    let bundle = Bundle::parse("starter.toml", STARTER_BUNDLE.as_bytes()).unwrap();
    let exists = |program: &str| {
        ["/usr/bin", "/usr/sbin"]
            .iter()
            .any(|directory| Path::new(directory).join(program).exists())
    };
    let lines = bundle
        .expectations()
        .iter()
        .map(|expectation| expectation.argv().to_vec());
    let lines = lines.filter(|argv| exists(argv[0].rsplit('/').next().unwrap()));
    agree(vec![(bundle.clone(), lines.collect())]);
}

/// Arguments of everything that sudo, fnmatch and regular expressions care about.
fn argument() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(b"#*,:=?^\\[]!'()$ab-@%~&;|<>{}+./_0".to_vec()),
        1..6,
    )
    .prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

/// Command lines near the rule: the same, with something lost, joined, doubled, or a wildcard filled in.
fn near(rule: &[String]) -> Vec<Vec<String>> {
    let mut lines = vec![rule.to_vec(), vec![rule.join(" ")], rule[1..].to_vec()];
    lines.push(rule.iter().chain(rule.first()).cloned().collect());
    for (wildcard, filled) in [("*", "zz"), ("?", "z"), ("\\", ""), ("[", ""), ("^", "")] {
        lines.push(
            rule.iter()
                .map(|argument| argument.replace(wildcard, filled))
                .collect(),
        );
    }
    lines
}

#[test]
fn sudo_and_the_simulator_agree_on_random_exact_arguments() {
    let mut runner = TestRunner::deterministic();
    let lists = proptest::collection::vec(argument(), 1..4);
    let cases = (0..150).map(|_| {
        let rule = lists.new_tree(&mut runner).unwrap().current();
        let list: Vec<String> = rule
            .iter()
            .map(|argument| format!("\"{}\"", argument.replace('\\', "\\\\")))
            .collect();
        let bundle = bundle(&format!(
            "[[command]]\npath = \"/usr/bin/ls\"\nargs = [{}]\n",
            list.join(", ")
        ));
        let lines = near(&rule).into_iter().map(|arguments| {
            std::iter::once("/usr/bin/ls".to_owned())
                .chain(arguments)
                .collect()
        });
        (bundle, lines.collect())
    });
    agree(cases.collect());
}

#[test]
fn the_log_of_an_account_names_what_it_ran_and_what_it_was_refused() {
    let machine = Machine::new();
    let log = machine.path("sudo.json");
    let log_file: LogFile = log.to_str().unwrap().parse().unwrap();
    let bundle = Bundle::parse("starter.toml", STARTER_BUNDLE.as_bytes()).unwrap();
    machine.set_rules(&rules(&bundle, Some(&log_file)));
    let printed = machine.run(
        "as_account sudo ss -tnp | head -1\n\
         as_account sudo cat /etc/shadow 2>&1 || echo refused\n\
         as_account sudo nowhere 2>&1 || echo refused\n",
    );
    assert!(printed.starts_with("State"), "{printed}");
    assert!(
        printed.contains("is not allowed to execute '/usr/bin/cat /etc/shadow'"),
        "{printed}"
    );
    assert_eq!(printed.matches("\nrefused").count(), 2, "{printed}");
    let text = fs::read_to_string(log).unwrap();
    assert_eq!(text.matches("\"accept\": {").count(), 1, "{text}");
    assert_eq!(text.matches("\"reject\": {").count(), 2, "{text}");
    assert_eq!(
        text.matches("\"reason\": \"command not allowed\"").count(),
        2,
        "{text}"
    );
    for part in [
        "\"submituser\": \"pr-0123456789abcdef\"",
        "\"/etc/shadow\"",
        "\"command\": \"nowhere\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_command_of_a_bundle_starts_no_other_program() {
    let machine = Machine::new();
    let exec = "args = [\"/etc/hostname\", \"-exec\", \"/usr/bin/id\", \";\"]\n";
    let rule = |more: &str| {
        rules(
            &bundle(&format!(
                "[[command]]\npath = \"/usr/bin/find\"\n{exec}{more}"
            )),
            None,
        )
    };
    let script = "as_account sudo find /etc/hostname -exec /usr/bin/id ';' 2>&1 || true";
    machine.set_rules(&rule(""));
    assert!(machine.run(script).contains("Permission denied"));
    machine.set_rules(&rule(
        "noexec = false\nreason = \"to show the difference\"\n",
    ));
    assert!(machine.run(script).contains("uid=0"));
}

#[test]
fn settings_of_the_host_and_the_caller_do_not_reach_a_command() {
    let machine = Machine::new();
    let host = "Defaults !env_reset, setenv, requiretty, runas_default=nobody\n\
                Defaults env_keep += \"SECRET PAGER\"\n";
    let account = rules(&bundle("[[command]]\npath = \"/usr/bin/printenv\"\n"), None);
    machine.set_rules(&format!("{host}{account}"));
    let printed = machine.run("as_account env SECRET=1 PAGER=/x sudo printenv");
    for line in [
        "SUDO_USER=pr-0123456789abcdef",
        "USER=root",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} in {printed}"
        );
    }
    assert!(
        !printed.contains("SECRET") && !printed.contains("PAGER"),
        "{printed}"
    );
    let refused = machine
        .run("as_account sudo -E printenv 2>&1 || true; as_account sudo A=b printenv 2>&1 || true");
    assert_eq!(
        refused.matches("you are not allowed to").count(),
        2,
        "{refused}"
    );
}

/// A pattern, and a text that was made along with it and that it therefore takes.
fn pattern() -> impl Strategy<Value = (String, String)> {
    let literal = proptest::sample::select(b"abz09 _/:@%,=~-".to_vec()).prop_map(|byte| {
        let character = char::from(byte).to_string();
        (character.clone(), character)
    });
    let escaped =
        proptest::sample::select(vec![".", "+"]).prop_map(|c| (format!("\\{c}"), c.to_owned()));
    let class = proptest::sample::select(vec![
        ("[a-c]", "b"),
        ("[z0-9]", "7"),
        ("[./_-]", "/"),
        ("[+=]", "+"),
        ("[@:x]", ":"),
    ])
    .prop_map(|(class, taken)| (class.to_owned(), taken.to_owned()));
    let leaf = prop_oneof![4 => literal, 1 => escaped, 2 => class];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| (a.0 + &b.0, a.1 + &b.1)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| (format!("({}|{})", a.0, b.0), b.1)),
            inner
                .clone()
                .prop_map(|(text, taken)| (format!("({text})*"), taken.clone() + &taken)),
            inner
                .clone()
                .prop_map(|(text, taken)| (format!("({text})?"), taken)),
            inner.prop_map(|(text, taken)| (format!("({text}){{1,2}}"), taken)),
        ]
    })
}

#[test]
fn sudo_and_the_simulator_agree_on_random_patterns() {
    let mut runner = TestRunner::deterministic();
    let cases = (0..150).map(|_| {
        let (text, taken) = pattern().new_tree(&mut runner).unwrap().current();
        let bundle = bundle(&format!(
            "[[command]]\npath = \"/usr/bin/ls\"\nargs_pattern = '^{text}$'\n"
        ));
        let lines = [
            taken.clone(),
            format!("{taken}{taken}"),
            format!("{taken}x"),
            format!("x{taken}"),
            taken.replace('b', "q"),
            taken.replace(['.', '+'], "q"),
            String::new(),
        ];
        let line = |arguments: &String| {
            std::iter::once("/usr/bin/ls")
                .chain(arguments.split(' '))
                .map(ToOwned::to_owned)
                .collect()
        };
        (bundle, lines.iter().map(line).collect())
    });
    agree(cases.collect());
}
