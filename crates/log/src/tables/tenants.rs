//! The store of a root log and all its tenant logs in one database.

use std::ops::Range;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::log::{Evidence, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::anchors;
use super::changes::{self, COMMITTING, TableChanges};
use super::database::{Database, Value, all, first};
use super::keys::LogKeys;
use super::reader::{Connections, TableReader, with};
use super::root_notes;
use super::storage::TableStorage;
use super::tail::Tail;
use super::tenant_requests;
use super::tenant_rows::{BY_NAME, FINDING, depth, heads, tenant, tenants};
use crate::store::{
    CheckpointWriter, CommitError, Published, Reader, SignedHeadStore, StoreError, TreeStore,
};
use crate::tenants::anchors::PastHead;
use crate::tenants::heads::SlotHead;
use crate::tenants::requests::StoredRequest;
use crate::tenants::root_notes::{RootNote, StoredRootNote};
use crate::tenants::store::{
    HeadHistory, KeptHead, MAX_ENTRIES, TenantGrowth, TenantReaders, TenantWriter, TickBatch,
};
use crate::tenants::tenant::{Tenant, TenantId, TenantNumber};

/// The sequencer's half of a root log's store, in tables.
pub struct TenantTables<D> {
    database: D,
    root_size: u64,
}

impl<D: Database> TenantTables<D> {
    /// Creates a writer for a database with the tables of tenant logs.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn new(database: D) -> Result<Self, StoreError> {
        let root_size = TableStorage::new(&database, LogKeys::root()).size()?;
        Ok(Self { database, root_size })
    }

    /// Returns the database.
    pub fn database(&self) -> &D {
        &self.database
    }

    /// True if this evidence is new, and its chain has fewer forks than the maximum.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_room_for(&self, number: TenantNumber, evidence: &Evidence) -> Result<bool, StoreError> {
        self.changes(number).has_room_for(evidence)
    }

    /// Adds kept heads, as [`TenantWriter::keep_heads`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write_kept_heads(&self, heads: &[KeptHead]) -> Result<(), StoreError> {
        anchors::keep_heads(&self.database, heads)
    }

    fn changes(&self, number: TenantNumber) -> TableChanges<'_> {
        TableChanges::new(&self.database, LogKeys::tenant(number))
    }

    /// Adds the entries of a tenant log, with the runs of their links.
    fn write_growth(&self, log: &TenantGrowth<'_>) -> Result<(), StoreError> {
        let TenantGrowth { number, growth, tree, erasures } = *log;
        let changes = self.changes(number);
        changes.write(&mut changes.read_edge(growth.base())?, growth, tree)?;
        let mut links = Tail::new(growth.base());
        links.extend(&growth.runs(), growth.size());
        changes.write_runs(&links)?;
        root_notes::write_keys(&self.database, number, growth)?;
        changes.write_erasures(COMMITTING, erasures)
    }

    /// Replaces the heads that changed at a tick.
    fn write_heads(&self, heads: &[SlotHead], tick: u64) -> Result<(), StoreError> {
        let rows: Vec<Value<'_>> = heads
            .iter()
            .flat_map(|head| {
                let SlotHead { number, size, root: Hash(root), state, .. } = head;
                let state = i64::from(state.to_byte());
                [i64::from(number.get()).into(), (*size).into(), root.into(), state.into()]
            })
            .collect();
        self.database.put(COMMITTING, "REPLACE INTO tenant_heads", 4, &rows)?;
        let sql = "UPDATE tenants SET since = coalesce(since, ?2), state = ?3, \
                   ended = CASE ?3 WHEN 0 THEN NULL ELSE coalesce(ended, ?2) END \
                   WHERE number = ?1 AND (since IS NULL OR state <> ?3)";
        for SlotHead { number, state, .. } in heads {
            let (number, state) = (i64::from(number.get()), i64::from(state.to_byte()));
            self.database.change(COMMITTING, sql, &[number.into(), tick.into(), state.into()])?;
        }
        tenant_requests::delete_carried_out(&self.database, heads)
    }
}

impl<D: Database + Send> CheckpointWriter for TenantTables<D> {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        changes::publish(&self.database, published)
    }
}

impl<D: Database + Send> SignedHeadStore for TenantTables<D> {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        changes::signed_size(&self.database)
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        changes::forget_signed_size(&self.database)
    }
}

impl<D: Database + Send> TreeStore for TenantTables<D> {
    fn size(&self) -> u64 {
        self.root_size
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        TableStorage::new(&self.database, LogKeys::root()).edge(self.root_size)
    }
}

impl<D: Database + Send> TenantWriter for TenantTables<D> {
    fn depth(&self) -> Result<u8, StoreError> {
        depth(&self.database)
    }

    fn tenants(&self, after: u32) -> Result<Vec<Tenant>, StoreError> {
        tenants(&self.database, after, TenantNumber::MAX.get().into())
    }

    fn requests(&self) -> Result<Vec<StoredRequest>, StoreError> {
        tenant_requests::requests(&self.database)
    }

    fn moved_to(&self, number: TenantNumber) -> Result<Option<String>, StoreError> {
        tenant_requests::moved_to(&self.database, number)
    }

    fn heads(&self) -> Result<Vec<SlotHead>, StoreError> {
        heads(&self.database)
    }

    fn latest_link(&self) -> Result<Option<Time>, StoreError> {
        let sql = "SELECT time FROM chains ORDER BY time DESC LIMIT 1";
        first(&self.database, "looking for the latest link", sql, &[], |row| row.time(0))
    }

    fn size_of(&self, number: TenantNumber) -> Result<u64, StoreError> {
        TableStorage::new(&self.database, LogKeys::tenant(number)).size()
    }

    fn edge_of(&self, number: TenantNumber, size: u64) -> Result<CompactRange, StoreError> {
        TableStorage::new(&self.database, LogKeys::tenant(number)).edge(size)
    }

    fn state(&self, number: TenantNumber) -> Box<dyn Storage<Error = StoreError> + '_> {
        Box::new(TableStorage::new(&self.database, LogKeys::tenant(number)))
    }

    fn commit_tick(&mut self, batch: &TickBatch<'_>) -> Result<(), CommitError> {
        let TickBatch { entry, root_tree, depth, logs, heads, anchor, publish, signed_size } = *batch;
        let (database, tick) = (&self.database, self.root_size);
        database.transaction(COMMITTING, &mut || {
            logs.iter().try_for_each(|log| self.write_growth(log))?;
            self.write_heads(heads, tick)?;
            TableChanges::new(database, LogKeys::root()).write_entry(tick, entry, root_tree)?;
            let sql = "UPDATE tenant_settings SET depth = ?1 WHERE depth <> ?1";
            database.change(COMMITTING, sql, &[i64::from(depth).into()])?;
            anchor.map_or(Ok(()), |directory| anchors::write_directory(database, directory))?;
            changes::write_signed_size(database, signed_size)?;
            publish.map_or(Ok(()), |published| changes::write_checkpoint(database, published))
        })?;
        self.root_size = tick + 1;
        Ok(())
    }

    fn root_notes(&self) -> Result<Vec<StoredRootNote>, StoreError> {
        root_notes::all_notes(&self.database)
    }

    fn add_root_note(&mut self, note: &RootNote) -> Result<(), StoreError> {
        root_notes::add(&self.database, note)
    }

    fn mark_placed(&mut self, hash: &Hash) -> Result<(), StoreError> {
        root_notes::mark_placed(&self.database, hash)
    }

    fn has_key(&self, number: TenantNumber, key: &VerifierKey) -> Result<bool, StoreError> {
        root_notes::has_key(&self.database, number, key)
    }

    fn tenants_with_key(
        &self,
        key: &VerifierKey,
        after: u32,
        max: u64,
    ) -> Result<Vec<(TenantNumber, TenantId)>, StoreError> {
        let tenants = root_notes::tenants_with_key(&self.database, key, after, max)?;
        Ok(tenants.into_iter().map(|tenant| (tenant.number, tenant.id)).collect())
    }

    fn delete_anchors(&mut self, end: u64, except: &[u64]) -> Result<(), StoreError> {
        anchors::delete_directories(&self.database, end, except)
    }

    fn unkept(&self) -> Result<Vec<TenantNumber>, StoreError> {
        anchors::unkept(&self.database)
    }

    fn keep_heads(&mut self, heads: &[KeptHead]) -> Result<(), StoreError> {
        anchors::keep_heads(&self.database, heads)
    }

    fn keep_evidence(
        &mut self,
        number: TenantNumber,
        evidence: &Evidence,
        at: Time,
    ) -> Result<(), StoreError> {
        self.changes(number).keep_evidence(evidence, at)
    }

    fn erase(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        self.changes(number).erase(entries)
    }

    fn finish_erasure(&mut self, number: TenantNumber, record: u64, at: Time) -> Result<(), StoreError> {
        self.changes(number).finish_erasure(record, at)
    }
}

/// The half of a root log's store that all readers share, in tables.
pub struct TenantTableReaders<C> {
    connections: Arc<C>,
}

impl<C: Connections + 'static> TenantTableReaders<C> {
    /// Creates readers that share these connections.
    pub fn new(connections: C) -> Self {
        Self { connections: Arc::new(connections) }
    }

    fn reader(&self, keys: LogKeys) -> Arc<dyn Reader> {
        Arc::new(TableReader::with_keys(Arc::clone(&self.connections), keys))
    }

    fn find_tenant(&self, sql: &str, value: Value<'_>) -> Result<Option<Tenant>, StoreError> {
        with(&*self.connections, |database| first(database, FINDING, sql, &[value], tenant))
    }
}

impl<C: Connections + 'static> TenantReaders for TenantTableReaders<C> {
    fn open_readers(&self) -> usize {
        Arc::strong_count(&self.connections) - 1
    }

    fn root(&self) -> Arc<dyn Reader> {
        self.reader(LogKeys::root())
    }

    fn heads(&self) -> Result<Vec<SlotHead>, StoreError> {
        with(&*self.connections, heads)
    }

    fn log(&self, number: TenantNumber) -> Arc<dyn Reader> {
        self.reader(LogKeys::tenant(number))
    }

    fn history(&self, number: TenantNumber, id: &TenantId) -> Arc<dyn HeadHistory> {
        Arc::new(TableHistory { connections: self.connections.clone(), number, id: *id })
    }

    fn find(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.find_tenant("SELECT number, id, name, since, state FROM tenants WHERE id = ?", id.into())
    }

    fn find_name(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.find_tenant(BY_NAME, name.into())
    }

    fn tenants(&self, after: u32, max: u64) -> Result<Vec<Tenant>, StoreError> {
        with(&*self.connections, |database| tenants(database, after, max))
    }

    fn tenants_with_key(&self, key: &VerifierKey, after: u32, max: u64) -> Result<Vec<Tenant>, StoreError> {
        with(&*self.connections, |database| root_notes::tenants_with_key(database, key, after, max))
    }

    fn index_of_note(&self, number: TenantNumber, hash: &Hash) -> Result<Option<u64>, StoreError> {
        with(&*self.connections, |database| TableStorage::new(database, LogKeys::tenant(number)).note(hash))
    }

    fn unfinished_erasures(&self) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM erasures WHERE done IS NULL";
        let count = with(&*self.connections, |database| {
            first(database, "counting unfinished erasures", sql, &[], |row| row.number(0))
        })?;
        Ok(count.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX)))
    }

    fn with_unfinished_erasures(&self) -> Result<Vec<Tenant>, StoreError> {
        // Not a parameter: a Durable Object would divide floating-point numbers.
        let sql = format!(
            "SELECT number, id, name, since, state FROM tenants \
             WHERE number IN (SELECT record / {MAX_ENTRIES} FROM erasures WHERE done IS NULL) ORDER BY number"
        );
        with(&*self.connections, |database| {
            all(database, "looking for unfinished erasures", &sql, &[], tenant)
        })
    }
}

/// The heads of a tenant log at earlier ticks, in tables.
struct TableHistory<C> {
    connections: Arc<C>,
    number: TenantNumber,
    id: TenantId,
}

impl<C: Connections> HeadHistory for TableHistory<C> {
    fn anchor(&self, tick: u64) -> Result<Option<PastHead>, StoreError> {
        with(&*self.connections, |database| anchors::anchor(database, self.number, &self.id, tick))
    }

    fn kept_heads(&self, sizes: Range<u64>) -> Result<Vec<PastHead>, StoreError> {
        with(&*self.connections, |database| anchors::kept_heads(database, self.number, sizes.clone()))
    }
}
