use super::*;

fn hit(line: &str, (start, end): (usize, usize)) -> Hit {
    Hit {
        session: "0190b8a2-7c1e-7000-8000-00000000002a".into(),
        human: "alice@example.com".into(),
        agent: "soc/forensics".into(),
        host: "prod-1.example.com".into(),
        ticket: "INC-1".into(),
        task: "0190b8a2-7c1e-7000-8000-000000000001".into(),
        file: "/a folder/x.tar".into(),
        is_incomplete: false,
        at: "2026-01-31T12:00:00Z".parse().unwrap(),
        at_us: 0,
        channel: 3,
        kind: Kind::Output,
        command: Some("cat x".into()),
        exit: Some(End::Status(0)),
        line: line.into(),
        spans: std::iter::once(start..end).collect(),
        more_lines: 2,
    }
}

#[test]
fn a_result_says_who_and_where_and_how_to_see_it() {
    let row = row(hit("it was refused", (7, 14)));
    let answer = Answer {
        moments: vec![row],
        more: true,
        sealed: 0,
    };
    assert_eq!(
        in_words(&answer, false),
        "2026-01-31T12:00:00.000000Z output alice@example.com via soc/forensics on prod-1.example.com (INC-1)\n  of: cat x\n  it was refused  (and 2 more lines)\n  portreeve replay '/a folder/x.tar' --at 2026-01-31T12:00:00.000000Z --channel 3\n… and more: narrow the search, or give a higher --limit\n"
    );
    assert!(in_words(&answer, true).contains("it was \x1b[1mrefused\x1b[0m"));
}

#[test]
fn what_a_host_printed_drives_no_terminal() {
    let row = row(hit("a\x1b[2Jb\u{202e}c", (0, 1)));
    let answer = Answer {
        moments: vec![row],
        more: false,
        sealed: 0,
    };
    let text = in_words(&answer, false);
    assert!(
        text.contains("a\\x1b[2Jb\\u{202e}c") && !text.contains('\x1b'),
        "{text}"
    );
}

#[test]
fn of_a_long_line_the_part_around_the_match_is_shown() {
    let line = format!("{}needle{}", "ä".repeat(1000), "b".repeat(1000));
    let (shown, matches) = snippet(&hit(&line, (1000, 1006)));
    assert_eq!(shown.chars().count(), MAX_SHOWN);
    let [start, end] = matches[0];
    let found: String = shown.chars().skip(start).take(end - start).collect();
    assert_eq!(found, "needle");
}
