//! Checks of an index against the events.

use std::ops::Range;
use std::path::Path;

use countersign_query::Parsers;
use rusqlite::{Connection, OptionalExtension as _};

use super::index::read;
use super::secret::Secret;
use super::segment::{Head, sort};
use super::terms::TermCache;
use super::{FILE, Search, SearchError, failed, integer, part, version};
use crate::sqlite;
use countersign_log::export::PAGE;
use countersign_log::store::{EntryReader, StoreError};

/// A callback that receives the number of segments checked so far and the total, and may stop the check.
type Progress<'p> = &'p mut dyn FnMut(u64, u64) -> Result<(), StoreError>;

/// The secret and the parsers that terms depend on.
type TermInputs<'b> = (&'b Secret, &'b Parsers);

/// Returns the entries of each part of a folder's index that doesn't match the events. An index that is missing or of
/// another version isn't checked, because the server rebuilds it.
///
/// # Errors
/// If SQLite or the store fails.
pub(crate) fn damaged(folder: &Path, reader: &dyn EntryReader) -> Result<Vec<Range<u64>>, StoreError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut damaged = Vec::new();
    // The server's own parsers are unknown here. An index made with other parsers is checked only by the server
    // itself.
    let Some(secret) = Secret::read(folder)? else { return Ok(Vec::new()) };
    let parsers = Parsers::built_in();
    match check(&path, (&secret, &parsers), reader, &mut |_, _| Ok(()), &mut |leaves| damaged.push(leaves)) {
        Err(SearchError::Broken(_)) => Ok(std::iter::once(0..reader.size()?).collect()),
        Err(SearchError::Other(error)) => Err(error),
        Ok(()) => Ok(damaged),
    }
}

impl Search {
    /// Checks the index against the events. Damaged parts are rebuilt in the background.
    ///
    /// # Errors
    /// If SQLite, the store, or `pace` fails.
    pub(crate) fn check(&self, reader: &dyn EntryReader, pace: Progress<'_>) -> Result<(), StoreError> {
        let mut report = |leaves: Range<u64>| self.report_damaged(leaves.start / PAGE);
        match check(&self.path, (&self.secret, &self.parsers), reader, pace, &mut report) {
            Err(SearchError::Broken(why)) => {
                self.report_broken(&why);
                Ok(())
            }
            Err(SearchError::Other(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }
}

/// Checks each segment in a separate transaction, because an open reader keeps the index's write-ahead log from
/// being truncated.
fn check(
    path: &Path,
    inputs: TermInputs<'_>,
    reader: &dyn EntryReader,
    pace: Progress<'_>,
    damaged: &mut dyn FnMut(Range<u64>),
) -> Result<(), SearchError> {
    let connection = match sqlite::connect_to_read(path) {
        Err(StoreError::Damaged(why)) => return Err(SearchError::Broken(why)),
        connection => connection?,
    };
    let written: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    // Other parsers produce other terms.
    if written != version(inputs.1) {
        return Ok(());
    }
    let mut query = connection.prepare("SELECT first FROM heads ORDER BY first").map_err(failed)?;
    let firsts = query.query_map([], |row| row.get(0)).map_err(failed)?;
    let firsts = firsts.collect::<rusqlite::Result<Vec<i64>>>().map_err(failed)?;
    for (first, done) in firsts.iter().map(|first| first.cast_unsigned()).zip(0..) {
        pace(done, firsts.len() as u64)?;
        // Events may be erased between reading the index and reading the events, so a mismatch is checked twice.
        if check_segment(&connection, inputs, reader, first)?.is_some()
            && let Some(leaves) = check_segment(&connection, inputs, reader, first)?
        {
            damaged(leaves);
        }
    }
    Ok(())
}

/// Returns the entries of a segment if it is damaged.
fn check_segment(
    connection: &Connection,
    inputs: TermInputs<'_>,
    reader: &dyn EntryReader,
    first: u64,
) -> Result<Option<Range<u64>>, SearchError> {
    // A single transaction gives a consistent view.
    let view = connection.unchecked_transaction().map_err(failed)?;
    let head = "SELECT bytes FROM heads WHERE first = ?";
    let bytes: Option<Vec<u8>> =
        view.query_row(head, [integer(first)], |row| row.get(0)).optional().map_err(failed)?;
    // The segment has been merged in the meantime.
    let Some(bytes) = bytes else { return Ok(None) };
    let Some(head) = Head::decode(inputs.0, first, &bytes) else {
        let first = first.saturating_mul(PAGE);
        return Ok(Some(first..first.saturating_add(PAGE)));
    };
    let stale = "SELECT count(*) > 0 FROM stale WHERE page >= ? AND page < ?";
    let pages = (integer(head.first), integer(head.end()));
    // Marked pages will be indexed again.
    let stale: bool = view.query_row(stale, pages, |row| row.get(0)).map_err(failed)?;
    let is_valid =
        stale || head.end() * PAGE <= reader.size()? && matches_events(&view, inputs, &head, reader)?;
    Ok((!is_valid).then(|| head.first * PAGE..head.end() * PAGE))
}

fn matches_events(
    view: &Connection,
    (secret, parsers): TermInputs<'_>,
    head: &Head,
    reader: &dyn EntryReader,
) -> Result<bool, SearchError> {
    let mut expected = Vec::with_capacity(head.pages.len());
    let mut cache = TermCache::new(secret);
    for (page, number) in head.pages.iter().zip(head.first..) {
        let read = read(&mut cache, parsers, reader, number)?;
        if read.page != *page {
            return Ok(false);
        }
        expected.push(((number - head.first) as u16, read.terms));
    }
    for (number, mut postings) in (0..).zip(head.by_part(expected)) {
        let bytes = part(view, head, number)?.unwrap_or_default();
        sort(&mut postings);
        if head.decode_part(secret, number, &bytes) != Some(postings) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a folder's index. The server rebuilds it.
///
/// # Errors
/// If the file can't be removed.
pub(crate) fn discard(folder: &Path) -> Result<(), StoreError> {
    sqlite::remove(&folder.join(FILE))
}
