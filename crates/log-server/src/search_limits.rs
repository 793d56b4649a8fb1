//! Limits on concurrent searches, in total and per reader.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Maximum number of concurrent searches; others wait.
const MAX_SEARCHES: usize = 4;
/// Maximum number of concurrent searches per reader. Further ones don't block those of other readers.
const MAX_SEARCHES_PER_READER: usize = 2;

pub(crate) struct SearchLimits {
    all: Semaphore,
    /// Semaphores of the readers who are searching.
    by_reader: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A permit to search. Dropping it releases it.
pub(crate) struct SearchPermit<'a> {
    _all: Option<SemaphorePermit<'a>>,
    _own: Option<OwnedSemaphorePermit>,
}

impl SearchLimits {
    pub(crate) fn new() -> Self {
        Self { all: Semaphore::new(MAX_SEARCHES), by_reader: Mutex::default() }
    }

    /// Waits until a search may start, for a reader or for the log itself (`None`).
    pub(crate) async fn acquire(&self, reader: Option<String>) -> SearchPermit<'_> {
        // The semaphores are never closed.
        let own = match reader {
            Some(reader) => self.semaphore_of(reader).acquire_owned().await.ok(),
            None => None,
        };
        SearchPermit { _all: self.all.acquire().await.ok(), _own: own }
    }

    fn semaphore_of(&self, reader: String) -> Arc<Semaphore> {
        let mut by_reader = self.by_reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = by_reader.get(&reader).and_then(Weak::upgrade) {
            return semaphore;
        }
        by_reader.retain(|_, semaphore| semaphore.strong_count() > 0);
        let new = Arc::new(Semaphore::new(MAX_SEARCHES_PER_READER));
        by_reader.insert(reader, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn searches_of_one_reader_do_not_block_other_readers() {
        let limits = SearchLimits::new();
        let acquire = |reader: Option<&str>| Box::pin(limits.acquire(reader.map(str::to_owned)));
        let mut first = acquire(Some("a")).now_or_never();
        assert!(first.is_some());
        let _second = acquire(Some("a")).now_or_never().unwrap();
        let mut waiting: Vec<_> = (0..1000).map(|_| acquire(Some("a"))).collect();
        assert!(waiting.iter_mut().all(|permit| permit.now_or_never().is_none()));
        let other = acquire(Some("b")).now_or_never();
        let own = acquire(None).now_or_never();
        assert!(other.is_some() && own.is_some());
        assert!(acquire(Some("c")).now_or_never().is_none(), "at most four at a time");
        drop(first.take());
        let third = waiting[0].as_mut().now_or_never();
        assert!(third.is_some());
        assert!(waiting[1].as_mut().now_or_never().is_none());
        drop((waiting, other));
        assert!(acquire(Some("c")).now_or_never().is_some());
        assert_eq!(limits.by_reader.lock().unwrap().len(), 2, "readers without a search are removed");
    }
}
