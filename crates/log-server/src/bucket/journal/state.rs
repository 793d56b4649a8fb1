//! The state of a journal, which health report and metrics show.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_log::condition::JournalCondition;

/// The behavior while the journal can't be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalMode {
    /// Submissions wait for the journal, and then fail.
    #[default]
    Wait,
    /// Submissions are answered. The journal catches up from the database once it can be written.
    Answer,
}

impl JournalMode {
    /// Returns the longest wait for one request.
    pub(super) const fn timeout(self) -> Duration {
        match self {
            Self::Wait => Duration::from_secs(10),
            Self::Answer => Duration::from_secs(2),
        }
    }

    /// Returns the time until the journal is tried again, after this many failures in a row.
    pub(super) fn pause(self, failures: u32) -> Duration {
        let first = Duration::from_millis(100);
        let max = match self {
            Self::Wait => Duration::from_secs(1),
            Self::Answer => Duration::from_secs(30),
        };
        (first * 2_u32.pow(failures.min(10))).min(max)
    }
}

impl fmt::Display for JournalMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "wait",
            Self::Answer => "answer",
        })
    }
}

impl std::str::FromStr for JournalMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Wait, Self::Answer]
            .into_iter()
            .find(|mode| mode.to_string() == text)
            .ok_or_else(|| "must be wait or answer".to_owned())
    }
}

/// The state of a journal.
#[derive(Debug)]
pub struct JournalState {
    mode: JournalMode,
    begin: AtomicU64,
    behind: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl JournalState {
    pub(super) fn new(mode: JournalMode) -> Self {
        let failure = Mutex::new(Some("it has not been compared with the log yet".to_owned()));
        Self { mode, begin: AtomicU64::new(u64::MAX), behind: AtomicU64::new(0), failure }
    }

    pub(super) fn begins_at(&self, size: u64) {
        self.begin.store(size, Ordering::Relaxed);
    }

    pub(super) fn update(&self, behind: u64, failure: Option<String>) {
        self.behind.store(behind, Ordering::Relaxed);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Returns the size of the log at which the journal begins; `None` until it was reached once.
    pub fn begin(&self) -> Option<u64> {
        Some(self.begin.load(Ordering::Relaxed)).filter(|begin| *begin != u64::MAX)
    }

    /// Returns the condition for health report and metrics.
    pub fn condition(&self) -> JournalCondition {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        JournalCondition {
            begin: self.begin(),
            behind: self.behind.load(Ordering::Relaxed),
            is_failing: failure.is_some(),
            delays_answers: self.mode == JournalMode::Wait,
        }
    }
}
