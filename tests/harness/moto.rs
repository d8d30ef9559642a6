//! moto, an S3 implementation from PyPI: installed once for each list of requirements and each Python, into
//! cargo's build directory, and run on loopback.
//!
//! Uses nothing but the standard library: tests of other crates include this file.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Debian's own, which test hosts have too.
const PYTHON: &str = "/usr/bin/python3";

/// The program, installed below cargo's build directory when it is not there yet.
///
/// # Errors
/// When Python or its package index cannot be used.
pub fn program() -> io::Result<PathBuf> {
    // Tests run as `target/debug/deps/name`, programs as `target/debug/name`; and every crate that includes this is a
    // folder of the source tree.
    let own = std::env::current_exe()?;
    let mut folders = own
        .ancestors()
        .skip(1)
        .filter(|folder| !folder.ends_with("deps"));
    let target = folders.nth(1).ok_or(io::ErrorKind::NotFound)?;
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/moto/requirements.txt");
    let folder = target.join("moto");
    let venv = folder.join("venv");
    // A virtual environment works where it was made, with the Python that made it.
    let wanted = format!(
        "{} of {}\n{}",
        venv.display(),
        fs::canonicalize(PYTHON)?.display(),
        fs::read_to_string(&requirements)?
    );
    fs::create_dir_all(&folder)?;
    // Tests run side by side, also those of several crates.
    let lock = File::create(folder.join("install.lock"))?;
    lock.lock()?;
    let program = venv.join("bin/moto_server");
    // Written last, so its presence says that the installation was finished.
    let finished = folder.join("installed.txt");
    if fs::read_to_string(&finished).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    let log = File::create(folder.join("pip.log"))?;
    let run = |command: &mut Command| -> io::Result<()> {
        let done = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .status()?;
        if done.success() {
            return Ok(());
        }
        let log = folder.join("pip.log");
        Err(io::Error::other(format!(
            "moto cannot be installed; see `{}`",
            log.display()
        )))
    };
    run(Command::new(PYTHON)
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args([
            "install",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-deps",
        ])
        .args(["--disable-pip-version-check", "--quiet", "--requirement"])
        .arg(&requirements))?;
    fs::write(&finished, wanted)?;
    Ok(program)
}

/// Runs a program until its own input ends, as it does when whoever started it is gone, killed or not.
const UNTIL_ALONE: &str =
    r#"exec 3<&0; "$@" & child=$!; { read -r _ <&3; kill $child; } 2>/dev/null & wait $child"#;

/// A running moto. It ends, and forgets what was in it, when this is dropped or with this process.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    /// Closing it is the order to end.
    life: Option<ChildStdin>,
    address: SocketAddr,
}

impl Moto {
    /// Starts it with an empty bucket on a free port of loopback.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(bucket: &str) -> io::Result<Self> {
        Self::start_at(0, bucket)
    }

    /// Starts it with an empty bucket on this port of loopback.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_at(port: u16, bucket: &str) -> io::Result<Self> {
        let mut process = Command::new("sh")
            .args(["-c", UNTIL_ALONE, "sh"])
            .arg(program()?)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = process.stderr.take().map(BufReader::new);
        let mut said = said.ok_or_else(|| io::Error::other("moto has no standard error"))?;
        let mut line = String::new();
        let port = loop {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                return Err(io::Error::other("moto ended before it listened"));
            }
            if let Some(port) = port_in(&line) {
                break port;
            }
        };
        // Nobody reads what it says of each request, and it must not wait for somebody who would.
        std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let life = process.stdin.take();
        let moto = Self {
            process,
            life,
            address,
        };
        moto.make_bucket(bucket)?;
        Ok(moto)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn make_bucket(&self, name: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "PUT /{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") {
            Ok(())
        } else {
            Err(io::Error::other(format!("moto made no bucket: {answer}")))
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.life.take());
        // One that is gone already is what is wanted.
        let _ = self.process.wait();
    }
}

/// The port in ` * Running on http://127.0.0.1:5000`.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
