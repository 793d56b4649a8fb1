//! The file in a log's folder with the newest time that the log believed, or that its operator confirmed.
//!
//! ```text
//! 2026-11-30T11:00:00.000Z believed
//! ```
//!
//! The second word is `believed`, `jumped`, or `confirmed`. A server writes the file about every hour, when the state of its
//! clock changes, and when it stops. `countersign clock --confirm` writes `confirmed`, with the time of the machine's clock;
//! a running server reads that within seconds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::time::Time;
use countersign_files::replace;
use countersign_log::clock::{Doubt, Timekeeper, newest_stored_time};
use countersign_log::store::{Reader, StoreError};

use crate::sqlite;

/// The file's name within the log's folder.
pub const FILE: &str = "clock.txt";
/// The interval at which a running server reads the file.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which it writes the file.
const WRITE_INTERVAL: Duration = Duration::from_hours(1);
/// The maximum length of the file's text. A longer one can't be this file.
const MAX_FILE_BYTES: u64 = 256;

/// The source of a time in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// The log believed the machine's clock.
    Believed,
    /// The log didn't believe the machine's clock, which had jumped, and continued with the elapsed time.
    Jumped,
    /// The operator confirmed the machine's clock.
    Confirmed,
}

impl Statement {
    const ALL: [Self; 3] = [Self::Believed, Self::Jumped, Self::Confirmed];

    /// Returns its word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Believed => "believed",
            Self::Jumped => "jumped",
            Self::Confirmed => "confirmed",
        }
    }
}

/// The newest time that a log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTime {
    /// The time.
    pub time: Time,
    /// The file's statement about it; `None` if it is the newest time that the stored log shows.
    pub statement: Option<Statement>,
}

impl KnownTime {
    fn parse(text: &str) -> Option<Self> {
        let (time, word) = text.trim_end().split_once(' ')?;
        let statement = Statement::ALL.into_iter().find(|statement| statement.word() == word)?;
        Some(Self { time: Time::parse(time.as_bytes())?, statement: Some(statement) })
    }

    /// Returns the newest time that the log in a folder knows: the one in the file, or else the newest one that the
    /// stored log shows. `None` if the log is new. A server may be running.
    ///
    /// # Errors
    /// If the file or the store can't be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let stated = read(&folder.join(FILE))
            .map_err(|error| StoreError::unavailable("reading the newest known time", error))?;
        if let Some(known) = stated.as_deref().and_then(Self::parse) {
            return Ok(Some(known));
        }
        let Some(log) = sqlite::identify(folder)? else { return Ok(None) };
        let time = if log.has_tenants {
            newest_stored_time(&*sqlite::open_tenant_readers(folder)?.1.root(), true)?
        } else {
            newest_stored_time(&*sqlite::open_reader(folder)?.1, false)?
        };
        Ok(time.map(|time| Self { time, statement: None }))
    }
}

/// Confirms, for the log in a folder, that the machine's clock, which shows `now`, is right.
///
/// # Errors
/// If the file can't be written.
pub fn confirm(folder: &Path, now: Time) -> io::Result<()> {
    write(&folder.join(FILE), now, Statement::Confirmed).map(drop)
}

fn read(file: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() > MAX_FILE_BYTES => Ok(Some(String::new())),
        Ok(_) => Ok(Some(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, time: Time, statement: Statement) -> io::Result<String> {
    let text = format!("{time} {}\n", statement.word());
    replace(file, text.as_bytes())?;
    Ok(text)
}

/// Keeps the file of a running server, and obeys what the operator writes there.
pub(crate) struct ClockKeeper {
    file: PathBuf,
    timekeeper: Arc<Timekeeper>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The text of the file when it was last read or written.
    text: Option<String>,
    /// The last statement written, and the monotonic time of that.
    written: Option<(Statement, Duration)>,
    is_failing: bool,
}

impl ClockKeeper {
    /// Starts a clock from the newest time in the folder's file. Without such a time, call [`start_from`](Self::start_from).
    pub(crate) fn open(folder: &Path, timekeeper: Arc<Timekeeper>) -> Self {
        let file = folder.join(FILE);
        let text = read(&file).unwrap_or_else(|error| {
            tracing::error!(%error, file = %file.display(), "the newest known time can't be read");
            None
        });
        match text.as_deref().map(KnownTime::parse) {
            Some(Some(known)) => timekeeper.start_from(known.time),
            Some(None) => {
                tracing::error!(file = %file.display(), "the file doesn't contain a time, and is ignored");
            }
            None => {}
        }
        Self { file, timekeeper, state: Mutex::new(State { text, ..State::default() }) }
    }

    /// Starts the clock from the newest time that the log shows, unless the file had one.
    pub(crate) fn start_from(&self, reader: &dyn Reader, is_root_log: bool) -> Result<(), StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.text.as_deref().is_none_or(|text| KnownTime::parse(text).is_none())
            && let Some(known) = newest_stored_time(reader, is_root_log)?
        {
            self.timekeeper.start_from(known);
        }
        Ok(())
    }

    /// Obeys what the operator wrote, and writes the file if it is due, or if it is the `last` time.
    fn poll(&self, last: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(text)) = read(&self.file)
            && state.text.as_ref() != Some(&text)
        {
            match KnownTime::parse(&text) {
                Some(KnownTime { time, statement: Some(Statement::Confirmed) }) => {
                    self.timekeeper.confirm(time);
                }
                _ => {
                    tracing::warn!(file = %self.file.display(), "another program changed the newest known time");
                }
            }
            state.text = Some(text);
        }
        let statement = match self.timekeeper.doubt() {
            None => Statement::Believed,
            Some(Doubt::Jumped) => Statement::Jumped,
            Some(Doubt::Implausible) => return,
        };
        let steady = self.timekeeper.steady();
        let is_due = state
            .written
            .is_none_or(|(written, at)| written != statement || steady.saturating_sub(at) >= WRITE_INTERVAL);
        if !(is_due || last) {
            return;
        }
        match write(&self.file, self.timekeeper.now(), statement) {
            Ok(text) => {
                state.text = Some(text);
                state.written = Some((statement, steady));
                state.is_failing = false;
            }
            Err(error) if !state.is_failing => {
                tracing::error!(%error, file = %self.file.display(), "the newest known time can't be written");
                state.is_failing = true;
            }
            Err(_) => {}
        }
    }

    /// Runs until it is aborted.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let this = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || this.poll(false)).await;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Writes the file for the last time.
    pub(crate) async fn stop(self: Arc<Self>) {
        let _ = tokio::task::spawn_blocking(move || self.poll(true)).await;
    }
}
