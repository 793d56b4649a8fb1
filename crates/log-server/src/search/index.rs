//! Indexing pages: in batches, each small enough that nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use countersign_query::Parsers;
use rusqlite::{Connection, TransactionBehavior};

use super::segment::{
    Head, LARGE, PARTS, Page, Posting, SMALL, SMALL_PARTS, page_of, place_in_segment, sort,
};
use super::terms::{Term, TermCache, Terms};
use super::{ALL, Search, SearchError, extents, failed, heads, integer, lock, part, whole_to};
use countersign_log::export::PAGE;
use countersign_log::looking::Looking;
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// A page as it was read.
pub(super) struct Indexed {
    pub(super) page: Page,
    /// The terms, each with its place on the page.
    pub(super) terms: Vec<(Term, u16)>,
}

impl Search {
    /// Does some of what there is to do: makes anew what is damaged, indexes again pages whose events were erased, then
    /// further ones that are full in a log of `size` leaves, at most so many together, or else merges segments. Gives how
    /// many it were, or 1.
    ///
    /// # Errors
    /// What SQLite says, or the store.
    pub fn advance(&self, reader: &dyn EntryReader, size: u64, most: u64) -> Result<u64, StoreError> {
        let done = self.repair(reader).and_then(|()| {
            let again = self.index_again(reader)?;
            let done = if again > 0 { again } else { self.index_further(reader, size, most)? };
            // Segments are merged when there is nothing to index: searches look at each entry that is not indexed.
            if done > 0 { Ok(done) } else { self.merge_next() }
        });
        match done {
            Err(SearchError::Broken(why)) => {
                self.tell_broken(&why);
                Ok(1)
            }
            done => {
                let done = done?;
                if done > 0 {
                    self.look()?;
                }
                Ok(done)
            }
        }
    }

    /// Takes the terms of erased events out of every file of the index.
    ///
    /// # Errors
    /// What SQLite says, or the store: they may be left then, and it is to be asked again.
    pub fn settle(&self, reader: &dyn EntryReader) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            self.remake(reader)?;
        }
        match self.index_again(reader) {
            Err(SearchError::Broken(_)) => self.remake(reader)?,
            again => _ = again?,
        }
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = lock(&self.writing).query_row(truncate, [], |row| row.get(0)).map_err(failed)?;
        if busy != 0 {
            return Err(StoreError::unavailable("erasing", "the search index is in use: ask again"));
        }
        Ok(())
    }

    /// Every segment is of this log, and can be read. What cannot is not indexed any more.
    pub(super) fn check_heads(&self, reader: &dyn EntryReader) -> Result<(), SearchError> {
        let size = reader.size()?;
        let found = heads(&lock(&self.reading), &self.secret, ALL)?;
        let mut end = 0;
        for head in found {
            let first = match head {
                Ok(head) => {
                    let leaves = head.end().saturating_mul(PAGE);
                    let good =
                        head.first >= end && leaves <= size && reader.leaf_hash(leaves - 1)?.0 == head.last;
                    if good {
                        end = head.end();
                        continue;
                    }
                    head.first
                }
                Err(first) => first,
            };
            self.tell_damaged(first);
        }
        Ok(())
    }

    fn repair(&self, reader: &dyn EntryReader) -> Result<(), SearchError> {
        if self.broken.load(Ordering::SeqCst) {
            return Ok(self.remake(reader)?);
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

    /// Indexes all pages again whose events were erased, and gives how many it were.
    fn index_again(&self, reader: &dyn EntryReader) -> Result<u64, SearchError> {
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
        for head in heads(&transaction, &self.secret, ALL)? {
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
                // What cannot be read cannot be kept either.
                remove(&transaction, head.first)?;
            }
        }
        transaction.execute("DELETE FROM stale", []).map_err(failed)?;
        note_size(&transaction, reader)?;
        transaction.commit().map_err(failed)?;
        Ok(stale.len() as u64)
    }

    /// Indexes pages that are not indexed.
    fn index_further(&self, reader: &dyn EntryReader, size: u64, most: u64) -> Result<u64, SearchError> {
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let next = whole_to(&extents(&transaction)?);
        let block = next / SMALL * SMALL;
        let end = (size / PAGE).min(block + SMALL).min(next.saturating_add(most));
        if end <= next {
            return Ok(0);
        }
        let begun = heads(&transaction, &self.secret, block..block + 1)?.pop();
        let begun = begun.and_then(Result::ok).filter(|head| head.end() == next);
        let start = if begun.is_some() { next } else { block };
        let pages = self.read_all(reader, start..end)?;
        if !self.rewrite(&transaction, begun, block, pages, reader)? {
            remove(&transaction, block)?;
        }
        note_size(&transaction, reader)?;
        transaction.commit().map_err(failed)?;
        Ok(end - next)
    }

    /// Reads pages that follow each other, some of them at the same time.
    fn read_all(
        &self,
        reader: &dyn EntryReader,
        pages: Range<u64>,
    ) -> Result<BTreeMap<u64, Indexed>, StoreError> {
        let read_some = |pages: Range<u64>| -> Result<Vec<(u64, Indexed)>, StoreError> {
            let mut cache = TermCache::new(&self.secret);
            pages.map(|page| Ok((page, read(&mut cache, &self.parsers, reader, page)?))).collect()
        };
        let middle = pages.start.midpoint(pages.end);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| read_some(middle..pages.end));
            let mut read: BTreeMap<u64, Indexed> = read_some(pages.start..middle)?.into_iter().collect();
            let second = second.join().map_err(|_| StoreError::unavailable("indexing", "a thread panicked"));
            read.extend(second??);
            Ok(read)
        })
    }

    /// Writes a segment with these pages in place of what it had of them. Says whether it could: not if it is damaged.
    fn rewrite(
        &self,
        connection: &Connection,
        head: Option<Head>,
        first: u64,
        pages: BTreeMap<u64, Indexed>,
        reader: &dyn EntryReader,
    ) -> Result<bool, SearchError> {
        let before = head.clone();
        let mut head = match head {
            Some(head) => head,
            None => Head { first, generation: 0, last: [0; 32], pages: Vec::new() },
        };
        let replaced: BTreeSet<u16> = pages.keys().map(|page| (page - first) as u16).collect();
        let mut new = Vec::with_capacity(pages.len());
        for (number, Indexed { page, terms }) in pages {
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
            if extent.end - extent.start == SMALL {
                *filled.entry(extent.start / LARGE * LARGE).or_default() += SMALL;
            }
        }
        let next = filled.into_iter().find(|(_, pages)| *pages == LARGE);
        let Some((first, _)) = next else { return Ok(0) };
        let is_done = self.merge(&transaction, first)?;
        transaction.commit().map_err(failed)?;
        Ok(u64::from(is_done))
    }

    /// Makes one segment of 32, if all of them are here. One that is damaged is removed, and indexed again. Says whether
    /// it did something.
    fn merge(&self, connection: &Connection, first: u64) -> Result<bool, SearchError> {
        let small: Vec<Head> = heads(connection, &self.secret, first..first + LARGE)?
            .into_iter()
            .filter_map(Result::ok)
            .filter(|head| head.end() <= first + LARGE && !head.is_large())
            .collect();
        let whole = small.len() as u64 == LARGE / SMALL;
        let (Some(last), true) =
            (small.last(), whole && small.iter().all(|head| head.pages.len() as u64 == SMALL))
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
        // What is decoded takes many times as much memory: some of the terms at a time.
        let share = large.parts() / SMALL_PARTS;
        for number in 0..SMALL_PARTS {
            let mut merged: Vec<Vec<Posting>> = vec![Vec::new(); share as usize];
            for (head, parts) in small.iter().zip(&read) {
                let postings = head.decode_part(&self.secret, number, &parts[number as usize]);
                let postings =
                    postings.ok_or_else(|| SearchError::Broken("a sealed part cannot be read".into()))?;
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
) -> Result<Indexed, StoreError> {
    let mut page = Page::default();
    let mut terms = Terms::new(cache);
    let looking = Looking::new(parsers);
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
    Ok(Indexed { page, terms: terms.into_iter().flatten().collect() })
}

fn generation() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::unavailable("indexing", error))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Notes how large the log is: one that is smaller later was rolled back.
pub(super) fn note_size(connection: &Connection, reader: &dyn EntryReader) -> Result<(), SearchError> {
    let size = reader.size()?;
    let Some(last) = size.checked_sub(1) else { return Ok(()) };
    let last = reader.leaf_hash(last)?.0;
    connection.execute("UPDATE log SET size = ?, last = ?", (integer(size), last)).map_err(failed).map(drop)
}

/// Takes a segment away, with all rows that may be its own.
fn remove(connection: &Connection, first: u64) -> Result<(), SearchError> {
    let next = "SELECT min(first) FROM heads WHERE first > ?";
    let removed = || -> rusqlite::Result<()> {
        let next: Option<i64> = connection.query_row(next, [integer(first)], |row| row.get(0))?;
        connection.execute("DELETE FROM heads WHERE first = ?", [integer(first)])?;
        let end = next.unwrap_or(i64::MAX / integer(PARTS)).min(integer(first.saturating_add(LARGE)));
        let rows = (integer(first.saturating_mul(PARTS)), end.saturating_mul(integer(PARTS)));
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
