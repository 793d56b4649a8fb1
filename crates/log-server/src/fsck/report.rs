//! The report of a check.

/// The number of problems that are listed; further ones are counted.
const TOLD: usize = 1_000;
/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// Where: a leaf, a tile's path, a file.
    pub place: String,
    /// What is wrong, for people.
    pub message: String,
    /// Its repair.
    pub repair: Repair,
}

/// The repair of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The tiles are computed from the leaves.
    Tiles,
    /// The search index is removed; the server makes it anew.
    Index,
    /// The erasure is to be done; the server does it.
    Erasure,
    /// A bucket's public objects are written from its commits.
    Public,
    /// Remains of an erasure in a bucket are erased.
    Objects,
    /// The folder's index of a bucket is removed; the server makes it anew.
    Folder,
    /// By the object as it was, or by who still has the leaves, alone.
    Commits,
    /// By the newest database, or by who still has the leaves, alone.
    Restore,
    /// By a backup, or a mirror of the log's tiles, alone.
    Not,
}

impl Repair {
    /// True if `--repair` can make it.
    pub fn is_possible(self) -> bool {
        !matches!(self, Self::Not | Self::Restore | Self::Commits)
    }

    /// What to do, for people.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Tiles => "--repair computes it from the leaves",
            Self::Index => "--repair removes the index; the server makes it anew",
            Self::Erasure => "--repair has the server erase it at its next start",
            Self::Public => "--repair writes it from the commits",
            Self::Objects => "--repair erases it",
            Self::Folder => "--repair removes the folder's index; the server makes it anew from the bucket",
            Self::Commits => {
                "bring the object back as it was; or stop the servers, and have `serve --after-restore` put back what others have"
            }
            Self::Restore => {
                "bring back the newest database; or have `serve --after-restore` put back what others have"
            }
            Self::Not => "stop the server, and bring back a backup that is whole",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The log's origin.
    pub origin: String,
    /// The number of leaves that were checked.
    pub leaves: u64,
    /// The number of stored events.
    pub events: u64,
    /// The number of erased events.
    pub erased: u64,
    /// The number of recorded erasures that aren't done yet. That is no problem: the server continues with them.
    pub unfinished: u64,
    /// The problems.
    pub problems: Vec<Problem>,
    /// The number of further problems.
    pub more: u64,
}

impl Report {
    /// Adds a problem, if not too many are told already.
    pub(super) fn tell(
        &mut self,
        code: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
        repair: Repair,
    ) {
        if self.problems.len() < TOLD {
            self.problems.push(Problem { code, place: place.into(), message: message.into(), repair });
        } else {
            self.more += 1;
        }
    }

    /// Adds a problem, if not too many are told already.
    pub(super) fn push(&mut self, problem: Problem) {
        self.tell(problem.code, problem.place, problem.message, problem.repair);
    }

    /// The places of problems with this code.
    pub(super) fn places_of(&self, code: &str) -> impl Iterator<Item = &String> {
        self.problems.iter().filter(move |problem| problem.code == code).map(|problem| &problem.place)
    }

    /// True if there is no problem.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}
