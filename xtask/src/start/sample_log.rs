//! A log to try: made once, gone on with at the next start.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::events;
use crate::run::{self, Log};
use crate::running::{Running, Stop, piped};
use crate::serve;
use crate::tools::Tools;

const ORIGIN: &str = "log.example/sample";
const EMITTER: &str = "example.com/dashboard";
/// The trust file, of the log and of its reader alike.
const TRUST: &str = "trust.txt";
/// So many events are there at once, for something to look at.
const FIRST: u64 = 40;
/// How long the log may take to answer for the first time.
const PATIENCE: Duration = Duration::from_mins(1);

/// The log, and those who write to it and read it.
pub(crate) struct SampleLog {
    program: PathBuf,
    folder: PathBuf,
    is_new: bool,
}

impl SampleLog {
    /// The one in that folder; another where there is none, or a fresh one is asked for.
    pub(crate) fn open(program: PathBuf, folder: PathBuf, fresh: bool) -> Result<SampleLog> {
        // Written last: with it, all is there.
        let is_new = fresh || !folder.join(TRUST).is_file();
        let sample = SampleLog { program, folder, is_new };
        sample.is_free()?;
        if is_new {
            sample.make().context("cannot begin a sample log")?;
        }
        Ok(sample)
    }

    /// The log's folder.
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn emitter(&self) -> PathBuf {
        self.folder.join("emitter")
    }

    /// The trust file for a reader.
    pub(crate) fn trust_file(&self) -> PathBuf {
        self.folder.join(TRUST)
    }

    /// The file with a reader's token.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.join("reader.token")
    }

    /// A reader's token.
    pub(crate) fn token(&self) -> Result<String> {
        Ok(fs::read_to_string(self.token_file())?.trim().to_owned())
    }

    /// The log's verifier key.
    pub(crate) fn vkey(&self) -> Result<String> {
        let trust = fs::read_to_string(self.trust_file())?;
        let key = trust.lines().find_map(|line| line.strip_prefix("log "));
        Ok(key.context("the sample's trust file has no log")?.to_owned())
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
        for file in [self.trust_file(), self.token_file()].iter().filter(|file| file.exists()) {
            fs::remove_file(file)?;
        }
        for folder in [self.log(), self.emitter()].iter().filter(|folder| folder.exists()) {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(&self.folder)?;
        make_private(&self.log())?;
        make_private(&self.emitter())?;
        let log = self.keygen(ORIGIN, &self.log().join("log.key"))?;
        let emitter = self.keygen(EMITTER, &self.emitter().join("emitter.key"))?;
        let keys = format!("log {log}\nemitter {emitter}\n");
        fs::write(self.log().join(TRUST), format!("# Who may write to this log.\n{keys}"))?;
        let mut add = Command::new(&self.program);
        add.args(["token", "add", "sample-reader", "--dir"]).arg(self.log());
        write_secret(&self.token_file(), &run::output(&mut add)?)?;
        let about = "# Whom a reader of the sample log trusts. With real data, get such a file from someone you trust,\n\
                     # by another way than the log.\n";
        Ok(fs::write(self.trust_file(), format!("{about}{keys}"))?)
    }

    /// Makes a key, and gives its public half.
    fn keygen(&self, name: &str, file: &Path) -> Result<String> {
        run::output(Command::new(&self.program).args(["keygen", name, "--out"]).arg(file))
    }

    /// Starts the log and a sample emitter.
    pub(crate) fn start(&self, tools: &Tools, port: u16, page: &Path) -> Result<Started> {
        // Free a moment later too, most likely; where it is not, the log says so and ends.
        let address = serve::listen(port)?.local_addr()?;
        let mut serve = Command::new(&self.program);
        serve.args(["serve", "--listen", &address.to_string(), "--dir"]).arg(self.log());
        serve.arg("--page").arg(page);
        let mut log = Running::start(&mut serve, tools.log("log")?)?;
        await_answer(address, &mut log)?;
        let mut record = Command::new(&self.program);
        record.args(["record", "--follow", "-", "--give-up", "5s", "--to", &format!("http://{address}")]);
        record.arg("--key").arg(self.emitter().join("emitter.key"));
        record.arg("--trust").arg(self.trust_file()).arg("--outbox").arg(self.emitter().join("outbox"));
        let emitter =
            Emitter::start(&mut record, tools.log("emitter")?, if self.is_new { FIRST } else { 0 })?;
        Ok(Started { emitter, log, address })
    }
}

/// The log and its emitter, which is stopped first.
pub(crate) struct Started {
    emitter: Emitter,
    log: Running,
    pub(crate) address: SocketAddr,
}

impl Started {
    /// Fails when the log ended, or the emitter.
    pub(crate) fn check(&mut self) -> Result<()> {
        for (name, running) in [("log", &mut self.log), ("emitter", &mut self.emitter.running)] {
            if let Some((status, end)) = running.ended()? {
                bail!("the sample {name} ended with {status}\n{end}");
            }
        }
        Ok(())
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
        let mut running = Running::start(piped(command), log)?;
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

fn await_answer(address: SocketAddr, log: &mut Running) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some((status, end)) = log.ended()? {
            bail!("the sample log ended with {status}\n{end}\nA new one is begun with --fresh.");
        }
        if is_healthy(address).unwrap_or(false) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("the sample log does not answer at http://{address}/")
}

fn is_healthy(address: SocketAddr) -> Result<bool> {
    use std::io::Read as _;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(start.ends_with(b" 200"))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

/// Makes a folder that its owner alone may look into.
fn make_private(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a new file that its owner alone may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(writeln!(file, "{text}")?)
}
