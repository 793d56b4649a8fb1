//! Where events are that are old enough, or will be: found by looking at each as the store has it.
//!
//! The search index is not asked: what it does not know would stay for ever. So all of the log is read once after the
//! start, some of it in each pass, and of each page it is remembered when the first of its events is due.

use roaring::RoaringTreemap;

use countersign::time::Time;

use super::holds::ActiveHolds;
use super::rules::Rules;
use countersign_log::export::{Had, PAGE};
use countersign_log::own_chain::OwnChains;
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// How many events one pass erases at most.
const MOST: u64 = 100_000;
/// How many pages one pass looks at: about a million leaves.
const PAGES: u64 = 16_384;

/// When events are due, as far as that was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Due {
    rules: Rules,
    /// Of each full page that was read, when the first of its events is due: never, where it has none.
    pages: Vec<Option<i64>>,
    /// The page that the next pass begins with.
    next: u64,
}

/// The events that are old enough.
pub(super) struct Expired {
    pub(super) leaves: RoaringTreemap,
    /// Whether not all of the log was looked at.
    pub(super) more: bool,
}

/// The sources for deciding about events.
pub(super) struct Sources<'r> {
    pub(super) reader: &'r dyn EntryReader,
    /// The number of published leaves.
    pub(super) size: u64,
    pub(super) had: Had,
    pub(super) own: OwnChains<'r>,
    pub(super) holds: ActiveHolds,
}

/// True if the retention that ends at that time, in milliseconds since 1970, is over.
fn is_over(end: i64, now: Time) -> bool {
    end < now.millis()
}

impl Due {
    /// The events that are old enough at that moment, as many as one pass erases.
    pub(super) fn expired(
        &mut self,
        sources: Sources<'_>,
        rules: &Rules,
        now: Time,
    ) -> Result<Expired, StoreError> {
        let Sources { reader, size, had, mut own, holds } = sources;
        if self.rules != *rules {
            *self = Self { rules: rules.clone(), ..Self::default() };
        }
        let (mut leaves, mut looked) = (RoaringTreemap::new(), 0);
        for page in std::mem::take(&mut self.next)..size.div_ceil(PAGE) {
            let known = self.pages.get(page as usize);
            if known.is_some_and(|due| due.is_none_or(|due| !is_over(due, now))) {
                continue;
            }
            if looked >= PAGES || leaves.len() >= MOST {
                self.next = page;
                return Ok(Expired { leaves, more: true });
            }
            looked += 1;
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
                // What no checkpoint holds yet is asked for again.
                let since = had.since(index).map(Time::millis);
                let at = since.map_or(now.millis(), |since| since.saturating_add(age.millis()));
                due = Some(due.map_or(at, |due| due.min(at)));
                if is_over(at, now) && !holds.hold(reader, &link, &event.text)? {
                    leaves.insert(index);
                }
            }
            if end - first == PAGE {
                match self.pages.get_mut(page as usize) {
                    Some(known) => *known = due,
                    // Pages fill in their order, and are first looked at in it.
                    None => self.pages.push(due),
                }
            }
        }
        Ok(Expired { leaves, more: false })
    }
}
