//! From an order to a session that is ready: the stages of `docs/spec/host.md`, in order.
//!
//! Whatever fails, the host is as before when the refusal is given, or what is not is tried again.

use std::sync::Arc;

use portreeve_protocol::attest::{Attestation, EndCause, HostCheck, HostWatch};
use portreeve_protocol::control::OrderRefusal;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;

use crate::accept::{self, AcceptedOrder, Circumstances};
use crate::apply;
use crate::book::Book;
use crate::bundle_check::{self, Look};
use crate::clock::{self, Moment};
use crate::end;
use crate::hands::HostHands;
use crate::host::Host;
use crate::journal::{Journal, Record};
use crate::lease::Lease;
use crate::leases::{Live, NoPlace, Place};
use crate::log;
use crate::observe;
use crate::plan::{self, Plan, Reached};
use crate::rule_of::Rules;
use crate::spool::NotBegun;
use crate::sudoers;
use crate::uid;
use crate::watch::Sight;

/// A session that is ready.
#[derive(Debug)]
pub(crate) struct Begun<'h> {
    /// The session.
    pub(crate) live: Arc<Live>,
    /// Its place in the table.
    pub(crate) place: Place<'h>,
    /// How long it lives.
    pub(crate) lease: Lease,
    /// The proof for the bastion.
    pub(crate) attestation: Signed<Attestation>,
    /// What lets commands through, for whoever reports them.
    pub(crate) rules: Option<Rules>,
    /// What its processes do, where this host can tell.
    pub(crate) sight: Option<Sight>,
}

/// Why an order is not obeyed, for the bastion and for the trail.
#[derive(Debug)]
pub(crate) struct Refused {
    /// For the bastion.
    pub(crate) refusal: OrderRefusal,
    /// For the trail.
    pub(crate) detail: String,
}

impl Refused {
    fn new(refusal: OrderRefusal, detail: impl ToString) -> Self {
        Self {
            refusal,
            detail: detail.to_string(),
        }
    }

    fn failed(detail: impl ToString) -> Self {
        Self::new(OrderRefusal::Failed, detail)
    }
}

/// Obeys an order, or says why not.
pub(crate) fn begin<'h>(
    host: &'h Host,
    order: &Signed<Order>,
    bundle: &str,
) -> Result<Begun<'h>, Refused> {
    let now = clock::now();
    let accepted = accepted(host, order, bundle, now)?;
    let place = host
        .leases
        .reserve(&accepted.order().account)
        .map_err(|error| match error {
            NoPlace::Taken => Refused::new(OrderRefusal::AccountExists, error),
            NoPlace::Full => Refused::new(OrderRefusal::Full, error),
        })?;
    let check = host.paths.rules_to_check(&accepted.order().account);
    sudoers::check(accepted.rules(), &check)
        .map_err(|error| Refused::new(OrderRefusal::BundleUnusable, error))?;
    let plan = planned(host, &accepted)?;
    let look = host
        .checker
        .begin(bundle_check::of_bundle(accepted.bundle()));
    let mut journal = host.spool.begin(&plan).map_err(|error| match error {
        NotBegun::Seen => Refused::new(OrderRefusal::Replayed, error),
        NotBegun::Journal(error) => Refused::failed(error),
    })?;
    let mut hands = HostHands::making(accepted.rules());
    if let Err(error) = apply::make(&plan.steps, &mut hands) {
        undo(host, plan.reaching(error.reached), &mut journal);
        return Err(Refused::failed(error));
    }
    // Before the attestation says so, and so before anybody can log in.
    let sight = host
        .watch
        .follow(&plan.cgroup, plan.account.uid, clock::now());
    let watch = sight.as_ref().map_or(HostWatch::NOTHING, Sight::watch);
    let mut begun = attested(host, plan, (look, watch), journal, place, now)?;
    begun.rules = rules_of(host, accepted);
    begun.sight = sight;
    Ok(begun)
}

fn rules_of(host: &Host, accepted: AcceptedOrder) -> Option<Rules> {
    let account = accepted.order().account.clone();
    let sudo = host.sudo.dialect().ok()?;
    Some(Rules::new(accepted.into_bundle(), sudo, account))
}

fn accepted(
    host: &Host,
    order: &Signed<Order>,
    bundle: &str,
    now: Moment,
) -> Result<AcceptedOrder, Refused> {
    let sudo = host
        .sudo
        .dialect()
        .map_err(|error| Refused::new(OrderRefusal::BundleUnusable, error))?;
    let circumstances = Circumstances {
        trust: &host.trust,
        now: now.wall,
        clock_floor: host.counter().clock_floor(),
        skew: host.config.clock_skew,
        max_lifetime: host.config.max_lifetime,
        room: host.takes_orders(now) && host.leases.has_room() && host.spool.has_room(),
        sudo,
        paths: &host.paths,
    };
    accept::accept(order, bundle, &circumstances, |order| {
        host.spool.has_seen(order)
    })
    .map_err(|error| Refused::new(error.refusal(), error))
}

fn planned(host: &Host, accepted: &AcceptedOrder) -> Result<Plan, Refused> {
    let sudo = host
        .sudo
        .dialect()
        .map_err(|error| Refused::new(OrderRefusal::BundleUnusable, error))?;
    let place = host.place(sudo);
    let observed = observe::names(&place, &accepted.order().account).map_err(Refused::failed)?;
    if let Some(there) = observed.occupied.first() {
        log::warning!("there is {there} already");
    }
    // A UID is taken from the counter only for an order that nothing is in the way of.
    let uid = uid::next(host, accepted.order().uid_floor)
        .map_err(|error| Refused::new(OrderRefusal::Full, error))?;
    plan::plan(accepted, uid, &observed, &place)
        .map_err(|error| Refused::new(OrderRefusal::AccountExists, error))
}

/// Takes back what was made. How far that came is on disk first: after a crash nobody could tell
/// otherwise what is ours and what kept the session from being made.
fn undo(host: &Host, plan: Plan, journal: &mut Journal) {
    if let Reached::Steps(reached) = plan.reached
        && let Err(error) = journal.append(&Record::Failed { reached })
    {
        host.complain(&error.to_string());
    }
    let removed = end::remove(host, &plan, || {}).0;
    let again = removed.again();
    if again.is_empty() {
        if let Err(error) = journal.append(&Record::Undone {
            at: clock::now().wall,
        }) {
            host.complain(&error.to_string());
        }
        host.spool.over(&plan, true, true);
    } else {
        host.spool.over(&plan, true, false);
        host.unfinished(plan.session, again);
    }
}

fn attested<'h>(
    host: &'h Host,
    plan: Plan,
    (look, watch): (Look, HostWatch),
    mut journal: Journal,
    place: Place<'h>,
    now: Moment,
) -> Result<Begun<'h>, Refused> {
    let check = look.take();
    let attestation = attestation(host, &plan, (check, watch), clock::now());
    let attestation = match Signed::sign(&attestation, host.identity.key()) {
        Ok(attestation) => attestation,
        Err(error) => {
            let every_step = plan.steps.len();
            undo(host, plan.reaching(every_step), &mut journal);
            return Err(Refused::failed(error));
        }
    };
    let lease = Lease::new(now, plan.expires_at);
    let session = plan.session;
    let ready = Book::open(journal, &host.trust.host, &plan, &attestation)
        .map_err(|error| error.to_string())
        .and_then(|book| {
            Live::new(plan.clone(), book, lease.expiry()).map_err(|error| error.to_string())
        });
    match ready {
        Ok(live) => {
            let live = Arc::new(live);
            place.open(Arc::clone(&live));
            log::info!(
                "session {session}: account `{}` is ready",
                live.plan.account.name
            );
            Ok(Begun {
                live,
                place,
                lease,
                attestation,
                rules: None,
                sight: None,
            })
        }
        Err(error) => {
            // The journal went with the book; the removal writes to it under its own name.
            end::resume(host, session, EndCause::HostFailed);
            Err(Refused::failed(error))
        }
    }
}

fn attestation(
    host: &Host,
    plan: &Plan,
    (check, watch): (HostCheck, HostWatch),
    now: Moment,
) -> Attestation {
    Attestation {
        host: host.trust.host.clone(),
        order: plan.order,
        order_digest: plan.order_digest,
        session: plan.session,
        account: plan.account.name.clone(),
        uid: plan.account.uid.as_raw(),
        gid: plan.account.uid.as_raw(),
        home: crate::paths::text(&plan.account.home),
        bundle: plan.bundle.clone(),
        rules_digest: plan.rules_digest,
        sudo: plan.sudo.clone(),
        cgroup: crate::paths::text(&plan.cgroup),
        ready_at: now.wall,
        expires_at: plan.expires_at,
        check: Some(check),
        watch: Some(watch),
    }
}
