//! A sample log, created once and continued at the next start.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::events;
use super::keys::{self, Keys, Reader};
use super::ports::Ports;
use super::service::Service;
use crate::background::{BackgroundProgram, StopSignal};
use crate::run::Log;
use crate::tools::Tools;

const ORIGIN: &str = "log.example/sample";
const EMITTER: &str = "example.com/scheduler";
/// The issuer of keys for the dashboard's pages.
const ISSUER: &str = "dashboard.example";
/// The emitter of the dashboard's server.
const SERVER: &str = "dashboard.example/server";
/// The signer of the watchlist.
const WATCH: &str = "watch.example";
/// The name of the trust file, which the log and its reader share.
const TRUST: &str = "trust.txt";
/// The number of events that are submitted at the start.
const INITIAL_EVENTS: u64 = 40;

/// The sample log, with the keys and configuration of its emitters and reader.
pub(crate) struct SampleLog {
    program: PathBuf,
    folder: PathBuf,
    is_new: bool,
    pub(crate) reader: Reader,
}

impl SampleLog {
    /// Opens the sample log in a folder. Creates a new one if there is none or `fresh` is set.
    pub(crate) fn open(program: PathBuf, folder: PathBuf, fresh: bool) -> Result<SampleLog> {
        let reader = Reader { trust: folder.join(TRUST), token: folder.join("reader.token") };
        let mut sample = SampleLog { program, folder, is_new: false, reader };
        // The trust file is written last, so the sample is complete if it exists, except for files that
        // older versions lack.
        let keys = [sample.issuer_key(), sample.server_key(), sample.watch().join("vkey")];
        sample.is_new = fresh || !sample.reader.trust.is_file() || !keys.iter().all(|key| key.is_file());
        sample.is_free()?;
        if sample.is_new {
            sample.make().context("cannot create a sample log")?;
        }
        Ok(sample)
    }

    /// Returns the program that serves the log.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the log's folder.
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn emitter(&self) -> PathBuf {
        self.folder.join("emitter")
    }

    /// Returns the path of the issuer's private key.
    pub(crate) fn issuer_key(&self) -> PathBuf {
        self.folder.join("issuer.key")
    }

    /// Returns the path of the private key of the dashboard's server.
    pub(crate) fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// Returns the folder of the watcher.
    pub(crate) fn watch(&self) -> PathBuf {
        Self::watch_in(&self.folder)
    }

    /// Returns the folder of the watcher of a sample log in `folder`.
    pub(crate) fn watch_in(folder: &Path) -> PathBuf {
        folder.join("watch")
    }

    /// Returns an error while a server is using the log.
    fn is_free(&self) -> Result<()> {
        let Ok(lock) = fs::File::open(self.log().join("lock")) else { return Ok(()) };
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => bail!("the sample log is already running: stop it first"),
            _ => Ok(()),
        }
    }

    fn make(&self) -> Result<()> {
        let files = [&self.reader.trust, &self.reader.token, &self.issuer_key(), &self.server_key()];
        for file in files.iter().filter(|file| file.exists()) {
            fs::remove_file(file)?;
        }
        fs::create_dir_all(&self.folder)?;
        keys::make_private(&self.log())?;
        keys::make_private(&self.emitter())?;
        keys::make_private(&self.watch())?;
        let keys = Keys { program: self.program.clone() };
        let log = keys.make(ORIGIN, &self.log().join("log.key"))?;
        let emitter = keys.make(EMITTER, &self.emitter().join("emitter.key"))?;
        let issuer = keys.make(ISSUER, &self.issuer_key())?;
        let server = keys.make(SERVER, &self.server_key())?;
        fs::write(self.watch().join("vkey"), keys.make(WATCH, &self.watch().join("watch.key"))?)?;
        let trusted = format!("log {log}\nemitter {emitter}\nemitter {server}\nissuer {issuer}\n");
        fs::write(self.log().join(TRUST), format!("# Who may write to this log.\n{trusted}"))?;
        keys.make_token(&self.log(), &self.reader.token)?;
        self.reader.write_trust(&trusted)
    }

    /// Starts the log and a sample emitter. The dashboard's page may write to it.
    pub(crate) fn start(&self, tools: &Tools, ports: &Ports) -> Result<Started> {
        let mut serve = Command::new(&self.program);
        serve.args(["serve", "--listen", &format!("127.0.0.1:{}", ports.log), "--dir"]).arg(self.log());
        serve.args(["--cors", &format!("http://127.0.0.1:{}", ports.dashboard)]);
        let mut log = Service::start("the sample log", &mut serve, ports.log, tools.log("log")?)?;
        log.await_answer("/healthz")
            .context("the sample log does not start: create a new one with --fresh")?;
        let mut record = Command::new(&self.program);
        record.args(["record", "--follow", "-", "--give-up", "5s", "--to", &log.url()]);
        record.arg("--key").arg(self.emitter().join("emitter.key"));
        record.arg("--trust").arg(&self.reader.trust).arg("--outbox").arg(self.emitter().join("outbox"));
        let emitter =
            Emitter::start(&mut record, tools.log("emitter")?, if self.is_new { INITIAL_EVENTS } else { 0 })?;
        Ok(Started { emitter, log })
    }
}

/// The running log and its emitter, which is stopped first.
pub(crate) struct Started {
    emitter: Emitter,
    pub(crate) log: Service,
}

impl Started {
    /// Returns an error if the log or the emitter has exited.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.log.check()?;
        match self.emitter.running.ended()? {
            None => Ok(()),
            Some((status, end)) => bail!("the sample emitter ended with {status}\n{end}"),
        }
    }
}

/// A program that records events from its standard input.
struct Emitter {
    running: BackgroundProgram,
    stop: StopSignal,
    feeding: Option<JoinHandle<()>>,
}

impl Emitter {
    fn start(command: &mut Command, log: Log, at_once: u64) -> Result<Emitter> {
        let mut running = BackgroundProgram::start_piped(command, log)?;
        let mut input = running.stdin().context("the emitter's standard input is not piped")?;
        let stop = StopSignal::default();
        let feeding = thread::spawn({
            let stop = stop.clone();
            move || {
                let start = now();
                for (sent, number) in (start..).enumerate() {
                    // The caller of `check` notices if the emitter has exited.
                    if stop.is_requested() || input.write_all(events::event(number).as_bytes()).is_err() {
                        break;
                    }
                    if sent as u64 + 1 >= at_once {
                        stop.sleep(Duration::from_millis(400 + number.wrapping_mul(7_919) % 1_200));
                    }
                }
            }
        });
        Ok(Emitter { running, stop, feeding: Some(feeding) })
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(feeding) = self.feeding.take() {
            let _ = feeding.join();
        }
        // At the end of its input, the emitter closes its chain and submits the rest.
        self.running.wait_for_exit();
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}
