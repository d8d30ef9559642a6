//! A program in a terminal of its own, and what it writes there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, ttyname};
use portreeve_recording::screen::{Screen, Size};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal with a program in it.
pub(crate) struct Pty {
    master: File,
    /// Held, so that the terminal stays when the program has ended.
    _slave: OwnedFd,
    path: PathBuf,
    child: Child,
    written: Arc<Mutex<Vec<u8>>>,
    before: String,
}

impl Pty {
    /// Runs a command in a new terminal of this size, as the one who controls it.
    pub(crate) fn run(command: &Command, columns: u16, rows: u16) -> Self {
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let path = ttyname(&pty.slave).unwrap();
        let before = settings(&path);
        let stdio = || pty.slave.try_clone().unwrap();
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("TERM", "xterm-256color")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        let written = Arc::default();
        let master = File::from(pty.master);
        let (mut from, to) = (master.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || collect(&mut from, &to));
        Self {
            master,
            _slave: pty.slave,
            path,
            child,
            written,
            before,
        }
    }

    /// Everything that was written to the terminal.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.written.lock().unwrap().clone()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let stty = Command::new("stty")
            .arg("-F")
            .arg(&self.path)
            .args(["cols", &columns, "rows", &rows])
            .status();
        assert!(stty.unwrap().success());
    }

    /// Waits until a person before a terminal of this size would see `text`.
    pub(crate) fn sees(&self, (columns, rows): (u32, u32), text: &str) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let mut screen = Screen::new(Size::new(columns, rows));
            screen.feed(&self.written());
            let lines = screen.lines();
            if lines.iter().any(|line| line.contains(text)) {
                return lines;
            }
            assert!(begin.elapsed() < PATIENCE, "no `{text}` in {lines:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end of the program.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The terminal is as it was before the program: its settings, its screen, its cursor. Everything that was written
    /// to it, up to there.
    pub(crate) fn is_as_before(&self) -> Vec<u8> {
        assert_eq!(settings(&self.path), self.before);
        let begin = Instant::now();
        loop {
            // A program's last words are still on their way when it has ended.
            let bytes = self.written();
            let written = String::from_utf8_lossy(&bytes);
            let last = |on: &str, off: &str| written.rfind(on) < written.rfind(off);
            if last("\x1b[?1049h", "\x1b[?1049l") && last("\x1b[?25l", "\x1b[?25h") {
                return bytes;
            }
            assert!(begin.elapsed() < PATIENCE, "{written:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(path: &PathBuf) -> String {
    let stty = Command::new("stty").arg("-F").arg(path).arg("-g").output();
    String::from_utf8(stty.unwrap().stdout).unwrap()
}

fn collect(from: &mut File, to: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 64 * 1024];
    // A terminal that nobody has open any more gives an error instead of an end.
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        to.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
}
