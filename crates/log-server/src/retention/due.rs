//! Search for events that have expired, by reading each event from the store.
//!
//! The search index isn't used, because events that it lacks would be kept forever. So the whole log is read
//! once after the start, some of it in each pass, and for each page, the time at which the first of its
//! events expires is remembered.

use roaring::RoaringTreemap;

use countersign::time::Time;

use super::holds::ActiveHolds;
use super::rules::Rules;
use countersign_log::export::{Had, PAGE};
use countersign_log::own_chain::OwnChains;
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// Maximum number of events that one pass erases.
const MAX_ERASED_PER_PASS: u64 = 100_000;
/// Maximum number of pages that one pass reads: about a million entries.
const MAX_PAGES_PER_PASS: u64 = 16_384;

/// The times at which events expire, for the part of the log that has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct DueTimes {
    rules: Rules,
    /// For each full page read so far, when the first of its events expires; `None` for never.
    pages: Vec<Option<i64>>,
    /// The page that the next pass begins with.
    next: u64,
}

/// The expired events.
pub(super) struct ExpiredEvents {
    pub(super) leaves: RoaringTreemap,
    /// True if part of the log is still unread.
    pub(super) more: bool,
    /// When the first of the events expires, unless part of the log is still unread. `None` for never.
    pub(super) next: Option<i64>,
}

/// The sources for deciding about events.
pub(super) struct Sources<'r> {
    pub(super) reader: &'r dyn EntryReader,
    /// The number of entries.
    pub(super) size: u64,
    pub(super) had: Had,
    pub(super) own: OwnChains<'r>,
    pub(super) holds: ActiveHolds,
}

/// True if a retention period that ends at `end`, in milliseconds since 1970, is over.
pub(super) fn is_over(end: i64, now: Time) -> bool {
    end < now.millis()
}

impl DueTimes {
    /// Returns the events that have expired at `now`, up to the limit per pass.
    pub(super) fn expired(
        &mut self,
        sources: Sources<'_>,
        rules: &Rules,
        now: Time,
    ) -> Result<ExpiredEvents, StoreError> {
        let Sources { reader, size, had, mut own, holds } = sources;
        if self.rules != *rules {
            *self = Self { rules: rules.clone(), ..Self::default() };
        }
        let (mut leaves, mut pages_read, mut last) = (RoaringTreemap::new(), 0, None);
        for page in std::mem::take(&mut self.next)..size.div_ceil(PAGE) {
            let cached = self.pages.get(page as usize);
            if cached.is_some_and(|due| due.is_none_or(|due| !is_over(due, now))) {
                continue;
            }
            if pages_read >= MAX_PAGES_PER_PASS || leaves.len() >= MAX_ERASED_PER_PASS {
                self.next = page;
                return Ok(ExpiredEvents { leaves, more: true, next: None });
            }
            pages_read += 1;
            let first = page * PAGE;
            let end = size.min(first + PAGE);
            let mut due: Option<i64> = None;
            for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
                let StoredEvent::Here(event) = &leaf.event else { continue };
                let Some(link) = leaf.link() else { continue };
                let Some(age) = rules.age(&event.text) else { continue };
                if own.has(&link.chain())? {
                    continue;
                }
                // Entries that no checkpoint includes yet are checked again.
                let since = had.since(index).map(Time::millis);
                let at = since.map_or(now.millis(), |since| since.saturating_add(age.millis()));
                due = Some(due.map_or(at, |due| due.min(at)));
                if is_over(at, now) && !holds.protect(reader, &link, &event.text)? {
                    leaves.insert(index);
                }
            }
            if end - first == PAGE {
                match self.pages.get_mut(page as usize) {
                    Some(cached) => *cached = due,
                    // Pages fill up, and are first read, in order.
                    None => self.pages.push(due),
                }
            } else {
                last = due;
            }
        }
        let next = self.pages.iter().copied().flatten().chain(last).min();
        Ok(ExpiredEvents { leaves, more: false, next })
    }
}
