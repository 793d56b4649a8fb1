//! The selection of a slice, and the fate of each entry under it.

use std::collections::{BTreeSet, HashSet};

use countersign::export::{Item, Payload, Withheld};
use countersign::link::{ChainId, EventLink, Link};

/// A function of an event's link and JSON text.
type Test<'a, T> = Box<dyn Fn(&EventLink, &str) -> T + 'a>;

/// The content of a slice. An event must meet all conditions to be shown.
#[derive(Default)]
pub struct Selection<'a> {
    pub(super) range: Option<(u64, u64)>,
    pub(super) chains: BTreeSet<ChainId>,
    pub(super) events: BTreeSet<(ChainId, u64)>,
    /// The indexes of entries, ascending.
    leaves: Option<Vec<u64>>,
    matching: Option<Test<'a, bool>>,
    withholding: Option<Test<'a, Option<Withheld>>>,
    pub(super) allows_none: bool,
}

impl<'a> Selection<'a> {
    /// Selects everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Selects only events whose index is at least `first` and less than `end`. All entries of this range are
    /// kept, even if other conditions exclude their events, and the slice states that it contains all of them.
    #[must_use]
    pub fn range(mut self, first: u64, end: u64) -> Self {
        self.range = Some((first, end));
        self
    }

    /// Selects only events of this chain, and of others added the same way.
    #[must_use]
    pub fn chain(mut self, chain: ChainId) -> Self {
        self.chains.insert(chain);
        self
    }

    /// Selects only this event, and others added the same way.
    #[must_use]
    pub fn event(mut self, chain: ChainId, seq: u64) -> Self {
        self.events.insert((chain, seq));
        self
    }

    /// Selects only events of the links at these indexes. Each takes 8 bytes of memory.
    #[must_use]
    pub fn leaves(mut self, mut indexes: Vec<u64>) -> Self {
        indexes.sort_unstable();
        self.leaves = Some(indexes);
        self
    }

    /// Selects only events for which `test` returns true, given the link and the JSON text that it commits to.
    #[must_use]
    pub fn matching(mut self, test: impl Fn(&EventLink, &str) -> bool + 'a) -> Self {
        self.matching = Some(Box::new(test));
        self
    }

    /// Withholds the events for which `reason` returns a reason, given the link and the JSON text. Only their links are
    /// kept.
    #[must_use]
    pub fn withholding(mut self, reason: impl Fn(&EventLink, &str) -> Option<Withheld> + 'a) -> Self {
        self.withholding = Some(Box::new(reason));
        self
    }

    /// Allows a slice without an event, which has the log's key notes and a checkpoint.
    #[must_use]
    pub fn or_none(mut self) -> Self {
        self.allows_none = true;
        self
    }

    /// True if the range includes this entry, so that it is kept in any case.
    fn claims(&self, index: u64) -> bool {
        self.range.is_some_and(|(first, end)| (first..end).contains(&index))
    }

    fn selects_place(&self, index: u64, chain: ChainId) -> bool {
        (self.range.is_none() || self.claims(index))
            && (self.chains.is_empty() || self.chains.contains(&chain))
            && (self.leaves.as_ref().is_none_or(|leaves| leaves.binary_search(&index).is_ok()))
    }

    /// True if links without an event are not selected by themselves.
    fn selects_events_only(&self) -> bool {
        self.matching.is_some() || self.leaves.is_some() || !self.events.is_empty()
    }

    fn is_of_all_leaves(&self) -> bool {
        self.range.is_none() && self.chains.is_empty() && !self.selects_events_only()
    }
}

/// The fate of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The entry is kept as it is.
    Kept,
    /// Its link is kept without the event.
    Bare(Option<Withheld>),
    /// An open link: it is kept if other links of its chain are.
    WithChain,
    /// The entry is omitted, covered by a skip.
    Out,
}

/// Decides the fate of entries in the log's order.
#[derive(Default)]
pub(super) struct Judge {
    /// The chains whose last kept link is not covered by a signature yet.
    unsigned: HashSet<ChainId>,
}

impl Judge {
    /// Returns the fate of the entry at `index`.
    pub(super) fn fate(&mut self, selection: &Selection<'_>, index: u64, item: &Item<'_>) -> Fate {
        match item {
            Item::Note { .. } => Fate::Kept,
            Item::Link { link, payload, withheld, .. } => {
                let bare = Fate::Bare(if payload.is_some() { Some(Withheld::Filtered) } else { *withheld });
                let fate = match Self::selected(selection, index, link, payload.as_ref()) {
                    Some(fate) => fate,
                    None if selection.claims(index) || self.unsigned.contains(&link.chain()) => bare,
                    None if matches!(link, Link::Open(_)) => Fate::WithChain,
                    None => Fate::Out,
                };
                match (fate, link.signature()) {
                    (Fate::Out, _) => {}
                    (_, Some(_)) => _ = self.unsigned.remove(&link.chain()),
                    (_, None) => _ = self.unsigned.insert(link.chain()),
                }
                fate
            }
            Item::Leaf(_) => {
                if selection.claims(index) || selection.is_of_all_leaves() {
                    Fate::Kept
                } else {
                    Fate::Out
                }
            }
            Item::Skip { .. } | Item::Checkpoint { .. } | Item::Head { .. } | Item::Anchor { .. } => {
                Fate::Out
            }
        }
    }

    /// Returns the fate of a link that the selection includes; `None` if it doesn't include it.
    fn selected(
        selection: &Selection<'_>,
        index: u64,
        link: &Link,
        payload: Option<&Payload<'_>>,
    ) -> Option<Fate> {
        let (chain, seq) = (link.chain(), link.seq());
        if !selection.selects_place(index, chain) {
            return None;
        }
        let (Some(payload), Link::Event(link)) = (payload, link) else {
            return (!selection.selects_events_only()).then_some(Fate::Kept);
        };
        if !selection.events.is_empty() && !selection.events.contains(&(chain, seq)) {
            return None;
        }
        if selection.matching.is_none() && selection.withholding.is_none() {
            return Some(Fate::Kept);
        }
        let event = payload.committed(&link.commit);
        if !selection.matching.as_ref().is_none_or(|test| test(link, &event)) {
            return None;
        }
        let withheld = selection.withholding.as_ref().and_then(|reason| reason(link, &event));
        Some(withheld.map_or(Fate::Kept, |reason| Fate::Bare(Some(reason))))
    }
}
