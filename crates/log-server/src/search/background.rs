//! Indexing behind the log's head, without getting in its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, timeout};

use super::Search;
use crate::log_server::LogServer;
use countersign_log::store::Published;

/// How many pages are indexed at a time.
const BATCH: u64 = 32;
/// How much longer than it worked the index rests, so that submissions have the machine. It doesn't rest while it is
/// far behind: searches would take too long.
const REST: u32 = 3;
/// When nothing came for so long, submissions are not in its way.
const QUIET: Duration = Duration::from_millis(500);
/// While leaves go on coming they are let gather for so long, or until there are so many: a search looks at each of them.
const GATHER: Duration = Duration::from_secs(2);
const MOST_GATHERED: u64 = 1 << 12;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// Keeps the index up with the log until the log stops, or until that is asked for. Nothing is written after it has ended.
pub async fn keep_up(search: Arc<Search>, log_server: LogServer, mut stopping: Receiver<bool>) {
    let mut published = log_server.published();
    while !log_server.is_stopping() {
        let size = size(published.borrow_and_update().as_ref());
        let began = Instant::now();
        let work = tokio::task::spawn_blocking({
            let (search, reader) = (search.clone(), log_server.reader().clone());
            move || search.advance(&*reader, size, BATCH)
        });
        let Ok(indexed) = work.await else { return };
        let resting = async {
            match indexed {
                Ok(0) => return gather(&search, &mut published).await,
                Ok(_) if size.saturating_sub(search.end()) > MOST_GATHERED => {}
                Ok(_) => sleep(began.elapsed() * REST).await,
                Err(error) => {
                    tracing::warn!(%error, "the search index is behind");
                    sleep(PAUSE).await;
                }
            }
            true
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            goes_on = resting => if !goes_on { return },
        }
    }
}

fn size(published: Option<&Arc<Published>>) -> u64 {
    published.map_or(0, |published| published.size)
}

/// Waits for something to index, and then until no more of it comes, or enough came. Says whether more may come.
async fn gather(search: &Search, published: &mut Receiver<Option<Arc<Published>>>) -> bool {
    let mut since = None;
    loop {
        let waited = tokio::select! {
            changed = timeout(if since.is_some() { QUIET } else { Duration::MAX }, published.changed()) => changed,
            // What is erased is not kept for long.
            () = search.woken.notified() => return true,
        };
        match waited {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return false,
            Err(_) => return true,
        }
        let behind = size(published.borrow_and_update().as_ref()).saturating_sub(search.end());
        let since = *since.get_or_insert_with(Instant::now);
        if behind >= MOST_GATHERED || since.elapsed() >= GATHER {
            return true;
        }
    }
}
