//! The report of a check.

/// Maximum number of problems to list; further ones are only counted.
const MAX_LISTED: usize = 1_000;

/// A problem found by a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// Its place: an entry, a tile's path, or a file.
    pub place: String,
    /// The human-readable description.
    pub message: String,
    /// Its repair.
    pub repair: Repair,
}

impl Problem {
    /// True if it is a problem of one tenant log.
    pub fn is_of_tenant_log(&self) -> bool {
        self.place.starts_with("t/")
    }
}

/// The repair of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The tiles are computed from the entries.
    Tiles,
    /// The search index is removed; the server rebuilds it.
    Index,
    /// The server completes the erasure.
    Erasure,
    /// A bucket's public objects are written from its commits.
    Public,
    /// Remains of an erasure in a bucket are erased.
    Objects,
    /// The folder's index of a bucket is removed; the server rebuilds it.
    Folder,
    /// The folder has the index of a bucket, from which it can be rebuilt.
    Rebuild,
    /// A bucket's lost or damaged objects are put back from the folder's index.
    Copy,
    /// An object of a bucket can't be read. The log goes on without it.
    Object,
    /// The secret of an anchor is only in servers' folders.
    Anchor,
    /// A server showed more than its bucket has.
    Shown,
    /// Repairable only from the original object, or by a party that still has the entries.
    Commits,
    /// Repairable only from the newest database, or by a party that still has the entries.
    Restore,
    /// Repairable only from the newest database of a root log.
    Database,
    /// Repairable only from a backup or a mirror of the log's tiles.
    Not,
}

impl Repair {
    /// True if `--repair` can repair it.
    pub fn is_possible(self) -> bool {
        matches!(
            self,
            Self::Tiles
                | Self::Index
                | Self::Erasure
                | Self::Public
                | Self::Objects
                | Self::Folder
                | Self::Copy
        )
    }

    /// Returns a human-readable suggested action.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Tiles => "run `countersign fsck --repair` to compute it from the entries",
            Self::Index => "run `countersign fsck --repair` to remove the index; the server rebuilds it",
            Self::Erasure => {
                "run `countersign fsck --repair`; the server completes the erasure at its next start"
            }
            Self::Public => "run `countersign fsck --repair` to write it from the commits",
            Self::Objects => "run `countersign fsck --repair` to erase it",
            Self::Folder => {
                "run `countersign fsck --repair` to remove the folder's index; the server rebuilds it from the bucket"
            }
            Self::Rebuild => {
                "stop the server, and run `countersign fsck --store URL --dir DIR --repair` with the bucket's URL to rebuild the folder's index"
            }
            Self::Copy => {
                "run `countersign fsck` again with --repair to put it back from this folder; a server that uses the folder does so too"
            }
            Self::Object => "put the original object back from an earlier version or a replica of the bucket",
            Self::Anchor => {
                "put the original object back from an earlier version or a replica of the bucket; without it, exports lack this anchor until newer ones replace it"
            }
            Self::Shown => {
                "look for the commits that the bucket lost with `countersign fsck --store URL`; or stop the servers, and run `countersign serve --after-restore --store URL`"
            }
            Self::Commits => {
                "check with --dir if a server's folder has a copy, and start that server; or put the original object back; or stop all servers, and run `countersign serve --after-restore --store URL` to restore entries from other sources"
            }
            Self::Restore => {
                "restore the newest database; or run `countersign serve --after-restore` to restore entries from other sources"
            }
            Self::Database => {
                "stop the server, and restore the newest log.sqlite, or put back signed.txt and heads.bin if they are missing"
            }
            Self::Not => "stop the server and restore an intact backup",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The log's origin.
    pub origin: String,
    /// The number of tenant logs, if it is a root log. The other numbers are then those of all logs.
    pub tenants: Option<u64>,
    /// The number of entries checked.
    pub leaves: u64,
    /// The number of stored events.
    pub events: u64,
    /// The number of erased events.
    pub erased: u64,
    /// The number of recorded erasures that aren't complete yet. They aren't a problem: the server completes them.
    pub unfinished: u64,
    /// The problems.
    pub problems: Vec<Problem>,
    /// The losses that the operator accepted by ending stopped tenant logs: they are no problems anymore.
    pub accepted: Vec<Problem>,
    /// The number of further problems.
    pub more: u64,
}

impl Report {
    /// Replaces the repairs of a log in a folder by those of a bucket's index.
    pub(super) fn for_index(mut self) -> Self {
        for problem in &mut self.problems {
            problem.repair = match problem.repair {
                Repair::Not | Repair::Restore => Repair::Rebuild,
                Repair::Database => Repair::Shown,
                repair => repair,
            };
        }
        self
    }

    /// Adds a problem, or only counts it if the list is full.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
        repair: Repair,
    ) {
        if self.problems.len() < MAX_LISTED {
            self.problems.push(Problem { code, place: place.into(), message: message.into(), repair });
        } else {
            self.more += 1;
        }
    }

    /// Adds a problem, or only counts it if the list is full.
    pub(super) fn push(&mut self, problem: Problem) {
        self.add(problem.code, problem.place, problem.message, problem.repair);
    }

    /// Returns the places of the problems with this code.
    pub(super) fn places_of(&self, code: &str) -> impl Iterator<Item = &String> {
        self.problems.iter().filter(move |problem| problem.code == code).map(|problem| &problem.place)
    }

    /// True if there is no problem.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}
