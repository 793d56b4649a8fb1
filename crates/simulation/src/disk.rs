//! The disk of the log server: the log's tables in SQLite, and the files beside them.
//!
//! The tables are the product's own, through its own [`TableWriter`] and [`TableReader`]. What is simulated is the
//! database below them: it fails, and the process is killed, before and after each of its operations. A transaction
//! that didn't end is gone after a kill.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::merkle::{CompactRange, empty_root, leaf_hash};
use countersign::time::Time;
use countersign_log::own_chain;
use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use countersign_log::stop::Stops;
use countersign_log::store::{Store, StoreError};
use countersign_log::tables::{
    ADDED, ALL_SETTLED, Connections, Database, Each, Row, TABLES, TENANT_TABLES, TableReader, TableWriter,
    TenantTableReaders, TenantTables, Value, create_tenant,
};
use countersign_log::tenants::CreationError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::{RememberedHead, TenantHeadMemory};
use countersign_log::tenants::root_entries::RootEntryStore;
use countersign_log::tenants::store::TenantStore;
use countersign_log::tenants::tenant::{Tenant, TenantNumber};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::faults::Faults;

/// The depth of the first directory of a root log: the least, so that directories are made quickly.
const MIN_DEPTH: u8 = 8;

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Contents>);

struct Contents {
    tables: Mutex<Tables>,
    files: Mutex<Files>,
    faults: Faults,
}

struct Tables {
    connection: Connection,
    /// The tables after a commit that failed. A restart may find them instead.
    ghost: Option<Connection>,
}

/// The files beside the tables.
#[derive(Clone, Default)]
struct Files {
    /// The largest signed tree.
    signed: Option<SignedHead>,
    /// The newest heads of tenant logs.
    heads: BTreeMap<TenantNumber, RememberedHead>,
    /// The entries of the root log.
    root_entries: BTreeMap<u64, Vec<u8>>,
    /// The evidence of stops.
    stops: Vec<String>,
}

/// A copy of a disk's contents.
pub struct Backup {
    connection: Connection,
    files: Files,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::disk(doing, error)
}

fn copy(from: &Connection) -> rusqlite::Result<Connection> {
    let to = Connection::open_in_memory()?;
    let mut schema = from.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let mut objects = schema.query([])?;
    while let Some(object) = objects.next()? {
        let (kind, name, sql): (String, String, String) = (object.get(0)?, object.get(1)?, object.get(2)?);
        to.execute_batch(&sql)?;
        if kind != "table" {
            continue;
        }
        let mut select = from.prepare(&format!("SELECT * FROM {name}"))?;
        let columns = select.column_count();
        let insert = format!("INSERT INTO {name} VALUES (?{})", ", ?".repeat(columns - 1));
        let (mut insert, mut rows) = (to.prepare(&insert)?, select.query([])?);
        while let Some(row) = rows.next()? {
            let values: Vec<rusqlite::types::Value> =
                (0..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            insert.execute(params_from_iter(values))?;
        }
    }
    Ok(to)
}

impl Disk {
    /// Creates a disk with the tables of an empty log.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn new(origin: &str, faults: Faults) -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(&format!("{TABLES} {ADDED} {ALL_SETTLED}"))?;
        connection.execute("INSERT INTO log VALUES (?)", [origin])?;
        let tables = Mutex::new(Tables { connection, ghost: None });
        Ok(Self(Arc::new(Contents { tables, files: Mutex::default(), faults })))
    }

    /// Creates a disk with the tables of an empty root log.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn with_tenants(origin: &str, faults: Faults) -> rusqlite::Result<Self> {
        let disk = Self::new(origin, faults)?;
        {
            let tables = lock(&disk.0.tables);
            tables.connection.execute_batch(TENANT_TABLES)?;
            tables.connection.execute("INSERT INTO tenant_settings VALUES (1, ?)", [MIN_DEPTH])?;
        }
        Ok(disk)
    }

    /// Returns the faults of this disk.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Decides if a commit that failed is there after all, for a process that starts now.
    fn settle(&self) {
        let mut tables = lock(&self.0.tables);
        if let Some(ghost) = tables.ghost.take()
            && self.0.faults.flip()
        {
            tables.connection = ghost;
        }
    }

    /// Returns the store of a root log as a process finds it that starts now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_tenants(&self) -> Result<TenantStore, StoreError> {
        self.settle();
        let writer = TenantTables::new(DiskDatabase(self.clone()))?;
        let readers = TenantTableReaders::new(DiskDatabase(self.clone()));
        Ok(TenantStore { writer: Box::new(writer), readers: Arc::new(readers) })
    }

    /// Creates a tenant with this ID, as `countersign tenant add` does beside the server. It can be killed.
    ///
    /// # Errors
    /// [`CreationError`].
    pub fn create_tenant(&self, name: &str, id: [u8; 16], now: Time) -> Result<Tenant, CreationError> {
        let mut random: own_chain::Random = Box::new(move || Ok(id));
        create_tenant(&DiskDatabase(self.clone()), name, &mut random, now)
    }

    /// Returns what a process finds that starts now: a commit that failed may be there after all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(&self) -> Result<Store, StoreError> {
        self.settle();
        let writer = TableWriter::new(DiskDatabase(self.clone()))?;
        Ok(Store { writer: Box::new(writer), reader: Arc::new(TableReader::new(DiskDatabase(self.clone()))) })
    }

    /// Opens the memory of signed trees.
    pub fn memory(&self) -> DiskMemory {
        let durable = lock(&self.0.files).signed.clone();
        DiskMemory { disk: self.clone(), newest: durable.clone(), durable: durable.map(|head| head.size) }
    }

    /// Opens the memory of tenant heads.
    pub fn tenant_heads(&self) -> DiskHeads {
        DiskHeads(self.clone())
    }

    /// Opens the copy of the root log's entries.
    pub fn root_entries(&self) -> DiskRootEntries {
        DiskRootEntries(self.clone())
    }

    /// True if the copy of the root log's entries gives the largest tree that is remembered as signed.
    pub fn keeps_signed_root_log(&self) -> bool {
        let files = lock(&self.0.files);
        let Some(signed) = &files.signed else { return true };
        let mut tree = CompactRange::new();
        for (entry, tick) in files.root_entries.range(..signed.size).map(|(tick, entry)| (entry, *tick)) {
            if tick == tree.end() {
                tree.append(leaf_hash(entry));
            }
        }
        tree.end() == signed.size && tree.root().unwrap_or_else(empty_root) == signed.root
    }

    /// Opens the evidence of stops.
    pub fn stops(&self) -> DiskStops {
        DiskStops(self.clone())
    }

    /// Copies everything.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn back_up(&self) -> rusqlite::Result<Backup> {
        let connection = copy(&lock(&self.0.tables).connection)?;
        Ok(Backup { connection, files: lock(&self.0.files).clone() })
    }

    /// Replaces the tables by those of the backup; with `files`, also the files beside them.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn restore(&self, backup: &Backup, files: bool) -> rusqlite::Result<()> {
        *lock(&self.0.tables) = Tables { connection: copy(&backup.connection)?, ghost: None };
        if files {
            *lock(&self.0.files) = backup.files.clone();
        }
        Ok(())
    }

    /// Returns the number of entries of the log that is signed.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn size(&self) -> rusqlite::Result<u64> {
        self.size_of(0)
    }

    /// Returns the number of entries of a tenant log.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn tenant_size(&self, number: TenantNumber) -> rusqlite::Result<u64> {
        self.size_of(number.get().into())
    }

    fn size_of(&self, log: u64) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM leaves WHERE idx >= ?1 << 32 AND idx < (?1 + 1) << 32";
        lock(&self.0.tables).connection.query_row(sql, [log], |row| row.get(0))
    }

    /// Returns the size of the largest tree that is remembered as signed.
    pub fn signed_size(&self) -> Option<u64> {
        lock(&self.0.files).signed.as_ref().map(|head| head.size)
    }

    /// Returns true if the tables contain this text in an event.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn contains(&self, text: &str) -> rusqlite::Result<bool> {
        let tables = lock(&self.0.tables);
        let sql = "SELECT count(*) > 0 FROM events WHERE instr(event, ?1) > 0";
        tables.connection.query_row(sql, [text], |row| row.get(0))
    }

    fn check(&self, doing: &'static str) -> Result<(), StoreError> {
        self.0.faults.crash_point(doing);
        if self.0.faults.fails() {
            return Err(StoreError::disk(doing, "the simulated disk failed"));
        }
        Ok(())
    }
}

/// The database of the tables. The log has one thread, so readers and the writer share a connection.
struct DiskDatabase(Disk);

struct SqlValue<'v>(&'v Value<'v>);

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

struct SqlRow<'r>(&'r rusqlite::Row<'r>);

impl Row for SqlRow<'_> {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }

    fn text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }

    fn blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(column).map_err(failed("reading a row"))
    }
}

/// Rolls a transaction back unless it was committed, also if the process is killed.
struct Rollback<'d>(&'d Disk);

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        let _ = lock(&self.0.0.tables).connection.execute_batch("ROLLBACK");
    }
}

impl Database for DiskDatabase {
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        if self.0.faults().fails() {
            return Err(StoreError::disk(doing, "the simulated disk failed"));
        }
        let tables = lock(&self.0.0.tables);
        let mut query = tables.connection.prepare_cached(sql).map_err(failed(doing))?;
        let mut rows = query.query(params_from_iter(values.iter().map(SqlValue))).map_err(failed(doing))?;
        while let Some(row) = rows.next().map_err(failed(doing))? {
            each(&SqlRow(row))?;
        }
        Ok(())
    }

    fn change(&self, doing: &'static str, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.0.check(doing)?;
        let changed = {
            let tables = lock(&self.0.0.tables);
            let mut change = tables.connection.prepare_cached(sql).map_err(failed(doing))?;
            change.execute(params_from_iter(values.iter().map(SqlValue))).map_err(failed(doing))?
        };
        self.0.faults().crash_point(doing);
        Ok(changed as u64)
    }

    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        values: &[Value<'_>],
    ) -> Result<(), StoreError> {
        let sql = format!("{into} VALUES (?{})", ", ?".repeat(columns - 1));
        for row in values.chunks_exact(columns) {
            self.change(doing, &sql, row)?;
        }
        Ok(())
    }

    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.check(doing)?;
        lock(&self.0.0.tables).connection.execute_batch("BEGIN").map_err(failed(doing))?;
        let rollback = Rollback(&self.0);
        work()?;
        self.0.faults().crash_point("the moment before a commit");
        {
            let mut tables = lock(&self.0.0.tables);
            if self.0.faults().makes_ghost() {
                tables.ghost = Some(copy(&tables.connection).map_err(failed(doing))?);
                return Err(StoreError::disk(doing, "the simulated disk failed to sync"));
            }
            tables.connection.execute_batch("COMMIT").map_err(failed(doing))?;
            tables.ghost = None;
        }
        std::mem::forget(rollback);
        self.0.faults().crash_point("the moment after a commit");
        Ok(())
    }

    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.transaction(doing, work)
    }
}

impl Connections for DiskDatabase {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        read(self)
    }
}

/// The memory of signed trees, in a file apart from the tables.
pub struct DiskMemory {
    disk: Disk,
    newest: Option<SignedHead>,
    durable: Option<u64>,
}

impl SignedHeadMemory for DiskMemory {
    fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    fn durable(&self) -> Option<u64> {
        self.durable
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        if self.newest.as_ref().is_none_or(|newest| newest.size < head.size) {
            self.newest = Some(head.clone());
        }
        let faults = self.disk.faults();
        faults.crash_point("the moment before a head is remembered");
        let fails = faults.fails();
        if !fails || faults.flip() {
            let mut files = lock(&self.disk.0.files);
            if files.signed.as_ref().is_none_or(|signed| signed.size < head.size) {
                files.signed = Some(head.clone());
            }
        }
        if fails {
            then(Err(StoreError::disk("remembering", "the simulated disk failed")));
            return;
        }
        faults.crash_point("the moment after a head is remembered");
        self.durable = self.durable.max(Some(head.size));
        then(Ok(()));
    }
}

/// The memory of tenant heads, in a file apart from the tables.
pub struct DiskHeads(Disk);

impl TenantHeadMemory for DiskHeads {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        Ok(lock(&self.0.0.files).heads.values().copied().collect())
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        let faults = self.0.faults();
        for head in heads {
            // A failed write may have taken effect, and the heads before it have.
            faults.crash_point("the moment before a tenant head is remembered");
            let fails = faults.fails();
            if !fails || faults.flip() {
                lock(&self.0.0.files).heads.insert(head.number, RememberedHead { tick, head: *head });
            }
            if fails {
                return Err(StoreError::disk("remembering", "the simulated disk failed"));
            }
        }
        faults.crash_point("the moment after tenant heads are remembered");
        Ok(())
    }
}

/// The copy of the root log's entries, in files apart from the tables.
pub struct DiskRootEntries(Disk);

impl RootEntryStore for DiskRootEntries {
    fn end(&mut self) -> Result<u64, StoreError> {
        Ok(lock(&self.0.0.files).root_entries.last_key_value().map_or(0, |(tick, _)| tick + 1))
    }

    fn first_needed(&mut self, _: u64) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn entry(&mut self, tick: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.0.0.files).root_entries.get(&tick).cloned())
    }

    fn keep_anchor(&mut self, _: u64, _: &[u8], _: u64, _: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }

    fn keep(&mut self, first: u64, entries: &[&[u8]]) -> Result<(), StoreError> {
        let faults = self.0.faults();
        for (tick, entry) in (first..).zip(entries) {
            faults.crash_point("the moment before an entry of the root log is kept");
            let fails = faults.fails();
            // A failed write may have taken effect.
            if !fails || faults.flip() {
                lock(&self.0.0.files).root_entries.insert(tick, entry.to_vec());
            }
            if fails {
                return Err(StoreError::unavailable("keeping an entry", "the simulated disk failed"));
            }
        }
        faults.crash_point("the moment after an entry of the root log is kept");
        Ok(())
    }
}

/// The evidence of stops, in a file apart from the tables.
pub struct DiskStops(Disk);

impl Stops for DiskStops {
    fn lines(&self) -> Result<Vec<String>, StoreError> {
        Ok(lock(&self.0.0.files).stops.clone())
    }

    fn keep(&self, line: &str) -> Result<(), StoreError> {
        self.0.check("keeping evidence")?;
        lock(&self.0.0.files).stops.push(line.to_owned());
        Ok(())
    }

    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        self.0.check("keeping evidence")?;
        lock(&self.0.0.files).stops = lines.to_vec();
        Ok(())
    }
}
