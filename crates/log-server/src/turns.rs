//! Whose search is next: some are done at one time, and no reader has all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many searches there are at one time; further ones wait.
const ALL: usize = 4;
/// How many of them one reader has. Its further ones wait for each other, and not in the way of others'.
const OF_ONE: usize = 2;

pub(crate) struct Turns {
    all: Semaphore,
    /// Of the readers who search now.
    of: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Leave to search, until it is dropped.
pub(crate) struct Turn<'a> {
    _all: Option<SemaphorePermit<'a>>,
    _own: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { all: Semaphore::new(ALL), of: Mutex::default() }
    }

    /// Waits for the turn of that reader, or of the log itself.
    pub(crate) async fn next(&self, reader: Option<String>) -> Turn<'_> {
        // Neither semaphore is ever closed.
        let own = match reader {
            Some(reader) => self.of(reader).acquire_owned().await.ok(),
            None => None,
        };
        Turn { _all: self.all.acquire().await.ok(), _own: own }
    }

    fn of(&self, reader: String) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = of.get(&reader).and_then(Weak::upgrade) {
            return there;
        }
        of.retain(|_, semaphore| semaphore.strong_count() > 0);
        let new = Arc::new(Semaphore::new(OF_ONE));
        of.insert(reader, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_reader_who_asks_for_much_keeps_nobody_else_waiting() {
        let turns = Turns::new();
        let next = |reader: Option<&str>| Box::pin(turns.next(reader.map(str::to_owned)));
        let mut first = next(Some("a")).now_or_never();
        assert!(first.is_some());
        let _second = next(Some("a")).now_or_never().unwrap();
        let mut waiting: Vec<_> = (0..1000).map(|_| next(Some("a"))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        let other = next(Some("b")).now_or_never();
        let own = next(None).now_or_never();
        assert!(other.is_some() && own.is_some());
        assert!(next(Some("c")).now_or_never().is_none(), "four at one time");
        drop(first.take());
        let third = waiting[0].as_mut().now_or_never();
        assert!(third.is_some());
        assert!(waiting[1].as_mut().now_or_never().is_none());
        drop((waiting, other));
        assert!(next(Some("c")).now_or_never().is_some());
        assert_eq!(turns.of.lock().unwrap().len(), 2, "who has no search is forgotten");
    }
}
