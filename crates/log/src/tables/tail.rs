//! The newest links, which are not in the table of runs yet.
//!
//! That table is ordered by chain, so a commit that adds to it writes a page for each of its chains. The links of many
//! commits are therefore added together. Until then, a link is found by reading the newest entries.

use std::collections::BTreeMap;

use countersign::link::ChainId;
use countersign::log::Run;

use super::database::{Database, Row, first};
use crate::store::{StoreError, link};

/// The maximum number of runs outside the table after a commit.
const MAX_RUNS: usize = 1_024;
/// The maximum number of entries that are read to find them again.
const MAX_ENTRIES: u64 = 8_192;

/// The runs of the newest entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// The first entry that is not in the table of runs.
    first: u64,
    /// The index after the last entry that was read.
    end: u64,
    /// The runs by chain, in the chain's order.
    runs: BTreeMap<ChainId, Vec<Run>>,
    count: usize,
}

impl Tail {
    /// Starts with no runs, for a log whose entries before `first` are in the table.
    pub(super) fn new(first: u64) -> Self {
        Self { first, end: first, ..Self::default() }
    }

    /// Reads the newest entries of a database.
    pub(super) fn read(database: &dyn Database) -> Result<Self, StoreError> {
        let mut tail = Self::default();
        tail.follow(database)?;
        Ok(tail)
    }

    /// Reads the entries that were committed since the last call.
    pub(super) fn follow(&mut self, database: &dyn Database) -> Result<(), StoreError> {
        let doing = "looking for new links";
        let sql = "SELECT first FROM unsettled";
        let settled = first(database, doing, sql, &[], |row| row.number(0))?;
        if settled != Some(self.first) {
            // If there is no row, all entries are in the table of runs.
            *self = Self::new(settled.unwrap_or(u64::MAX));
        }
        let sql = "SELECT idx, leaf FROM leaves WHERE idx >= ? ORDER BY idx";
        database.each(doing, sql, &[self.end.into()], &mut |row: &dyn Row| {
            let (index, leaf) = (row.number(0)?, row.bytes(1)?);
            if let Some(link) = link(&leaf) {
                self.push(Run { chain: link.chain(), seq: link.seq(), index, count: 1 });
            }
            self.end = index + 1;
            Ok(())
        })
    }

    /// Adds the entries before `end`, which have these runs.
    pub(super) fn extend(&mut self, runs: &[Run], end: u64) {
        for run in runs {
            self.push(*run);
        }
        self.end = end;
    }

    fn push(&mut self, next: Run) {
        let runs = self.runs.entry(next.chain).or_default();
        match runs.last_mut() {
            Some(last) if last.seq + last.count == next.seq && last.index + last.count == next.index => {
                last.count += next.count;
            }
            _ => {
                runs.push(next);
                self.count += 1;
            }
        }
    }

    /// True if the limits would be exceeded with these runs of the entries before `end`.
    pub(super) fn is_full_with(&self, runs: &[Run], end: u64) -> bool {
        self.count + runs.len() > MAX_RUNS || end.saturating_sub(self.first) > MAX_ENTRIES
    }

    /// Returns the runs of each chain.
    pub(super) fn chains(&self) -> impl Iterator<Item = &[Run]> {
        self.runs.values().map(Vec::as_slice)
    }

    /// Returns the index of a chain's link, if it is among these.
    pub(super) fn index_of(&self, chain: &ChainId, seq: u64) -> Option<u64> {
        let runs = self.runs.get(chain)?;
        let run = runs[..runs.partition_point(|run| run.seq <= seq)].last()?;
        let after = seq - run.seq;
        (after < run.count).then_some(run.index + after)
    }
}
