//! What the daemon tells the service manager that started it (sd_notify(3)): that it is ready, that it
//! ends, and that it still works.
//!
//! A daemon that was stopped, or that waits for ever, says nothing; the service manager then ends it
//! and starts another, which removes the sessions of before.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::log;

/// The service manager, or nobody.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<SocketAddr>,
    watchdog: Option<Watchdog>,
}

/// A service manager that wants to hear from us.
#[derive(Debug, Clone, Copy)]
struct Watchdog {
    /// How often it hears from us: twice in the time that it allows.
    every: Duration,
    due: Instant,
}

impl ServiceManager {
    /// Whoever started this process, as the environment says.
    pub(crate) fn of_this_process(now: Instant) -> Self {
        let text = |name| env::var(name).ok();
        let socket = env::var_os("NOTIFY_SOCKET");
        let every = beat(
            text("WATCHDOG_USEC").as_deref(),
            text("WATCHDOG_PID").as_deref(),
            std::process::id(),
        );
        Self::new(socket.as_deref(), every, now)
    }

    fn new(socket: Option<&OsStr>, every: Option<Duration>, now: Instant) -> Self {
        let socket = socket.and_then(|name| match address(name) {
            Ok(address) => Some(address),
            Err(error) => {
                log::warning!("cannot tell the service manager anything: {error}");
                None
            }
        });
        Self {
            watchdog: every.map(|every| Watchdog { every, due: now }),
            socket,
        }
    }

    /// The daemon listens.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The daemon ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// How long the daemon may wait for something before it has to say that it works.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        self.watchdog.map_or(Duration::MAX, |watchdog| {
            watchdog.due.saturating_duration_since(now)
        })
    }

    /// Says that the daemon works, when it is time to; `try_to_work` returns only if it does.
    pub(crate) fn works(&mut self, now: Instant, try_to_work: impl FnOnce()) {
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        if now < watchdog.due {
            return;
        }
        watchdog.due = now + watchdog.every;
        try_to_work();
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.socket else {
            return;
        };
        let told = UnixDatagram::unbound()
            .and_then(|socket| socket.send_to_addr(state.as_bytes(), address));
        if let Err(error) = told {
            log::warning!("cannot tell the service manager `{state}`: {error}");
        }
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

/// How often a process says that it works; `None` when nobody wants to hear it from this one.
fn beat(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let for_us = pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let allowed: u64 = usec?.parse().ok()?;
    (for_us && allowed > 0).then(|| Duration::from_micros(allowed.div_ceil(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(15);

    #[test]
    fn a_watchdog_hears_from_whom_it_watches_twice_in_its_time() {
        for (usec, pid, expected) in [
            (None, None, None),
            (Some("30000000"), None, Some(EVERY)),
            (Some("30000000"), Some("7"), Some(EVERY)),
            (Some("30000000"), Some("8"), None),
            (Some("30000000"), Some("seven"), None),
            (None, Some("7"), None),
            (Some("0"), Some("7"), None),
            (Some("-1"), None, None),
            (Some("soon"), None, None),
            (Some("1"), None, Some(Duration::from_micros(1))),
        ] {
            assert_eq!(beat(usec, pid, 7), expected, "{usec:?} {pid:?}");
        }
    }

    #[test]
    fn it_hears_of_the_start_the_work_and_the_end_each_at_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let heard = || {
            let mut bytes = [0; 64];
            let length = socket.recv(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
        };
        let start = Instant::now();
        let mut manager = ServiceManager::new(Some(path.as_os_str()), Some(EVERY), start);
        manager.ready();
        assert_eq!(heard().as_deref(), Some("READY=1"));

        manager.works(start, || {});
        assert_eq!(heard().as_deref(), Some("WATCHDOG=1"));
        assert_eq!(manager.patience(start), EVERY);
        manager.works(start + EVERY / 2, || panic!("it is not time yet"));
        assert_eq!(heard(), None);
        manager.works(start + EVERY, || {});
        assert_eq!(heard().as_deref(), Some("WATCHDOG=1"));
        // Late is better than never, and not made up for.
        manager.works(start + EVERY * 5, || {});
        assert_eq!(heard().as_deref(), Some("WATCHDOG=1"));
        assert_eq!(manager.patience(start + EVERY * 5), EVERY);

        manager.stopping();
        assert_eq!(heard().as_deref(), Some("STOPPING=1"));
        assert_eq!(heard(), None);
    }

    #[test]
    fn without_a_service_manager_nothing_is_said_and_nothing_hurries() {
        let now = Instant::now();
        let mut nobody = ServiceManager::new(None, None, now);
        nobody.ready();
        nobody.works(now, || panic!("nobody asked"));
        assert_eq!(nobody.patience(now), Duration::MAX);
        let gone = ServiceManager::new(Some(OsStr::new("/nowhere/notify")), None, now);
        gone.ready();
    }
}
