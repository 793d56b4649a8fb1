//! What a slice shows, and what becomes of each leaf for it.

use std::collections::{BTreeSet, HashSet};

use countersign::export::{Item, Payload, Withheld};
use countersign::link::{ChainId, EventLink, Link};

/// What an event's link and JSON text say about it.
type Test<'a, T> = Box<dyn Fn(&EventLink, &str) -> T + 'a>;

/// What a slice shows of an export. Every condition must hold for an event to be shown.
#[derive(Default)]
pub struct Selection<'a> {
    pub(super) range: Option<(u64, u64)>,
    pub(super) chains: BTreeSet<ChainId>,
    pub(super) events: BTreeSet<(ChainId, u64)>,
    /// Indexes of leaves, ascending.
    leaves: Option<Vec<u64>>,
    matching: Option<Test<'a, bool>>,
    withholding: Option<Test<'a, Option<Withheld>>>,
}

impl<'a> Selection<'a> {
    /// All there is.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only events whose link's index is `first` or above and below `end`. Every leaf of this range is
    /// kept, whatever else is asked for, and the slice claims so.
    #[must_use]
    pub fn range(mut self, first: u64, end: u64) -> Self {
        self.range = Some((first, end));
        self
    }

    /// Only events of this chain, and of the others given this way.
    #[must_use]
    pub fn chain(mut self, chain: ChainId) -> Self {
        self.chains.insert(chain);
        self
    }

    /// Only this event, and the others given this way.
    #[must_use]
    pub fn event(mut self, chain: ChainId, seq: u64) -> Self {
        self.events.insert((chain, seq));
        self
    }

    /// Only events of the links at these indexes, 8 bytes of memory for each.
    #[must_use]
    pub fn leaves(mut self, mut indexes: Vec<u64>) -> Self {
        indexes.sort_unstable();
        self.leaves = Some(indexes);
        self
    }

    /// Only events that pass `test`: each by its link and its JSON text, as the link commits to it.
    #[must_use]
    pub fn matching(mut self, test: impl Fn(&EventLink, &str) -> bool + 'a) -> Self {
        self.matching = Some(Box::new(test));
        self
    }

    /// Withholds the events for which `reason` has a reason, by their links and their JSON text: their links alone are
    /// kept.
    #[must_use]
    pub fn withholding(mut self, reason: impl Fn(&EventLink, &str) -> Option<Withheld> + 'a) -> Self {
        self.withholding = Some(Box::new(reason));
        self
    }

    /// Whether every leaf of the range stays, this one among them.
    fn claims(&self, index: u64) -> bool {
        self.range.is_some_and(|(first, end)| (first..end).contains(&index))
    }

    fn selects_place(&self, index: u64, chain: ChainId) -> bool {
        (self.range.is_none() || self.claims(index))
            && (self.chains.is_empty() || self.chains.contains(&chain))
            && (self.leaves.as_ref().is_none_or(|leaves| leaves.binary_search(&index).is_ok()))
    }

    /// Whether links without an event are not asked for by themselves.
    fn is_of_events_alone(&self) -> bool {
        self.matching.is_some() || self.leaves.is_some() || !self.events.is_empty()
    }

    fn is_of_all_leaves(&self) -> bool {
        self.range.is_none() && self.chains.is_empty() && !self.is_of_events_alone()
    }
}

/// What becomes of one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Kept,
    /// The link stays, its event does not.
    Bare(Option<Withheld>),
    /// An open link: it stays when a link of its chain does.
    WithItsChain,
    /// A skip stands for it.
    Out,
}

/// Decides leaf by leaf, in the log's order.
#[derive(Default)]
pub(super) struct Judge {
    /// Chains of which the last link that is kept has no signature yet that covers it.
    owing: HashSet<ChainId>,
}

impl Judge {
    /// What becomes of the leaf of that index.
    pub(super) fn fate(&mut self, selection: &Selection<'_>, index: u64, item: &Item<'_>) -> Fate {
        match item {
            Item::Note { .. } => Fate::Kept,
            Item::Link { link, payload, withheld, .. } => {
                let bare = Fate::Bare(if payload.is_some() { Some(Withheld::Filtered) } else { *withheld });
                let fate = match Self::wanted(selection, index, link, payload.as_ref()) {
                    Some(fate) => fate,
                    None if selection.claims(index) || self.owing.contains(&link.chain()) => bare,
                    None if matches!(link, Link::Open(_)) => Fate::WithItsChain,
                    None => Fate::Out,
                };
                match (fate, link.signature()) {
                    (Fate::Out, _) => {}
                    (_, Some(_)) => _ = self.owing.remove(&link.chain()),
                    (_, None) => _ = self.owing.insert(link.chain()),
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
            Item::Skip { .. } | Item::Checkpoint { .. } => Fate::Out,
        }
    }

    /// What becomes of a link that the selection asks for, if it does.
    fn wanted(
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
            return (!selection.is_of_events_alone()).then_some(Fate::Kept);
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
