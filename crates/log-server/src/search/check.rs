//! Holding an index against the events, from outside.

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

/// Told how many segments of how many were looked at; may end it.
type Pace<'p> = &'p mut dyn FnMut(u64, u64) -> Result<(), StoreError>;

/// By what terms are made.
type By<'b> = (&'b Secret, &'b Parsers);

/// The leaves behind each part of a folder's index that is not that of the events. One that is missing, or of another version,
/// is made anew by the server.
///
/// # Errors
/// What SQLite says, or the store.
pub(crate) fn damaged(folder: &Path, reader: &dyn EntryReader) -> Result<Vec<Range<u64>>, StoreError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut damaged = Vec::new();
    // What a server reads events by is known to it alone: an index by other parsers it looks at itself.
    let Some(secret) = Secret::read(folder)? else { return Ok(Vec::new()) };
    let parsers = Parsers::built_in();
    match check(&path, (&secret, &parsers), reader, &mut |_, _| Ok(()), &mut |leaves| damaged.push(leaves)) {
        Err(SearchError::Broken(_)) => Ok(std::iter::once(0..reader.size()?).collect()),
        Err(SearchError::Other(error)) => Err(error),
        Ok(()) => Ok(damaged),
    }
}

impl Search {
    /// Holds the index against the events. What is damaged is made anew in the background.
    ///
    /// # Errors
    /// What SQLite says, the store, or `pace`.
    pub(crate) fn check(&self, reader: &dyn EntryReader, pace: Pace<'_>) -> Result<(), StoreError> {
        let mut tell = |leaves: Range<u64>| self.tell_damaged(leaves.start / PAGE);
        match check(&self.path, (&self.secret, &self.parsers), reader, pace, &mut tell) {
            Err(SearchError::Broken(why)) => {
                self.tell_broken(&why);
                Ok(())
            }
            Err(SearchError::Other(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }
}

/// Looks at each segment by itself: whoever looks keeps the index's write-ahead log from being emptied.
fn check(
    path: &Path,
    by: By<'_>,
    reader: &dyn EntryReader,
    pace: Pace<'_>,
    damaged: &mut dyn FnMut(Range<u64>),
) -> Result<(), SearchError> {
    let connection = match sqlite::connect_to_read(path) {
        Err(StoreError::Damaged(why)) => return Err(SearchError::Broken(why)),
        connection => connection?,
    };
    let written: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    // By other parsers there are other terms.
    if written != version(by.1) {
        return Ok(());
    }
    let mut query = connection.prepare("SELECT first FROM heads ORDER BY first").map_err(failed)?;
    let firsts = query.query_map([], |row| row.get(0)).map_err(failed)?;
    let firsts = firsts.collect::<rusqlite::Result<Vec<i64>>>().map_err(failed)?;
    for (first, done) in firsts.iter().map(|first| first.cast_unsigned()).zip(0..) {
        pace(done, firsts.len() as u64)?;
        // Events may be erased between a look at the index and one at them: the second look knows of it.
        if look(&connection, by, reader, first)?.is_some()
            && let Some(leaves) = look(&connection, by, reader, first)?
        {
            damaged(leaves);
        }
    }
    Ok(())
}

/// The leaves behind a segment that is damaged.
fn look(
    connection: &Connection,
    by: By<'_>,
    reader: &dyn EntryReader,
    first: u64,
) -> Result<Option<Range<u64>>, SearchError> {
    // One view for all of it.
    let view = connection.unchecked_transaction().map_err(failed)?;
    let head = "SELECT bytes FROM heads WHERE first = ?";
    let bytes: Option<Vec<u8>> =
        view.query_row(head, [integer(first)], |row| row.get(0)).optional().map_err(failed)?;
    // It is a part of another one by now.
    let Some(bytes) = bytes else { return Ok(None) };
    let Some(head) = Head::decode(by.0, first, &bytes) else {
        let first = first.saturating_mul(PAGE);
        return Ok(Some(first..first.saturating_add(PAGE)));
    };
    let stale = "SELECT count(*) > 0 FROM stale WHERE page >= ? AND page < ?";
    let pages = (integer(head.first), integer(head.end()));
    // What is marked is going to be indexed again.
    let stale: bool = view.query_row(stale, pages, |row| row.get(0)).map_err(failed)?;
    let good = stale || head.end() * PAGE <= reader.size()? && is_good(&view, by, &head, reader)?;
    Ok((!good).then(|| head.first * PAGE..head.end() * PAGE))
}

fn is_good(
    view: &Connection,
    (secret, parsers): By<'_>,
    head: &Head,
    reader: &dyn EntryReader,
) -> Result<bool, SearchError> {
    let mut wanted = Vec::with_capacity(head.pages.len());
    let mut cache = TermCache::new(secret);
    for (page, number) in head.pages.iter().zip(head.first..) {
        let read = read(&mut cache, parsers, reader, number)?;
        if read.page != *page {
            return Ok(false);
        }
        wanted.push(((number - head.first) as u16, read.terms));
    }
    for (number, mut postings) in (0..).zip(head.by_part(wanted)) {
        let bytes = part(view, head, number)?.unwrap_or_default();
        sort(&mut postings);
        if head.decode_part(secret, number, &bytes) != Some(postings) {
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
    sqlite::remove(&folder.join(FILE))
}
