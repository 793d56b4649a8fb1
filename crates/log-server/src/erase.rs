//! Erasing while the log runs.

use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringTreemap;
use tokio::time::sleep;

use crate::reading::Reading;
use countersign_log::erase::record::Record;
use countersign_log::erase::{BATCH, Cause, EraseError, Erased, Found};
use countersign_log::store::StoreError;

/// Another reader may have the store for a moment.
const ATTEMPTS: u32 = 5;
/// How long to wait for that, and between two batches.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked for erasures that are not done: those that failed, that are under a legal hold, and that another
/// server of the same log recorded, which gets so long for them.
const INTERVAL: Duration = Duration::from_mins(5);

/// Erases the events of these leaves, which the log has. Asked again for the same it does nothing.
///
/// When this returns all of it is done, or some of it is [left](Erased::left), recorded: the log goes on with it by itself.
///
/// # Errors
/// [`EraseError`]. Nothing was recorded then, and nothing erased, that does not go on by itself.
pub async fn erase(
    reading: &Arc<Reading>,
    leaves: RoaringTreemap,
    cause: &Cause,
) -> Result<Erased, EraseError> {
    let _one_at_a_time = reading.erasing.lock().await;
    let looking = reading.clone();
    let found = blocking(move || {
        let found = look(&looking, &leaves)?;
        let mut recorded = RoaringTreemap::new();
        for record in looking.log_server().reader().unfinished_erasures()? {
            recorded |= Record::read(&**looking.log_server().reader(), record)?.leaves;
        }
        Ok((found, recorded))
    });
    let (Found { mut present, mut erased, .. }, recorded) = found.await?;
    // What is recorded already is not recorded again.
    let again = &present & &recorded;
    present -= &recorded;
    if !again.is_empty() {
        for record in unfinished(reading).await? {
            carry_out(reading, record).await?;
        }
        let looking = reading.clone();
        let (asked, found) = (again.len(), blocking(move || look(&looking, &again)).await?);
        erased.left += found.present.len();
        erased.erased += asked - found.present.len();
    }
    for (record, leaves) in Found::records(present, reading.log_server().origin(), cause) {
        let record = reading.log_server().record_erasure(&record).await?;
        match carry_out(reading, record).await {
            Ok(carried) => {
                erased.erased += carried.erased;
                erased.left += carried.left;
            }
            Err(error) => {
                tracing::error!(%error, record, "an erasure is not done: it goes on by itself");
                erased.left += leaves.len();
            }
        }
        if erased.left > 0 {
            reading.erasing_again.notify_one();
            // A log that cannot finish one had better not begin more.
            return Ok(erased);
        }
    }
    Ok(erased)
}

/// Goes on with the erasures that are not done until the log stops.
pub async fn keep(reading: Arc<Reading>) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = reading.erasing_again.notified() => sleep(PAUSE).await,
            () = reading.is_stopped() => return,
        }
        if resume(&reading).await {
            pause = INTERVAL;
        } else {
            pause = (pause * 2).clamp(PAUSE, INTERVAL);
        }
    }
}

/// Goes on with all that are not done, and says whether none failed.
async fn resume(reading: &Arc<Reading>) -> bool {
    let _one_at_a_time = reading.erasing.lock().await;
    let unfinished = match unfinished(reading).await {
        Ok(unfinished) => unfinished,
        Err(error) => {
            tracing::error!(%error, "it is not known which erasures are not done");
            return false;
        }
    };
    let mut good = true;
    for record in unfinished {
        if reading.is_stopping() {
            return true;
        }
        match carry_out(reading, record).await {
            Ok(carried) if carried.left == 0 => {
                tracing::info!(record, events = carried.erased, held = carried.held, "an erasure went on");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, record, "an erasure is not done");
                good = false;
            }
        }
    }
    reading.log_server().metrics().erasures_failing(!good);
    good
}

async fn unfinished(reading: &Arc<Reading>) -> Result<Vec<u64>, StoreError> {
    let reader = reading.log_server().reader().clone();
    blocking(move || reader.unfinished_erasures()).await
}

/// Erases what is left of the events that a record names, and notes that it is done if it is. Events under a legal hold
/// stay, and it is not done for as long as they do.
async fn carry_out(reading: &Arc<Reading>, record: u64) -> Result<Erased, StoreError> {
    let looking = reading.clone();
    let found = blocking(move || {
        let leaves = Record::read(&**looking.log_server().reader(), record)?.leaves;
        Ok((look(&looking, &leaves)?, leaves))
    });
    let (Found { present, without, mut erased }, leaves) = found.await?;
    let leaves = Arc::new(leaves);
    // Before, so that it never goes on as if they were there; and after, because it may have read them meanwhile.
    forget(reading, &leaves, false).await?;
    let taken_out: RoaringTreemap = without.iter().copied().chain(&present).collect();
    let present: Vec<u64> = present.into_iter().collect();
    // An earlier try may have been cut off before the bytes were gone from every file: it is asked for again.
    let (gone, here) = (without.chunks(BATCH), present.chunks(BATCH));
    let mut left = present.len() as u64;
    for (batch, is_here) in gone.map(|batch| (batch, false)).chain(here.map(|batch| (batch, true))) {
        if reading.is_stopping() {
            return Ok(Erased { left, ..erased });
        }
        erase_batch(reading, batch, is_here).await?;
        if is_here {
            erased.erased += batch.len() as u64;
            left -= batch.len() as u64;
        }
        sleep(PAUSE).await;
    }
    forget(reading, &leaves, true).await?;
    let told = reading.clone();
    blocking(move || told.findings().forget(&taken_out)).await?;
    if erased.held == 0 {
        reading.log_server().finish_erasure(record).await?;
    }
    Ok(erased)
}

fn look(reading: &Reading, leaves: &RoaringTreemap) -> Result<Found, StoreError> {
    let holds =
        reading.holds().read().map_err(|error| StoreError::unavailable("reading the holds", error))?;
    let held = |link: &_, event: &_| holds.hold(&**reading.log_server().reader(), link, event);
    Found::look(&**reading.log_server().reader(), reading.own_chains(), &held, leaves)
}

async fn erase_batch(reading: &Reading, batch: &[u64], is_here: bool) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        match reading.log_server().erase(batch.to_vec()).await {
            Ok(_) => break,
            // The bytes may still be in a file of the store: it has to be asked until they are not.
            Err(StoreError::Unavailable { .. }) if attempt < ATTEMPTS => {
                sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if is_here {
        reading.log_server().metrics().erased(batch.len() as u64);
    }
    Ok(())
}

/// Tells the search index which events it is to forget, and with `settle` sees to it that it has.
async fn forget(
    reading: &Arc<Reading>,
    leaves: &Arc<RoaringTreemap>,
    settle: bool,
) -> Result<(), StoreError> {
    let Some(search) = reading.search().cloned() else { return Ok(()) };
    let (reader, leaves) = (reading.log_server().reader().clone(), leaves.clone());
    blocking(move || {
        search.forget(&*reader, leaves.iter())?;
        if settle { search.settle(&*reader) } else { Ok(()) }
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::unavailable("erasing", error)).flatten()
}
