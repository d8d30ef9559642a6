//! Every program is killed in the middle of a session, or the CA's disk is full: the account goes, and nothing that was
//! acknowledged is missing from the trail.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::session::SessionGranted;
use portreeve_tests::installation::{HOST, Installation, Story, Wish, traces};
use portreeve_tests::{Network, Process, until};

/// How long a host may keep an account that nobody stands for any more.
const GONE_WITHIN: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(20);

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
        let agent = site.agent();
        let granted = agent.start_session(&Wish::default()).unwrap();
        let command = agent.exec(granted.session, &["sleep", "3600"]);
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
        let prod = site.lab().host(HOST);
        let mut left = Vec::new();
        until("the account to go", GONE_WITHIN, || {
            left = traces(prod, self.granted.account.as_str(), self.uid)?;
            Ok(left.is_empty().then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error}; there is still {left:#?}"));
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
        let story = until(what, PATIENCE, || {
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
