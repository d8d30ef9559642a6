//! Files of a host, and what it listens on.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::Host;
use crate::wait::until;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

impl Host {
    /// Writes a file with this mode, owned by root, making its directories. The old content is replaced at once.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        let script = r#"umask 077
            d=$(dirname "$1")
            [ -d "$d" ] || install -d -m 755 "$d"
            cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1""#;
        let mode = format!("{mode:o}");
        self.command("sh")
            .args(["-euc", script, "write", path, &mode])
            .input(content.as_ref())
            .run()?
            .ok()?;
        Ok(())
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When the host has no such file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.run(&["cat", "--", path])?.ok()?.stdout)
    }

    /// The content of a text file.
    ///
    /// # Errors
    /// When the host has no such file or it is not text.
    pub fn read_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?).with_context(|| format!("`{path}` is not text"))
    }

    /// Whether there is something at this path, be it a dangling link.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn exists(&self, path: &str) -> Result<bool> {
        Ok(self
            .run(&["sh", "-c", r#"[ -e "$1" ] || [ -L "$1" ]"#, "exists", path])?
            .success())
    }

    /// Whether something listens on a TCP port; asked without connecting to it.
    ///
    /// # Errors
    /// When the host is off.
    pub fn listens_on(&self, port: u16) -> Result<bool> {
        let mut listens = false;
        for table in ["tcp", "tcp6"] {
            let sockets = fs::read_to_string(format!("/proc/{}/net/{table}", self.init()?))?;
            listens |= sockets.lines().skip(1).any(|line| listens_on(line, port));
        }
        Ok(listens)
    }

    /// Waits until something listens on a TCP port, without connecting to it.
    ///
    /// # Errors
    /// When nothing does within ten seconds.
    pub fn wait_port(&self, port: u16) -> Result<()> {
        let what = format!("port {port} of `{}`", self.name());
        until(&what, Duration::from_secs(10), || {
            Ok(self.listens_on(port)?.then_some(()))
        })
    }

    /// Waits until there is something at this path.
    ///
    /// # Errors
    /// When nothing comes within ten seconds.
    pub fn wait_path(&self, path: &str) -> Result<()> {
        let what = format!("`{path}` on `{}`", self.name());
        until(&what, Duration::from_secs(10), || {
            Ok(self.exists(path)?.then_some(()))
        })
    }
}

/// Whether a line of `/proc/net/tcp` is a listening socket on this port.
fn listens_on(line: &str, port: u16) -> bool {
    let mut fields = line.split_whitespace().skip(1);
    let local = fields.next().and_then(|address| address.rsplit_once(':'));
    let state = fields.nth(1);
    local.is_some_and(|(_, number)| number == format!("{port:04X}")) && state == Some(LISTENING)
}

#[cfg(test)]
mod tests {
    use super::listens_on;

    #[test]
    fn only_a_listening_socket_on_the_port_counts() {
        let listening =
            "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0";
        let connected =
            "   1: 0A0200C0:0016 140200C0:D431 01 00000000:00000000 00:00000000 00000000     0";
        assert!(listens_on(listening, 22));
        assert!(!listens_on(listening, 23));
        assert!(!listens_on(connected, 22));
        assert!(!listens_on("", 22));
    }
}
