//! The check of a root log and all its tenant logs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::empty_root;
use countersign::tenant::{DirectoryEntry, State};
use countersign::time::Time;
use countersign_log::hashes::root_at;
use countersign_log::store::{Reader, StoreError, StoredLeaf};
use countersign_log::tenants::guard::{compare_heads, complete_to};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::{AcceptedLoss, RememberedHead};
use countersign_log::tenants::requests::DamagedRequest;
use countersign_log::tenants::stops::TenantStop;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};
use roaring::RoaringTreemap;
use rusqlite::{Connection, OptionalExtension as _};

use super::erasures::StoreKind;
use super::leaves::{check_entries, check_log};
use super::report::{Problem, Repair, Report};
use crate::accepted_losses;
use crate::erasure_memory::ErasureRecord;
use crate::sqlite;

/// The minimum difference between the times of two ticks, in milliseconds.
const MIN_INTERVAL_MS: i64 = 1000;

/// Checks the root log and each tenant log. A server may be writing to them. `pace` gets the number of entries checked
/// so far and the total. `erased` is what the folder remembers as erased. `on_tenant` gets the head and the report of each tenant log.
pub(super) fn check_logs(
    readers: &Arc<dyn TenantReaders>,
    origin: &str,
    erased: &ErasureRecord,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    on_tenant: &mut dyn FnMut(&SlotHead, &Report) -> Result<(), StoreError>,
) -> Result<Report, StoreError> {
    let root = readers.root();
    let heads = readers.heads()?;
    let mut total = root.size()? + heads.iter().map(|head| head.size).sum::<u64>();
    let mut report = check_root(&root, origin, &mut |done, all| {
        total = total.max(all);
        pace(done, total)
    })?;
    report.tenants = Some(heads.len() as u64);
    let mut done = report.leaves;
    let mut longer: Vec<(TenantNumber, u64)> = Vec::new();
    for head in heads {
        let reader = readers.log(head.number);
        let mut on_progress = |checked, all: u64| {
            total = total.max(done + all);
            pace(done + checked, total)
        };
        let shown = Some((head.size, head.root));
        let erased = erased.entries(&format!("{origin}/{}", place(&head)));
        let mut log =
            check_log(&reader, origin, StoreKind::Tables, shown, &erased, &mut on_progress, &mut |_, _| {
                Ok(())
            })?;
        if head.state != State::Live {
            // An ended log can't record erasures.
            log.problems.retain(|problem| problem.code != "fsck.unrecorded");
        }
        done += log.leaves;
        on_tenant(&head, &log)?;
        if log.leaves > head.size {
            longer.push((head.number, log.leaves));
        }
        report.leaves += log.leaves;
        report.events += log.events;
        report.erased += log.erased;
        report.unfinished += log.unfinished;
        report.more += log.more;
        for problem in log.problems.drain(..) {
            report.push(Problem { place: format!("{} {}", place(&head), problem.place), ..problem });
        }
    }
    check_longer(&**readers, longer, &mut report)?;
    pace(done, done)?;
    Ok(report)
}

/// Adds each tenant log that still has a head with fewer entries than were stored. The others have grown in the
/// meantime.
fn check_longer(
    readers: &dyn TenantReaders,
    longer: Vec<(TenantNumber, u64)>,
    report: &mut Report,
) -> Result<(), StoreError> {
    if longer.is_empty() {
        return Ok(());
    }
    let stored: HashMap<TenantNumber, u64> = longer.into_iter().collect();
    for head in readers.heads()? {
        if let Some(stored) = stored.get(&head.number).filter(|stored| **stored > head.size) {
            let place = format!("{} head {}", place(&head), head.size);
            let why = format!("{stored} entries are stored, but the log's head has {}", head.size);
            report.add("fsck.checkpoint", place, why, Repair::Not);
        }
    }
    Ok(())
}

/// Returns the place of a tenant log: its origin without the root log's.
fn place(head: &SlotHead) -> String {
    format!("t/{}", hex::encode(&head.id))
}

/// Checks the root log, whose entries are directories with ascending times.
fn check_root(
    root: &Arc<dyn Reader>,
    origin: &str,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
) -> Result<Report, StoreError> {
    let mut wrong: Vec<(u64, &str)> = Vec::new();
    let mut last: Option<Time> = None;
    let mut on_entries = |first: u64, entries: &[Option<StoredLeaf>]| {
        for (entry, index) in entries.iter().zip(first..) {
            let Some(entry) = entry else { continue };
            let directory = str::from_utf8(&entry.leaf).ok().and_then(DirectoryEntry::parse);
            let Some(DirectoryEntry { time, .. }) = directory else {
                wrong.push((index, "the entry of the root log is not a directory"));
                continue;
            };
            if last.is_some_and(|last| time.millis() < last.millis() + MIN_INTERVAL_MS) {
                wrong.push((index, "the time of the tick is not a second after that of the tick before it"));
            }
            last = Some(time);
        }
        Ok(())
    };
    let mut report =
        check_entries(root, origin, StoreKind::Tables, &RoaringTreemap::new(), pace, &mut on_entries)?;
    for (index, message) in wrong {
        let place = format!("entry {index}");
        if report.places_of("fsck.entry").all(|known| *known != place) {
            report.add("fsck.entry", place, message, Repair::Not);
        }
    }
    Ok(report)
}

/// Adds each tenant log that contradicts a head that it showed. `remembered` was read before the database.
pub(super) fn check_remembered(
    readers: &dyn TenantReaders,
    remembered: &[RememberedHead],
    report: &mut Report,
) -> Result<(), StoreError> {
    let ticks = readers.root().size()?;
    let comparison = compare_heads(&readers.heads()?, remembered, readers, complete_to(ticks), Time::MIN)?;
    for TenantStop { head, reason, .. } in comparison.stops {
        report.add("fsck.checkpoint", place(&head), reason.message.clone(), Repair::Database);
    }
    Ok(())
}

/// Moves what the operator accepted by ending stopped logs from the problems to the accepted ones. `ended` are the logs
/// that an older version ended, which recorded no losses. Entries that differ from those that were stored at the end of the
/// log stay problems.
pub(super) fn accept_losses(
    folder: &Path,
    readers: &dyn TenantReaders,
    ended: &BTreeSet<TenantNumber>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let is_different = |problem: &Problem| problem.code == "fsck.checkpoint" && problem.is_of_tenant_log();
    if !report.problems.iter().any(is_different) {
        return Ok(());
    }
    let losses: HashMap<TenantId, AcceptedLoss> =
        accepted_losses::read(folder)?.into_iter().map(|loss| (loss.id, loss)).collect();
    let mut accepted: Vec<String> = Vec::new();
    for head in readers.heads()?.iter().filter(|head| head.state != State::Live) {
        let is_accepted = match losses.get(&head.id) {
            None => ended.contains(&head.number),
            Some(AcceptedLoss { stored, root, .. }) => {
                let entries = readers.log(head.number);
                let size = entries.size()?;
                let found = if size == 0 { Ok(empty_root()) } else { root_at(&*entries, size) };
                size == *stored && found.unwrap_or(Hash([0; 32])) == *root
            }
        };
        if is_accepted {
            accepted.push(place(head));
        }
    }
    let is_accepted = |problem: &Problem| {
        is_different(problem) && accepted.iter().any(|log| problem.place.split(' ').next() == Some(log))
    };
    let (accepted, problems) = std::mem::take(&mut report.problems).into_iter().partition(is_accepted);
    (report.accepted, report.problems) = (accepted, problems);
    Ok(())
}

/// Adds each request to begin or end a tenant log that can't be read.
pub(super) fn check_requests(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    for DamagedRequest { number, error } in sqlite::damaged_requests(folder)? {
        report.add("fsck.request", format!("log {number}"), error.to_string(), Repair::Not);
    }
    Ok(())
}

/// Adds each log in the database that no tenant has.
pub(super) fn check_numbers(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let connection = sqlite::connect_to_read(&folder.join(sqlite::FILE))?;
    let failed = |error: rusqlite::Error| StoreError::disk("looking for entries of other logs", error);
    let mut next = 1_i64 << 32;
    while let Some(number) = number_from(&connection, next).map_err(failed)? {
        let sql = "SELECT count(*) > 0 FROM tenants WHERE number = ?";
        let is_known: bool = connection.query_row(sql, [number], |row| row.get(0)).map_err(failed)?;
        if !is_known {
            let why = "the database has entries of a log that no tenant has";
            report.add("fsck.entry", format!("log {number}"), why, Repair::Not);
        }
        next = (number + 1) << 32;
    }
    Ok(())
}

/// Returns the number of the first log with an entry at this key or after it.
fn number_from(connection: &Connection, key: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT idx FROM leaves WHERE idx >= ? ORDER BY idx LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    let found: Option<i64> = query.query_row([key], |row| row.get(0)).optional()?;
    Ok(found.map(|key| key >> 32))
}
