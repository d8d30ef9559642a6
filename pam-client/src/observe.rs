//! What is on this host of a session that is to begin. Everything that a session's end removes by
//! name or number is looked at: what is there before the session is not the session's.

use nix::errno::Errno;
use portreeve_protocol::name::AccountName;

use crate::file;
use crate::nss;
use crate::plan::{Observed, Place};
use crate::sweep;

/// What is there under an account's name.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn names(place: &Place<'_>, account: &AccountName) -> Result<Observed, Errno> {
    let name = account.as_str();
    let mut occupied = Vec::new();
    if nss::account(name)?.is_some() {
        occupied.push(format!("an account `{name}`"));
    }
    if nss::group(name)?.is_some() {
        occupied.push(format!("a group `{name}`"));
    }
    let rules = place.paths.rules(account);
    let mut paths = vec![
        place.home_base.join(name),
        place.cgroup_root.join(name),
        place.paths.sudo_log(account),
    ];
    paths.extend(file::beside(&rules));
    paths.push(rules);
    paths.extend(sweep::by_name(account));
    let there = paths.iter().filter(|path| file::is_there(path));
    occupied.extend(there.map(|path| format!("`{}`", path.display())));
    Ok(Observed { occupied })
}

/// Whether anybody has a number, or anything is there under it.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn is_taken(uid: u32) -> Result<bool, Errno> {
    let mut places = sweep::by_number(uid);
    places.push(sweep::runtime_directory(uid));
    Ok(nss::is_taken(uid)? || places.iter().any(|path| file::is_there(path)))
}
