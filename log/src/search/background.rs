//! Indexing behind the log's head, without getting in its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Search;
use crate::collector::Collector;
use crate::store::StoreError;

/// How many pages are indexed at a time.
const BATCH: u64 = 32;
/// How much longer than it worked the index rests, so that submissions have the machine.
const REST: u32 = 3;
/// New leaves are let gather for so long.
const GATHER: Duration = Duration::from_millis(500);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// Terms of erased events are purged this often at most: the whole index is written again.
const PURGE: Duration = Duration::from_hours(24);

/// What there was to do.
enum Done {
    Some,
    Purged,
    Nothing,
}

/// Keeps the index up with the log until the log stops.
pub async fn keep_up(search: Arc<Search>, collector: Collector) {
    let mut published = collector.published();
    let mut purged: Option<Instant> = None;
    while !collector.is_stopping() {
        let size = published.borrow_and_update().as_ref().map_or(0, |published| published.size);
        let may_purge = purged.is_none_or(|purged| purged.elapsed() >= PURGE);
        let began = Instant::now();
        let work = tokio::task::spawn_blocking({
            let (search, reader) = (search.clone(), collector.reader().clone());
            move || -> Result<Done, StoreError> {
                if search.advance(&*reader, size, BATCH)? > 0 {
                    return Ok(Done::Some);
                }
                if !may_purge || !search.owes_purge()? {
                    return Ok(Done::Nothing);
                }
                Ok(if search.purge()? { Done::Some } else { Done::Purged })
            }
        });
        match work.await {
            Ok(Ok(Done::Some)) => sleep(began.elapsed() * REST).await,
            Ok(Ok(Done::Purged)) => purged = Some(Instant::now()),
            Ok(Ok(Done::Nothing)) => {
                tokio::select! {
                    changed = published.changed() => if changed.is_err() { return },
                    () = search.woken.notified() => {}
                }
                sleep(GATHER).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the search index is behind");
                sleep(PAUSE).await;
            }
            Err(_) => return,
        }
    }
}
