//! A bundle of 200 commands: how long it takes to compile, and to answer for one command line.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{Target as For, render};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::sudoers::Rules;
use portreeve_sudo_policy::word::RunAs;

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;

const COMMANDS: usize = 200;

pub(super) fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figure = Figure::new("bundle", format!("a bundle of {COMMANDS} commands"), "µs");
    let text = text();
    let compiled = timed(scale.rounds * 4, || compiled(&text))?;
    figure.row("read and checked", &compiled, Some(Target::AtMost(5000.0)));

    let bundle = parsed(&text)?;
    let account = "pr-0123456789abcdef".parse()?;
    let dialect: Dialect = "sudo:1.9.13".parse()?;
    let target = For {
        account: &account,
        dialect,
        log: None,
        until: None,
    };
    let rules = render(&bundle, &target)?;
    let rendered = timed(scale.rounds * 4, || Ok(render(&bundle, &target)?))?;
    figure.row("written as sudo rules", &rendered, None);
    let read = timed(scale.rounds * 4, || Ok(Rules::read(rules.as_str())?))?;
    figure.row("sudo rules read back strictly", &read, None);

    for (what, line, allowed) in [
        (
            "an exact command line",
            "tool-150 --show item-150 100",
            true,
        ),
        (
            "a unit by a pattern",
            "systemctl --no-pager status nginx@blue.service",
            true,
        ),
        (
            "a path by a pattern",
            "/usr/bin/tail -n 100 /var/log/nginx/access.log.1",
            true,
        ),
        (
            "a refused argument, with the nearest rule",
            "systemctl --no-pager stop nginx.service",
            false,
        ),
        ("a program that no rule names", "cat /etc/shadow", false),
    ] {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let line = CommandLine {
            argv: &argv,
            run_as: &RunAs::root(),
        };
        let samples = timed(scale.echoes, || {
            let verdict = can(&bundle, &line);
            ensure!(verdict.is_allowed() == allowed, "{argv:?} is {verdict:?}");
            Ok(verdict)
        })?;
        figure.row(
            format!("simulated: {what}"),
            &samples,
            Some(Target::AtMost(20.0)),
        );
    }
    Ok(vec![figure.judged()])
}

fn timed<T>(rounds: u32, mut work: impl FnMut() -> Result<T>) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..rounds {
        let begin = Instant::now();
        black_box(work()?);
        samples.add(begin.elapsed().as_secs_f64() * 1e6);
    }
    Ok(samples)
}

fn parsed(text: &str) -> Result<Bundle> {
    Bundle::parse("bench.toml", text.as_bytes()).map_err(|report| anyhow!("{}", report.render()))
}

fn compiled(text: &str) -> Result<Bundle> {
    let bundle = parsed(text)?;
    let report = check(&bundle);
    ensure!(!report.has_errors(), "{}", report.render());
    Ok(bundle)
}

/// Commands as people write them: mostly exact, some with patterns, each with an expectation.
fn text() -> String {
    let mut text = String::from(
        "name = \"bench\"\ndescription = \"Many commands.\"\nintent = \"read-only\"\n\
         [[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n",
    );
    for number in 0..COMMANDS {
        // Writing to a string cannot fail.
        let _ = match number {
            20 => write!(
                text,
                "[[command]]\npath = \"/usr/bin/systemctl\"\nargs_pattern = \"^--no-pager (status|show) <unit>$\"\n"
            ),
            40 => write!(
                text,
                "[[command]]\npath = \"/usr/bin/tail\"\nargs_pattern = \"^-n <number> <path:/var/log>$\"\nreason = \"no links there\"\n"
            ),
            _ if number % 10 == 5 => write!(
                text,
                "[[command]]\npath = \"/usr/bin/tool-{number}\"\nargs_pattern = \"^--pid <pid> --port <number:1-65535>$\"\n"
            ),
            _ => write!(
                text,
                "[[command]]\npath = \"/usr/bin/tool-{number}\"\n\
                 args_any_of = [[\"--show\", \"item-{number}\", \"100\"], [\"--list\"], []]\n\
                 comment = \"what number {number} is for\"\n\
                 [[expect]]\nallow = [\"tool-{number}\", \"--list\"]\n"
            ),
        };
    }
    text
}
