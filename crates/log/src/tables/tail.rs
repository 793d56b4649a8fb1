//! Where the newest links are, which are not in the table of runs yet.
//!
//! That table is in the order of chains: a commit that adds to it writes a page for each chain that it has a link of. So what
//! many commits bring is added at one time, and until then a link is found by reading the newest leaves.

use std::collections::BTreeMap;

use countersign::link::ChainId;
use countersign::log::Run;

use super::database::{Database, Row, first};
use crate::store::{StoreError, link};

/// So many runs are not settled at most when a commit is done.
const MOST_RUNS: usize = 1_024;
/// So many leaves are read at most to find them again.
const MOST_LEAVES: u64 = 8_192;

/// The runs of the newest leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// The first leaf of which the table does not say where it is.
    first: u64,
    /// The leaf after the last one that is here.
    end: u64,
    /// By chain, in its order.
    runs: BTreeMap<ChainId, Vec<Run>>,
    count: usize,
}

impl Tail {
    /// Of a log whose leaves before that one are settled.
    pub(super) fn new(first: u64) -> Self {
        Self { first, end: first, ..Self::default() }
    }

    /// As a database has it.
    pub(super) fn read(database: &dyn Database) -> Result<Self, StoreError> {
        let mut tail = Self::default();
        tail.follow(database)?;
        Ok(tail)
    }

    /// Goes on with what was committed since.
    pub(super) fn follow(&mut self, database: &dyn Database) -> Result<(), StoreError> {
        let doing = "looking for new links";
        let sql = "SELECT first FROM unsettled";
        let settled = first(database, doing, sql, &[], |row| row.number(0))?;
        if settled != Some(self.first) {
            // Where nothing is said all is settled.
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

    /// Goes on with the leaves before `end`, whose runs these are.
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

    /// Whether it would be too long with these runs of the leaves before `end`.
    pub(super) fn is_full_with(&self, runs: &[Run], end: u64) -> bool {
        self.count + runs.len() > MOST_RUNS || end.saturating_sub(self.first) > MOST_LEAVES
    }

    /// The runs of each chain.
    pub(super) fn chains(&self) -> impl Iterator<Item = &[Run]> {
        self.runs.values().map(Vec::as_slice)
    }

    /// The index of a chain's link, where it is one of these.
    pub(super) fn index_of(&self, chain: &ChainId, seq: u64) -> Option<u64> {
        let runs = self.runs.get(chain)?;
        let run = runs[..runs.partition_point(|run| run.seq <= seq)].last()?;
        let after = seq - run.seq;
        (after < run.count).then_some(run.index + after)
    }
}
