//! The state of a growth witness, in one SQLite file. It contains no secrets.

use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::tenant::State;
use countersign::time::Time;
use countersign_growth::{GrowthCode, GrowthState, Recheck, StoredState};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::TenantNumber;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};

use super::growth_report::GrowthReport;
use super::state_db::{MemoryError, open_exclusively};

/// The version of the tables.
const VERSION: i64 = 2;
/// The application ID "csgw", which distinguishes these files from other SQLite files.
const APPLICATION: i64 = 0x6373_6777;

const TABLES: &str = "
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, size INTEGER NOT NULL, time INTEGER NOT NULL,
    depth INTEGER NOT NULL, edge BLOB NOT NULL, checkpoint TEXT NOT NULL,
    first INTEGER NOT NULL, since INTEGER NOT NULL, skipped INTEGER NOT NULL
) STRICT;
CREATE TABLE heads (
    id BLOB PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, state INTEGER NOT NULL, not_live_since INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE gone (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE findings (
    number INTEGER PRIMARY KEY, origin TEXT NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL, log TEXT,
    tick INTEGER NOT NULL, message TEXT NOT NULL, evidence TEXT NOT NULL,
    recheck_id BLOB, before_size INTEGER, before_root BLOB, after_size INTEGER, after_root BLOB
) STRICT;
";

/// The status of a finding that is neither settled nor decided.
const OPEN: i64 = 0;
/// The status of a finding whose contrary the log server has proven.
const SETTLED: i64 = 1;
/// The status of a finding after which the witness's operator decided to continue.
const DECIDED: i64 = 2;
/// The maximum number of open findings.
pub(super) const MAX_OPEN_FINDINGS: usize = 100;

/// Which ticks were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The tick from which on all ticks were checked, up to the last one.
    pub since: u64,
    /// The number of ticks that were not checked completely, between the first tick and that one.
    pub skipped: u64,
}

/// The stored data about a root log.
pub struct StoredGrowth {
    /// The state.
    pub state: GrowthState,
    /// The signed checkpoint that ends with it.
    pub checkpoint: SignedCheckpoint,
    /// Which ticks were checked.
    pub coverage: Coverage,
}

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

    /// Returns what is stored about the root log with this origin. `None` if nothing was checked yet.
    ///
    /// # Errors
    /// [`MemoryError`], also if the file is about another root log.
    pub fn load(&self, origin: &str) -> Result<Option<StoredGrowth>, MemoryError> {
        let sql = "SELECT origin, size, time, depth, edge, checkpoint, first, since, skipped FROM state";
        let row = self.connection.query_row(sql, [], |row| {
            let texts = (row.get::<_, String>(0)?, row.get::<_, String>(5)?);
            let (time, edge) = (row.get::<_, i64>(2)?, row.get::<_, Vec<u8>>(4)?);
            let coverage = Coverage { since: number(row, 7)?, skipped: number(row, 8)? };
            Ok((texts, number(row, 1)?, time, number(row, 3)?, edge, number(row, 6)?, coverage))
        });
        let Some(((stored_origin, checkpoint), size, time, depth, edge, first, coverage)) = row.optional()?
        else {
            return Ok(None);
        };
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
        let mut gone = Vec::new();
        let mut statement = self.connection.prepare("SELECT id FROM gone")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            gone.push(row.get::<_, Vec<u8>>(0)?.try_into().map_err(|_| MemoryError::Damaged)?);
        }
        let edge = edge.iter().map(|hash| Hash(*hash)).collect();
        let stored = StoredState { size, time, first, depth, edge, heads, gone };
        let state = GrowthState::from_stored(origin, &stored);
        let state = state.filter(|state| state.is_at(&checkpoint.checkpoint));
        Ok(Some(StoredGrowth { state: state.ok_or(MemoryError::Damaged)?, checkpoint, coverage }))
    }

    /// Returns the findings about the root log with this origin that are neither settled nor decided, from the first on.
    ///
    /// # Errors
    /// [`MemoryError`], also if the file is about another root log.
    pub fn open_findings(&self, origin: &str) -> Result<Vec<GrowthReport>, MemoryError> {
        let sql = "SELECT origin, code, log, tick, message, evidence, recheck_id, before_size, before_root, after_size, \
                   after_root FROM findings WHERE status = ? ORDER BY number";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([OPEN])?;
        let mut findings = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get::<_, String>(0)? != origin {
                return Err(MemoryError::Foreign);
            }
            findings.push(finding(row)?.ok_or(MemoryError::Damaged)?);
        }
        Ok(findings)
    }

    /// Stores an open finding, which is on disk when this returns.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing is stored then.
    pub fn add_finding(&mut self, origin: &str, report: &GrowthReport) -> Result<(), MemoryError> {
        let GrowthReport { code, log, tick, message, evidence, recheck, is_settled: _ } = report;
        let evidence = serde_json::to_string(evidence).map_err(|_| MemoryError::Damaged)?;
        let (id, before, after) = match recheck {
            None => (None, None, None),
            Some(Recheck::Root { size, root }) => (None, None, Some((*size, *root))),
            Some(Recheck::Growth { id, before, after }) => (Some(id.to_vec()), Some(*before), Some(*after)),
        };
        let head = |head: Option<(u64, Hash)>| {
            head.map(|(size, root)| (size.cast_signed(), root.0.to_vec())).unzip()
        };
        let ((before_size, before_root), (after_size, after_root)) = (head(before), head(after));
        self.connection.execute(
            "INSERT INTO findings (origin, status, code, log, tick, message, evidence, recheck_id, before_size, \
             before_root, after_size, after_root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rusqlite::params![
                origin, OPEN, code.as_str(), log, tick.cast_signed(), message, evidence, id, before_size, before_root,
                after_size, after_root
            ],
        )?;
        Ok(())
    }

    /// Marks an open finding as settled if it is one that a proof can settle.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn settle_finding(&mut self, report: &GrowthReport) -> Result<(), MemoryError> {
        let GrowthReport { code, log, tick, .. } = report;
        self.connection.execute(
            "UPDATE findings SET status = ? WHERE status = ? AND code = ? AND log IS ? AND tick = ? \
             AND after_root IS NOT NULL",
            rusqlite::params![SETTLED, OPEN, code.as_str(), log, tick.cast_signed()],
        )?;
        Ok(())
    }

    /// Marks the open findings about ticks up to this one as decided. They stay in the file, with their evidence.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn decide(&mut self, tick: u64) -> Result<(), MemoryError> {
        let tick = i64::try_from(tick).unwrap_or(i64::MAX);
        let sql = "UPDATE findings SET status = ? WHERE status = ? AND tick <= ?";
        self.connection.execute(sql, (DECIDED, OPEN, tick))?;
        Ok(())
    }

    /// True if the witness's operator has decided about this finding.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn is_decided(&self, report: &GrowthReport) -> Result<bool, MemoryError> {
        let GrowthReport { code, log, tick, .. } = report;
        let sql =
            "SELECT EXISTS (SELECT 1 FROM findings WHERE status = ? AND code = ? AND log IS ? AND tick = ?)";
        let parameters = rusqlite::params![DECIDED, code.as_str(), log, tick.cast_signed()];
        Ok(self.connection.query_row(sql, parameters, |row| row.get(0))?)
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
        coverage: Coverage,
    ) -> Result<(), MemoryError> {
        let StoredState { size, time, first, depth, edge, .. } = state.to_stored_without_heads();
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
            "INSERT OR REPLACE INTO state (id, origin, size, time, depth, edge, checkpoint, first, since, skipped)
             VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rusqlite::params![
                origin,
                size.cast_signed(),
                time.millis(),
                depth,
                edge,
                checkpoint.to_string(),
                first.cast_signed(),
                coverage.since.cast_signed(),
                coverage.skipped.cast_signed()
            ],
        )?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO heads (id, size, root, state, not_live_since) VALUES (?, ?, ?, ?, ?)",
            )?;
            let mut delete = transaction.prepare_cached("DELETE FROM heads WHERE id = ?")?;
            let mut bury = transaction.prepare_cached("INSERT OR IGNORE INTO gone (id) VALUES (?)")?;
            for (before, after) in changes {
                match (before, after) {
                    (_, Some(head)) => {
                        let since = state.not_live_since(&head.id).map(u64::cast_signed);
                        let (size, root) = (head.size.cast_signed(), &head.root.0[..]);
                        put.execute((&head.id[..], size, root, head.state.to_byte(), since))?;
                    }
                    (Some(gone), None) => {
                        delete.execute([&gone[..]])?;
                        bury.execute([&gone[..]])?;
                    }
                    (None, None) => {}
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

fn finding(row: &Row<'_>) -> rusqlite::Result<Option<GrowthReport>> {
    let Some(code) = GrowthCode::parse(&row.get::<_, String>(1)?) else { return Ok(None) };
    let Ok(evidence) = serde_json::from_str(&row.get::<_, String>(5)?) else { return Ok(None) };
    let hash =
        |at| row.get::<_, Option<Vec<u8>>>(at).map(|bytes| bytes.and_then(|bytes| bytes.try_into().ok()));
    let size = |at| row.get::<_, Option<i64>>(at).map(|size| size.and_then(|size| u64::try_from(size).ok()));
    let id = row.get::<_, Option<Vec<u8>>>(6)?;
    let before = size(7)?.zip(hash(8)?.map(Hash));
    let after = size(9)?.zip(hash(10)?.map(Hash));
    let recheck = match (id, before, after) {
        (None, None, None) => None,
        (None, None, Some((size, root))) => Some(Recheck::Root { size, root }),
        (Some(id), Some(before), Some(after)) => {
            let Ok(id) = id.try_into() else { return Ok(None) };
            Some(Recheck::Growth { id, before, after })
        }
        _ => return Ok(None),
    };
    let (log, tick, message) = (row.get(2)?, number(row, 3)?, row.get(4)?);
    Ok(Some(GrowthReport { evidence, recheck, ..GrowthReport::new(code, log, tick, message) }))
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
