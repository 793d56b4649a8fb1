//! The condition of a log: what may be wrong with it, and what its operator can know beside.

use countersign::time::Time;
use serde_json::Value;
use strum::IntoStaticStr;

use crate::store::ErasureReader;

/// The condition of erasures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erasing {
    /// The number of recorded erasures that aren't done; none if unknown.
    pub(crate) unfinished: Option<usize>,
    /// True if one of them can't be carried out.
    pub(crate) failing: bool,
}

impl Erasing {
    /// As a store has them.
    pub fn of(reader: &dyn ErasureReader, failing: bool) -> Self {
        Self { unfinished: reader.unfinished_erasures().ok().map(|records| records.len()), failing }
    }
}

/// With less room than this the disk is full, before a commit finds it so: 64 MiB.
pub const LEAST: u64 = 64 << 20;

/// The space where the log is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free bytes.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

impl Room {
    /// True if less than [`LEAST`] is free, which `/healthz` reports. Nothing is refused because of it.
    pub fn is_full(self) -> bool {
        self.free < LEAST
    }
}

/// In what the log is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// A folder of its own.
    Folder,
    /// A bucket, of which the folder has an index.
    Bucket,
    /// A storage that the platform looks after.
    #[default]
    Object,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        self.into()
    }
}

/// Where the log is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storage {
    /// The kind of storage.
    pub kind: Kind,
    /// The newest commit failed.
    pub failing: bool,
    /// None where that cannot be told.
    pub room: Option<Room>,
}

/// The log's check of itself.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// In how many seconds it reads everything.
    pub within: u64,
    /// The progress of the current check, in percent.
    pub percent: u64,
    /// When the newest one ended, and how many problems it found.
    pub newest: Option<(Time, u64)>,
}

/// The search index.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// The number of indexed leaves; the others are examined one by one.
    pub indexed: u64,
    /// True if no part of it is known to be damaged.
    pub whole: bool,
}

/// What else may be wrong, and what is known beside.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// The log takes nothing more, for it ends.
    pub stopping: bool,
    /// The condition of erasures.
    pub erasing: Erasing,
    /// Where the log is stored.
    pub storage: Storage,
    /// The first problem that a check of the whole log found: code, place, message, and hint.
    pub damaged: Option<[String; 4]>,
    /// The control files that can't be used.
    pub control_files: Vec<Value>,
    /// The log's check of itself, where it checks itself.
    pub check: Option<Check>,
    /// The search index, where there is one.
    pub index: Option<Index>,
    /// When the newest backup was made that is known of, and of how many leaves.
    pub backup: Option<(Time, u64)>,
}
