//! Whether a log's folder holds what the log says: every leaf, tile, checkpoint and event, what is found by them, and what
//! was erased. What is derived from the rest can be made anew.

mod background;
mod bucket;
mod erasures;
mod pages;
mod repair;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;
use rusqlite::Connection;

use crate::search;

use crate::signed_file::{self, SignedFile};
use crate::sqlite::{self, Unchanged};
use countersign_log::store::{Reader, StoreError, StoredLeaf};
use erasures::{Erasures, From};
use tree::Tree;

pub(crate) use background::{Checked, Checking};
pub use background::{Found, Newest};
pub use bucket::{check_bucket, repair_bucket};
pub use repair::repair;

/// How many damages are told; further ones are counted.
const TOLD: usize = 1_000;
/// How many leaves are read at a time.
const PORTION: u64 = 256;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// A stable code.
    pub code: &'static str,
    /// Where: a leaf, a tile's path, a file.
    pub place: String,
    /// What is wrong, for people.
    pub message: String,
    /// What can be made anew.
    pub mend: Mend,
}

/// How a damage is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// The tiles are computed from the leaves.
    Tiles,
    /// The search index is removed; the server makes it anew.
    Index,
    /// The erasure is to be done; the server does it.
    Erasure,
    /// What is public of a bucket is written from its commits.
    Public,
    /// What an erasure left in a bucket is erased.
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

impl Mend {
    /// Whether `--repair` mends it.
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

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The log's origin.
    pub origin: String,
    /// How many leaves were looked at.
    pub leaves: u64,
    /// How many events are here.
    pub events: u64,
    /// How many events were erased.
    pub erased: u64,
    /// How many erasures are recorded and not done, which is no damage: the server goes on with them.
    pub unfinished: u64,
    /// What is wrong.
    pub damages: Vec<Damage>,
    /// How many more damages there are.
    pub more: u64,
}

impl Report {
    fn tell(&mut self, code: &'static str, place: impl Into<String>, message: impl Into<String>, mend: Mend) {
        if self.damages.len() < TOLD {
            self.damages.push(Damage { code, place: place.into(), message: message.into(), mend });
        } else {
            self.more += 1;
        }
    }

    fn push(&mut self, damage: Damage) {
        self.tell(damage.code, damage.place, damage.message, damage.mend);
    }

    fn places_of(&self, code: &str) -> impl Iterator<Item = &String> {
        self.damages.iter().filter(move |damage| damage.code == code).map(|damage| &damage.place)
    }

    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.damages.is_empty()
    }
}

/// Checks all that a log's folder holds. A server may be using it. `progress` is told how many leaves of how many were
/// looked at.
///
/// # Errors
/// When there is no log, or its database cannot be opened at all.
pub fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let unchanged = [sqlite::FILE, search::FILE].map(|file| Unchanged::since_now(&folder.join(file)));
    let report = check_files(folder, progress)?;
    unchanged.iter().try_for_each(Unchanged::check)?;
    Ok(report)
}

fn check_files(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let (origin, reader) = sqlite::open_reader(folder)?;
    // Before the leaves are counted: a server signs what is stored.
    let signed = SignedFile::look(folder, &origin)?;
    let mut report = Report { origin: origin.clone(), ..Report::default() };
    pages::check_all(folder, &mut report)?;
    let mut going_on = |done, all| {
        progress(done, all);
        Ok(())
    };
    let Report { leaves, events, erased, unfinished, damages, more, .. } =
        check_leaves(&reader, &origin, From::Tables, &mut going_on, &mut |_, _| Ok(()))?;
    report.damages.extend(damages);
    let mut report = Report { leaves, events, erased, unfinished, more, ..report };
    remembered(&signed, &mut report);
    if ["fsck.database", "fsck.leaf", "fsck.event"].iter().any(|code| report.places_of(code).next().is_some())
    {
        // The index is of events that are damaged.
        return Ok(report);
    }
    for pages in search::damaged(folder, &*reader)? {
        let place = format!("{} leaves {}..{}", search::FILE, pages.start, pages.end);
        report.tell("fsck.index", place, "the search index is not that of the events", Mend::Index);
    }
    Ok(report)
}

/// Compares what is here with what the log remembers to have signed.
fn remembered(signed: &signed_file::Found, report: &mut Report) {
    let newest = signed.newest().map_or(0, |newest| newest.size);
    if let Some(damage) = &signed.damage {
        report.tell("fsck.checkpoint", signed_file::FILE, damage.clone(), Mend::Restore);
    } else if newest > report.leaves {
        let why = format!("the log signed {newest} leaves, and {} are here", report.leaves);
        report.tell("fsck.checkpoint", signed_file::FILE, why, Mend::Restore);
    }
}

/// Another look at leaves, from an index on.
type Also<'a> = &'a mut dyn FnMut(u64, &[Option<StoredLeaf>]) -> Result<(), StoreError>;

/// Checks leaves, tiles, checkpoints, events and erasures. A server may be using them, and take as long as it likes: what is
/// stored or erased meanwhile is no damage. `pace` is told how many leaves of how many were looked at, and may end it; `also` has
/// another look at leaves, those of an entry bundle at a time.
fn check_leaves(
    reader: &Arc<dyn Reader>,
    origin: &str,
    from: From,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    also: Also<'_>,
) -> Result<Report, StoreError> {
    let mut report = Report { origin: origin.to_owned(), ..Report::default() };
    let size = reader.size()?;
    let mut tree = Tree::new(reader, size)?;
    let mut erasures = Erasures::new(reader, origin.to_owned(), from);
    let mut first = 0;
    while first < size {
        pace(first, size)?;
        let end = size.min(first + PORTION);
        let leaves = read(reader, first..end);
        tree.take(first, &leaves);
        also(first, &leaves)?;
        for (leaf, index) in leaves.iter().zip(first..) {
            if let Some(leaf) = leaf {
                erasures.take(index, leaf, &mut report);
            }
        }
        first = end;
    }
    pace(size, size)?;
    report.leaves = size;
    tree.end(&mut report);
    erasures.end(size, &mut report);
    // What else does not fit a damaged leaf is not at fault.
    let leaves: BTreeSet<String> = report.places_of("fsck.leaf").cloned().collect();
    report.damages.retain(|damage| damage.code == "fsck.leaf" || !leaves.contains(&damage.place));
    Ok(report)
}

/// The leaves of a range; none for each that cannot be read.
fn read(reader: &Arc<dyn Reader>, range: std::ops::Range<u64>) -> Vec<Option<StoredLeaf>> {
    match reader.leaves_with_events(range.clone()) {
        Ok(leaves) => leaves.into_iter().map(Some).collect(),
        Err(_) => range
            .map(|index| reader.leaves_with_events(index..index + 1).ok().and_then(|mut leaf| leaf.pop()))
            .collect(),
    }
}

fn connect(folder: &Path) -> Result<Connection, StoreError> {
    sqlite::connect_to_read(&folder.join(sqlite::FILE))
}

/// Leaves that follow each other, as text.
fn stretches(leaves: &RoaringTreemap) -> String {
    let (first, last) = (leaves.min().unwrap_or_default(), leaves.max().unwrap_or_default());
    if first == last {
        format!("leaf {first}")
    } else {
        format!("{} of leaves {first}..={last}", leaves.len())
    }
}
