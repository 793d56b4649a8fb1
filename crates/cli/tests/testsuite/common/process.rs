//! Runs `countersign serve` as a process.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign::note::SignerKey;
use countersign::trust::Trust;
use tempfile::TempDir;

use crate::common::emitter::Emitter;

pub const ORIGIN: &str = "log.example/audit";

/// The time after which a test fails.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// A log's folder, its keys and its trust file.
pub struct Place {
    pub folder: TempDir,
    pub trust: Trust,
}

pub fn emitter_key(number: u8) -> SignerKey {
    SignerKey::from_seed(&format!("example.com/e{number}"), [100 + number; 32]).unwrap()
}

/// Returns an emitter whose links are dated from the first call on: the servers and witnesses use the machine's
/// clock, and reject links that are a day old.
pub fn emitter(number: u8, trust: Trust) -> Emitter {
    static BEGIN: LazyLock<i64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(since.as_millis()).unwrap()
    });
    Emitter::beginning_at(*BEGIN, ORIGIN, emitter_key(number), 0, trust)
}

pub fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

/// Returns the program with these arguments, without environment variables that change its output.
pub fn program(args: &[&OsStr]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
    command.args(args).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").env_remove("RUST_LOG");
    command
}

/// Runs the program to its end.
pub fn run<S: AsRef<OsStr>>(args: &[S]) -> Output {
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    program(&args).stdin(Stdio::null()).output().unwrap()
}

impl Place {
    pub fn new(emitters: u8) -> Self {
        Self::with(emitters, "")
    }

    /// Creates a place with additional lines in the trust file.
    pub fn with(emitters: u8, more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let keys: String = (0..emitters)
            .map(|number| format!("emitter {}\n", emitter_key(number).verifier_key()))
            .collect::<Vec<_>>()
            .concat();
        let trust = format!("log {}\n{keys}{more}", log_key().verifier_key());
        std::fs::write(folder.path().join("trust.txt"), &trust).unwrap();
        std::fs::write(folder.path().join("log.key"), format!("{}\n", *log_key().encode())).unwrap();
        let trust = Trust::parse(trust.as_bytes()).unwrap();
        Self { folder, trust }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn trust_file(&self) -> PathBuf {
        self.path("trust.txt")
    }

    pub fn emitter(&self, number: u8) -> Emitter {
        emitter(number, self.trust.clone())
    }

    pub fn spawn(&self) -> Child {
        spawn(self.folder.path())
    }

    /// Starts a server, and waits until it listens.
    pub fn serve(&self) -> Process {
        Process::listening(self.spawn())
    }
}

/// Returns a server of the folder on any port, with file size errors instead of a signal.
pub fn spawn(folder: &Path) -> Child {
    spawn_with(folder, &[])
}

/// Returns such a server with additional arguments.
pub fn spawn_with(folder: &Path, more: &[&str]) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("countersign"))
        .args(["serve", "--listen", "127.0.0.1:0", "--dir"])
        .arg(folder)
        .args(more)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A listening server.
pub struct Process {
    pub child: Child,
    pub url: String,
    /// The lines up to the one with the address.
    pub heard: Vec<String>,
    said: mpsc::Receiver<String>,
}

impl Process {
    /// Waits until the server listens.
    pub fn listening(mut child: Child) -> Self {
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (say, said) = mpsc::channel();
        // Reads everything, so that the server never blocks.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = say.send(line)));
        let mut heard = Vec::new();
        let url = loop {
            let line =
                said.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("it does not listen: {heard:?}"));
            heard.push(line);
            if let Some((_, url)) = heard.last().and_then(|line| line.split_once("listens on ")) {
                // In a JSON string, it ends with a quotation mark.
                break url.split('"').next().unwrap().trim().to_owned();
            }
        };
        Self { child, url, heard, said }
    }

    /// Sends SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub fn request_stop(&self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
    }

    /// Sends SIGTERM. Returns the output.
    pub fn stop(mut self) -> String {
        self.request_stop();
        assert!(self.child.wait().unwrap().success());
        self.said.iter().collect::<Vec<_>>().join("\n")
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
        let response = client.get(format!("{}{path}", self.url)).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
