//! The progress of an erasure.

use countersign::link::Link;
use countersign::time::Time;
use serde_json::{Map, Value};

use super::record::Record;
use super::{Erased, ErasureCandidates};
use crate::own_chain::OwnChains;
use crate::store::{EntryReader, Erasure, StoreError};

/// An erasure and its progress.
pub struct ErasureState {
    /// The entry that records it.
    pub(crate) record: u64,
    /// The time of the record.
    pub(crate) at: Time,
    /// The event of the record.
    pub(crate) event: Value,
    /// The number of events that it erases.
    pub(crate) events: u64,
    /// The number of events that remain to be erased.
    pub(crate) left: u64,
    /// The number of events that remain because they are under a legal hold.
    pub(crate) held: u64,
    /// The time at which it was completed.
    pub(crate) done: Option<Time>,
}

impl ErasureState {
    /// Returns the progress in one word: `done`, `held`, or `erasing`.
    pub(crate) fn word(&self) -> &'static str {
        match self.done {
            Some(_) => "done",
            None if self.left == 0 && self.held > 0 => "held",
            None => "erasing",
        }
    }

    /// Returns the fields of the record that state who asked for it and why.
    pub(crate) fn cause(&self) -> Map<String, Value> {
        let member = |name: &str| Some((name.to_owned(), self.event.get(name)?.clone()));
        ["actor", "reason"].into_iter().filter_map(member).collect()
    }
}

/// Returns the state of an erasure. Unless it is done, this reads its events.
///
/// # Errors
/// [`StoreError::Damaged`] if its record can't be parsed; [`StoreError::Unavailable`] if the store fails.
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
        let ErasureCandidates { present, erased: Erased { held, .. }, .. } =
            ErasureCandidates::find(reader, own, held, &leaves)?;
        (state.left, state.held) = (present.len(), held);
    }
    Ok(state)
}
