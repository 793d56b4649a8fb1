//! Background indexing, which yields to submissions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, timeout};

use super::Search;
use crate::log_server::LogServer;
use countersign_log::store::Published;

/// Number of pages to index at a time.
const BATCH_PAGES: u64 = 32;
/// The ratio of the task's rest to its work, to leave the machine to submissions. It doesn't rest while it is
/// far behind, because searches would take too long.
const REST_FACTOR: u32 = 3;
/// After this time without new entries, submissions don't need the machine.
const QUIET_TIME: Duration = Duration::from_millis(500);
/// While entries keep arriving, the task waits for this long, or for this many entries, before it indexes them.
/// Searches read each entry that isn't indexed.
const MAX_GATHER_TIME: Duration = Duration::from_secs(2);
const MAX_GATHERED_ENTRIES: u64 = 1 << 12;
/// Pause after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// Keeps the index up to date until the log stops or `stopping` is set. Nothing is written after it returns.
pub async fn keep_up(search: Arc<Search>, log_server: LogServer, mut stopping: Receiver<bool>) {
    let mut published = log_server.published();
    while !log_server.is_stopping() {
        let size = size(published.borrow_and_update().as_ref());
        let started = Instant::now();
        let work = tokio::task::spawn_blocking({
            let (search, reader) = (search.clone(), log_server.reader().clone());
            move || search.advance(&*reader, size, BATCH_PAGES)
        });
        let Ok(indexed) = work.await else { return };
        let resting = async {
            match indexed {
                Ok(0) => return gather(&search, &mut published).await,
                Ok(_) if size.saturating_sub(search.end()) > MAX_GATHERED_ENTRIES => {}
                Ok(_) => sleep(started.elapsed() * REST_FACTOR).await,
                Err(error) => {
                    tracing::warn!(%error, "indexing failed; retrying");
                    sleep(FAILURE_PAUSE).await;
                }
            }
            true
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            may_continue = resting => if !may_continue { return },
        }
    }
}

fn size(published: Option<&Arc<Published>>) -> u64 {
    published.map_or(0, |published| published.size)
}

/// Waits for entries to index, then until no more arrive or enough have. Returns false if no more can arrive.
async fn gather(search: &Search, published: &mut Receiver<Option<Arc<Published>>>) -> bool {
    let mut since = None;
    loop {
        let waited = tokio::select! {
            changed = timeout(if since.is_some() { QUIET_TIME } else { Duration::MAX }, published.changed()) => changed,
            // Erased events are removed soon.
            () = search.work_available.notified() => return true,
        };
        match waited {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return false,
            Err(_) => return true,
        }
        let behind = size(published.borrow_and_update().as_ref()).saturating_sub(search.end());
        let since = *since.get_or_insert_with(Instant::now);
        if behind >= MAX_GATHERED_ENTRIES || since.elapsed() >= MAX_GATHER_TIME {
            return true;
        }
    }
}
