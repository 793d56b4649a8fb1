//! Indexing of pages, in batches that are small enough not to delay anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use countersign_query::Parsers;
use rusqlite::{Connection, TransactionBehavior};

use super::segment::{
    Head, LARGE_PAGES, MAX_PARTS, Page, Posting, SMALL_PAGES, SMALL_PARTS, page_of, place_in_segment, sort,
};
use super::terms::{Term, TermCache, Terms};
use super::{ALL_PAGES, Search, SearchError, extents, failed, gapless_end, heads, integer, lock, part};
use countersign_log::entry_matcher::EntryMatcher;
use countersign_log::export::PAGE;
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// The indexed content of a page.
pub(super) struct IndexedPage {
    pub(super) page: Page,
    /// The terms, each with its position on the page.
    pub(super) terms: Vec<(Term, u16)>,
}

impl Search {
    /// Does the next piece of work: removes damaged segments, then indexes pages with erased events again, then up to
    /// `max_pages` full pages of a log of `size` entries, or else merges segments. Returns the number of pages, or 1
    /// for other work.
    ///
    /// # Errors
    /// If SQLite or the store fails.
    pub fn advance(&self, reader: &dyn EntryReader, size: u64, max_pages: u64) -> Result<u64, StoreError> {
        let done = self.repair(reader).and_then(|()| {
            let reindexed = self.reindex_stale(reader)?;
            let done = if reindexed > 0 { reindexed } else { self.index_new(reader, size, max_pages)? };
            // Segments are merged when there is nothing to index, because searches read each entry that isn't indexed.
            if done > 0 { Ok(done) } else { self.merge_next() }
        });
        match done {
            Err(SearchError::Broken(why)) => {
                self.report_broken(&why);
                Ok(1)
            }
            done => {
                let done = done?;
                if done > 0 {
                    self.update_end()?;
                }
                Ok(done)
            }
        }
    }

    /// Removes the terms of erased events from the index and its write-ahead log.
    ///
    /// # Errors
    /// If SQLite or the store fails. Terms may remain then, so call it again.
    pub fn settle(&self, reader: &dyn EntryReader) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            self.rebuild(reader)?;
        }
        match self.reindex_stale(reader) {
            Err(SearchError::Broken(_)) => self.rebuild(reader)?,
            reindexed => _ = reindexed?,
        }
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = lock(&self.writing).query_row(truncate, [], |row| row.get(0)).map_err(failed)?;
        if busy != 0 {
            return Err(StoreError::disk("erasing", "the search index is in use; try again"));
        }
        Ok(())
    }

    /// Checks that every segment can be read and belongs to this log. Others count as not indexed.
    pub(super) fn check_heads(&self, reader: &dyn EntryReader) -> Result<(), SearchError> {
        let size = reader.size()?;
        let found = heads(&lock(&self.reading), &self.secret, ALL_PAGES)?;
        let mut end = 0;
        for head in found {
            let first = match head {
                Ok(head) => {
                    let leaves = head.end().saturating_mul(PAGE);
                    let is_valid =
                        head.first >= end && leaves <= size && reader.leaf_hash(leaves - 1)?.0 == head.last;
                    if is_valid {
                        end = head.end();
                        continue;
                    }
                    head.first
                }
                Err(first) => first,
            };
            self.report_damaged(first);
        }
        Ok(())
    }

    fn repair(&self, reader: &dyn EntryReader) -> Result<(), SearchError> {
        if self.broken.load(Ordering::SeqCst) {
            return Ok(self.rebuild(reader)?);
        }
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if damaged.is_empty() {
            return Ok(());
        }
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for first in &damaged {
            remove(&transaction, *first)?;
        }
        transaction.commit().map_err(failed)?;
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).retain(|first| !damaged.contains(first));
        Ok(())
    }

    /// Indexes the pages with erased events again, and returns their number.
    fn reindex_stale(&self, reader: &dyn EntryReader) -> Result<u64, SearchError> {
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let stale: BTreeSet<u64> = {
            let mut query = transaction.prepare_cached("SELECT page FROM stale").map_err(failed)?;
            let pages = query.query_map([], |row| row.get(0)).map_err(failed)?;
            pages.collect::<rusqlite::Result<_>>().map_err(failed)?
        };
        if stale.is_empty() {
            return Ok(0);
        }
        let mut cache = TermCache::new(&self.secret);
        for head in heads(&transaction, &self.secret, ALL_PAGES)? {
            let head = match head {
                Ok(head) => head,
                Err(first) => {
                    remove(&transaction, first)?;
                    continue;
                }
            };
            let mut pages = BTreeMap::new();
            for page in stale.range(head.first..head.end()) {
                pages.insert(*page, read(&mut cache, &self.parsers, reader, *page)?);
            }
            if !pages.is_empty()
                && !self.rewrite(&transaction, Some(head.clone()), head.first, pages, reader)?
            {
                // A segment that can't be read can't be kept either.
                remove(&transaction, head.first)?;
            }
        }
        transaction.execute("DELETE FROM stale", []).map_err(failed)?;
        note_size(&transaction, reader)?;
        transaction.commit().map_err(failed)?;
        Ok(stale.len() as u64)
    }

    /// Indexes pages that aren't indexed yet.
    fn index_new(&self, reader: &dyn EntryReader, size: u64, max_pages: u64) -> Result<u64, SearchError> {
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let next = gapless_end(&extents(&transaction)?);
        let block = next / SMALL_PAGES * SMALL_PAGES;
        let end = (size / PAGE).min(block + SMALL_PAGES).min(next.saturating_add(max_pages));
        if end <= next {
            return Ok(0);
        }
        let growing = heads(&transaction, &self.secret, block..block + 1)?.pop();
        let growing = growing.and_then(Result::ok).filter(|head| head.end() == next);
        let start = if growing.is_some() { next } else { block };
        let pages = self.read_all(reader, start..end)?;
        if !self.rewrite(&transaction, growing, block, pages, reader)? {
            remove(&transaction, block)?;
        }
        note_size(&transaction, reader)?;
        transaction.commit().map_err(failed)?;
        Ok(end - next)
    }

    /// Reads consecutive pages on two threads.
    fn read_all(
        &self,
        reader: &dyn EntryReader,
        pages: Range<u64>,
    ) -> Result<BTreeMap<u64, IndexedPage>, StoreError> {
        let read_range = |pages: Range<u64>| -> Result<Vec<(u64, IndexedPage)>, StoreError> {
            let mut cache = TermCache::new(&self.secret);
            pages.map(|page| Ok((page, read(&mut cache, &self.parsers, reader, page)?))).collect()
        };
        let middle = pages.start.midpoint(pages.end);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| read_range(middle..pages.end));
            let mut read: BTreeMap<u64, IndexedPage> = read_range(pages.start..middle)?.into_iter().collect();
            let second = second.join().map_err(|_| StoreError::unavailable("indexing", "a thread panicked"));
            read.extend(second??);
            Ok(read)
        })
    }

    /// Writes a segment with these pages, replacing its earlier content for them. Returns false if the segment is
    /// damaged.
    fn rewrite(
        &self,
        connection: &Connection,
        head: Option<Head>,
        first: u64,
        pages: BTreeMap<u64, IndexedPage>,
        reader: &dyn EntryReader,
    ) -> Result<bool, SearchError> {
        let before = head.clone();
        let mut head = match head {
            Some(head) => head,
            None => Head { first, generation: 0, last: [0; 32], pages: Vec::new() },
        };
        let replaced: BTreeSet<u16> = pages.keys().map(|page| (page - first) as u16).collect();
        let mut new = Vec::with_capacity(pages.len());
        for (number, IndexedPage { page, terms }) in pages {
            let number = (number - first) as u16;
            let place = usize::from(number);
            if place >= head.pages.len() {
                head.pages.resize(place + 1, Page::default());
            }
            head.pages[place] = page;
            new.push((number, terms));
        }
        head.generation = generation()?;
        head.last = reader.leaf_hash(head.end() * PAGE - 1)?.0;
        for (number, mut postings) in (0..).zip(head.by_part(new)) {
            if let Some(before) = &before {
                let bytes = part(connection, before, number)?.unwrap_or_default();
                let Some(read) = before.decode_part(&self.secret, number, &bytes) else { return Ok(false) };
                postings.extend(read.into_iter().filter(|posting| !replaced.contains(&page_of(*posting))));
            }
            sort(&mut postings);
            write_part(connection, &head, number, &head.encode_part(&self.secret, number, &postings))?;
        }
        write_head(connection, &head, &head.encode(&self.secret))?;
        Ok(true)
    }

    /// Merges the first small segments that fill a large one. Returns 1, or 0 if there are none.
    fn merge_next(&self) -> Result<u64, SearchError> {
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut filled = BTreeMap::<u64, u64>::new();
        for extent in extents(&transaction)? {
            if extent.end - extent.start == SMALL_PAGES {
                *filled.entry(extent.start / LARGE_PAGES * LARGE_PAGES).or_default() += SMALL_PAGES;
            }
        }
        let next = filled.into_iter().find(|(_, pages)| *pages == LARGE_PAGES);
        let Some((first, _)) = next else { return Ok(0) };
        let is_done = self.merge(&transaction, first)?;
        transaction.commit().map_err(failed)?;
        Ok(u64::from(is_done))
    }

    /// Merges 32 small segments into a large one, if all of them exist. Removes a damaged one, which is then indexed
    /// again. Returns false if there was nothing to do.
    fn merge(&self, connection: &Connection, first: u64) -> Result<bool, SearchError> {
        let small: Vec<Head> = heads(connection, &self.secret, first..first + LARGE_PAGES)?
            .into_iter()
            .filter_map(Result::ok)
            .filter(|head| head.end() <= first + LARGE_PAGES && !head.is_large())
            .collect();
        let whole = small.len() as u64 == LARGE_PAGES / SMALL_PAGES;
        let (Some(last), true) =
            (small.last(), whole && small.iter().all(|head| head.pages.len() as u64 == SMALL_PAGES))
        else {
            return Ok(false);
        };
        let pages = small.iter().flat_map(|head| head.pages.iter().copied()).collect();
        let large = Head { first, generation: generation()?, last: last.last, pages };
        let mut read = Vec::with_capacity(small.len());
        for head in &small {
            let parts =
                (0..head.parts()).map(|number| Ok(part(connection, head, number)?.unwrap_or_default()));
            let parts = parts.collect::<Result<Vec<Vec<u8>>, SearchError>>()?;
            if (0..).zip(&parts).any(|(number, bytes)| !head.is_part(&self.secret, number, bytes)) {
                remove(connection, head.first)?;
                return Ok(true);
            }
            read.push(parts);
        }
        for head in &small {
            remove(connection, head.first)?;
        }
        // Decoding takes many times as much memory, so merge a part of the terms at a time.
        let share = large.parts() / SMALL_PARTS;
        for number in 0..SMALL_PARTS {
            let mut merged: Vec<Vec<Posting>> = vec![Vec::new(); share as usize];
            for (head, parts) in small.iter().zip(&read) {
                let postings = head.decode_part(&self.secret, number, &parts[number as usize]);
                let postings =
                    postings.ok_or_else(|| SearchError::Broken("a sealed part can't be decoded".into()))?;
                let before = (head.first - first) as u16;
                for (term, place) in postings {
                    let part = large.part_of(term) - number * share;
                    let place = place_in_segment(term, before, place);
                    merged[part as usize].push((term, place));
                }
            }
            for (mut postings, part) in merged.into_iter().zip(number * share..) {
                postings.sort_unstable();
                write_part(connection, &large, part, &large.encode_part(&self.secret, part, &postings))?;
            }
        }
        write_head(connection, &large, &large.encode(&self.secret))?;
        Ok(true)
    }
}

/// Reads a page with all its events.
pub(super) fn read(
    cache: &mut TermCache<'_>,
    parsers: &Parsers,
    reader: &dyn EntryReader,
    number: u64,
) -> Result<IndexedPage, StoreError> {
    let mut page = Page::default();
    let mut terms = Terms::new(cache);
    let looking = EntryMatcher::new(parsers);
    for (place, leaf) in (0..).zip(reader.leaves_with_events(number * PAGE..(number + 1) * PAGE)?) {
        let Some(link) = leaf.link() else { continue };
        let time = link.time().millis();
        let (first, last) = page.times.unwrap_or((time, time));
        page.times = Some((first.min(time), last.max(time)));
        terms.link(link.chain());
        if let StoredEvent::Here(event) = &leaf.event {
            let happened = looking.with_entry(&link, Some(&event.text), None, |entry| {
                terms.event(place, entry);
                entry.time().0.millis()
            });
            let (first, last) = page.happened.unwrap_or((happened, happened));
            page.happened = Some((first.min(happened), last.max(happened)));
        }
    }
    let terms = terms.into_terms();
    page.dense = terms.is_none();
    Ok(IndexedPage { page, terms: terms.into_iter().flatten().collect() })
}

fn generation() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::unavailable("indexing", error))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Records the size of the log. If it is smaller later, it was rolled back.
pub(super) fn note_size(connection: &Connection, reader: &dyn EntryReader) -> Result<(), SearchError> {
    let size = reader.size()?;
    let Some(last) = size.checked_sub(1) else { return Ok(()) };
    let last = reader.leaf_hash(last)?.0;
    connection.execute("UPDATE log SET size = ?, last = ?", (integer(size), last)).map_err(failed).map(drop)
}

/// Removes a segment with all rows that may belong to it.
fn remove(connection: &Connection, first: u64) -> Result<(), SearchError> {
    let next = "SELECT min(first) FROM heads WHERE first > ?";
    let removed = || -> rusqlite::Result<()> {
        let next: Option<i64> = connection.query_row(next, [integer(first)], |row| row.get(0))?;
        connection.execute("DELETE FROM heads WHERE first = ?", [integer(first)])?;
        let end =
            next.unwrap_or(i64::MAX / integer(MAX_PARTS)).min(integer(first.saturating_add(LARGE_PAGES)));
        let rows = (integer(first.saturating_mul(MAX_PARTS)), end.saturating_mul(integer(MAX_PARTS)));
        connection.execute("DELETE FROM parts WHERE row >= ? AND row < ?", rows)?;
        Ok(())
    };
    removed().map_err(failed)
}

fn write_head(connection: &Connection, head: &Head, bytes: &[u8]) -> Result<(), SearchError> {
    let sql = "REPLACE INTO heads VALUES (?, ?)";
    let written =
        connection.prepare_cached(sql).and_then(|mut sql| sql.execute((integer(head.first), bytes)));
    written.map_err(failed).map(drop)
}

fn write_part(connection: &Connection, head: &Head, part: u64, bytes: &[u8]) -> Result<(), SearchError> {
    let sql = "REPLACE INTO parts VALUES (?, ?)";
    let written =
        connection.prepare_cached(sql).and_then(|mut sql| sql.execute((integer(head.row(part)), bytes)));
    written.map_err(failed).map(drop)
}
