//! A server's index of a root log with tenant logs: everything in the bucket's commits, in the tables of the embedded
//! store.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::tenant::State;
use countersign::time::Time;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::apply::{Overlap, add_kept_and_notes, apply, check_next};
use super::codec::{MovedLog, NewTenant, TickCommit, entry_of};
use crate::bucket::index::{self, Erasures};
use crate::sqlite::{self, TenantIndexWriter, failed};
use countersign_log::store::{StoreError, TreeStore as _};
use countersign_log::tables::integer;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{TenantReaders, TenantWriter as _, TickBatch};
use countersign_log::tenants::tenant::TenantNumber;

const PARTS: &str = "
-- The entries of tenant logs by commit: the key of the first entry, the tick, and the number of entries.
CREATE TABLE IF NOT EXISTS parts (first INTEGER PRIMARY KEY, tick INTEGER NOT NULL, count INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS parts_by_tick ON parts (tick);
-- What a commit has besides entries and events, as an object, so that the commit can be put back into the bucket.
CREATE TABLE IF NOT EXISTS ticks (tick INTEGER PRIMARY KEY, rest BLOB NOT NULL) STRICT;
";
const WRITING: &str = "writing the index";
const READING: &str = "reading the index";

/// The index of a bucket.
pub(super) struct TenantIndex {
    pub(super) tables: TenantIndexWriter,
    pub(super) readers: Arc<dyn TenantReaders>,
    /// The right edge of the root log's tree.
    pub(super) edge: CompactRange,
}

impl TenantIndex {
    pub(super) fn open(folder: &Path, origin: &str, depth: u8) -> Result<Self, StoreError> {
        let tables = format!("{}{PARTS}", index::TABLES);
        let (tables, readers) = sqlite::open_tenant_index(folder, origin, depth, &tables)?;
        let edge = tables.edge()?;
        Ok(Self { tables, readers, edge })
    }

    fn connection(&self) -> &Connection {
        self.tables.database()
    }

    /// Returns the number of ticks.
    pub(super) fn size(&self) -> u64 {
        self.tables.size()
    }

    pub(super) fn erasures(&self) -> Result<Option<Erasures>, StoreError> {
        Erasures::read(self.connection())
    }

    pub(super) fn set_erasures(&self, erasures: Erasures) -> Result<(), StoreError> {
        erasures.write(self.connection())
    }

    /// Returns those tenants of the heads that no commit contains yet.
    pub(super) fn new_tenants(&self, heads: &[SlotHead]) -> Result<Vec<NewTenant>, StoreError> {
        let numbers: BTreeSet<TenantNumber> = heads.iter().map(|head| head.number).collect();
        let mut new = uncommitted(self.connection()).map_err(failed(READING))?;
        new.retain(|created| numbers.contains(&created.tenant.number));
        Ok(new.into_iter().map(|created| created.tenant).collect())
    }

    /// Returns the logs that moved according to these heads, each with the log that continues it.
    pub(super) fn moved(&self, heads: &[SlotHead]) -> Result<Vec<MovedLog>, StoreError> {
        let mut moved = Vec::new();
        for SlotHead { number, .. } in heads.iter().filter(|head| head.state == State::Moved) {
            let to = self.tables.moved_to(*number)?;
            moved.extend(to.map(|to| MovedLog { number: *number, to }));
        }
        Ok(moved)
    }

    /// Adds this server's own commit.
    pub(super) fn commit(&mut self, commit: &TickCommit, batch: &TickBatch<'_>) -> Result<(), StoreError> {
        self.add_objects(commit)?;
        add_kept_and_notes(&mut self.tables, commit)?;
        self.tables.commit_tick(batch).map_err(|error| error.into_store_error(WRITING))?;
        self.edge = batch.root_tree.edge();
        Ok(())
    }

    /// Adds the next commit of the bucket. `secret` is that of an anchor.
    pub(super) fn follow(
        &mut self,
        commit: TickCommit,
        secret: Option<TickSecret>,
        key: &VerifierKey,
    ) -> Result<(), StoreError> {
        check_next(&commit, self.size())?;
        self.add_objects(&commit)?;
        self.edge = apply(&mut self.tables, &self.edge, commit, secret, key, Overlap::None)?;
        Ok(())
    }

    /// Adds where a commit's entries are. It is added first, because the commit is in the bucket even if the rest fails, and
    /// adding it again changes nothing.
    fn add_objects(&mut self, commit: &TickCommit) -> Result<(), StoreError> {
        let rest = commit.encode_rest()?;
        let add = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(self.connection(), TransactionBehavior::Immediate)?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO commits VALUES (?)")?
                .execute([integer(commit.tick)])?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO ticks VALUES (?, ?)")?
                .execute((integer(commit.tick), rest.as_slice()))?;
            let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)")?;
            for part in &commit.parts {
                let Range { start, end } = part.event_numbers();
                insert.execute([integer(start), integer(commit.tick), integer(end - start)])?;
            }
            drop(insert);
            transaction.commit()
        };
        add().map_err(failed(WRITING))
    }

    /// Returns the tick with this event, given by its number. `None` if no commit has its entry.
    pub(super) fn tick_of(&self, event: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT tick, first + count FROM parts WHERE first <= ? ORDER BY first DESC LIMIT 1";
        let found: Option<(u64, u64)> = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut query| {
                query.query_row([integer(event)], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(failed(READING))?;
        Ok(found.filter(|(_, end)| event < *end).map(|(tick, _)| tick))
    }

    /// Returns the numbers of a commit's events that are erased.
    pub(super) fn erased_in(&self, tick: u64) -> Result<BTreeSet<u64>, StoreError> {
        let parts: Vec<Range<u64>> = self
            .connection()
            .prepare_cached("SELECT first, first + count FROM parts WHERE tick = ?")
            .and_then(|mut query| {
                query.query_map([integer(tick)], |row| Ok(row.get(0)?..row.get(1)?))?.collect()
            })
            .map_err(failed(READING))?;
        let mut erased = BTreeSet::new();
        for part in parts {
            erased.extend(index::erased_in(self.connection(), &part)?);
        }
        Ok(erased)
    }

    /// Splits these events, given by their numbers, into those that exist and those that are erased.
    pub(super) fn split_erased(&self, events: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
        index::split_erased(self.connection(), events)
    }

    /// Erases these events, given by their numbers, from the index.
    pub(super) fn erase(&mut self, events: &[u64]) -> Result<(), StoreError> {
        index::mark_erased(self.connection(), events)?;
        let mut entries: Vec<(TenantNumber, u64)> =
            events.iter().map(|event| entry_of(*event)).collect::<Result<_, _>>()?;
        entries.sort_unstable();
        for entries in entries.chunk_by(|one, next| one.0 == next.0) {
            let indexes: Vec<u64> = entries.iter().map(|(_, index)| *index).collect();
            self.tables.erase(entries[0].0, &indexes)?;
        }
        Ok(())
    }

    /// Returns the last tick's entry of the root log.
    pub(super) fn last_entry(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Some(tick) = self.size().checked_sub(1) else { return Ok(None) };
        let entry = self.readers.root().leaves(tick..tick + 1)?.pop();
        Ok(entry.map(|entry| (tick, entry)))
    }
}

/// A tenant that no commit contains yet: it was created here.
struct CreatedTenant {
    tenant: NewTenant,
    request: Option<StoredRequest>,
}

/// The row of a request to begin or end a tenant log.
struct StoredRequest {
    opening: Option<String>,
    state: Option<i64>,
    /// The origin of the log that continues the tenant log, if the request moves it.
    moved_to: Option<String>,
}

/// Returns the tenants that no commit contains yet.
fn uncommitted(connection: &Connection) -> rusqlite::Result<Vec<CreatedTenant>> {
    let sql = "SELECT number, id, created, name, tenant_requests.number IS NOT NULL, opening, tenant_requests.state, moved_to \
               FROM tenants LEFT JOIN tenant_requests USING (number) WHERE since IS NULL ORDER BY number";
    let out_of_bounds = |column: usize| rusqlite::Error::IntegralValueOutOfRange(column, 0);
    let created = |row: &Row<'_>| {
        let tenant = NewTenant {
            number: TenantNumber::new(row.get(0)?).ok_or_else(|| out_of_bounds(0))?,
            id: row.get(1)?,
            created: Time::from_millis(row.get(2)?).ok_or_else(|| out_of_bounds(2))?,
            name: row.get(3)?,
        };
        let request = if row.get(4)? {
            Some(StoredRequest { opening: row.get(5)?, state: row.get(6)?, moved_to: row.get(7)? })
        } else {
            None
        };
        Ok(CreatedTenant { tenant, request })
    };
    connection.prepare_cached(sql)?.query_map([], created)?.collect()
}

/// Adds the tenants of a commit. Tenants that no commit contains yet were created here in the meantime: they get other
/// numbers, together with their requests, unless another server created the same ones.
pub(super) fn add_tenants(connection: &Connection, tenants: &[NewTenant]) -> rusqlite::Result<()> {
    if tenants.is_empty() {
        return Ok(());
    }
    let created_here = uncommitted(connection)?;
    let requests =
        "DELETE FROM tenant_requests WHERE number IN (SELECT number FROM tenants WHERE since IS NULL)";
    connection.execute(requests, [])?;
    connection.execute("DELETE FROM tenants WHERE since IS NULL", [])?;
    let sql = "INSERT INTO tenants (number, id, created, name, state) VALUES (?, ?, ?, ?, 0)";
    let mut insert = connection.prepare_cached(sql)?;
    let mut add = |number: u32, NewTenant { id, created, name, .. }: &NewTenant| {
        insert.execute((number, id, created.millis(), name))
    };
    for tenant in tenants {
        // An earlier log of the same tenant has ended.
        let sql = "UPDATE tenants SET replaced = 1 WHERE name = ? AND replaced IS NULL";
        connection.execute(sql, [&tenant.name])?;
        add(tenant.number.get(), tenant)?;
    }
    for CreatedTenant { tenant, request } in created_here {
        let committed = tenants.iter().find(|committed| committed.id == tenant.id);
        let number = if let Some(committed) = committed {
            committed.number.get()
        } else {
            let is_taken = "SELECT count(*) > 0 FROM tenants WHERE id = ? OR name = ? AND replaced IS NULL";
            if connection.query_row(is_taken, (tenant.id, &tenant.name), |row| row.get(0))? {
                continue;
            }
            let next = "SELECT max(number) + 1 FROM tenants";
            let next: u32 = connection.query_row(next, [], |row| row.get(0))?;
            if next > TenantNumber::MAX.get() {
                continue;
            }
            add(next, &tenant)?;
            next
        };
        if let Some(StoredRequest { opening, state, moved_to }) = request {
            let sql = "INSERT INTO tenant_requests (number, opening, state) VALUES (?, ?, ?)";
            connection.execute(sql, (number, opening, state))?;
            connection.execute("UPDATE tenants SET moved_to = ? WHERE number = ?", (moved_to, number))?;
        }
    }
    Ok(())
}

/// Adds the ends of the logs that a commit of another server ends. Requests that were made here in the meantime come too
/// late.
pub(super) fn end_logs(connection: &Connection, commit: &TickCommit) -> rusqlite::Result<()> {
    for head in commit.heads.iter().filter(|head| head.state != State::Live) {
        let number = head.number.get();
        let moved = commit.additions.moved.iter().find(|moved| moved.number == head.number);
        let to = moved.map(|moved| &*moved.to);
        connection.execute("UPDATE tenants SET moved_to = ? WHERE number = ?", (to, number))?;
        connection.execute("DELETE FROM tenant_requests WHERE number = ?", [number])?;
    }
    Ok(())
}
