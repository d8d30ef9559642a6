//! What a host still has of an account that should be gone.

use anyhow::Result;

use crate::host::Host;

/// Looks into every place where an account leaves something, and prints what it finds.
const LOOK: &str = r#"
for file in /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid /etc/subgid; do
    [ -e "$file" ] && grep -H -e "$1" "$file"
done
grep -rl -e "$1" /etc/sudoers /etc/sudoers.d
find /etc/sudoers.d /home /var/mail /var/spool /var/lib/sudo /run -name "*$1*" ! -path '/run/portreeve/log/*'
find /sys/fs/cgroup /run/portreeve -type d -name "*$1*"
find / /run /tmp /dev/shm -xdev -uid "$2" -not -path '/proc/*'
true
"#;

/// The lines, files, control groups and processes that are left of an account; none when it is gone.
///
/// # Errors
/// When the host cannot be asked.
pub fn traces(host: &Host, account: &str, uid: u32) -> Result<Vec<String>> {
    let found = host
        .command("sh")
        .args(["-uc", LOOK, "look", account, &uid.to_string()])
        .run()?
        .ok()?;
    let mut traces: Vec<String> = found.text().lines().map(str::to_owned).collect();
    traces.sort();
    traces.dedup();
    for process in host.processes_of(uid)? {
        traces.push(format!(
            "process {}: {}",
            process.pid,
            process.argv.join(" ")
        ));
    }
    Ok(traces)
}
