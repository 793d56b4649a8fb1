//! Shares search slots fairly among logs, so that the searches of one log don't block those of another.
//!
//! A search waits until it is granted a slot, and gives the slot up after each slice of work if another search should go
//! first: one of the log that has the fewest slots. So a search of a log without searches waits for at most a slice,
//! however many searches the other logs run, and however long those are.
//!
//! A search that gave its slot up is paused, and keeps its thread. So the paused searches of a log go before its new ones,
//! and no search begins while [`MAX_PAUSED`] are paused.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// The maximum number of searches that run at a time; others wait.
const MAX_SEARCHES: usize = 4;
/// The maximum number of searches per reader that run at a time.
const MAX_SEARCHES_PER_READER: usize = 2;
/// The maximum number of paused searches. Together with the running ones, they use half of the server's threads.
const MAX_PAUSED: usize = 12;
/// The time after which a search gives up its slot if another one should go first.
const SLICE: Duration = Duration::from_millis(50);

/// The searches of a server's logs.
#[derive(Debug, Default)]
pub(crate) struct SearchShares(Mutex<Searches>);

#[derive(Debug, Default)]
struct Searches {
    running: Vec<Searcher>,
    /// In the order in which they asked.
    waiting: VecDeque<WaitingSearch>,
}

/// A search that waits for a slot.
#[derive(Debug)]
struct WaitingSearch {
    searcher: Searcher,
    /// True if it ran before, and gave its slot up.
    is_paused: bool,
    grant: oneshot::Sender<SearchSlot>,
}

/// The reader of a log who searches, or the log itself (`None`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Searcher {
    log: Arc<str>,
    reader: Option<String>,
}

/// A permit to search. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct SearchSlot {
    shares: Arc<SearchShares>,
    searcher: Searcher,
    since: Instant,
}

/// A search that runs, on its own thread, and gives up its slot between slices of work.
pub(crate) struct SlicedSearch(RefCell<Option<SearchSlot>>);

impl SearchShares {
    fn searches(&self) -> MutexGuard<'_, Searches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a search may start in the log of this origin, for a reader or for the log itself (`None`).
    pub(crate) async fn acquire(self: &Arc<Self>, log: &str, reader: Option<String>) -> Option<SearchSlot> {
        self.request(Searcher { log: log.into(), reader }, false).await.ok()
    }

    fn request(self: &Arc<Self>, searcher: Searcher, is_paused: bool) -> oneshot::Receiver<SearchSlot> {
        let (grant, granted) = oneshot::channel();
        self.searches().waiting.push_back(WaitingSearch { searcher, is_paused, grant });
        self.grant();
        granted
    }

    /// Grants free slots.
    fn grant(self: &Arc<Self>) {
        loop {
            let mut searches = self.searches();
            searches.waiting.retain(|waiting| !waiting.grant.is_closed());
            let Some(next) = searches.next() else { return };
            let Some(WaitingSearch { searcher, grant, .. }) = searches.waiting.remove(next) else { return };
            searches.running.push(searcher.clone());
            drop(searches);
            // If the search was canceled, dropping the slot grants it to another one.
            let _ = grant.send(SearchSlot { shares: self.clone(), searcher, since: Instant::now() });
        }
    }
}

impl Searches {
    fn slots_of(&self, log: &str) -> usize {
        self.running.iter().filter(|searcher| *searcher.log == *log).count()
    }

    fn may_run(&self, WaitingSearch { searcher, is_paused, .. }: &WaitingSearch) -> bool {
        let own = self.running.iter().filter(|running| *running == searcher).count();
        let paused = self.waiting.iter().filter(|waiting| waiting.is_paused).count();
        (*is_paused || paused < MAX_PAUSED) && (searcher.reader.is_none() || own < MAX_SEARCHES_PER_READER)
    }

    /// Returns the position of the search to grant a slot: of the log with the fewest slots, the first paused one, or else
    /// the first.
    fn next(&self) -> Option<usize> {
        if self.running.len() >= MAX_SEARCHES {
            return None;
        }
        let waiting = self.waiting.iter().enumerate().filter(|(_, waiting)| self.may_run(waiting));
        let order = |(at, WaitingSearch { searcher, is_paused, .. }): &(usize, &WaitingSearch)| {
            (self.slots_of(&searcher.log), !is_paused, *at)
        };
        waiting.min_by_key(order).map(|(at, _)| at)
    }

    /// True if a waiting search should go before one that has had its slice.
    fn should_yield(&self, own: &Searcher) -> bool {
        let slots = self.slots_of(&own.log);
        self.waiting.iter().any(|waiting| {
            let log = &waiting.searcher.log;
            *log != own.log && self.slots_of(log) < slots && self.may_run(waiting)
        })
    }
}

impl SlicedSearch {
    pub(crate) const fn new(slot: Option<SearchSlot>) -> Self {
        Self(RefCell::new(slot))
    }

    /// Gives up the slot if the slice is over and another search should go first, and waits until it is granted again. May
    /// block.
    pub(crate) fn pause(&self) {
        let mut held = self.0.borrow_mut();
        let Some(slot) = &mut *held else { return };
        if slot.since.elapsed() < SLICE {
            return;
        }
        slot.since = Instant::now();
        let (shares, searcher) = (slot.shares.clone(), slot.searcher.clone());
        if shares.searches().should_yield(&searcher) {
            *held = None;
            *held = shares.request(searcher, true).blocking_recv().ok();
        }
    }
}

impl Drop for SearchSlot {
    fn drop(&mut self) {
        let mut searches = self.shares.searches();
        if let Some(at) = searches.running.iter().position(|running| *running == self.searcher) {
            searches.running.swap_remove(at);
        }
        drop(searches);
        self.shares.grant();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn searches_of_one_reader_do_not_block_other_readers() {
        let shares = Arc::new(SearchShares::default());
        let acquire = |reader: Option<&str>| Box::pin(shares.acquire("log", reader.map(str::to_owned)));
        let mut first = acquire(Some("a")).now_or_never();
        assert!(first.is_some());
        let _second = acquire(Some("a")).now_or_never().unwrap();
        let mut waiting: Vec<_> = (0..1000).map(|_| acquire(Some("a"))).collect();
        assert!(waiting.iter_mut().all(|slot| slot.now_or_never().is_none()));
        let other = acquire(Some("b")).now_or_never();
        let own = acquire(None).now_or_never();
        assert!(other.is_some() && own.is_some());
        let mut late = acquire(Some("c"));
        assert!((&mut late).now_or_never().is_none(), "at most four at a time");
        drop(first.take());
        let third = waiting[0].as_mut().now_or_never();
        assert!(third.is_some(), "the first in the queue");
        assert!(waiting[1].as_mut().now_or_never().is_none());
        drop(other);
        assert!(late.now_or_never().is_some());
        drop((waiting, third, own));
        assert!(acquire(None).now_or_never().is_some());
    }

    #[test]
    fn the_log_with_the_fewest_searches_goes_first() {
        let shares = Arc::new(SearchShares::default());
        let acquire = |log: &'static str, reader: &str| {
            let reader = Some(reader.to_owned());
            let shares = shares.clone();
            Box::pin(async move { shares.acquire(log, reader).await })
        };
        let mut running: Vec<_> = ["1", "2", "3", "4"].map(|name| acquire("a", name).now_or_never()).into();
        assert!(running.iter().all(Option::is_some));
        let (mut a, mut b) = (acquire("a", "5"), acquire("b", "1"));
        assert!((&mut a).now_or_never().is_none() && (&mut b).now_or_never().is_none());
        running.pop();
        assert!((&mut a).now_or_never().is_none());
        assert!(b.now_or_never().is_some(), "it came later, but its log has no search");
        // The slot of a search that was canceled while it waited is granted to another one.
        drop(acquire("c", "1"));
        assert!(a.now_or_never().is_some());
    }

    /// Four searches of one log never end. A search of another log gets a slot.
    #[test]
    fn long_searches_give_way_to_other_logs() {
        let shares = Arc::new(SearchShares::default());
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for name in ["1", "1", "2", "2"] {
                let slot = shares.acquire("a", Some(name.to_owned())).now_or_never().unwrap();
                scope.spawn(|| {
                    let search = SlicedSearch::new(slot);
                    while !is_over.load(Ordering::Relaxed) {
                        search.pause();
                        std::thread::yield_now();
                    }
                });
            }
            for _ in 0..3 {
                let request =
                    shares.request(Searcher { log: "b".into(), reader: Some("1".to_owned()) }, false);
                assert!(request.blocking_recv().is_ok());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(shares.searches().running.len(), 0);
        assert_eq!(shares.searches().waiting.len(), 0);
    }

    /// Many searches of one log wait, and another log searches again and again: the paused search goes before the new ones,
    /// so no more threads wait than there are slots.
    #[test]
    fn paused_searches_go_before_new_ones() {
        let shares = Arc::new(SearchShares::default());
        let request = |log: &str, reader: &str, is_paused| {
            shares.request(Searcher { log: log.into(), reader: Some(reader.to_owned()) }, is_paused)
        };
        let mut running: Vec<_> =
            ["1", "1", "2", "2"].map(|reader| request("a", reader, false).try_recv().unwrap()).into();
        let mut queued: Vec<_> = (0..20).map(|nth| request("a", &format!("{nth}"), false)).collect();
        for _ in 0..10 {
            let mut other = request("b", "1", false);
            assert!(shares.searches().should_yield(&running[0].searcher));
            let paused = running.remove(0);
            let (log, reader) = (paused.searcher.log.clone(), paused.searcher.reader.clone().unwrap());
            drop(paused);
            let slot = other.try_recv().unwrap();
            let mut again = request(&log, &reader, true);
            assert!(again.try_recv().is_err());
            drop(slot);
            running.push(again.try_recv().unwrap());
            assert!(queued.iter_mut().all(|queued| queued.try_recv().is_err()));
        }
    }

    #[test]
    fn no_search_begins_while_many_are_paused() {
        let shares = Arc::new(SearchShares::default());
        let request =
            |log: &str, is_paused| shares.request(Searcher { log: log.into(), reader: None }, is_paused);
        let mut running: Vec<_> =
            (0..MAX_SEARCHES).map(|_| request("a", false).try_recv().unwrap()).collect();
        let mut paused: Vec<_> = (0..MAX_PAUSED).map(|_| request("a", true)).collect();
        let mut new = request("b", false);
        assert!(!shares.searches().should_yield(&running[0].searcher));
        running.pop();
        assert!(new.try_recv().is_err());
        running.push(paused[0].try_recv().unwrap());
        running.pop();
        // A paused search continued, so a search of another log may begin.
        assert!(new.try_recv().is_ok());
    }
}
