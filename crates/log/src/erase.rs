//! Permanent erasure of events, recorded on the log's own chain before it starts.
//!
//! The record (`log.erase`) states who asked for it, why, and how many events and which entries it covers,
//! but nothing of their content. It and the task to carry it out become durable in the same step, so if a
//! server stops halfway, the next one continues. The erasure is done when none of its events is left. The
//! log's own events are never erased, because they document what the log did to itself. Events under a legal
//! hold are not erased either.

pub mod record;
mod search;
mod state;

use std::iter::Peekable;

use countersign::link::Link;
use countersign::time::Time;
use roaring::RoaringTreemap;
use serde_json::{Map, Value};

use crate::export::PAGE;
use crate::own_chain::OwnChains;
use crate::store::{EntryReader, StoreError, StoredEvent};
use crate::submission::SubmitError;

pub use search::ErasureSearch;
pub use state::{ErasureState, state};

/// The number of events that are erased at a time: other jobs wait for the store in the meantime.
pub const BATCH: usize = 1_024;
/// The maximum number of ranges of entries in one record.
const MAX_RANGES: usize = 4_096;
/// The actor and the reason of an erasure, as the log records them.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The type of the actor, such as `user` or `service`.
    pub actor_type: &'static str,
    /// The name of the reader whose token was used, or of the rule.
    pub actor: String,
    /// The reason. It must contain no personal data: it is kept permanently.
    pub reason: String,
    /// Further metadata on how the events were chosen, without naming anyone in them.
    pub metadata: Map<String, Value>,
}

/// An erasure that the log has not recorded as an event, because it couldn't sign.
#[derive(Clone, Debug)]
pub struct UnrecordedErasure {
    /// The time of the erasure.
    pub at: Time,
    /// The actor and the reason.
    pub cause: Cause,
    /// The entries whose events are erased.
    pub entries: RoaringTreemap,
}

/// The result of an erasure, in events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Events that were erased.
    pub erased: u64,
    /// Entries without an event, or whose event was erased before.
    pub without: u64,
    /// Events of the log itself, which are kept.
    pub own: u64,
    /// Events under a legal hold, which are kept.
    pub held: u64,
    /// Events whose erasure is remembered but not done yet. The log continues with them on its own.
    pub left: u64,
    /// Events that were erased although the log can't record it now: it is stopped, or has ended.
    pub unrecorded: u64,
}

/// The reason why some or all events were not erased. The request can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The erasure could not be recorded.
    #[error("failed to record the erasure: {0}")]
    Record(#[from] SubmitError),
    /// The store failed during the erasure.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The entries of an erasure, classified.
pub struct ErasureCandidates {
    /// The entries whose event can be erased.
    pub present: RoaringTreemap,
    /// The entries without an event.
    pub without: Vec<u64>,
    /// The part of the result that is known beforehand.
    pub erased: Erased,
}

impl ErasureCandidates {
    /// Classifies these entries. `held` returns true for an event under a legal hold.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(
        reader: &dyn EntryReader,
        mut own: OwnChains<'_>,
        held: &dyn Fn(&Link, &str) -> Result<bool, StoreError>,
        leaves: &RoaringTreemap,
    ) -> Result<Self, StoreError> {
        let (mut present, mut without, mut erased) = (RoaringTreemap::new(), Vec::new(), Erased::default());
        let mut indexes = leaves.iter().peekable();
        while let Some(first) = indexes.next() {
            let mut end = first + 1;
            while end - first < PAGE && indexes.next_if_eq(&end).is_some() {
                end += 1;
            }
            for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
                let link = leaf.link();
                let (Some(link), StoredEvent::Here(event)) = (link, &leaf.event) else {
                    without.push(index);
                    erased.without += 1;
                    continue;
                };
                if own.has(&link.chain())? {
                    erased.own += 1;
                } else if held(&link, &event.text)? {
                    erased.held += 1;
                } else {
                    present.insert(index);
                }
            }
        }
        Ok(Self { present, without, erased })
    }

    /// Returns the records for the entries in `present`, each with the entries that it covers.
    pub fn records<'a>(present: RoaringTreemap, origin: &'a str, cause: &'a Cause) -> Records<'a> {
        Records { left: present.into_iter().peekable(), origin, cause }
    }
}

/// The records of an erasure that is about to start.
pub struct Records<'a> {
    left: Peekable<roaring::treemap::IntoIter>,
    origin: &'a str,
    cause: &'a Cause,
}

impl Iterator for Records<'_> {
    type Item = (Value, RoaringTreemap);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut ranges, mut chosen) = (Vec::<(u64, u64)>::new(), RoaringTreemap::new());
        while let Some(index) = self.left.next_if(|index| {
            ranges.len() < MAX_RANGES || ranges.last().is_some_and(|(_, last)| last + 1 == *index)
        }) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => ranges.push((index, index)),
            }
            chosen.insert(index);
        }
        (!chosen.is_empty()).then(|| (record::event(self.origin, self.cause, &ranges, chosen.len()), chosen))
    }
}
