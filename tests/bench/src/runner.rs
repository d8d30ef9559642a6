//! The part that runs on a host of the lab: starts clients and measures them there.
//!
//! One JSON object a line in each direction, over the standard streams of `portreeve-bench runner`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use portreeve_tests::HostCommand;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::data::Data;

/// How much is read and written at once.
const PIECE: usize = 256 * 1024;

/// What a runner is asked to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Run a command to its end and count its output.
    Run { argv: Vec<String> },
    /// Run a command, wait for its first output, then send it so many bytes and wait for its end.
    Push {
        argv: Vec<String>,
        data: Data,
        bytes: u64,
    },
    /// Run a command that returns what it gets, one byte at a time.
    Echo { argv: Vec<String>, rounds: u32 },
    /// Start a command, wait for its first output, and keep it.
    Hold { argv: Vec<String> },
    /// End everything that is kept.
    Release,
}

/// A command that ended well. Times are in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// Until its first output.
    pub(crate) first_ms: f64,
    /// Until its end.
    pub(crate) total_ms: f64,
    /// Its output.
    pub(crate) bytes: u64,
}

/// A runner on a host, as this side sees it. Dropping it ends it, and everything that it keeps.
#[derive(Debug)]
pub(crate) struct Runner {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Runner {
    /// Starts it with a command line that ends in `runner`.
    pub(crate) fn start(command: &HostCommand) -> Result<Self> {
        let mut child = command
            .to_std()?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a runner")?;
        let input = child.stdin.take().context("a runner without input")?;
        let output = child.stdout.take().context("a runner without output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Runs a command to its end.
    pub(crate) fn run(&mut self, argv: &[String]) -> Result<Ran> {
        self.ask(&Ask::Run {
            argv: argv.to_vec(),
        })
    }

    /// Sends bytes to a command; how many milliseconds that took, to the end of the command.
    pub(crate) fn push(&mut self, argv: &[String], data: Data, bytes: u64) -> Result<f64> {
        self.ask(&Ask::Push {
            argv: argv.to_vec(),
            data,
            bytes,
        })
    }

    /// Lets a command return single bytes; how many microseconds each took.
    pub(crate) fn echo(&mut self, argv: &[String], rounds: u32) -> Result<Vec<f64>> {
        self.ask(&Ask::Echo {
            argv: argv.to_vec(),
            rounds,
        })
    }

    /// Keeps a command running.
    pub(crate) fn hold(&mut self, argv: &[String]) -> Result<()> {
        self.ask(&Ask::Hold {
            argv: argv.to_vec(),
        })
    }

    /// Ends what is kept.
    pub(crate) fn release(&mut self) -> Result<()> {
        self.ask(&Ask::Release)
    }

    fn ask<T: DeserializeOwned>(&mut self, ask: &Ask) -> Result<T> {
        let mut line = serde_json::to_string(ask)?;
        line.push('\n');
        self.input.write_all(line.as_bytes())?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Result<T, String> = serde_json::from_str(&line).context("a runner ended")?;
        answer.map_err(anyhow::Error::msg)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // Its end of input is what ends it; a runner that hangs must not hang us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The runner itself: until the end of its input.
pub(crate) fn serve() -> Result<()> {
    let mut kept = Kept::default();
    for line in std::io::stdin().lock().lines() {
        let ask: Ask = serde_json::from_str(&line?)?;
        let answer = obey(&ask, &mut kept).map_err(|error| format!("{ask:?}: {error:#}"));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        out.flush()?;
    }
    Ok(())
}

fn obey(ask: &Ask, kept: &mut Kept) -> Result<Value> {
    let answer = match ask {
        Ask::Run { argv } => serde_json::to_value(run(argv)?),
        Ask::Push { argv, data, bytes } => serde_json::to_value(push(argv, *data, *bytes)?),
        Ask::Echo { argv, rounds } => serde_json::to_value(echo(argv, *rounds)?),
        Ask::Hold { argv } => {
            let mut started = Started::new(argv)?;
            started.wait_for_output()?;
            kept.0.push(started);
            Ok(Value::Null)
        }
        Ask::Release => {
            kept.0.clear();
            Ok(Value::Null)
        }
    };
    Ok(answer?)
}

/// Commands that run until they are let go.
#[derive(Default)]
struct Kept(Vec<Started>);

/// A command with its streams.
struct Started {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    at: Instant,
}

impl Started {
    fn new(argv: &[String]) -> Result<Self> {
        let (program, args) = argv.split_first().context("there is no command")?;
        let at = Instant::now();
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        Ok(Self {
            child,
            input,
            output,
            at,
        })
    }

    fn wait_for_output(&mut self) -> Result<u64> {
        let mut piece = [0; 4096];
        let read = self.output.read(&mut piece)?;
        if read == 0 {
            bail!("it ended without output: {}", self.complaint());
        }
        Ok(u64::try_from(read)?)
    }

    /// What it said when it failed. One that says a lot and goes on would wait for us for ever;
    /// the clients here say a line or two.
    fn complaint(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stream) = self.child.stderr.take() {
            // What is no text is no explanation either.
            let _ = stream.read_to_string(&mut text);
        }
        text
    }

    fn ms(&self) -> f64 {
        self.at.elapsed().as_secs_f64() * 1e3
    }

    /// Reads the rest of its output and waits.
    fn finish(mut self) -> Result<(f64, u64)> {
        drop(self.input.take());
        let mut piece = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            match self.output.read(&mut piece)? {
                0 => break,
                read => bytes += u64::try_from(read)?,
            }
        }
        let status = self.child.wait()?;
        if !status.success() {
            bail!("it ended with {status}: {}", self.complaint());
        }
        Ok((self.ms(), bytes))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(argv: &[String]) -> Result<Ran> {
    let mut started = Started::new(argv)?;
    drop(started.input.take());
    let first = started.wait_for_output()?;
    let first_ms = started.ms();
    let (total_ms, rest) = started.finish()?;
    Ok(Ran {
        first_ms,
        total_ms,
        bytes: first + rest,
    })
}

fn push(argv: &[String], data: Data, bytes: u64) -> Result<f64> {
    let block = data.block();
    let mut started = Started::new(argv)?;
    started.wait_for_output()?;
    let before = started.ms();
    let mut input = started.input.take().context("no input")?;
    let mut left = bytes;
    'sending: loop {
        for piece in block.chunks(PIECE) {
            let length = u64::try_from(piece.len())?.min(left);
            let piece = piece.get(..usize::try_from(length)?).unwrap_or_default();
            if let Err(error) = input.write_all(piece) {
                bail!("{error} with {left} bytes left: {}", started.complaint());
            }
            left -= length;
            if left == 0 {
                break 'sending;
            }
        }
    }
    drop(input);
    Ok(started.finish()?.0 - before)
}

fn echo(argv: &[String], rounds: u32) -> Result<Vec<f64>> {
    let mut started = Started::new(argv)?;
    let mut input = started.input.take().context("no input")?;
    let mut byte = [0];
    let mut round = || -> Result<f64> {
        let at = Instant::now();
        input.write_all(b"x")?;
        started.output.read_exact(&mut byte)?;
        Ok(at.elapsed().as_secs_f64() * 1e6)
    };
    // The first ones pay for the set-up.
    for _ in 0..20 {
        round()?;
    }
    (0..rounds).map(|_| round()).collect()
}
