//! Holding an index against the events, from outside.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::index::read;
use super::secret::Secret;
use super::segment::{Head, Postings};
use super::{FILE, Fault, KEY_FILE, failed, heads, part, remove, version};
use crate::export::PAGE;
use crate::store::{Reader, StoreError};

/// The leaves behind each part of a folder's index that is not that of the events. One that is missing, or of another version,
/// is made anew by the server.
///
/// # Errors
/// What SQLite says, or the store.
pub(crate) fn damaged(folder: &Path, reader: &dyn Reader) -> Result<Vec<Range<u64>>, StoreError> {
    let path = folder.join(FILE);
    if !path.exists() || !folder.join(KEY_FILE).exists() {
        return Ok(Vec::new());
    }
    match look(&path, &Secret::load(folder)?, reader) {
        Err(Fault::Broken(_)) => Ok(std::iter::once(0..reader.size()?).collect()),
        found => Ok(found?),
    }
}

fn look(path: &Path, secret: &Secret, reader: &dyn Reader) -> Result<Vec<Range<u64>>, Fault> {
    // Write-ahead mode needs its shared memory, also for who reads.
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    let written: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if written != version() {
        return Ok(Vec::new());
    }
    let view = connection.transaction().map_err(failed)?;
    let mut query = view.prepare("SELECT page FROM stale").map_err(failed)?;
    let stale = query.query_map([], |row| row.get::<_, u64>(0)).map_err(failed)?;
    let stale = stale.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
    let size = reader.size()?;
    let mut damaged = Vec::new();
    for head in heads(&view, secret)? {
        match head {
            // What is marked is going to be indexed again.
            Ok(head) if stale.iter().any(|page| (head.first..head.end()).contains(page)) => {}
            Ok(head) if head.end() * PAGE <= size && is_good(&view, secret, &head, reader)? => {}
            Ok(head) => damaged.push(head.first * PAGE..head.end() * PAGE),
            Err(first) => damaged.push(first * PAGE..(first + 1) * PAGE),
        }
    }
    Ok(damaged)
}

fn is_good(view: &Connection, secret: &Secret, head: &Head, reader: &dyn Reader) -> Result<bool, Fault> {
    let mut wanted: BTreeMap<u64, Postings> = BTreeMap::new();
    for (page, number) in head.pages.iter().zip(head.first..) {
        let read = read(secret, reader, number)?;
        if read.page != *page {
            return Ok(false);
        }
        for term in read.terms {
            let postings = wanted.entry(head.part_of(term)).or_default();
            postings.entry(term).or_default().push((number - head.first) as u16);
        }
    }
    for number in 0..head.parts() {
        let bytes = part(view, head, number)?.unwrap_or_default();
        if head.decode_part(secret, number, &bytes) != Some(wanted.remove(&number).unwrap_or_default()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a folder's index, which the server makes anew.
///
/// # Errors
/// What the system says.
pub(crate) fn discard(folder: &Path) -> Result<(), StoreError> {
    remove(&folder.join(FILE))
}
