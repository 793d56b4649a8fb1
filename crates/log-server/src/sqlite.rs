//! The embedded store: a SQLite file in write-ahead mode that is flushed to disk before a commit counts.

mod connection;
mod database;
mod pool;
#[cfg(unix)]
mod static_database;
mod tenant_requests;
mod write_connection;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use connection::{connect, opening};
use countersign::time::Time;
use countersign_files::open_private;
use countersign_log::own_chain::Random;
use countersign_log::store::{Reader, Store, StoreError};
use countersign_log::tables::{
    ADDED, ALL_SETTLED, LogKeys, TABLES, TENANT_TABLES, TENANT_VERSION, TableReader, TableWriter,
    TenantTableReaders, TenantTables, VERSION, create_tenants,
};
use countersign_log::tenants::CreationError;
use countersign_log::tenants::store::{TenantReaders, TenantStore};
use countersign_log::tenants::tenant::Tenant;
use database::SqlDatabase;
use pool::Pool;
use write_connection::WriteConnection;

pub(crate) use connection::failed;
pub use tenant_requests::{add_lost_tenants, continue_as_tenant, end_tenants};
pub(crate) use tenant_requests::{continue_as_tenants, damaged_requests};

/// The file's name within the log's folder.
pub const FILE: &str = "log.sqlite";

/// The maximum memory for pages of the connection that makes ticks, in KiB.
const TICK_CACHE_KIB: i64 = 65_536;
/// The number of pages in the write-ahead log, of 4 KiB each, from which on a tick moves them into the database.
const MAX_TICK_LOG_PAGES: i64 = 16_384;

const INDEX_WITHOUT_BUCKET: &str =
    "this folder is the index of a log in a bucket; serve it with that bucket, or the log would fork";

/// The writer of the file.
pub(crate) type SqliteWriter = TableWriter<WriteConnection>;

/// Opens the store in an existing folder, and creates it if needed.
///
/// # Errors
/// [`StoreError::Damaged`] if the file belongs to another log or is the index of a bucket; other errors if SQLite
/// fails.
pub fn open(folder: &Path, origin: &str) -> Result<Store, StoreError> {
    let (writer, reader) = open_writer(folder, origin)?;
    Ok(Store { writer: Box::new(writer), reader })
}

/// Opens the store as [`open`] does.
pub(crate) fn open_writer(
    folder: &Path,
    origin: &str,
) -> Result<(SqliteWriter, Arc<dyn Reader>), StoreError> {
    let (connection, reader) = open_connections(folder, origin)?;
    let writer = SqliteWriter::new(connection)?;
    if is_index(writer.database()).map_err(failed("opening"))? {
        return Err(StoreError::Damaged(INDEX_WITHOUT_BUCKET.into()));
    }
    Ok((writer, reader))
}

/// Opens a bucket's index. Work lost in a power failure is restored from the bucket.
pub(crate) fn open_index(folder: &Path, origin: &str) -> Result<(SqliteWriter, Arc<dyn Reader>), StoreError> {
    let (connection, reader) = open_connections(folder, origin)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(failed("opening the index"))?;
    Ok((SqliteWriter::new(connection.without_file_checks())?, reader))
}

fn open_connections(folder: &Path, origin: &str) -> Result<(WriteConnection, Arc<dyn Reader>), StoreError> {
    let path = folder.join(FILE);
    create(&path)?;
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection, origin)?;
    let connection = WriteConnection::new(connection, &path);
    Ok((connection, Arc::new(TableReader::new(Pool::new(path)))))
}

/// Creates the store of a root log with tenant logs, in a folder without a log. `depth` is that of the first directory.
///
/// # Errors
/// [`StoreError::Damaged`] if the folder has a log; other errors if SQLite fails.
pub fn create_with_tenants(folder: &Path, origin: &str, depth: u8) -> Result<(), StoreError> {
    let sql = failed("creating the database");
    let path = folder.join(FILE);
    create(&path)?;
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare_writing(&connection).map_err(sql)?;
    if version(&connection)? != 0 {
        return Err(StoreError::Damaged("this folder already contains a log".into()));
    }
    let setup =
        format!("BEGIN IMMEDIATE; {TABLES} {ADDED} {TENANT_TABLES} PRAGMA user_version = {TENANT_VERSION}");
    connection.execute_batch(&setup).map_err(sql)?;
    connection.execute("INSERT INTO log VALUES (?)", [origin]).map_err(sql)?;
    connection.execute("INSERT INTO tenant_settings VALUES (1, ?)", [depth]).map_err(sql)?;
    connection.execute_batch("COMMIT").map_err(sql)
}

/// Opens the store of a root log with tenant logs.
///
/// # Errors
/// [`StoreError::Damaged`] if the folder contains another log, or one without tenant logs; other errors if SQLite
/// fails.
pub fn open_tenants(folder: &Path, origin: &str) -> Result<TenantStore, StoreError> {
    let (writer, readers) = open_tenant_tables(folder, origin)?;
    Ok(TenantStore { writer: Box::new(writer), readers })
}

/// Opens the store of a root log with tenant logs as [`open_tenants`] does.
pub(crate) fn open_tenant_tables(
    folder: &Path,
    origin: &str,
) -> Result<(TenantIndexWriter, Arc<dyn TenantReaders>), StoreError> {
    if is_index_folder(folder)? {
        return Err(StoreError::Damaged(INDEX_WITHOUT_BUCKET.into()));
    }
    open_tenant_store(folder, origin, "full")
}

/// Opens the store of a root log with tenant logs, also if it is the index of a bucket. The log may only continue from an
/// index after [`leave_bucket`].
///
/// # Errors
/// [`StoreError::Damaged`] if the folder contains another log, or one without tenant logs; other errors if SQLite
/// fails.
pub(crate) fn open_tenants_to_restore(folder: &Path, origin: &str) -> Result<TenantStore, StoreError> {
    // A restore commits each tick. It can be repeated, so not each commit has to be on disk before the next one.
    let (writer, readers) = open_tenant_store(folder, origin, "normal")?;
    Ok(TenantStore { writer: Box::new(writer), readers })
}

fn open_tenant_store(
    folder: &Path,
    origin: &str,
    synchronous: &str,
) -> Result<(TenantIndexWriter, Arc<dyn TenantReaders>), StoreError> {
    let path = folder.join(FILE);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_has_tenants(&connection)?;
    check_origin(&connection, origin)?;
    prepare_writing(&connection)
        .and_then(|()| prepare_ticks(&connection))
        .and_then(|()| connection.pragma_update(None, "synchronous", synchronous))
        .map_err(opening("opening the database"))?;
    let writer = TenantTables::new(WriteConnection::new(connection, &path))?;
    Ok((writer, Arc::new(TenantTableReaders::new(Pool::new(path)))))
}

/// Lets a database commit without waiting for the disk. [`sync_again`] has to follow. If the process ends before, the
/// newest commits may be lost.
pub(crate) fn stop_syncing(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", "normal").map_err(failed("preparing the database"))
}

/// Writes everything to the disk, and lets commits wait for it again.
pub(crate) fn sync_again(connection: &Connection) -> Result<(), StoreError> {
    let failed = failed("writing the database to the disk");
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    database::truncate_write_ahead_log(connection).map(drop).map_err(failed)
}

/// The writer of the tables of a root log, in a folder or in a bucket's index.
pub(crate) type TenantIndexWriter = TenantTables<WriteConnection>;

/// Opens a bucket's index of a root log with tenant logs. Creates it in a folder without a log; `depth` is then that of
/// the first directory, unless the bucket has one. `tables` are the index's own tables.
pub(crate) fn open_tenant_index(
    folder: &Path,
    origin: &str,
    depth: u8,
    tables: &str,
) -> Result<(TenantIndexWriter, Arc<dyn TenantReaders>), StoreError> {
    if !has_tenants(folder)? {
        create_with_tenants(folder, origin, depth)?;
    }
    let path = folder.join(FILE);
    let sql = opening("opening the index");
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_has_tenants(&connection)?;
    check_origin(&connection, origin)?;
    let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM leaves)";
    if !is_index(&connection).map_err(sql)?
        && !connection.query_row(is_empty, [], |row| row.get(0)).map_err(sql)?
    {
        let why = "this folder contains a root log with tenant logs that isn't in a bucket, and it can't be moved to one";
        return Err(StoreError::Damaged(why.into()));
    }
    prepare_writing(&connection).map_err(sql)?;
    prepare_ticks(&connection).map_err(sql)?;
    connection.execute_batch(tables).map_err(sql)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(sql)?;
    let writer = TenantTables::new(WriteConnection::new(connection, &path).without_file_checks())?;
    Ok((writer, Arc::new(TenantTableReaders::new(Pool::new(path)))))
}

/// True if a folder contains the index of a log in a bucket.
///
/// # Errors
/// If SQLite fails. A folder without a log is not an error.
pub fn is_index_folder(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(FILE);
    Ok(path.exists() && is_index(&connect_to_read(&path)?).map_err(opening("opening the database"))?)
}

/// Makes the index of a bucket an ordinary folder, whose database is the log. Does nothing in other folders.
///
/// # Errors
/// If SQLite fails.
pub(crate) fn leave_bucket(folder: &Path) -> Result<(), StoreError> {
    let sql = failed("leaving the bucket");
    let connection = connect_to_write(folder)?;
    if is_index(&connection).map_err(sql)? {
        connection.execute("DELETE FROM bucket", []).map_err(sql)?;
    }
    Ok(())
}

/// Opens the store of a root log with tenant logs for reading, as [`open_reader`] does for an ordinary log, and returns
/// the root log's origin.
///
/// # Errors
/// If SQLite fails, or there is no store with tenant logs.
pub fn open_tenant_readers(folder: &Path) -> Result<(String, Arc<dyn TenantReaders>), StoreError> {
    let pool = Pool::for_reading(folder.join(FILE));
    let connection = pool.connect()?;
    check_has_tenants(&connection)?;
    let origin = origin(&connection)?;
    drop(connection);
    Ok((origin, Arc::new(TenantTableReaders::new(pool))))
}

/// True if a folder contains a root log with tenant logs.
///
/// # Errors
/// If SQLite fails. A folder without a log is not an error.
pub fn has_tenants(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(FILE);
    Ok(path.exists() && version(&connect_to_read(&path)?)? == TENANT_VERSION)
}

/// Creates tenants in a folder in one step, or returns those that have one of these names already. A server may be
/// running: its next tick has the heads of the new tenant logs.
///
/// # Errors
/// [`CreationError`]. No tenant was created then.
pub fn add_tenants(
    folder: &Path,
    names: &[&str],
    random: &mut Random,
    now: Time,
) -> Result<Vec<Tenant>, CreationError> {
    let connection = tenant_connection(folder)?;
    create_tenants(&SqlDatabase(&connection), names, random, now)
}

/// Connects to a database with tenant logs to write to it, while a server may be running.
fn tenant_connection(folder: &Path) -> Result<Connection, StoreError> {
    let connection = connect_to_write(folder)?;
    check_has_tenants(&connection)?;
    prepare_writing(&connection).map_err(opening("opening the database"))?;
    Ok(connection)
}

/// Creates one tenant, as [`add_tenants`] does.
///
/// # Errors
/// [`CreationError`].
pub fn add_tenant(
    folder: &Path,
    name: &str,
    random: &mut Random,
    now: Time,
) -> Result<Tenant, CreationError> {
    let created = add_tenants(folder, &[name], random, now)?.pop();
    created.ok_or_else(|| StoreError::unavailable("creating a tenant", "nothing was created").into())
}

/// True if the log is in a bucket, which a row in one of the index's tables says.
fn is_index(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(has_table(connection, "bucket")?
        && connection.query_row("SELECT count(*) > 0 FROM bucket", [], |row| row.get(0))?)
}

/// The log that a folder's database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// The log's origin.
    pub origin: String,
    /// True if it is the root log of tenant logs.
    pub has_tenants: bool,
}

/// Returns the log in a folder, or `None` if the folder has no database. Changes nothing if no server uses the folder.
///
/// # Errors
/// If SQLite fails.
pub fn identify(folder: &Path) -> Result<Option<LogIdentity>, StoreError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let connection = connect_to_read(&path)?;
    let has_tenants = has_table(&connection, "tenants").map_err(opening("opening the database"))?;
    Ok(Some(LogIdentity { origin: origin(&connection)?, has_tenants }))
}

/// Returns the origin of the log in a [copy].
pub(crate) fn identify_file(path: &Path) -> Result<String, StoreError> {
    origin(&Pool::new(path.to_owned()).connect()?)
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?";
    connection.query_row(count, [name], |row| row.get(0))
}

/// Opens the store in a folder for reading, and returns the log's origin. A server may be writing to it. If no server
/// uses the folder, no file in it is changed, and the folder may be read-only.
///
/// # Errors
/// If SQLite fails or there is no store.
pub fn open_reader(folder: &Path) -> Result<(String, Arc<dyn Reader>), StoreError> {
    open_pool(Pool::for_reading(folder.join(FILE)))
}

/// Opens the store for reading in a process that writes to the database itself.
pub(crate) fn open_live_reader(folder: &Path) -> Result<(String, Arc<dyn Reader>), StoreError> {
    open_pool(Pool::new(folder.join(FILE)))
}

fn open_pool(pool: Pool) -> Result<(String, Arc<dyn Reader>), StoreError> {
    let connection = pool.connect()?;
    check_has_no_tenants(version(&connection)?)?;
    let origin = origin(&connection)?;
    if !pool.is_static() {
        // A database that no server of this version has opened may lack some tables.
        connection.execute_batch(ADDED).map_err(opening("opening the database"))?;
    }
    drop(connection);
    Ok((origin, Arc::new(TableReader::new(pool))))
}

/// Connects to a database to read it as a whole. Changes nothing if no server uses its folder.
pub(crate) fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    Pool::for_reading(path.to_owned()).connect()
}

/// Connects to a folder's database to change it.
pub(crate) fn connect_to_write(folder: &Path) -> Result<Connection, StoreError> {
    connect(&folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Detects changes of a database that is read in several steps. A step would report a changed part as damaged.
pub(crate) struct ChangeGuard(Pool);

impl ChangeGuard {
    /// Starts to guard the database at that path.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Pool::for_reading(path.to_owned()))
    }

    /// Fails if a server changed the database although none was running at the start.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.0.check()
    }
}

/// Copies a folder's database, consistently, to an empty file. A server may be writing to it. The copy of a bucket's index
/// is the database of a log in a folder.
///
/// # Errors
/// If SQLite fails.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = failed("copying the database");
    let pool = Pool::for_reading(folder.join(FILE));
    let connection = pool.connect()?;
    let unnamed = || StoreError::disk("copying the database", "the file's name isn't UTF-8");
    connection.execute("VACUUM INTO ?", [to.to_str().ok_or_else(unnamed)?]).map_err(failed)?;
    pool.check()?;
    if is_index(&connection).map_err(failed)? {
        detach(to).map_err(failed)?;
    }
    Ok(())
}

/// Makes the copy of a bucket's index the database of a log in a folder. Everything that it has counts as signed, so that
/// a server with a new folder doesn't continue from it unless nothing newer was signed.
fn detach(path: &Path) -> rusqlite::Result<()> {
    let copy = Connection::open(path)?;
    copy.execute_batch(
        "BEGIN IMMEDIATE;
         REPLACE INTO signed SELECT 1, max(size) FROM checkpoints HAVING count(*) > 0;
         DROP TABLE bucket; DROP TABLE commits; DROP TABLE IF EXISTS parts; DROP TABLE IF EXISTS ticks;
         COMMIT",
    )
}

/// Opens a [copy] for reading: its only log, or its root log.
///
/// # Errors
/// If SQLite fails.
pub(crate) fn open_copy(path: &Path) -> Result<Arc<dyn Reader>, StoreError> {
    let pool = Pool::new(path.to_owned());
    let has_tenants = version(&pool.connect()?)? == TENANT_VERSION;
    let keys = if has_tenants { LogKeys::root() } else { LogKeys::single() };
    Ok(Arc::new(TableReader::with_keys(pool, keys)))
}

/// Creates a database if it doesn't exist. Fails if there is a write-ahead log without its database: SQLite would delete
/// it, and with it entries that were acknowledged.
fn create(path: &Path) -> Result<(), StoreError> {
    let is_empty = fs::metadata(path).is_ok_and(|file| file.len() == 0) || !path.exists();
    let log = beside(path, "-wal");
    if is_empty && fs::metadata(&log).is_ok_and(|file| file.len() > 0) {
        let why = "the database is missing, but its write-ahead log is there, which contains entries; put the database \
                   back next to it, or move both away";
        return Err(StoreError::Damaged(format!("{}: {why}", log.display())));
    }
    touch(path).map_err(|error| StoreError::disk("creating the database", error))
}

/// Returns the path of a file that SQLite keeps next to a database, by the end of its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Creates the file if it doesn't exist, readable only by its owner because it contains events.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    open_private(path, |options| options.append(true).create(true)).map(drop)
}

/// Removes a folder's database.
///
/// # Errors
/// If a file can't be removed.
pub(crate) fn discard(folder: &Path) -> Result<(), StoreError> {
    remove(&folder.join(FILE))
}

/// Removes a database with all its files, if they exist.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        match fs::remove_file(beside(path, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::disk("removing a database", error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sets up a connection for writing.
fn prepare_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit returns once it is on disk.
    connection.pragma_update(None, "synchronous", "full")?;
    // Splitting or merging pages must leave no copy of an event behind, which erasure wouldn't find.
    connection.pragma_update(None, "secure_delete", "fast")?;
    // A commit that moves pages into the database delays everyone who waits for it, so move few at a time.
    connection.pragma_update(None, "wal_autocheckpoint", 1024)
}

/// Sets up a connection for ticks. Each adds to many logs, whose rows are on pages of their own.
fn prepare_ticks(connection: &Connection) -> rusqlite::Result<()> {
    // The pages of a few thousand active logs, which would be written and read several times otherwise.
    connection.pragma_update(None, "cache_size", -TICK_CACHE_KIB)?;
    // Many pages change at each of several ticks, but are moved into the database once.
    connection.pragma_update(None, "wal_autocheckpoint", MAX_TICK_LOG_PAGES)
}

fn prepare(connection: &Connection, origin: &str) -> Result<(), StoreError> {
    let sql = opening("opening the database");
    prepare_writing(connection).map_err(sql)?;
    let settled = format!("{ADDED} {ALL_SETTLED} PRAGMA user_version = {VERSION};");
    match version(connection)? {
        0 => {
            let setup = format!("BEGIN IMMEDIATE; {TABLES} {settled}");
            connection.execute_batch(&setup).map_err(sql)?;
            connection.execute("INSERT INTO log VALUES (?)", [origin]).map_err(sql)?;
            connection.execute_batch("COMMIT").map_err(sql)?;
        }
        version @ 1..=VERSION => {
            check_origin(connection, origin)?;
            if version < VERSION {
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {settled} COMMIT")).map_err(sql)?;
            }
        }
        other => {
            check_has_no_tenants(other)?;
            return Err(newer(other));
        }
    }
    connection.execute_batch(ADDED).map_err(sql)
}

/// Returns the version of a database's tables; 0 if it has none.
fn version(connection: &Connection) -> Result<i64, StoreError> {
    let failed = opening("opening the database");
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)
}

fn origin(connection: &Connection) -> Result<String, StoreError> {
    let failed = opening("opening the database");
    connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(failed)
}

fn check_origin(connection: &Connection, expected: &str) -> Result<(), StoreError> {
    let stored = origin(connection)?;
    if stored == expected {
        return Ok(());
    }
    let message = format!("this folder contains the log {stored:?} instead of {expected:?}");
    Err(StoreError::Damaged(message))
}

fn check_has_no_tenants(version: i64) -> Result<(), StoreError> {
    if version != TENANT_VERSION {
        return Ok(());
    }
    Err(StoreError::Damaged(
        "this folder contains a root log with tenant logs instead of an ordinary log".into(),
    ))
}

fn check_has_tenants(connection: &Connection) -> Result<(), StoreError> {
    match version(connection)? {
        TENANT_VERSION => Ok(()),
        version if version > TENANT_VERSION => Err(newer(version)),
        _ => Err(StoreError::Damaged("this folder does not contain a root log with tenant logs".into())),
    }
}

fn newer(version: i64) -> StoreError {
    StoreError::Damaged(format!(
        "the database has version {version}, written by a newer version of the program"
    ))
}

#[cfg(test)]
mod tests;
