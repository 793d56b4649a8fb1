//! Erasing while the log runs.

use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringTreemap;

use super::{BATCH, Cause, EraseError, Erased, Found};
use crate::reading::Reading;
use crate::store::StoreError;

/// Another reader may have the store for a moment.
const ATTEMPTS: u32 = 5;
/// How long to wait for that, and between two batches.
const PAUSE: Duration = Duration::from_millis(50);

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
    let found = tokio::task::spawn_blocking(move || look(&reader, &leaves)).await;
    let Found { present, without, mut erased } =
        found.map_err(|error| StoreError::unavailable("looking for events", error)).flatten()?;
    // An earlier try may have been cut off before the bytes were gone from every file.
    for batch in without.chunks(BATCH) {
        erase_batch(reading, batch).await?;
    }
    if present.is_empty() && without.is_empty() {
        erase_batch(reading, &[]).await?;
    }
    for (record, leaves) in Found::records(present, reading.collector().origin(), cause) {
        reading.collector().record(&record).await?;
        for batch in leaves.chunks(BATCH) {
            erased.erased += erase_batch(reading, batch).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(erased)
}

fn look(reading: &Reading, leaves: &RoaringTreemap) -> Result<Found, StoreError> {
    let holds =
        reading.holds().read().map_err(|error| StoreError::unavailable("reading the holds", error))?;
    let held = |link: &_, event: &_| holds.hold(link, event);
    Found::look(&**reading.collector().reader(), reading.own_chains(), &held, leaves)
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
