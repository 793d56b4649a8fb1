//! Erasing events for good, never unseen: what is going to be erased is first recorded on the log's own chain.
//!
//! The record (`log.erase`) says who asked, why, how many events and which leaves, and nothing of what the events said.
//! The log's own events are never erased: they say what the log did to itself. Neither is what is under a legal hold.

use std::sync::Arc;
use std::time::Duration;

use countersign::link::Link;
use roaring::RoaringTreemap;
use serde_json::{Map, Value, json};

use crate::collector::SubmitError;
use crate::export::PAGE;
use crate::filter::parse;
use crate::reading::Reading;
use crate::store::{StoreError, StoredEvent};

/// How many events are erased at a time: others wait for the store meanwhile.
const BATCH: usize = 1_024;
/// How many stretches of leaves one record tells of.
const STRETCHES: usize = 4_096;
/// Another reader may have the store for a moment.
const ATTEMPTS: u32 = 5;
/// How long to wait for that, and between two batches.
const PAUSE: Duration = Duration::from_millis(50);

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

/// Erases the events of these leaves, which the log has. Asked again for the same it does nothing.
///
/// # Errors
/// [`EraseError`]. What was recorded may not be erased then, and nothing that was not recorded is.
pub async fn erase(
    reading: &Arc<Reading>,
    leaves: RoaringTreemap,
    cause: &Cause,
) -> Result<Erased, EraseError> {
    let _one_at_a_time = reading.erasing.lock().await;
    let reader = reading.clone();
    let present = tokio::task::spawn_blocking(move || present(&reader, &leaves)).await;
    let (present, without, mut erased) =
        present.map_err(|error| StoreError::unavailable("looking for events", error)).flatten()?;
    // An earlier try may have been cut off before the bytes were gone from every file.
    for batch in without.chunks(BATCH) {
        erase_batch(reading, batch).await?;
    }
    if present.is_empty() && without.is_empty() {
        erase_batch(reading, &[]).await?;
    }
    let mut left = present.into_iter().peekable();
    while left.peek().is_some() {
        let (mut stretches, mut chosen) = (Vec::<(u64, u64)>::new(), Vec::new());
        while let Some(index) = left.next_if(|index| {
            stretches.len() < STRETCHES || stretches.last().is_some_and(|(_, last)| last + 1 == *index)
        }) {
            match stretches.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => stretches.push((index, index)),
            }
            chosen.push(index);
        }
        reading.collector().record(&record(reading, cause, &stretches, chosen.len())).await?;
        for batch in chosen.chunks(BATCH) {
            erased.erased += erase_batch(reading, batch).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(erased)
}

/// Those of these leaves that have an event which may be erased, and those that have none.
fn present(
    reading: &Reading,
    leaves: &RoaringTreemap,
) -> Result<(RoaringTreemap, Vec<u64>, Erased), StoreError> {
    let reader = reading.collector().reader();
    let holds =
        reading.holds().read().map_err(|error| StoreError::unavailable("reading the holds", error))?;
    let mut own = reading.own_chains();
    let (mut present, mut without, mut erased) = (RoaringTreemap::new(), Vec::new(), Erased::default());
    let mut indexes = leaves.iter().peekable();
    while let Some(first) = indexes.next() {
        let mut end = first + 1;
        while end - first < PAGE && indexes.next_if_eq(&end).is_some() {
            end += 1;
        }
        for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
            let link = str::from_utf8(&leaf.leaf).ok().and_then(|text| Link::parse(text).ok());
            let (Some(link), StoredEvent::Here(payload)) = (link, &leaf.event) else {
                without.push(index);
                erased.without += 1;
                continue;
            };
            if own.has(&link.chain())? {
                erased.own += 1;
            } else if holds.hold(&link, &parse(&payload.event)) {
                erased.held += 1;
            } else {
                present.insert(index);
            }
        }
    }
    Ok((present, without, erased))
}

fn record(reading: &Reading, cause: &Cause, stretches: &[(u64, u64)], events: usize) -> Value {
    let mut metadata = cause.metadata.clone();
    metadata.insert("events".into(), events.into());
    metadata.insert("leaves".into(), stretches.iter().map(|(first, last)| json!([first, last])).collect());
    json!({
        "action": "log.erase",
        "actor": { "type": cause.actor_type, "id": cause.actor },
        "target": { "type": "log", "id": reading.collector().origin() },
        "reason": cause.reason,
        "metadata": metadata,
    })
}

async fn erase_batch(reading: &Reading, batch: &[u64]) -> Result<u64, EraseError> {
    forget(reading, batch).await?;
    let mut attempt = 1;
    let erased = loop {
        match reading.collector().erase(batch.to_vec()).await {
            Ok(erased) => break erased,
            // The bytes may still be in a file of the store: it has to be asked until they are not.
            Err(StoreError::Unavailable { .. }) if attempt < ATTEMPTS => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            Err(error) => return Err(error.into()),
        }
    };
    // An attempt that failed may have erased them all the same.
    let erased = if attempt > 1 { batch.len() as u64 } else { erased };
    reading.collector().metrics().erased(erased);
    forget(reading, batch).await?;
    Ok(erased)
}

async fn forget(reading: &Reading, batch: &[u64]) -> Result<(), StoreError> {
    let Some(search) = reading.search().cloned() else { return Ok(()) };
    let batch = batch.to_vec();
    let forgot = tokio::task::spawn_blocking(move || search.forget(batch)).await;
    forgot.map_err(|error| StoreError::unavailable("forgetting events", error))?
}
