//! How far an erasure is.

use countersign::link::Link;
use countersign::time::Time;
use serde_json::{Map, Value};

use super::record::Record;
use super::{Erased, Found};
use crate::own_chain::OwnChains;
use crate::store::{EntryReader, Erasure, StoreError};

/// An erasure, and how far it is.
pub struct ErasureState {
    /// The leaf that records it.
    pub(crate) record: u64,
    /// When it was recorded.
    pub(crate) at: Time,
    /// What the record says.
    pub(crate) event: Value,
    /// How many events it takes.
    pub(crate) events: u64,
    /// How many of them are still here and going to be erased.
    pub(crate) left: u64,
    /// How many of them are still here because they are under a legal hold.
    pub(crate) held: u64,
    /// When it was done.
    pub(crate) done: Option<Time>,
}

impl ErasureState {
    /// One word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self.done {
            Some(_) => "done",
            None if self.left == 0 && self.held > 0 => "held",
            None => "erasing",
        }
    }

    /// The members of the record that say who asked for it and why.
    pub(crate) fn cause(&self) -> Map<String, Value> {
        let member = |name: &str| Some((name.to_owned(), self.event.get(name)?.clone()));
        ["actor", "reason"].into_iter().filter_map(member).collect()
    }
}

/// The state of an erasure. Of one that is not done its events are looked at.
///
/// # Errors
/// The store's own; [`StoreError::Damaged`] where its record cannot be read.
pub fn state(
    reader: &dyn EntryReader,
    own: OwnChains<'_>,
    held: &dyn Fn(&Link, &str) -> Result<bool, StoreError>,
    Erasure { record, done }: Erasure,
) -> Result<ErasureState, StoreError> {
    let Record { link, event, leaves } = Record::read(reader, record)?;
    let (events, at) = (leaves.len(), link.time());
    let mut state = ErasureState { record, at, event, events, left: 0, held: 0, done };
    if done.is_none() {
        let Found { present, erased: Erased { held, .. }, .. } = Found::look(reader, own, held, &leaves)?;
        (state.left, state.held) = (present.len(), held);
    }
    Ok(state)
}
