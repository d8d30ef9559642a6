//! Every check of an order by itself, for people who want to know before they ask. Makes no
//! [`AcceptedOrder`](super::AcceptedOrder): whoever asks here is told, and nothing is done.

use portreeve_protocol::id::OrderId;
use portreeve_protocol::order::Order;
use portreeve_sudo_policy::render::Sudoers;

use super::{Circumstances, NotAccepted, Until};

/// A check and what it said.
pub(crate) type Verdict = (&'static str, Result<(), NotAccepted>);

/// What all checks but that of the signature say of an order and the bundle beside it, in the order
/// in which they are made; and the rules, if they can be written.
pub(crate) fn verdicts(
    order: &Order,
    bundle: &str,
    host: &Circumstances<'_>,
    seen: impl FnOnce(OrderId) -> bool,
) -> (Vec<Verdict>, Option<Sudoers>) {
    let mut verdicts = vec![
        ("account", super::own_account(order)),
        ("host", super::for_this_host(order, &host.trust.host)),
        ("fresh", super::fresh(order, host)),
        ("unseen", super::unseen(order, seen)),
        ("lifetime", super::within_limits(order, host)),
        ("room", super::room(host)),
    ];
    let (bundle, said) = match super::ordered_bundle(order, bundle) {
        Ok(bundle) => (Some(bundle), Ok(())),
        Err(error) => (None, Err(error)),
    };
    verdicts.push(("bundle", said));
    let rules = bundle.map(|bundle| {
        let until = Until::of(order.expires_at);
        super::written(&bundle, &order.account, until, host.sudo, host.paths)
    });
    match rules {
        Some(Ok(rules)) => {
            verdicts.push(("rules", Ok(())));
            (verdicts, Some(rules))
        }
        Some(Err(error)) => {
            verdicts.push(("rules", Err(error)));
            (verdicts, None)
        }
        None => (verdicts, None),
    }
}
