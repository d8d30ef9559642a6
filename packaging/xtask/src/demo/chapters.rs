//! The steps of the investigation, up to its end; what is left to look at afterwards is in `review`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use portreeve_tests::installation::{
    AGENT, HOST, Installation, ReverseShell, SessionGranted, Story, Wish, traces,
};
use portreeve_tests::{Network, Output, until};

use super::review;
use super::tour::{Notes, Tour};

/// How long the tour waits for what happens a moment later elsewhere.
const PATIENCE: Duration = Duration::from_secs(20);
/// The exit code of `portreeve` for what policy forbids.
const NOT_PERMITTED: i32 = 3;

/// Plays the whole investigation.
pub(super) fn play(tour: &mut Tour, site: &Installation) -> Result<()> {
    let planted = tour.step("An attacker is on `prod`", |notes| attack(notes, site))?;
    tour.step("The agent has no way to `prod`", |notes| {
        no_way(notes, site)
    })?;
    tour.step(
        "dave sends the agent, having signed in with a password only",
        |notes| without_second_factor(notes, site),
    )?;
    tour.step("alice signs in, with a second factor", |notes| {
        sign_in(notes, site)
    })?;
    tour.step(
        "The agent exchanges her sign-in, and proof of itself, for a delegated token",
        |notes| exchange(notes, site),
    )?;
    let granted = tour.step("The agent asks for a session on `prod`", |notes| {
        session(notes, site)
    })?;
    tour.step("Its first command shows the reverse shell", |notes| {
        find(notes, site, &planted)
    })?;
    let uid = tour.step("What `prod` has of the session while it lasts", |notes| {
        on_the_host(notes, site, &granted)
    })?;
    tour.step("Two commands too many, and sudo refuses", |notes| {
        refusals(notes, site, &granted, &planted)
    })?;
    let story = tour.step(
        "The agent ends the session, and `prod` signs that all of it is gone",
        |notes| end(notes, site, &granted, uid),
    )?;
    tour.step("A reviewer replays the session", |notes| {
        review::replay(notes, site, &granted)
    })?;
    tour.step(
        "A reviewer follows the trail, and verifies it without a network",
        |notes| review::trail(notes, site, &granted, &story),
    )
}

fn attack(notes: &mut Notes, site: &Installation) -> Result<ReverseShell> {
    let planted = ReverseShell::plant(site.lab().host(HOST), site.lab().host("attacker"))?;
    notes.fact(&format!(
        "process {} on `prod` is `nc`, runs as root, and gives {} a root shell",
        planted.nc, planted.calls
    ));
    Ok(planted)
}

fn no_way(notes: &mut Notes, site: &Installation) -> Result<()> {
    let address = site
        .lab()
        .host(HOST)
        .address(&Network::production())?
        .to_string();
    let knock = |from: &str| -> Result<bool> {
        let command = ["nc", "-z", "-w", "1", &address, "22"];
        Ok(site.lab().host(from).run(&command)?.success())
    };
    ensure!(knock("bastion")?, "the bastion does not reach {address}");
    ensure!(!knock("agent")?, "the agent reaches {address}");
    notes.proved(&format!(
        "a connection to {address}:22 works from the bastion and not from the agent"
    ));
    Ok(())
}

fn without_second_factor(notes: &mut Notes, site: &Installation) -> Result<()> {
    let agent = site.agent();
    agent.receive(&site.person("dave")?.login_for_agent()?)?;
    agent.exchange()?;
    let wish = Wish::default();
    notes.typed(
        "forensics@agent",
        &format!("portreeve session start --host {} …", wish.host),
    );
    let command = ["session", "start", "--host", wish.host];
    let command = agent.account.portreeve(command).args(wish.options());
    let refused = notes.time(|| command.run())?;
    notes.answered(&refused.complaint());
    ensure!(
        refused.code() == Some(NOT_PERMITTED),
        "a session was not refused for want of a second factor: {refused:?}"
    );
    notes.decided(
        "no, and the agent is not told why: what is forbidden looks like what does not exist",
    );
    let complaint = refused.complaint();
    let event = complaint
        .split_once("event: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .context("the refusal names no event")?;
    notes.typed("carol@bastion", "portreeve log --event …");
    let log = site
        .person("carol")?
        .account
        .portreeve(["log", "--event", event]);
    notes.answered(&log.run()?.ok()?.text());
    Ok(())
}

fn sign_in(notes: &mut Notes, site: &Installation) -> Result<()> {
    let alice = site.person("alice")?;
    notes.typed("alice@bastion", "portreeve login");
    notes.time(|| alice.login())?;
    notes.typed("alice@bastion", "portreeve login --for-agent");
    let token = notes.time(|| alice.login_for_agent())?;
    notes.proved(&format!(
        "{} says: this is {}, signed in with {}",
        token.claim("/iss")?,
        token.claim("/email")?,
        token.claim("/amr")?
    ));
    notes.fact("the second token is what she hands to the agent: good for an exchange, and refused as herself");
    site.agent().receive(&token)
}

fn exchange(notes: &mut Notes, site: &Installation) -> Result<()> {
    notes.typed("forensics@agent", "portreeve exchange");
    let token = notes.time(|| site.agent().exchange())?;
    let (human, actor) = (token.claim("/sub")?, token.claim("/act/sub")?);
    ensure!(
        actor == AGENT && token.claim("/client_id")? == AGENT,
        "the delegated token does not name the agent"
    );
    notes.proved(&format!(
        "the delegated token names both: human {human}, agent {actor}"
    ));
    notes.fact("it is bound to the agent's key: whoever steals it has nothing");
    Ok(())
}

fn session(notes: &mut Notes, site: &Installation) -> Result<SessionGranted> {
    let agent = site.agent();
    let wish = Wish::default();
    notes.typed(
        "forensics@agent",
        &format!(
            "portreeve session start --host {} {}",
            wish.host,
            spelled(&wish.options())
        ),
    );
    let granted = notes.time(|| agent.start_session(&wish))?;
    let story = Story::of(&agent.trail(granted.session)?)?;
    let decision = story.decision().context("the trail has no decision")?;
    ensure!(
        decision.permitted,
        "the trail says that the session was not permitted"
    );
    notes.decided(&format!(
        "yes, by the policies {} of version {}",
        decision.determining.join(", "),
        short(&decision.policy.to_string())
    ));
    notes.decided(&format!(
        "bundle {} of digest {}, until {}",
        granted.bundle.name,
        short(&granted.bundle.digest.to_string()),
        granted.expires_at
    ));
    let file = format!("{}/certificate.pub", agent.account.home());
    agent.account.write(&file, granted.certificate.as_bytes())?;
    let certificate = agent
        .account
        .command("ssh-keygen")
        .args(["-L", "-f", &file]);
    let shown = certificate.run()?.ok()?.text();
    notes.fact("the certificate that the agent got, as OpenSSH reads it:");
    notes.answered(&what_matters(&shown));
    notes.fact("what opens `prod` is inside it, sealed so that only the bastion can read it");
    Ok(granted)
}

fn find(notes: &mut Notes, site: &Installation, planted: &ReverseShell) -> Result<()> {
    notes.typed("forensics@agent", "portreeve ssh prod -- sudo ss -tnp");
    let command = site.agent().ssh(&Wish::default(), &["sudo", "ss", "-tnp"]);
    let output = notes.time(|| command.run())?.ok()?;
    notes.answered(&output.text());
    let nc = format!("(\"nc\",pid={}", planted.nc);
    let line = output
        .text()
        .lines()
        .find(|line| line.contains(&planted.calls) && line.contains(&nc))
        .map(str::to_owned);
    ensure!(
        line.is_some(),
        "the reverse shell is not in what the agent saw"
    );
    notes.fact(&format!(
        "there it is: nc, process {}, connected to {}",
        planted.nc, planted.calls
    ));
    Ok(())
}

fn on_the_host(notes: &mut Notes, site: &Installation, granted: &SessionGranted) -> Result<u32> {
    let prod = site.lab().host(HOST);
    let account = prod.user(granted.account.as_str())?;
    notes.fact(&format!(
        "the account {}, number {}, never used before and never again",
        account.name, account.uid
    ));
    notes.fact(&format!("its full name: {}", account.full_name));
    let story = Story::of(&site.agent().trail(granted.session)?)?;
    let attestation = story.attestation()?;
    ensure!(
        attestation.uid == account.uid,
        "the host attested another account"
    );
    notes.proved(&format!(
        "`prod` signed that the account is ready, with sudo rules of digest {} for {}",
        short(&attestation.rules_digest.to_string()),
        attestation.sudo
    ));
    for (request, decision) in story.channels() {
        ensure!(decision.permitted, "`{request}` ran and was not permitted");
        notes.decided(&format!(
            "`{request}` may run, by {}",
            decision.determining.join(", ")
        ));
    }
    Ok(account.uid)
}

fn refusals(
    notes: &mut Notes,
    site: &Installation,
    granted: &SessionGranted,
    planted: &ReverseShell,
) -> Result<()> {
    let maps = format!("/proc/{}/maps", planted.nc);
    for file in ["/etc/shadow", &maps] {
        notes.typed(
            "forensics@agent",
            &format!("portreeve exec --session … -- sudo cat {file}"),
        );
        let command = site.agent().exec(granted.session, &["sudo", "cat", file]);
        let refused: Output = notes.time(|| command.run())?;
        notes.answered(&refused.complaint());
        ensure!(
            refused.code() == Some(1)
                && refused.stdout.is_empty()
                && refused.complaint().contains("is not allowed to execute"),
            "sudo did not refuse to read `{file}`: {refused:?}"
        );
    }
    notes.decided("no, by sudo on `prod`: the bundle does not have these commands. No prompt, no judgement of the model's");
    Ok(())
}

fn end(
    notes: &mut Notes,
    site: &Installation,
    granted: &SessionGranted,
    uid: u32,
) -> Result<Story> {
    let agent = site.agent();
    notes.typed("forensics@agent", "portreeve session end …");
    let story = notes.time(|| {
        agent.end(granted.session)?;
        until("the end of the trail", PATIENCE, || {
            let story = Story::of(&agent.trail(granted.session)?)?;
            Ok(story.closed().is_some().then_some(story))
        })
    })?;
    let receipt = story.receipt()?;
    let took = receipt.gone_at.since(receipt.ending_at);
    notes.proved(&format!(
        "`prod` signed a receipt: {} is gone, {} processes were killed, {} sudo commands had run; it took {} ms",
        receipt.account,
        receipt.killed.len(),
        receipt.sudo_commands,
        took.as_millis()
    ));
    let left = traces(site.lab().host(HOST), granted.account.as_str(), uid)?;
    ensure!(
        left.is_empty() && receipt.left.is_empty(),
        "`prod` is not as it was: {left:?}, {:?}",
        receipt.left
    );
    notes.proved("looked for on `prod`, and not found: account, group, sudo rules, home, processes, control group, files");
    Ok(story)
}

/// The first digits of a digest are enough to recognise it.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(19).collect()
}

fn spelled(options: &[String]) -> String {
    let quoted = options.iter().map(|option| {
        if option.contains(' ') {
            format!("'{option}'")
        } else {
            option.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The lines of a certificate that say what it is good for. The sealed grant would be a screenful of digits.
fn what_matters(shown: &str) -> String {
    let lines = shown
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("Key ID"));
    let cut = lines.map(|line| match line.split_once(" UNKNOWN OPTION: ") {
        Some((name, value)) => format!("{name} ({} bytes)", value.len() / 2),
        None => line.to_owned(),
    });
    let least = |line: &String| line.len() - line.trim_start().len();
    let lines: Vec<String> = cut.collect();
    let indent = lines.iter().map(least).min().unwrap_or_default();
    let lines = lines.iter().map(|line| line.get(indent..).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}
