//! Erasure of events in a running log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::hex;
use countersign::tenant::TenantOrigin;
use roaring::RoaringTreemap;
use tokio::time::sleep;

use crate::erasure_memory::returned_events::recorded_entries;
use crate::reading::Reading;
use countersign_log::erase::record::Record;
use countersign_log::erase::{BATCH, Cause, EraseError, Erased, ErasureCandidates, UnrecordedErasure};
use countersign_log::store::StoreError;
use countersign_log::tenants::tenant::TenantId;

use crate::tenants::TenantLogs;

/// Number of attempts while another reader has the store open.
const ATTEMPTS: u32 = 5;
/// Pause between attempts and between batches.
const PAUSE: Duration = Duration::from_millis(50);
/// Interval between checks for incomplete erasures: those that failed, those under a legal hold, and those that
/// another server of the log recorded, which has this long to complete them.
const INTERVAL: Duration = Duration::from_mins(5);

/// Erases the events of these entries, which must exist. Idempotent.
///
/// Erasing needs no signature. If the log can't record the erasure, it is [unrecorded](Erased::unrecorded): the folder
/// remembers it with its cause, and the log records it once it can.
///
/// When this returns, the erasure is complete, or the rest is [left](Erased::left): remembered, and completed by the log
/// on its own.
///
/// # Errors
/// [`EraseError`]. Then nothing was recorded or erased, except what the log completes on its own.
pub async fn erase(
    reading: &Arc<Reading>,
    leaves: RoaringTreemap,
    cause: &Cause,
) -> Result<Erased, EraseError> {
    let _guard = reading.erasing.lock().await;
    let service = reading.clone();
    let found = blocking(move || {
        let found = find_events(&service, &leaves)?;
        let mut recorded = RoaringTreemap::new();
        for record in service.log_server().reader().unfinished_erasures()? {
            recorded |= Record::read(&**service.log_server().reader(), record)?.leaves;
        }
        Ok((found, recorded))
    });
    let (ErasureCandidates { mut present, mut erased, .. }, recorded) = found.await?;
    // Don't record an erasure twice.
    let pending = &present & &recorded;
    present -= &recorded;
    if !pending.is_empty() {
        for record in unfinished(reading).await? {
            carry_out(reading, record).await?;
        }
        let service = reading.clone();
        let (requested, found) = (pending.len(), blocking(move || find_events(&service, &pending)).await?);
        erased.left += found.present.len();
        erased.erased += requested - found.present.len();
    }
    for (event, leaves) in ErasureCandidates::records(present, reading.log_server().origin(), cause) {
        let requested = leaves.len();
        let (result, unrecorded) = match reading.log_server().record_erasure(&event).await {
            Ok(record) => (carry_out(reading, record).await, 0),
            Err(error) => {
                tracing::warn!(%error, "an erasure is carried out although the log can't record it now");
                remember_unrecorded(reading, &leaves, cause).await?;
                let erased = erase_events(reading, leaves).await;
                (erased.map(|(erased, _)| erased), requested)
            }
        };
        match result {
            Ok(result) => {
                erased.erased += result.erased;
                erased.left += result.left;
                erased.unrecorded += unrecorded.min(result.erased);
            }
            Err(error) => {
                tracing::error!(%error, "an erasure failed; it will be retried automatically");
                erased.left += requested;
            }
        }
        if erased.left > 0 {
            reading.erasing_again.notify_one();
            // A log that can't complete one erasure shouldn't start more.
            return Ok(erased);
        }
    }
    Ok(erased)
}

/// Remembers an erasure that the log can't record now.
async fn remember_unrecorded(
    reading: &Arc<Reading>,
    leaves: &RoaringTreemap,
    cause: &Cause,
) -> Result<(), StoreError> {
    let (service, leaves, cause) = (reading.clone(), leaves.clone(), cause.clone());
    blocking(move || {
        let log_server = service.log_server();
        service.erasures.remember_unrecorded(log_server.origin(), &leaves, log_server.now(), &cause)
    })
    .await
}

/// Resumes incomplete erasures until the log stops.
pub async fn keep_resuming(reading: Arc<Reading>) {
    let mut attempts = Attempts::default();
    while attempts.next(&reading).await {
        attempts.end(&reading, resume(&reading).await);
    }
}

/// Resumes incomplete erasures in all tenant logs of a server until it stops. `root` is the service of the root log.
pub(crate) async fn keep_resuming_tenants(root: Arc<Reading>, tenants: Arc<TenantLogs>) {
    let mut attempts = Attempts::default();
    while attempts.next(&root).await {
        attempts.end(&root, resume_tenants(&root, &tenants).await);
    }
}

/// The attempts to resume incomplete erasures: at the start, when an erasure is left, and regularly.
#[derive(Default)]
struct Attempts {
    pause: Duration,
}

impl Attempts {
    /// Waits for the next attempt. Returns false if the server stops.
    async fn next(&self, reading: &Reading) -> bool {
        tokio::select! {
            () = sleep(self.pause) => {}
            () = reading.erasing_again.notified() => sleep(PAUSE).await,
            () = reading.stopped() => return false,
        }
        true
    }

    /// Ends an attempt. The next one is sooner if this one failed.
    fn end(&mut self, reading: &Reading, all_succeeded: bool) {
        reading.log_server().metrics().erasures_failing(!all_succeeded);
        self.pause = if all_succeeded { INTERVAL } else { (self.pause * 2).clamp(PAUSE, INTERVAL) };
    }
}

/// Resumes all incomplete erasures in tenant logs, one log after the other. Returns true if none failed.
async fn resume_tenants(root: &Reading, tenants: &Arc<TenantLogs>) -> bool {
    let readers = tenants.readers().clone();
    let found = match blocking(move || readers.with_unfinished_erasures()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(%error, "looking for incomplete erasures in tenant logs failed");
            return false;
        }
    };
    let logs = root.erasures.logs_with_unrecorded();
    let unrecorded = logs.iter().filter_map(|log| TenantOrigin::parse(log)).map(|origin| origin.id());
    let ids: BTreeSet<TenantId> = found.iter().map(|tenant| tenant.id).chain(unrecorded).collect();
    // Another server of the bucket makes the ticks, and erases.
    if !ids.is_empty() && tenants.check_active().await.is_err() {
        return false;
    }
    let mut all_succeeded = true;
    for id in ids {
        if root.is_stopping() {
            return true;
        }
        all_succeeded &= match tenants.open_to_erase_in_background(id).await {
            Ok(Some(log)) => resume(&log.reading).await,
            // No published tick has the log yet.
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, id = hex::encode(&id), "resuming an erasure in a tenant log failed");
                false
            }
        };
    }
    all_succeeded
}

/// Resumes all incomplete erasures. Returns true if none failed.
async fn resume(reading: &Arc<Reading>) -> bool {
    let _guard = reading.erasing.lock().await;
    let unfinished = match unfinished(reading).await {
        Ok(unfinished) => unfinished,
        Err(error) => {
            tracing::error!(%error, "reading the incomplete erasures failed");
            return false;
        }
    };
    let mut all_succeeded = true;
    for record in unfinished {
        if reading.is_stopping() {
            return true;
        }
        match carry_out(reading, record).await {
            Ok(result) if result.left == 0 => {
                tracing::info!(
                    record,
                    events = result.erased,
                    held = result.held,
                    "an incomplete erasure was resumed"
                );
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, record, "resuming an incomplete erasure failed");
                all_succeeded = false;
            }
        }
    }
    for erasure in reading.erasures.unrecorded(reading.log_server().origin()) {
        if reading.is_stopping() {
            return true;
        }
        if let Err(error) = resume_unrecorded(reading, erasure).await {
            tracing::error!(%error, "resuming an erasure that the log has not recorded failed");
            all_succeeded = false;
        }
    }
    all_succeeded
}

/// Completes an erasure that the log couldn't record, and records it if the log can sign again.
async fn resume_unrecorded(
    reading: &Arc<Reading>,
    UnrecordedErasure { cause, entries, .. }: UnrecordedErasure,
) -> Result<(), StoreError> {
    erase_events(reading, entries.clone()).await?;
    // A record may be durable although it could not be answered.
    let recorded = || {
        let service = reading.clone();
        blocking(move || recorded_entries(&**service.log_server().reader(), false))
    };
    let missing = &entries - &recorded().await?;
    for (event, leaves) in ErasureCandidates::records(missing, reading.log_server().origin(), &cause) {
        match reading.log_server().record_erasure(&event).await {
            Ok(record) => {
                tracing::info!(record, events = leaves.len(), "the log has recorded an earlier erasure");
                carry_out(reading, record).await?;
            }
            // It is still stopped, or it has ended.
            Err(error) => {
                tracing::debug!(%error, "the log can't record an erasure");
                return Ok(());
            }
        }
    }
    let (service, recorded) = (reading.clone(), recorded().await?);
    blocking(move || service.erasures.forget_recorded(service.log_server().origin(), &recorded)).await
}

async fn unfinished(reading: &Arc<Reading>) -> Result<Vec<u64>, StoreError> {
    let reader = reading.log_server().reader().clone();
    blocking(move || reader.unfinished_erasures()).await
}

/// Erases the remaining events of a recorded erasure, and marks it as complete. If events are under a legal hold, they
/// remain, and so does the erasure.
async fn carry_out(reading: &Arc<Reading>, record: u64) -> Result<Erased, StoreError> {
    let service = reading.clone();
    let leaves = blocking(move || Ok(Record::read(&**service.log_server().reader(), record)?.leaves)).await?;
    let (erased, is_complete) = erase_events(reading, leaves).await?;
    if is_complete && erased.held == 0 {
        reading.log_server().finish_erasure(record).await?;
    }
    Ok(erased)
}

/// Erases those of these entries' events that are not under a legal hold, everywhere: this is the only way in which a
/// running server erases. Returns false if the server stops before all are erased.
async fn erase_events(reading: &Arc<Reading>, leaves: RoaringTreemap) -> Result<(Erased, bool), StoreError> {
    let service = reading.clone();
    let found = blocking(move || Ok((find_events(&service, &leaves)?, leaves)));
    let (ErasureCandidates { present, without, mut erased }, leaves) = found.await?;
    let leaves = Arc::new(leaves);
    // Before, so that the index never continues with these events; and after, because it may have read them in
    // the meantime.
    forget(reading, &leaves, false).await?;
    let removed: RoaringTreemap = without.iter().copied().chain(&present).collect();
    // First of all: an erasure that a restored backup forgets must be repeated.
    let (service, about_to_erase) = (reading.clone(), present.clone());
    blocking(move || service.erasures.remember(service.log_server().origin(), &about_to_erase)).await?;
    let present: Vec<u64> = present.into_iter().collect();
    // An earlier attempt may have stopped before the bytes were gone from every file, so erase these again.
    let (erased_before, here) = (without.chunks(BATCH), present.chunks(BATCH));
    let mut left = present.len() as u64;
    for (batch, is_here) in erased_before.map(|batch| (batch, false)).chain(here.map(|batch| (batch, true))) {
        if reading.is_stopping() {
            return Ok((Erased { left, ..erased }, false));
        }
        // The sequencer erases one batch at a time, for all logs of the server: it can do nothing else in the meantime.
        let batches = reading.erasing_batches.lock().await;
        erase_batch(reading, batch, is_here).await?;
        if is_here {
            erased.erased += batch.len() as u64;
            left -= batch.len() as u64;
        }
        sleep(PAUSE).await;
        drop(batches);
    }
    forget(reading, &leaves, true).await?;
    let service = reading.clone();
    blocking(move || service.findings().forget(&removed)).await?;
    Ok((erased, true))
}

fn find_events(reading: &Reading, leaves: &RoaringTreemap) -> Result<ErasureCandidates, StoreError> {
    let holds = reading.holds().read().map_err(|error| StoreError::disk("reading the holds", error))?;
    let held = |link: &_, event: &_| holds.protect(&**reading.log_server().reader(), link, event);
    ErasureCandidates::find(&**reading.log_server().reader(), reading.own_chains(), &held, leaves)
}

async fn erase_batch(reading: &Reading, batch: &[u64], is_here: bool) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        match reading.log_server().erase(batch.to_vec()).await {
            Ok(_) => break,
            // The bytes may still be in a file of the store, so retry until they are gone.
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

/// Tells the search index which events to remove. With `settle`, waits until they are removed.
async fn forget(
    reading: &Arc<Reading>,
    leaves: &Arc<RoaringTreemap>,
    settle: bool,
) -> Result<(), StoreError> {
    let (reading, leaves) = (reading.clone(), leaves.clone());
    blocking(move || reading.remove_from_index(leaves.iter(), settle)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::unavailable("erasing", error)).flatten()
}
