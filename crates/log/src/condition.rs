//! The condition of a log: problems that the log operator has to know about, and further figures.

use countersign::time::Time;
use serde_json::Value;
use strum::IntoStaticStr;

use crate::part::Part;
use crate::store::ErasureReader;
use crate::tenants::counts::TenantCounts;
use crate::tenants::stops::{TenantStop, TenantStops};

/// The condition of erasures.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErasureCondition {
    /// The number of recorded erasures that aren't done; `None` if unknown.
    pub(crate) unfinished: Option<usize>,
    /// True if a recorded erasure can't be carried out.
    pub(crate) failing: bool,
}

impl ErasureCondition {
    /// Creates the condition from the number of recorded erasures that aren't done, if it is known.
    pub const fn new(unfinished: Option<usize>, failing: bool) -> Self {
        Self { unfinished, failing }
    }

    /// Reads the condition from a store.
    pub fn read(reader: &dyn ErasureReader, failing: bool) -> Self {
        Self { unfinished: reader.unfinished_erasures().ok().map(|records| records.len()), failing }
    }
}

/// The minimum of free bytes: with less, the disk counts as full before a commit fails.
pub const MIN_FREE_BYTES: u64 = 64 << 20;

/// The space where the log is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free bytes.
    pub free: u64,
    /// Bytes in total.
    pub total: u64,
}

impl Room {
    /// True if less than [`MIN_FREE_BYTES`] is free, which `/healthz` reports. The log still accepts
    /// submissions.
    pub fn is_full(self) -> bool {
        self.free < MIN_FREE_BYTES
    }
}

/// The kind of storage of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// A separate folder.
    Folder,
    /// A bucket, with an index of it in a folder.
    Bucket,
    /// Storage that the platform manages.
    #[default]
    Object,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        self.into()
    }
}

/// The condition of the log's storage.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storage {
    /// The kind of storage.
    pub kind: Kind,
    /// The part because of which the newest commit failed, if it did.
    pub failing: Option<Part>,
    /// The space; `None` if it can't be determined.
    pub room: Option<Room>,
}

/// The condition of a log's journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalCondition {
    /// The size of the log at which the journal begins; `None` until it was reached once.
    pub begin: Option<u64>,
    /// The number of entries that it lacks; in a root log, these are ticks.
    pub behind: u64,
    /// True if it can't be written.
    pub is_failing: bool,
    /// True if submissions wait for it; false if they are answered without it.
    pub delays_answers: bool,
}

/// The state of the log server's recurring check of the whole log.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The duration of one pass over the whole log, in seconds.
    pub within: u64,
    /// The progress of the current check, in percent.
    pub percent: u64,
    /// The time at which the newest check ended, and the number of problems it found.
    pub newest: Option<(Time, u64)>,
}

/// The search index.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// The number of indexed entries; the others are examined one by one.
    pub indexed: u64,
    /// True if no part of it is known to have a problem.
    pub whole: bool,
}

/// The condition of a root log's tenant logs.
#[derive(Clone, Debug, Default)]
pub struct TenantCondition {
    /// The numbers of tenant logs.
    pub counts: TenantCounts,
    /// The stopped tenant logs.
    pub stopped: Vec<TenantStop>,
}

impl From<&TenantStops> for TenantCondition {
    fn from(stops: &TenantStops) -> Self {
        Self { counts: stops.counts(), stopped: stops.all() }
    }
}

/// Everything that `/healthz` reports except the clock and the newest checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// True if the log server is shutting down and accepts nothing more.
    pub stopping: bool,
    /// The condition of erasures.
    pub erasing: ErasureCondition,
    /// The condition of the log's storage.
    pub storage: Storage,
    /// The condition of the journal, if the log has one.
    pub journal: Option<JournalCondition>,
    /// The first problem that a check of the whole log found: code, place, message, and hint.
    pub damaged: Option<[String; 4]>,
    /// The control files that can't be used.
    pub control_files: Vec<Value>,
    /// The log's check of itself, if it runs one.
    pub check: Option<Check>,
    /// The search index, if there is one.
    pub index: Option<Index>,
    /// The time of the newest known backup, and its number of entries.
    pub backup: Option<(Time, u64)>,
    /// The condition of the tenant logs, if it is a root log.
    pub tenants: Option<TenantCondition>,
}
