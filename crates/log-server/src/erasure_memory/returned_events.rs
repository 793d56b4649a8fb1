//! Events that are in a database again although they were erased, as after the restore of a backup.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign_log::erase::record::Record;
use countersign_log::erase::{BATCH, Cause};
use countersign_log::store::{Reader, Store, StoreError};
use countersign_log::tables::LogKeys;
use countersign_log::tenants::store::{TenantReaders, TenantStore};
use countersign_log::tenants::tenant::TenantNumber;
use roaring::RoaringTreemap;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Map;

use super::{ErasedEvents, ErasureMemory, ErasureRecord};
use crate::sqlite;
use crate::start_error::lock;

/// The number of attempts while another reader has the store open.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt.
const PAUSE: Duration = Duration::from_millis(50);
/// The number of tenants that are read at a time.
const PAGE: u64 = 1_024;

/// Events of one log that are in the database again.
pub(crate) struct ReturnedEvents {
    /// The log's origin.
    pub(crate) log: String,
    /// The tenant, if it is a tenant log.
    pub(crate) number: Option<TenantNumber>,
    /// The entries with these events.
    pub(crate) entries: RoaringTreemap,
}

/// Finds the events that the database of a folder has although they were erased.
///
/// # Errors
/// If SQLite fails.
pub(crate) fn find(
    connection: &Connection,
    origin: &str,
    record: &ErasureRecord,
) -> Result<Vec<ReturnedEvents>, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::disk("looking for events that were erased", error);
    let mut found = Vec::new();
    for (log, ErasedEvents { entries, .. }) in &record.logs {
        let (number, keys) = match TenantOrigin::parse(log).filter(|tenant| tenant.root() == origin) {
            _ if log == origin => (None, LogKeys::single()),
            None => continue,
            Some(tenant) => {
                let sql = "SELECT number FROM tenants WHERE id = ?";
                let number = connection.query_row(sql, [tenant.id().as_slice()], |row| row.get(0));
                let number: Option<u32> = number.optional().map_err(failed)?;
                let Some(number) = number.and_then(TenantNumber::new) else { continue };
                (Some(number), LogKeys::tenant(number))
            }
        };
        let entries = with_events(connection, keys, entries).map_err(failed)?;
        if !entries.is_empty() {
            found.push(ReturnedEvents { log: log.clone(), number, entries });
        }
    }
    Ok(found)
}

/// Returns those of these entries that have an event.
fn with_events(
    connection: &Connection,
    keys: LogKeys,
    entries: &RoaringTreemap,
) -> rusqlite::Result<RoaringTreemap> {
    let sql = "SELECT idx FROM events WHERE idx >= ? AND idx <= ? AND salt IS NOT NULL";
    let mut query = connection.prepare_cached(sql)?;
    let mut found = RoaringTreemap::new();
    let mut left = entries.iter().peekable();
    while let Some(first) = left.next() {
        let mut last = first;
        while left.next_if_eq(&(last + 1)).is_some() {
            last += 1;
        }
        let mut rows = query.query([keys.entry(first), keys.entry(last)])?;
        while let Some(row) = rows.next()? {
            found.insert(keys.index(row.get(0)?));
        }
    }
    Ok(found)
}

/// A log, or a root log with its tenant logs, whose erasures are repeated before anything is read from it.
pub(crate) enum OpenStore<'s> {
    /// An ordinary log.
    Log(&'s mut Store),
    /// A root log with tenant logs.
    Tenants(&'s mut TenantStore),
}

impl OpenStore<'_> {
    fn reader(&self, number: Option<TenantNumber>) -> Arc<dyn Reader> {
        match (self, number) {
            (Self::Log(store), _) => store.reader.clone(),
            (Self::Tenants(store), None) => store.readers.root(),
            (Self::Tenants(store), Some(number)) => store.readers.log(number),
        }
    }

    fn erase(&mut self, number: Option<TenantNumber>, entries: &[u64]) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            let erased = match (&mut *self, number) {
                (Self::Log(store), _) => store.writer.erase(entries),
                (Self::Tenants(store), Some(number)) => store.writer.erase(number, entries),
                // A root log has no events.
                (Self::Tenants(_), None) => Ok(0),
            };
            match erased {
                Err(StoreError::Unavailable { .. }) if attempt < ATTEMPTS => {
                    std::thread::sleep(PAUSE * attempt);
                    attempt += 1;
                }
                erased => return erased.map(drop),
            }
        }
    }

    /// Returns the entries whose erasure each log has completed according to its own events.
    fn completed(&self, origin: &str) -> Result<BTreeMap<String, RoaringTreemap>, StoreError> {
        let mut completed = BTreeMap::new();
        let mut add = |log: &str, reader: &dyn Reader| {
            let entries = recorded_entries(reader, true)?;
            if !entries.is_empty() {
                completed.insert(log.to_owned(), entries);
            }
            Ok::<_, StoreError>(())
        };
        match self {
            Self::Log(store) => add(origin, &*store.reader)?,
            Self::Tenants(store) => add_tenants(origin, &*store.readers, &mut add)?,
        }
        Ok(completed)
    }
}

fn add_tenants(
    origin: &str,
    readers: &dyn TenantReaders,
    add: &mut dyn FnMut(&str, &dyn Reader) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let tenants = readers.tenants(after, PAGE)?;
        let Some(last) = tenants.last() else { return Ok(()) };
        after = last.number.get();
        for tenant in &tenants {
            if let Some(log) = TenantOrigin::new(origin, tenant.id) {
                add(log.as_str(), &*readers.log(tenant.number))?;
            }
        }
    }
}

/// Returns the entries that the log's own events record as erased: of all erasures, or of those that are complete. Skips
/// records that can't be read.
pub(crate) fn recorded_entries(
    reader: &dyn Reader,
    only_complete: bool,
) -> Result<RoaringTreemap, StoreError> {
    let mut recorded = RoaringTreemap::new();
    for erasure in reader.erasures(None, i64::MAX.cast_unsigned())? {
        if only_complete && erasure.done.is_none() {
            continue;
        }
        match Record::read(reader, erasure.record) {
            Ok(record) => recorded |= record.leaves,
            Err(StoreError::Damaged(error)) => {
                tracing::warn!(error, "the record of an erasure can't be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(recorded)
}

/// Erases the events again that a restored database has although they were erased. Call it before anything is read from
/// the log. Returns the entries of an ordinary log whose events were erased again.
///
/// In a folder without the file, which an older version wrote, starts the file with the completed erasures.
///
/// # Errors
/// If the store or the file fails. Erased events may still be in the database.
pub(crate) fn repeat(
    memory: &ErasureMemory,
    folder: &Path,
    origin: &str,
    mut store: OpenStore<'_>,
    now: Time,
) -> Result<Vec<u64>, StoreError> {
    if !memory.exists() {
        memory.begin_with(store.completed(origin)?)?;
        return Ok(Vec::new());
    }
    let returned = {
        let connection = sqlite::connect_to_write(folder)?;
        memory.find_returned(&connection, origin)?
    };
    let mut own = Vec::new();
    for ReturnedEvents { log, number, entries } in returned {
        let events = entries.len();
        tracing::warn!(log, events, "events that were erased are in the database again; erasing them again");
        // The record of their erasure may be missing too. It is written again if the log can sign.
        let mut unrecorded = &entries - &recorded_entries(&*store.reader(number), false)?;
        for known in memory.unrecorded(&log) {
            unrecorded -= known.entries;
        }
        if !unrecorded.is_empty() {
            memory.remember_unrecorded(&log, &unrecorded, now, &cause())?;
        }
        let entries: Vec<u64> = entries.iter().collect();
        for batch in entries.chunks(BATCH) {
            store.erase(number, batch)?;
        }
        if number.is_none() {
            own = entries;
        }
    }
    Ok(own)
}

/// Returns the cause of an erasure that is repeated.
fn cause() -> Cause {
    Cause {
        actor_type: "service",
        actor: "restore".into(),
        reason: "erased before, and in the log again after a backup was restored".into(),
        metadata: Map::new(),
    }
}

/// Erases the events again that the database of a folder has although they were erased. Does nothing while a server uses
/// the folder: it has done so before it answered anything.
///
/// # Errors
/// If the database has such events, and they can't be erased. Nothing may be read from it then.
pub fn repeat_in_folder(folder: &Path, now: Time) -> Result<(), StoreError> {
    let record = ErasureRecord::read(folder)?;
    let Some(log) = sqlite::identify(folder)?.filter(|_| record.exists) else { return Ok(()) };
    let returned = find(&sqlite::connect_to_read(&folder.join(sqlite::FILE))?, &log.origin, &record)?;
    if returned.is_empty() {
        return Ok(());
    }
    let failed =
        |why: &str| StoreError::unavailable("erasing events again that were erased before the restore", why);
    if sqlite::is_index_folder(folder)? {
        return Err(failed(
            "the folder is the index of a log in a bucket; start its server, which erases them",
        ));
    }
    let _lock = lock(folder).map_err(|error| failed(&error.to_string()))?;
    let memory = ErasureMemory::open(folder)?;
    if log.has_tenants {
        let mut store = sqlite::open_tenants(folder, &log.origin)?;
        repeat(&memory, folder, &log.origin, OpenStore::Tenants(&mut store), now).map(drop)
    } else {
        let mut store = sqlite::open(folder, &log.origin)?;
        repeat(&memory, folder, &log.origin, OpenStore::Log(&mut store), now).map(drop)
    }
}
