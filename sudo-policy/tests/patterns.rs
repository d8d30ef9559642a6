//! Patterns mean the same here and as the POSIX expression that sudo is given.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portreeve_sudo_policy::pattern::{PLACEHOLDERS, Pattern};
use proptest::prelude::*;
use proptest::string::string_regex;
use regex::Regex;

fn pattern(text: &str) -> Pattern {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Another program's opinion of the expression that sudo is given.
fn oracle(pattern: &Pattern) -> Regex {
    Regex::new(pattern.posix()).unwrap()
}

/// Patterns of everything that the language has, most of them well formed.
fn patterns() -> impl Strategy<Value = String> {
    let plain = string_regex("[a-c0-2 _/:@%,=~-]{1,4}").unwrap();
    let class = string_regex("\\[[a-c0-2_./-]{1,3}\\]|\\[a-f\\]|\\[0-9A-F\\]").unwrap();
    let placeholder = prop_oneof![
        prop::sample::select(
            PLACEHOLDERS
                .iter()
                .map(|one| one.written.to_owned())
                .collect::<Vec<_>>()
        ),
        (0u32..3000, 0u32..3000).prop_map(|(one, two)| format!(
            "<number:{}-{}>",
            one.min(two),
            one.max(two)
        )),
        Just("<path:/a.b/c>".to_owned()),
    ];
    let atom = prop_oneof![4 => plain, 2 => class, 1 => Just("\\.".to_owned()), 1 => Just("\\+".to_owned()), 2 => placeholder];
    let sequence = atom.prop_recursive(3, 12, 3, |inner| {
        let count = prop::sample::select(vec!["", "*", "+", "?", "{2}", "{0,2}", "{1,}"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| all.concat()),
            (prop::collection::vec(inner, 1..3), count)
                .prop_map(|(all, count)| format!("({}){count}", all.join("|"))),
        ]
    });
    sequence.prop_map(|body| format!("^{body}$"))
}

/// A pattern and texts near those that it takes.
fn cases() -> impl Strategy<Value = (Pattern, Vec<String>)> {
    let parsed = patterns().prop_filter_map("not a pattern", |text| text.parse::<Pattern>().ok());
    parsed.prop_flat_map(|pattern| {
        let body = pattern
            .posix()
            .trim_start_matches('^')
            .trim_end_matches('$')
            .to_owned();
        let taken = string_regex(&body).unwrap();
        let spoiled = (
            taken,
            any::<prop::sample::Index>(),
            string_regex("[a-c0-9./: -]{0,2}").unwrap(),
        )
            .prop_map(|(text, at, put)| {
                let mut bytes = text.into_bytes();
                let at = at.index(bytes.len() + 1);
                let end = bytes.len().min(at + usize::from(put.len() % 2 == 1));
                bytes.splice(at..end, put.bytes());
                String::from_utf8(bytes).unwrap()
            });
        (Just(pattern), prop::collection::vec(spoiled, 1..8))
    })
}

proptest! {
    // Building another program's expression is what takes long here.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_automaton_and_the_posix_expression_take_the_same_texts((pattern, texts) in cases()) {
        let oracle = oracle(&pattern);
        for text in texts {
            prop_assert_eq!(
                pattern.matches(&text), oracle.is_match(&text),
                "{} ({}) and `{}`", pattern.as_str(), pattern.posix(), text
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_ip_address_is_taken_as_it_is_printed(four in any::<u32>(), six in any::<[u16; 8]>(), zeros in any::<u8>()) {
        let four = Ipv4Addr::from(four);
        let mut groups = six;
        for (index, group) in groups.iter_mut().enumerate() {
            if zeros & (1 << index) != 0 {
                *group = 0;
            }
        }
        let six = Ipv6Addr::from(groups);
        let (ip, ipv4, ipv6) = (pattern("^<ip>$"), pattern("^<ipv4>$"), pattern("^<ipv6>$"));
        let text = four.to_string();
        prop_assert!(ip.matches(&text) && ipv4.matches(&text) && !ipv6.matches(&text), "{}", text);
        // `::192.0.2.1`, which nobody uses any more, is printed with dots and not taken.
        let text = six.to_string();
        if !text.contains('.') {
            prop_assert!(ip.matches(&text) && ipv6.matches(&text) && !ipv4.matches(&text), "{}", text);
        }
        let mapped = four.to_ipv6_mapped().to_string();
        prop_assert!(ip.matches(&mapped) && ipv6.matches(&mapped), "{}", mapped);
    }

    #[test]
    fn what_is_taken_as_an_ip_address_is_one(text in "[0-9a-fF:.]{1,12}|([0-9a-f]{0,4}:){1,8}[0-9a-f]{0,5}|([0-9]{1,3}[.]){3}[0-9]{1,3}") {
        let taken = pattern("^<ip>$").matches(&text);
        let parsed = text.parse::<IpAddr>();
        prop_assert!(!taken || parsed.is_ok(), "{} is no address", text);
        // Dots in the last groups of an IPv6 address are only taken in the form that is in use.
        let plain = parsed.is_ok_and(|address| address.is_ipv4() || !text.contains('.'));
        prop_assert!(taken || !plain, "{} is an address", text);
    }

    #[test]
    fn a_range_ends_where_it_says(first in 0u64..=4_294_967_295, length in prop_oneof![0u64..20, 0u64..4_294_967_295]) {
        let last = (first + length).min(4_294_967_295);
        let range = pattern(&format!("^<number:{first}-{last}>$"));
        let near = |edge: u64| edge.saturating_sub(12)..=edge + 12;
        let tens = (0..11).map(|power| 10u64.pow(power)).flat_map(near);
        for number in near(first).chain(near(last)).chain(tens).chain([first / 2 + last / 2]) {
            let inside = (first..=last).contains(&number);
            prop_assert_eq!(range.matches(&number.to_string()), inside, "{} in {}-{}", number, first, last);
        }
    }
}

#[test]
fn a_range_takes_exactly_its_numbers() {
    for (first, last) in [
        (0, 0),
        (0, 9),
        (1, 65535),
        (7, 7),
        (10, 99),
        (99, 101),
        (109, 910),
        (1024, 49151),
        (999, 10000),
        (19999, 20001),
    ] {
        let range = pattern(&format!("^<number:{first}-{last}>$"));
        // The expression is the same language, and quicker to ask a hundred thousand times.
        let oracle = oracle(&range);
        for number in 0..=70_000 {
            let inside = (first..=last).contains(&number);
            assert_eq!(
                oracle.is_match(&number.to_string()),
                inside,
                "{number} in {first}-{last}"
            );
        }
        for number in (0..=70_000).step_by(97) {
            let inside = (first..=last).contains(&number);
            assert_eq!(
                range.matches(&number.to_string()),
                inside,
                "{number} in {first}-{last}"
            );
        }
        for text in ["", "00", "01", "+1", "-1", "1 ", " 1", "0x1", "1e1"] {
            assert!(!range.matches(text), "`{text}` in {first}-{last}");
        }
    }
}

#[test]
fn placeholders_take_the_usual_things_and_nothing_that_leads_elsewhere() {
    for (text, takes, refuses) in [
        (
            "^-n 5 <path:/var/log>$",
            &[
                "-n 5 /var/log/syslog",
                "-n 5 /var/log/a/b-1.2.gz",
                "-n 5 /var/log/lost+found/x~",
            ][..],
            &[
                "-n 5 /var/log",
                "-n 5 /var/log/",
                "-n 5 /var/log//a",
                "-n 5 /var/log/../../etc/shadow",
                "-n 5 /var/log/.",
                "-n 5 /var/log/..",
                "-n 5 /var/log/a/../b",
                "-n 5 /var/log/.ssh",
                "-n 5 /var/log/a..b",
                "-n 5 /var/log/a.",
                "-n 5 /var/log/-f",
                "-n 5 /var/log/a b",
                "-n 5 /var/log/a /etc/shadow",
                "-n 5 /var/log/a:/etc/shadow",
                "-n 5 /var/log/a,b",
                "-n 5 /var/log/a=b",
                "-n 5 /var/log/a/",
                "-n 5 /var/logs/a",
                "-n 5 /var/log/*",
            ][..],
        ),
        ("^<path:/etc/a.d>$", &["/etc/a.d/x"], &["/etc/axd/x"]),
        (
            "^<ip>$",
            &[
                "192.0.2.1",
                "0.0.0.0",
                "255.255.255.255",
                "::",
                "::1",
                "2001:DB8::1",
                "1:2:3:4:5:6:7:8",
                "::ffff:192.0.2.1",
            ],
            &[
                "256.0.0.1",
                "1.2.3",
                "01.2.3.4",
                "1.2.3.4.5",
                ":",
                ":::",
                "1::2::3",
                "1:2:3:4:5:6:7:8:9",
                "fe80::1%lo",
                "::1/64",
                "12345::",
                "",
            ],
        ),
        (
            "^<ip>/<number:0-32>$",
            &["192.0.2.0/24"],
            &["192.0.2.0/33", "192.0.2.0/"],
        ),
        (
            "^<unit>$",
            &["a.service", "a@b.service"],
            &["-a", "a b", "../a", "a/b", "a..b"],
        ),
    ] {
        let pattern = pattern(text);
        for case in takes {
            assert!(pattern.matches(case), "{text} takes `{case}`");
        }
        for case in refuses {
            assert!(!pattern.matches(case), "{text} refuses `{case}`");
        }
    }
}

#[test]
fn a_pattern_tells_below_which_directories_it_takes_paths() {
    let directories: Vec<String> = pattern("^<path:/var/log>( <path:/srv/app>)?$")
        .directories()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(directories, ["/var/log", "/srv/app"]);
    assert!(pattern("^/var/log/<name>$").directories().is_empty());
}

#[test]
fn each_placeholder_takes_its_example_and_stands_in_the_specification() {
    let page = include_str!("../../docs/spec/bundle.md");
    let (_, section) = page.split_once("### Placeholders").unwrap();
    let (table, _) = section.split_once("###").unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `<")?.split_once("` |"))
        .map(|(name, _)| name)
        .collect();
    let known: Vec<&str> = PLACEHOLDERS
        .iter()
        .map(|one| one.written.trim_start_matches('<'))
        .collect();
    assert_eq!(rows, known);
    for one in PLACEHOLDERS {
        let pattern = pattern(&format!("^{}$", one.written));
        assert!(
            pattern.matches(one.example),
            "{} takes {}",
            one.written,
            one.example
        );
    }
}
