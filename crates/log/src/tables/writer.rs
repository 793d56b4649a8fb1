//! The sequencer's half of a store in tables.

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, EntryRef, Evidence, Life, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::changes::{self, COMMITTING, EdgeTiles, SETTLING, TableChanges, settle};
use super::database::{Database, first};
use super::keys::LogKeys;
use super::storage::TableStorage;
use super::tail::Tail;
use crate::erase::record;
use crate::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, SignedHeadStore,
    StoreError,
};

const KEYS: LogKeys = LogKeys::single();

/// A writer of the tables of a log that has its database for itself.
pub struct TableWriter<D> {
    database: D,
    size: u64,
    edge: EdgeTiles,
    tail: Tail,
}

impl<D: Database> TableWriter<D> {
    /// Creates a writer for a database with the tables.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails or is inconsistent.
    pub fn new(database: D) -> Result<Self, StoreError> {
        let size = TableStorage::new(&database, KEYS).size()?;
        let tail = Tail::read(&database)?;
        let edge = TableChanges::new(&database, KEYS).read_edge(size)?;
        Ok(Self { database, size, edge, tail })
    }

    /// Returns the database.
    pub fn database(&self) -> &D {
        &self.database
    }

    /// True if this evidence is new, and its chain has fewer forks than the maximum.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_room_for(&self, evidence: &Evidence) -> Result<bool, StoreError> {
        self.changes().has_room_for(evidence)
    }

    fn storage(&self) -> TableStorage<'_> {
        TableStorage::new(&self.database, KEYS)
    }

    fn changes(&self) -> TableChanges<'_> {
        TableChanges::new(&self.database, KEYS)
    }
}

impl<D: Database + Send> Storage for TableWriter<D> {
    type Error = StoreError;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        self.storage().chain(chain)
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, StoreError> {
        let storage = self.storage();
        let index = match self.tail.index_of(chain, seq) {
            None => storage.settled(chain, seq)?,
            index => index,
        };
        index.map(|index| Ok(EntryRef { index, hash: storage.leaf_hash(index)? })).transpose()
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        self.storage().note(hash)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.storage().life(key)
    }
}

impl<D: Database + Send> EntryWriter for TableWriter<D> {
    fn size(&self) -> u64 {
        self.size
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        self.storage().edge(self.size)
    }

    fn state(&self) -> &dyn Storage<Error = StoreError> {
        self
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        let Batch { growth, tree, publish, erasures, signed_size } = *batch;
        let mut edge = self.edge.clone();
        let (runs, end) = (growth.runs(), growth.size());
        let settled = self.tail.is_full_with(&runs, end).then(|| {
            let mut tail = self.tail.clone();
            tail.extend(&runs, end);
            tail
        });
        self.database.transaction(COMMITTING, &mut || {
            self.changes().write(&mut edge, growth, tree)?;
            if let Some(tail) = &settled {
                settle(&self.database, tail, end)?;
            }
            self.changes().write_erasures(COMMITTING, erasures)?;
            changes::write_signed_size(&self.database, signed_size)?;
            publish.map_or(Ok(()), |published| changes::write_checkpoint(&self.database, published))
        })?;
        if settled.is_some() {
            self.tail = Tail::new(end);
        } else {
            self.tail.extend(&runs, end);
        }
        self.edge = edge;
        self.size = end;
        Ok(())
    }
}

impl<D: Database + Send> CheckpointWriter for TableWriter<D> {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        changes::publish(&self.database, published)
    }
}

impl<D: Database + Send> SignedHeadStore for TableWriter<D> {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        changes::signed_size(&self.database)
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        changes::forget_signed_size(&self.database)
    }
}

impl<D: Database + Send> ForkWriter for TableWriter<D> {
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        self.changes().keep_evidence(evidence, at)
    }
}

impl<D: Database + Send> ErasureWriter for TableWriter<D> {
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        self.changes().erase(leaves)
    }

    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError> {
        self.changes().finish_erasure(record, at)
    }

    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError> {
        const FINDING: &str = "looking for erasures";
        let known =
            first(&self.database, FINDING, "SELECT known FROM erasures_known", &[], |row| row.boolean(0))?;
        if known.is_some() {
            return Ok(());
        }
        let sql = "SELECT events.idx, events.event FROM chains JOIN runs USING (chain) \
                   JOIN events ON events.idx >= runs.idx AND events.idx < runs.idx + runs.count WHERE chains.key = ?";
        // The query uses the table of runs, so the tail must be in it.
        self.database.transaction(SETTLING, &mut || settle(&self.database, &self.tail, self.size))?;
        self.tail = Tail::new(self.size);
        let mut found = Vec::new();
        self.database.each(FINDING, sql, &[key.as_str().into()], &mut |row| {
            if row.text(1)?.is_some_and(|event| record::is_erasure(&event)) {
                found.push(row.number(0)?);
            }
            Ok(())
        })?;
        self.database.transaction(FINDING, &mut || {
            self.changes().write_erasures(FINDING, &found)?;
            self.database.put(FINDING, "INSERT INTO erasures_known", 1, &[true.into()])
        })
    }
}
