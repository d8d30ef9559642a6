//! Who exists on this host, by every name service that it has.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// An account as the name services know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its UID.
    pub(crate) uid: u32,
    /// Its group.
    pub(crate) gid: u32,
    /// Its full-name field.
    pub(crate) full_name: String,
}

/// The account of this name.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn account(name: &str) -> Result<Option<Known>, Errno> {
    Ok(User::from_name(name)?.map(|user| Known {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        full_name: user.gecos.to_string_lossy().into_owned(),
    }))
}

/// The UID of a user of the system.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn uid_of(name: &str) -> Result<Option<u32>, Errno> {
    Ok(account(name)?.map(|known| known.uid))
}

/// The number of the group of this name.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn group(name: &str) -> Result<Option<u32>, Errno> {
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

/// The groups of a user whose own group is `own`, with their names where they have one.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn groups_of(user: &str, own: u32) -> Result<Vec<(u32, String)>, Errno> {
    let user = CString::new(user).map_err(|_| Errno::EINVAL)?;
    let groups = getgrouplist(&user, Gid::from_raw(own))?;
    let named = groups.into_iter().map(|gid| {
        let name = Group::from_gid(gid)?.map(|group| group.name);
        Ok((gid.as_raw(), name.unwrap_or_default()))
    });
    named.collect()
}

/// Whether anybody has this number, as a user or as a group.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn is_taken(number: u32) -> Result<bool, Errno> {
    Ok(User::from_uid(Uid::from_raw(number))?.is_some()
        || Group::from_gid(Gid::from_raw(number))?.is_some())
}

/// The name of the account with this UID.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn account_of(uid: u32) -> Result<Option<String>, Errno> {
    Ok(User::from_uid(Uid::from_raw(uid))?.map(|user| user.name))
}

/// The name of the group with this number.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn group_of(gid: u32) -> Result<Option<String>, Errno> {
    Ok(Group::from_gid(Gid::from_raw(gid))?.map(|group| group.name))
}
