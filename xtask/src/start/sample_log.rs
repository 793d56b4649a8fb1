//! A log to try: made once, gone on with at the next start.

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
use crate::run::Log;
use crate::running::{Running, Stop};
use crate::tools::Tools;

const ORIGIN: &str = "log.example/sample";
const EMITTER: &str = "example.com/scheduler";
/// Who grants the keys of the dashboard's pages.
const ISSUER: &str = "dashboard.example";
/// What the dashboard's server signs with.
const SERVER: &str = "dashboard.example/server";
/// Who signs the watchlist.
const WATCH: &str = "watch.example";
/// The trust file, of the log and of its reader alike.
const TRUST: &str = "trust.txt";
/// So many events are there at once, for something to look at.
const FIRST: u64 = 40;

/// The log, and those who write to it and read it.
pub(crate) struct SampleLog {
    program: PathBuf,
    folder: PathBuf,
    is_new: bool,
    pub(crate) reader: Reader,
}

impl SampleLog {
    /// The one in that folder; another where there is none, or a fresh one is asked for.
    pub(crate) fn open(program: PathBuf, folder: PathBuf, fresh: bool) -> Result<SampleLog> {
        let reader = Reader { trust: folder.join(TRUST), token: folder.join("reader.token") };
        let mut sample = SampleLog { program, folder, is_new: false, reader };
        // The trust file is written last: with it, all is there, but for what an older sample did not have.
        let keys = [sample.issuer_key(), sample.server_key(), sample.watch().join("vkey")];
        sample.is_new = fresh || !sample.reader.trust.is_file() || !keys.iter().all(|key| key.is_file());
        sample.is_free()?;
        if sample.is_new {
            sample.make().context("cannot begin a sample log")?;
        }
        Ok(sample)
    }

    /// The program that it is served with.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The log's folder.
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn emitter(&self) -> PathBuf {
        self.folder.join("emitter")
    }

    /// The secret key of who may grant keys.
    pub(crate) fn issuer_key(&self) -> PathBuf {
        self.folder.join("issuer.key")
    }

    /// The secret key of the dashboard's server.
    pub(crate) fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// The folder of who watches the log.
    pub(crate) fn watch(&self) -> PathBuf {
        Self::watch_in(&self.folder)
    }

    /// That folder of a sample log in `folder`.
    pub(crate) fn watch_in(folder: &Path) -> PathBuf {
        folder.join("watch")
    }

    /// Fails while a server has the log.
    fn is_free(&self) -> Result<()> {
        let Ok(lock) = fs::File::open(self.log().join("lock")) else { return Ok(()) };
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => bail!("the sample log runs already: stop that one first"),
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
        log.await_answer("/healthz").context("a new one is begun with --fresh")?;
        let mut record = Command::new(&self.program);
        record.args(["record", "--follow", "-", "--give-up", "5s", "--to", &log.url()]);
        record.arg("--key").arg(self.emitter().join("emitter.key"));
        record.arg("--trust").arg(&self.reader.trust).arg("--outbox").arg(self.emitter().join("outbox"));
        let emitter =
            Emitter::start(&mut record, tools.log("emitter")?, if self.is_new { FIRST } else { 0 })?;
        Ok(Started { emitter, log })
    }
}

/// The log and its emitter, which is stopped first.
pub(crate) struct Started {
    emitter: Emitter,
    pub(crate) log: Service,
}

impl Started {
    /// Fails when the log ended, or the emitter.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.log.check()?;
        match self.emitter.running.ended()? {
            None => Ok(()),
            Some((status, end)) => bail!("the sample emitter ended with {status}\n{end}"),
        }
    }
}

/// A program that records events as they come.
struct Emitter {
    running: Running,
    stop: Stop,
    feeding: Option<JoinHandle<()>>,
}

impl Emitter {
    fn start(command: &mut Command, log: Log, at_once: u64) -> Result<Emitter> {
        let mut running = Running::start_fed(command, log)?;
        let mut input = running.stdin().context("the emitter has no input")?;
        let stop = Stop::default();
        let feeding = thread::spawn({
            let stop = stop.clone();
            move || {
                let start = now();
                for (sent, number) in (start..).enumerate() {
                    // An emitter that has ended is seen by who looks after it.
                    if stop.is_asked() || input.write_all(events::event(number).as_bytes()).is_err() {
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
        self.stop.ask();
        if let Some(feeding) = self.feeding.take() {
            let _ = feeding.join();
        }
        // At the end of its input it closes its chain and delivers the rest.
        self.running.ends();
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}
