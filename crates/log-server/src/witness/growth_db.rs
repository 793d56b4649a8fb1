//! The state of a growth witness, in one SQLite file. It contains no secrets.

use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::tenant::State;
use countersign::time::Time;
use countersign_growth::{GrowthState, StoredState};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::TenantNumber;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};

use super::state_db::{MemoryError, open_exclusively};

/// The version of the tables.
const VERSION: i64 = 1;
/// The application ID "csgw", which distinguishes these files from other SQLite files.
const APPLICATION: i64 = 0x6373_6777;

const TABLES: &str = "
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, size INTEGER NOT NULL, time INTEGER NOT NULL,
    depth INTEGER NOT NULL, edge BLOB NOT NULL, checkpoint TEXT NOT NULL
) STRICT;
CREATE TABLE heads (
    id BLOB PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, state INTEGER NOT NULL, not_live_since INTEGER
) STRICT, WITHOUT ROWID;
";

/// The database of a growth witness's state for one root log. While it is open, no other process can use its file.
pub struct GrowthDb {
    connection: Connection,
}

impl GrowthDb {
    /// Opens the file, and creates it if needed.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        Ok(Self { connection: open_exclusively(path, APPLICATION, VERSION, TABLES)? })
    }

    /// Returns the state of the root log with this origin, and the signed checkpoint that ends with it. `None` if nothing
    /// was checked yet.
    ///
    /// # Errors
    /// [`MemoryError`], also if the file is about another root log.
    pub fn load(&self, origin: &str) -> Result<Option<(GrowthState, SignedCheckpoint)>, MemoryError> {
        let row = self
            .connection
            .query_row("SELECT origin, size, time, depth, edge, checkpoint FROM state", [], |row| {
                let text = |at| row.get::<_, String>(at);
                Ok((
                    text(0)?,
                    number(row, 1)?,
                    row.get::<_, i64>(2)?,
                    number(row, 3)?,
                    row.get::<_, Vec<u8>>(4)?,
                    text(5)?,
                ))
            })
            .optional()?;
        let Some((stored_origin, size, time, depth, edge, checkpoint)) = row else { return Ok(None) };
        if stored_origin != origin {
            return Err(MemoryError::Foreign);
        }
        let (edge, rest) = edge.as_chunks();
        let depth = u8::try_from(depth).ok().filter(|_| rest.is_empty()).ok_or(MemoryError::Damaged)?;
        let time = Time::from_millis(time).ok_or(MemoryError::Damaged)?;
        let checkpoint = SignedCheckpoint::parse_extended(&checkpoint).map_err(|_| MemoryError::Damaged)?;
        let mut heads = Vec::new();
        let mut statement =
            self.connection.prepare("SELECT id, size, root, state, not_live_since FROM heads")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            heads.push(head(row)?.ok_or(MemoryError::Damaged)?);
        }
        let edge = edge.iter().map(|hash| Hash(*hash)).collect();
        let state = GrowthState::from_stored(origin, &StoredState { size, time, depth, edge, heads });
        let state = state.filter(|state| state.check(&checkpoint.checkpoint).is_ok());
        Ok(Some((state.ok_or(MemoryError::Damaged)?, checkpoint)))
    }

    /// Stores a state, which is on disk when this returns. `earlier` is the stored one.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing is stored then.
    pub fn save(
        &mut self,
        origin: &str,
        state: &GrowthState,
        earlier: Option<&GrowthState>,
        checkpoint: &SignedCheckpoint,
    ) -> Result<(), MemoryError> {
        let StoredState { size, time, depth, edge, .. } = state.to_stored_without_heads();
        let changes: Vec<_> = match earlier {
            Some(earlier) => {
                let changes = state.changes_since(earlier).into_iter();
                changes.map(|change| (change.before.map(|head| head.id), change.after)).collect()
            }
            None => state.to_stored().heads.into_iter().map(|(head, _)| (None, Some(head))).collect(),
        };
        let edge: Vec<u8> = edge.iter().flat_map(|hash| hash.0).collect();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR REPLACE INTO state (id, origin, size, time, depth, edge, checkpoint) VALUES (1, ?, ?, ?, ?, ?, ?)",
            (origin, size.cast_signed(), time.millis(), depth, edge, checkpoint.to_string()),
        )?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO heads (id, size, root, state, not_live_since) VALUES (?, ?, ?, ?, ?)",
            )?;
            let mut delete = transaction.prepare_cached("DELETE FROM heads WHERE id = ?")?;
            for (before, after) in changes {
                match (before, after) {
                    (_, Some(head)) => {
                        let since = state.not_live_since(&head.id).map(u64::cast_signed);
                        let (size, root) = (head.size.cast_signed(), &head.root.0[..]);
                        put.execute((&head.id[..], size, root, head.state.to_byte(), since))?;
                    }
                    (Some(gone), None) => _ = delete.execute([&gone[..]])?,
                    (None, None) => {}
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(u64::MAX))
}

fn head(row: &Row<'_>) -> rusqlite::Result<Option<(SlotHead, Option<u64>)>> {
    let (id, root): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(2)?);
    let state = u8::try_from(number(row, 3)?).ok().and_then(State::from_byte);
    let (Ok(id), Ok(root), Some(state)) = (id.try_into(), root.try_into(), state) else { return Ok(None) };
    let since = row.get::<_, Option<i64>>(4)?.and_then(|since| u64::try_from(since).ok());
    let (number, size) = (TenantNumber::MAX, number(row, 1)?);
    Ok(Some((SlotHead { id, number, size, root: Hash(root), state }, since)))
}
