//! Indexing behind the log's head, without getting in its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Search;
use crate::collector::Collector;

/// How many pages are indexed at a time.
const BATCH: u64 = 32;
/// How much longer than it worked the index rests, so that submissions have the machine.
const REST: u32 = 3;
/// New leaves are let gather for so long.
const GATHER: Duration = Duration::from_millis(500);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// Keeps the index up with the log until the log stops.
pub async fn keep_up(search: Arc<Search>, collector: Collector) {
    let mut published = collector.published();
    while !collector.is_stopping() {
        let size = published.borrow_and_update().as_ref().map_or(0, |published| published.size);
        let began = Instant::now();
        let work = tokio::task::spawn_blocking({
            let (search, reader) = (search.clone(), collector.reader().clone());
            move || search.advance(&*reader, size, BATCH)
        });
        match work.await {
            Ok(Ok(1..)) => sleep(began.elapsed() * REST).await,
            Ok(Ok(0)) => {
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
