//! A witness's state: the last cosigned checkpoint of each log, in one SQLite file.

use std::path::Path;
use std::time::Duration;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::note::VerifierKey;
use countersign::witness::TreeHead;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use countersign_files::open_private;

/// The version of the table.
const VERSION: i64 = 1;
/// The application ID "cswt", which distinguishes these files from other SQLite files.
const APPLICATION: i64 = 0x6373_7774;

const TABLE: &str = "
CREATE TABLE seen (
    origin TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// An error in reading or writing the state.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Another process uses the file.
    #[error("another witness uses the state file")]
    InUse,
    /// The file isn't a witness's state, or has a newer version.
    #[error("the file isn't a witness's state file, or has a newer version")]
    Foreign,
    /// The file has content that no witness writes.
    #[error("the state file is damaged")]
    Damaged,
    /// The system or SQLite fails.
    #[error("the state file can't be used: {0}")]
    Unavailable(String),
}

impl From<rusqlite::Error> for MemoryError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// The database of a witness's state. While it is open, no other process can use its file.
pub struct StateDb {
    connection: Connection,
}

impl StateDb {
    /// Opens the file, and creates it if needed.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        Ok(Self { connection: open_exclusively(path, APPLICATION, VERSION, TABLE)? })
    }

    /// True if nothing was ever cosigned.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn is_empty(&self) -> Result<bool, MemoryError> {
        Ok(self.connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM seen)", [], |row| row.get(0))?)
    }

    /// Returns the size of the last cosigned checkpoint of a log; 0 if there is none.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn cosigned_size(&self, origin: &str) -> Result<u64, MemoryError> {
        let sql = "SELECT size FROM seen WHERE origin = ?";
        let size = self.connection.query_row(sql, [origin], |row| row.get::<_, i64>(0)).optional()?;
        u64::try_from(size.unwrap_or(0)).map_err(|_| MemoryError::Damaged)
    }

    /// Returns the time of the last cosignature by these keys, in seconds since 1970.
    pub(super) fn last_time(&self, keys: &[&VerifierKey]) -> Result<Option<u64>, MemoryError> {
        let mut statement = self.connection.prepare("SELECT note FROM seen")?;
        let mut rows = statement.query([])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let note: String = row.get(0)?;
            let signed = SignedCheckpoint::parse_extended(&note).map_err(|_| MemoryError::Damaged)?;
            let times = signed.cosignatures(keys.iter().copied());
            let seconds = |millis: i64| u64::try_from(millis / 1_000).ok();
            last = last.max(times.verified.iter().filter_map(|seen| seconds(seen.time.millis())).max());
        }
        Ok(last)
    }

    /// Starts a transaction on the state of one log.
    pub(super) fn begin(&mut self, origin: &str) -> Result<StateTransaction<'_>, MemoryError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let last = transaction
            .prepare_cached("SELECT size, root FROM seen WHERE origin = ?")?
            .query_row([origin], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        let last = match last {
            Some((size, root)) => {
                let size = u64::try_from(size).map_err(|_| MemoryError::Damaged)?;
                let root = Hash(root.try_into().map_err(|_| MemoryError::Damaged)?);
                Some(TreeHead { size, root })
            }
            None => None,
        };
        Ok(StateTransaction { transaction, origin: origin.to_owned(), last })
    }

    /// Returns the last cosigned checkpoint of the log whose origin has that SHA-256 hash.
    pub(super) fn note(&self, origin_hash: &[u8; 32]) -> Result<Option<String>, MemoryError> {
        Ok(self
            .connection
            .prepare_cached("SELECT note FROM seen WHERE hash = ?")?
            .query_row([&origin_hash[..]], |row| row.get(0))
            .optional()?)
    }
}

/// Opens a state file, and creates its tables by this schema if needed. While it is open, no other process can use it.
///
/// # Errors
/// [`MemoryError`].
pub(super) fn open_exclusively(
    path: &Path,
    application: i64,
    version: i64,
    schema: &str,
) -> Result<Connection, MemoryError> {
    let created = open_private(path, |options| options.append(true).create(true));
    created.map_err(|error| MemoryError::Unavailable(error.to_string()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // The file stays locked while in use, so waiting is useless.
    connection.busy_timeout(Duration::ZERO)?;
    // Keeps the lock from the first access until the connection closes.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    // Keeps everything in one file, so that a copy of it is complete; a write-ahead log would be a second file.
    connection.pragma_update_and_check(None, "journal_mode", "truncate", |_| Ok(()))?;
    // A commit returns once it is on disk.
    connection.pragma_update(None, "synchronous", "full")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?) {
        (0, 0) => {
            let tables: i64 =
                transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables > 0 {
                return Err(MemoryError::Foreign);
            }
            transaction.execute_batch(schema)?;
            transaction.pragma_update(None, "application_id", application)?;
            transaction.pragma_update(None, "user_version", version)?;
        }
        found if found == (application, version) => {}
        _ => return Err(MemoryError::Foreign),
    }
    transaction.commit()?;
    Ok(connection)
}

/// A transaction on the state of one log. It is exclusive, so no other decision can come between reading the last
/// checkpoint and replacing it.
pub(super) struct StateTransaction<'a> {
    transaction: Transaction<'a>,
    origin: String,
    last: Option<TreeHead>,
}

impl StateTransaction<'_> {
    /// Returns the last checkpoint.
    pub(super) fn last(&self) -> Option<TreeHead> {
        self.last
    }

    /// Records a new last checkpoint, which is on disk when this returns.
    pub(super) fn remember(self, state: TreeHead, note: &str) -> Result<(), MemoryError> {
        let size = i64::try_from(state.size).map_err(|_| MemoryError::Damaged)?;
        let hash = Hash::digest(&[self.origin.as_bytes()]);
        self.transaction.execute(
            "INSERT INTO seen (origin, hash, size, root, note) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (&self.origin, &hash.0[..], size, &state.root.0[..], note),
        )?;
        Ok(self.transaction.commit()?)
    }
}
