//! What agents do while their bastion is killed. Whatever moves is the beginning of one text.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use portreeve_protocol::grant::RecordingMode;
use portreeve_protocol::id::SessionId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::client::{Agent, PATIENCE, write};
use crate::dice::Dice;
use crate::world::World;

/// The last number of the text.
const LAST: usize = 3_000_000;
/// The numbers from 1 on, a line each.
pub(super) static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = Vec::new();
    for number in 1..=LAST {
        std::io::Write::write_fmt(&mut text, format_args!("{number}\n")).unwrap();
    }
    text
});
/// How long a file is that is transferred, and how fast it passes, in thousands of bits a second: in about a second.
pub(super) const FILE: usize = 1024 * 1024;
const RATE: &str = "8192";
/// Says the text in bursts, and ends when nobody listens.
const BURSTS: &str =
    "i=1; while seq $i $((i+99)); do i=$((i+100)); sleep 0.0$((RANDOM % 10)); done";
/// Puts itself between `sftp` and `ssh` and keeps what the client sees.
///
/// Nothing writes it: what another thread starts in that moment would hold it open, and the kernel runs no such file.
const TAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/component/killed/tap.py");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// A command that says something now and then.
    Bursts,
    /// A command that says what it is told.
    Echo,
    /// A command that says as much as passes.
    Flood,
    /// A file by SFTP, from the host.
    Get,
    /// A file by the old protocol of scp, to the host.
    Put,
}

/// A client that runs, and what it saw so far.
pub(super) struct Running {
    pub(super) deed: Deed,
    pub(super) mode: RecordingMode,
    pub(super) session: SessionId,
    printed: Arc<Mutex<Printed>>,
    client: JoinHandle<()>,
    complaint: PathBuf,
    tap: PathBuf,
    /// The file that is transferred, at the agent's.
    here: PathBuf,
    /// The same on the host; what a command was told, too.
    there: PathBuf,
}

/// What a client printed, and when how much of it was there.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) bytes: Vec<u8>,
    pub(super) arrived: Vec<(usize, Instant)>,
}

impl Running {
    /// Begins something in a session of its own.
    pub(super) fn begin(world: &mut World, mode: RecordingMode, dice: &mut Dice) -> Self {
        let mut mint = world.mint();
        mint.recording = mode;
        let agent = world.agent_of(&mint);
        let deed = match dice.below(16) {
            0..=5 => Deed::Bursts,
            6..=10 => Deed::Echo,
            // Sealing and reading so much takes longest.
            11 => Deed::Flood,
            12..=13 => Deed::Get,
            _ => Deed::Put,
        };
        let (tap, here) = (agent.file("tap"), agent.file("here"));
        let there = world.home(agent.session).join("there");
        let mut command = deed.command(&agent, &tap, &here, &there);
        let complaint = agent.file("complaint");
        let stderr = fs::File::create(&complaint).unwrap();
        command.stdin(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        match deed {
            Deed::Echo => drop(tokio::spawn(tell(stdin, Dice::new(dice.roll())))),
            Deed::Bursts | Deed::Flood | Deed::Get | Deed::Put => drop(stdin),
        }
        let printed = Arc::<Mutex<Printed>>::default();
        let printing = Arc::clone(&printed);
        let client = tokio::spawn(async move {
            listen(stdout, &printing).await;
            child.wait().await.unwrap();
        });
        Self {
            deed,
            mode,
            session: agent.session,
            printed,
            client,
            complaint,
            tap,
            here,
            there,
        }
    }

    pub(super) async fn wait_until_something_passed(&self) {
        let begin = Instant::now();
        loop {
            let is_over = self.client.is_finished() || begin.elapsed() > PATIENCE;
            if self.has_something_passed() {
                return;
            }
            let complaint = content(&self.complaint);
            assert!(
                !is_over,
                "{:?}: nothing passes: {}",
                self.deed,
                complaint.escape_ascii()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the client noticed that its bastion is gone: it must not find the next one.
    pub(super) async fn wait_until_it_is_over(&self) {
        let begin = Instant::now();
        while !self.client.is_finished() {
            assert!(
                begin.elapsed() < PATIENCE,
                "{:?}: the client hangs",
                self.deed
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn has_something_passed(&self) -> bool {
        match self.deed {
            Deed::Bursts | Deed::Echo | Deed::Flood => {
                !self.printed.lock().unwrap().bytes.is_empty()
            }
            Deed::Get => !self.here().is_empty(),
            Deed::Put => !self.there().is_empty(),
        }
    }

    /// Waits for the client's end, which comes with its bastion's, and says what it printed.
    pub(super) async fn end(&mut self) -> Printed {
        let end = tokio::time::timeout(PATIENCE, &mut self.client);
        end.await.expect("the client hangs").unwrap();
        std::mem::take(&mut self.printed.lock().unwrap())
    }

    /// What `sftp` saw of the host.
    pub(super) fn tapped(&self) -> Vec<u8> {
        content(&self.tap.with_extension("seen"))
    }

    /// What of a file came to the agent.
    pub(super) fn here(&self) -> Vec<u8> {
        content(&self.here)
    }

    /// What came to the host.
    pub(super) fn there(&self) -> Vec<u8> {
        match self.deed {
            Deed::Get => vec![],
            Deed::Bursts | Deed::Echo | Deed::Flood | Deed::Put => content(&self.there),
        }
    }
}

impl Deed {
    fn command(self, agent: &Agent, tap: &Path, here: &Path, there: &Path) -> Command {
        match self {
            Self::Bursts => agent.ssh(&[], BURSTS),
            Self::Echo => agent.ssh(&[], "tee there"),
            Self::Flood => agent.ssh(&[], &format!("seq {LAST}")),
            Self::Get => {
                write(there, &TEXT[..FILE]);
                symlink(TAP, tap).unwrap();
                let mut sftp = agent.command("sftp");
                sftp.args(["-q", "-l", RATE, "-S"]).arg(tap);
                sftp.arg(format!("{}:there", agent.target())).arg(here);
                sftp
            }
            Self::Put => {
                write(here, &TEXT[..FILE]);
                let mut scp = agent.command("scp");
                scp.args(["-O", "-q", "-l", RATE]).arg(here);
                scp.arg(format!("{}:there", agent.target()));
                scp
            }
        }
    }
}

/// Tells a command the text, in pieces and with pauses, until nobody listens.
async fn tell(mut stdin: ChildStdin, mut dice: Dice) {
    let mut rest = TEXT.as_slice();
    while !rest.is_empty() {
        let length = usize::try_from(1 + dice.below(3000)).unwrap();
        let (piece, after) = rest.split_at(length.min(rest.len()));
        if stdin.write_all(piece).await.is_err() {
            break;
        }
        rest = after;
        tokio::time::sleep(Duration::from_millis(dice.below(60))).await;
    }
}

async fn listen(mut stdout: ChildStdout, printed: &Mutex<Printed>) {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = stdout.read(&mut chunk).await.unwrap();
        if length == 0 {
            break;
        }
        let mut printed = printed.lock().unwrap();
        printed.bytes.extend(&chunk[..length]);
        let so_far = printed.bytes.len();
        printed.arrived.push((so_far, Instant::now()));
    }
}

/// What a file holds; nothing where there is none.
fn content(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => vec![],
        Err(error) => panic!("`{}`: {error}", path.display()),
    }
}
