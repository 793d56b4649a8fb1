//! Erasing events for good, never unseen: what is going to be erased is first recorded on the log's own chain.
//!
//! The record (`log.erase`) says who asked, why, how many events and which leaves, and nothing of what the
//! events said. With it the erasure is to be done, in the same step of the store: whatever ends the server before all of
//! it is done, the next one goes on. It is done only when none of its events is left.
//! The log's own events are never erased: they say what the log did to itself. Neither is what is under a legal hold.

mod choose;
pub mod record;
mod state;

use std::iter::Peekable;

use countersign::link::Link;
use roaring::RoaringTreemap;
use serde_json::{Map, Value};

use crate::export::PAGE;
use crate::own_chain::OwnChains;
use crate::store::{EntryReader, StoreError, StoredEvent};
use crate::submitting::SubmitError;

pub use choose::Choosing;
pub use state::{ErasureState, state};

/// How many events are erased at a time: others wait for the store meanwhile.
pub const BATCH: usize = 1_024;
/// How many stretches of leaves one record tells of.
const STRETCHES: usize = 4_096;
/// Who erases and why, as it is recorded.
#[derive(Clone, Debug)]
pub struct Cause {
    /// `user`, `service` …: what kind of actor it is.
    pub actor_type: &'static str,
    /// The reader whose token it is, or the rule.
    pub actor: String,
    /// Why, for people. It must hold no personal data: it stays.
    pub reason: String,
    /// What else is recorded about how the events were chosen, without saying whose they are.
    pub metadata: Map<String, Value>,
}

/// What became of events that were to be erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Erased now.
    pub erased: u64,
    /// Leaves without an event, or whose event was erased before.
    pub without: u64,
    /// Events of the log's own, which stay.
    pub own: u64,
    /// Events under a legal hold, which stay.
    pub held: u64,
    /// Events of which it is recorded that they are erased, and that are not erased yet: the log goes on with them by
    /// itself.
    pub left: u64,
}

/// Why events were not erased, or not all of them. It can be asked for again.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// It could not be recorded.
    #[error("recording what is to be erased: {0}")]
    Record(#[from] SubmitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What there is to erase.
pub struct Found {
    /// Leaves whose event may be erased.
    pub present: RoaringTreemap,
    /// Leaves without an event.
    pub without: Vec<u64>,
    /// What is known already of what becomes of them all.
    pub erased: Erased,
}

impl Found {
    /// Among these leaves. `held` tells what is under a legal hold.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn look(
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

    /// What becomes of those that are erased: records, each with the leaves that it tells of.
    pub fn records<'a>(present: RoaringTreemap, origin: &'a str, cause: &'a Cause) -> Records<'a> {
        Records { left: present.into_iter().peekable(), origin, cause }
    }
}

/// The records of what is going to be erased.
pub struct Records<'a> {
    left: Peekable<roaring::treemap::IntoIter>,
    origin: &'a str,
    cause: &'a Cause,
}

impl Iterator for Records<'_> {
    type Item = (Value, RoaringTreemap);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut stretches, mut chosen) = (Vec::<(u64, u64)>::new(), RoaringTreemap::new());
        while let Some(index) = self.left.next_if(|index| {
            stretches.len() < STRETCHES || stretches.last().is_some_and(|(_, last)| last + 1 == *index)
        }) {
            match stretches.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => stretches.push((index, index)),
            }
            chosen.insert(index);
        }
        (!chosen.is_empty())
            .then(|| (record::event(self.origin, self.cause, &stretches, chosen.len()), chosen))
    }
}
