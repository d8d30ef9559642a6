//! Which fields of the kernel's structures our programs read, and where they are in this kernel.

use crate::watch::btf::{Btf, BtfError};

/// Where they are, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) task_mm: i32,
    pub(crate) task_fs: i32,
    pub(crate) task_cred: i32,
    pub(crate) task_flags: i32,
    pub(crate) task_signal: i32,
    pub(crate) task_exit_code: i32,
    pub(crate) task_leader: i32,
    pub(crate) task_parent: i32,
    pub(crate) task_pid: i32,
    pub(crate) cred_uid: i32,
    pub(crate) cred_euid: i32,
    pub(crate) signal_live: i32,
    pub(crate) mm_arg_start: i32,
    pub(crate) mm_arg_end: i32,
    pub(crate) fs_mount: i32,
    pub(crate) fs_dentry: i32,
    pub(crate) dentry_parent: i32,
    pub(crate) dentry_name: i32,
    /// Of what the kernel shows of a mount, which is inside the rest of it.
    pub(crate) shown_root: i32,
    pub(crate) mount_shown: i32,
    pub(crate) mount_parent: i32,
    pub(crate) mount_point: i32,
    pub(crate) binprm_filename: i32,
    pub(crate) pid_level: i32,
    pub(crate) pid_numbers: i32,
    pub(crate) number_size: i32,
    pub(crate) number_nr: i32,
    pub(crate) number_namespace: i32,
    /// The number of a namespace of process ids.
    pub(crate) namespace_number: i32,
    /// Which file is executed; what runs is told without it, too.
    pub(crate) file: Option<FileLayout>,
}

/// The way from what a program is made from to its file's number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileLayout {
    pub(crate) of_binprm: i32,
    pub(crate) inode: i32,
    pub(crate) number: i32,
    pub(crate) superblock: i32,
    pub(crate) device: i32,
}

impl Layout {
    /// Finds them.
    ///
    /// # Errors
    /// When this kernel has other structures than those that we know.
    pub(crate) fn find(btf: &Btf<'_>) -> Result<Self, BtfError> {
        let at = |structure: &str, path: &[&str]| {
            let offset = btf.offset(structure, path)?;
            i32::try_from(offset).map_err(|_| BtfError::Unreadable)
        };
        Ok(Self {
            task_mm: at("task_struct", &["mm"])?,
            task_fs: at("task_struct", &["fs"])?,
            task_cred: at("task_struct", &["cred"])?,
            task_flags: at("task_struct", &["flags"])?,
            task_signal: at("task_struct", &["signal"])?,
            task_exit_code: at("task_struct", &["exit_code"])?,
            task_leader: at("task_struct", &["group_leader"])?,
            task_parent: at("task_struct", &["real_parent"])?,
            task_pid: at("task_struct", &["thread_pid"])?,
            cred_uid: at("cred", &["uid"])?,
            cred_euid: at("cred", &["euid"])?,
            signal_live: at("signal_struct", &["live"])?,
            mm_arg_start: at("mm_struct", &["arg_start"])?,
            mm_arg_end: at("mm_struct", &["arg_end"])?,
            fs_mount: at("fs_struct", &["pwd", "mnt"])?,
            fs_dentry: at("fs_struct", &["pwd", "dentry"])?,
            dentry_parent: at("dentry", &["d_parent"])?,
            dentry_name: at("dentry", &["d_name", "name"])?,
            shown_root: at("vfsmount", &["mnt_root"])?,
            mount_shown: at("mount", &["mnt"])?,
            mount_parent: at("mount", &["mnt_parent"])?,
            mount_point: at("mount", &["mnt_mountpoint"])?,
            binprm_filename: at("linux_binprm", &["filename"])?,
            pid_level: at("pid", &["level"])?,
            pid_numbers: at("pid", &["numbers"])?,
            number_size: i32::try_from(btf.size("upid")?).map_err(|_| BtfError::Unreadable)?,
            number_nr: at("upid", &["nr"])?,
            number_namespace: at("upid", &["ns"])?,
            namespace_number: at("pid_namespace", &["ns", "inum"])?,
            file: file(at).ok(),
        })
    }
}

fn file(at: impl Fn(&str, &[&str]) -> Result<i32, BtfError>) -> Result<FileLayout, BtfError> {
    Ok(FileLayout {
        of_binprm: at("linux_binprm", &["file"])?,
        inode: at("file", &["f_inode"])?,
        number: at("inode", &["i_ino"])?,
        superblock: at("inode", &["i_sb"])?,
        device: at("super_block", &["s_dev"])?,
    })
}
