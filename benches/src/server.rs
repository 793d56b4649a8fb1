//! A log server in a separate process.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use countersign::hash::Hash;

use crate::submissions;

/// A reader's token, for logs in temporary folders.
pub(crate) const TOKEN: &str = "csr_bench";
/// The interval between health checks of a starting server.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_millis(1);
/// The time within which a server must start.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A running `countersign serve`. It is killed when dropped, since everything it acknowledged is durable.
pub(crate) struct Server {
    child: Child,
    /// The server's URL: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Server {
    /// Starts the server on a log in `folder`, which is created if missing, and waits until it listens.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self> {
        Self::start_with(program, folder, |_| Ok(()))
    }

    /// Starts the server, for which `add_readers` writes further readers.
    pub(crate) fn start_with(
        program: &Path,
        folder: &Path,
        add_readers: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Self> {
        prepare(folder, add_readers)?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut stderr = BufReader::new(child.stderr.take().context("standard error is not piped")?);
        let mut printed = String::new();
        let url = loop {
            let start = printed.len();
            if stderr.read_line(&mut printed)? == 0 {
                bail!("the server ended: {printed}");
            }
            if let Some((_, address)) = printed[start..].split_once("http://") {
                break format!("http://{}", address.trim());
            }
        };
        // Drain the rest of its output, so that it never blocks on a full pipe.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok(Self { child, url })
    }

    /// Starts the server, and returns the time until the first healthy response.
    pub(crate) fn time_to_start(program: &Path, folder: &Path) -> Result<Duration> {
        let start = Instant::now();
        let server = Self::start(program, folder)?;
        let health = format!("{}/healthz", server.url);
        while ureq::get(&health).call().is_err() {
            ensure!(start.elapsed() < START_TIMEOUT, "the server did not become healthy within 2 minutes");
            thread::sleep(HEALTH_CHECK_INTERVAL);
        }
        Ok(start.elapsed())
    }

    /// Returns the server's current memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("memory can only be measured on Linux")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may already have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the server's files: its key, its emitters, and a reader.
fn prepare(folder: &Path, add_readers: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut reader = String::new();
    for byte in Hash::digest(&[TOKEN.as_bytes()]).0 {
        write!(reader, "{byte:02x}")?;
    }
    reader.push_str(" read bench\n");
    let mut readers = reader.into_bytes();
    add_readers(&mut readers)?;
    let files = [
        ("log.key", format!("{}\n", *submissions::log()?.encode()).into_bytes()),
        ("trust.txt", submissions::trust()?.to_text()),
        ("readers.txt", readers),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&text)?;
    }
    Ok(())
}
