//! Every program is killed in the middle of a session, or the CA's disk is full: the account goes, and nothing that was
//! acknowledged is missing from the trail.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::session::SessionGranted;
use portreeve_tests::installation::{HOST, Installation, Story, Wish, traces};
use portreeve_tests::{Network, Process, until};

/// How long a host may keep an account that nobody stands for any more.
const GONE_WITHIN: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test waits that is not about how long anything takes.
const LONG: Duration = Duration::from_secs(90);

#[test]
fn a_killed_bastion_costs_the_host_its_account_and_the_trail_nothing() {
    let mut site = signed_in();
    let running = Running::start(&site);
    let before = running.trail(&site);
    site.bastion.kill().unwrap();
    running.wait_until_gone(&site);

    site.bastion.start_again().unwrap();
    // The host's receipt travels with the next contact.
    let next = Running::start(&site);
    let after = running.wait_for_receipt(&site);
    assert_begins_with(&after, &before);
    assert_eq!(after.closed(), Some((EndCause::LinkLost, false)));
    assert_eq!(after.receipt().unwrap().left, Vec::<String>::new());
    next.end(&site);
}

#[test]
fn a_killed_ca_ends_the_sessions_and_hears_of_it_when_it_is_back() {
    let mut site = signed_in();
    let running = Running::start(&site);
    let before = running.trail(&site);
    site.ca.kill().unwrap();
    running.wait_until_gone(&site);

    site.ca.start_again().unwrap();
    let after = running.wait_for_the_end(&site);
    assert_begins_with(&after, &before);
    assert_eq!(after.closed(), Some((EndCause::FeedStale, true)));
}

#[test]
fn a_killed_daemon_lets_nobody_in_and_cleans_up_when_it_is_back() {
    let mut site = signed_in();
    let running = Running::start(&site);
    let before = running.trail(&site);
    site.daemon.kill().unwrap();
    let refused = site.agent().exec(running.granted.session, &["true"]).run();
    assert!(!refused.unwrap().success());

    site.daemon.start_again().unwrap();
    running.wait_until_gone(&site);
    // Its receipt travels with the next contact.
    let next = Running::start(&site);
    let after = running.wait_for_receipt(&site);
    assert_begins_with(&after, &before);
    assert_eq!(after.receipt().unwrap().cause, EndCause::Restarted);
    next.end(&site);
}

#[test]
fn a_host_that_lost_power_has_no_account_when_it_is_back() {
    let mut site = signed_in();
    let running = Running::start(&site);
    let before = running.trail(&site);
    site.power_cycle_production().unwrap();
    running.wait_until_gone(&site);

    let next = Running::start(&site);
    let after = running.wait_for_receipt(&site);
    assert_begins_with(&after, &before);
    next.end(&site);
}

#[test]
fn a_cut_cable_costs_the_host_its_account() {
    let site = signed_in();
    let running = Running::start(&site);
    site.lab().cut("bastion", &Network::production()).unwrap();
    running.wait_until_gone(&site);

    site.lab().mend("bastion", &Network::production()).unwrap();
    let next = Running::start(&site);
    assert_eq!(
        running.wait_for_receipt(&site).receipt().unwrap().cause,
        EndCause::LinkLost
    );
    next.end(&site);
}

#[test]
fn a_ca_with_a_full_disk_ends_the_sessions_and_goes_on_when_there_is_room() {
    let mut site = signed_in();
    let bastion = site.lab().host("bastion").clone();
    let sh = |script: &str| bastion.sh(script).unwrap().ok().unwrap();
    site.ca.stop().unwrap();
    sh(
        "cd /var/lib && mv portreeve-ca large && mkdir portreeve-ca && mount -t tmpfs -o size=8m small portreeve-ca && \
        cp -a large/. portreeve-ca/ && chown --reference=large portreeve-ca && chmod 700 portreeve-ca",
    );
    site.ca.start_again().unwrap();
    let running = Running::start(&site);
    let before = running.trail(&site);

    sh("cat /dev/zero >/var/lib/portreeve-ca/filler 2>/dev/null || true");
    let agent = site.agent();
    until("a request that cannot be recorded", PATIENCE, || {
        Ok(agent.start_session(&Wish::default()).is_err().then_some(()))
    })
    .unwrap();
    running.wait_until_gone(&site);

    sh("rm /var/lib/portreeve-ca/filler");
    let after = running.wait_for_the_end(&site);
    assert_begins_with(&after, &before);
    assert_eq!(after.closed(), Some((EndCause::FeedStale, true)));
    until("sessions to begin again", PATIENCE, || {
        Ok(agent.start_session(&Wish::default()).ok())
    })
    .unwrap();
}

/// The host says everything again that nobody acknowledged, in order, and the log takes each once.
#[test]
fn nothing_that_ran_is_missing_or_told_twice_after_a_kill() {
    type Deed = fn(&mut Installation);
    let deeds: [(&str, Deed, Deed); 3] = [
        (
            "daemon",
            |site| site.daemon.kill().unwrap(),
            |site| {
                site.daemon.start_again().unwrap();
            },
        ),
        (
            "bastion",
            |site| site.bastion.kill().unwrap(),
            |site| {
                site.bastion.start_again().unwrap();
            },
        ),
        (
            "cable",
            |site| site.lab().cut("bastion", &Network::production()).unwrap(),
            |site| site.lab().mend("bastion", &Network::production()).unwrap(),
        ),
    ];
    for (who, kill, mend) in deeds {
        eprintln!("the {who} is killed");
        let mut site = signed_in();
        let running = Running::run(&site, &["sh", "-c", BUSY]);
        running.wait_until(&site, "programs in the trail", |story| {
            counted(story).len() > 100
        });
        kill(&mut site);
        // A daemon that is dead removes nothing, and without the cable nobody starts anything.
        if who == "daemon" {
            mend(&mut site);
        }
        running.wait_until_gone_within(&site, LONG);
        if who != "daemon" {
            mend(&mut site);
        }
        let next = Running::start(&site);
        let after = running.wait_for_receipt(&site);
        let receipt = after.receipt().unwrap();
        let mut last = after.signed_attestation().unwrap().digest();
        let events = after.host_events().unwrap();
        for (place, (signed, event)) in after.signed_host_events().zip(&events).enumerate() {
            let place = u64::try_from(place).unwrap();
            assert_eq!((event.seq, event.previous), (place, last), "{who}");
            last = signed.digest();
        }
        let count = u64::try_from(events.len()).unwrap();
        assert_eq!((receipt.events, receipt.last_event), (count, last), "{who}");
        // Every program up to the last one that is told is told, once and in its place.
        let counted = counted(&after);
        let all: Vec<_> = (0..counted.len()).collect();
        assert_eq!(counted, all, "{who}");
        next.end(&site);
    }
}

/// Starts one program after the other, each with a number, and one to be found by.
const BUSY: &str = "sleep 3600 & n=0; while :; do /bin/true $n; n=$((n+1)); sleep 0.02; done";

/// The numbers of the programs that are told, in the order of the trail.
fn counted(story: &Story) -> Vec<usize> {
    let ran = story.ran().unwrap().into_iter();
    let numbers = ran.filter_map(|(argv, _)| match argv.as_slice() {
        [program, number] if program == "/bin/true" => number.parse().ok(),
        _ => None,
    });
    numbers.collect()
}

fn signed_in() -> Installation {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    site
}

/// A session with a command that would run for a long time.
struct Running {
    granted: SessionGranted,
    uid: u32,
    _command: Process,
}

impl Running {
    fn start(site: &Installation) -> Self {
        Self::run(site, &["sleep", "3600"])
    }

    /// The same with another command, which is known to run by a process `sleep 3600`.
    fn run(site: &Installation, command: &[&str]) -> Self {
        let agent = site.agent();
        let granted = agent.start_session(&Wish::default()).unwrap();
        let command = agent.exec(granted.session, command);
        let command = command.spawn("sleeper").unwrap();
        let prod = site.lab().host(HOST);
        let uid = until("the command to run on the host", PATIENCE, || {
            let user = prod.find_user(granted.account.as_str())?;
            let Some(user) = user else { return Ok(None) };
            let asleep = prod.processes_of(user.uid)?;
            let asleep = asleep
                .iter()
                .any(|process| process.argv == ["sleep", "3600"]);
            Ok(asleep.then_some(user.uid))
        })
        .unwrap_or_else(|error| panic!("{error:#}\n{}", command.log().unwrap()));
        Self {
            granted,
            uid,
            _command: command,
        }
    }

    fn trail(&self, site: &Installation) -> Story {
        Story::of(&site.agent().trail(self.granted.session).unwrap()).unwrap()
    }

    fn wait_until_gone(&self, site: &Installation) {
        self.wait_until_gone_within(site, GONE_WITHIN);
    }

    fn wait_until_gone_within(&self, site: &Installation, patience: Duration) {
        let prod = site.lab().host(HOST);
        let mut left = Vec::new();
        until("the account to go", patience, || {
            left = traces(prod, self.granted.account.as_str(), self.uid)?;
            Ok(left.is_empty().then_some(()))
        })
        .unwrap_or_else(|error| {
            let log = site.daemon.log().unwrap();
            panic!("{error}; there is still {left:#?}; the host's daemon says:\n{log}")
        });
    }

    fn wait_for_receipt(&self, site: &Installation) -> Story {
        self.wait_until(site, "the host's receipt", |story| {
            story.signed_receipt().is_some()
        })
    }

    fn wait_for_the_end(&self, site: &Installation) -> Story {
        self.wait_until(site, "the end of the trail", |story| {
            story.closed().is_some()
        })
    }

    fn wait_until(&self, site: &Installation, what: &str, is_so: impl Fn(&Story) -> bool) -> Story {
        let story = until(what, LONG, || {
            let story = self.trail(site);
            Ok(is_so(&story).then_some(story))
        });
        story.unwrap_or_else(|error| panic!("{error}: {:?}", self.trail(site).names()))
    }

    fn end(self, site: &Installation) {
        site.agent().end(self.granted.session).unwrap();
        self.wait_for_the_end(site);
    }
}

/// What was there is still there, in the same order, and unchanged.
fn assert_begins_with(after: &Story, before: &Story) {
    assert!(!before.events.is_empty());
    assert_eq!(after.events[..before.events.len()], before.events[..]);
}
