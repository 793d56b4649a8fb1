//! A watch: follows a log and delivers findings at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_delivery::Directory;
use countersign_errors::{EngineError, now};

use crate::following::{self, Follower, POLL_INTERVAL};
use crate::handoff::{Destination, Handoff};
use crate::notice::{WatchNotice, WatchObserver};
use crate::state::{DeliveryProgress, WatchState};
use crate::stream::LiveViews;
use crate::watcher::{WatchConfig, Watcher};
use crate::watchlist::Lister;

/// The interval for saving the position if nothing is found.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// The largest backlog, in items for one destination; above it, no more entries are examined.
const MAX_BACKLOG: usize = 10_000;
/// The time limit for destinations to accept the remaining items when the watch ends.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// A watch of a log.
pub struct Watch<'p> {
    watcher: Watcher<'p>,
    handoff: Handoff,
    store: Arc<Directory>,
    name: String,
    observer: Arc<dyn WatchObserver>,
    saved_at: Instant,
    /// True if the position is ahead of the saved one.
    is_unsaved: bool,
    /// The size to stop at.
    end: Option<u64>,
    lister: Option<Lister>,
}

/// The outcome of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number of entries that were examined.
    pub position: u64,
    /// The number of items that some destination has not accepted yet; they are kept.
    pub waiting: usize,
    /// True if all destinations have finished everything that they accepted.
    pub is_delivered: bool,
}

impl<'p> Watch<'p> {
    /// Continues from the state in `store`, or begins at the entry `begin`. `state` is the return value of
    /// [`WatchState::load`], and `name` names the store in messages. Items that have waited since an earlier run are
    /// delivered at once.
    ///
    /// # Errors
    /// If the state belongs to another log, or is unusable.
    pub fn open(
        store: Arc<Directory>,
        name: &str,
        state: Option<WatchState>,
        config: WatchConfig<'p>,
        begin: u64,
        destinations: Vec<Box<dyn Destination>>,
        observer: Arc<dyn WatchObserver>,
    ) -> Result<Self, EngineError> {
        let mut watcher = Watcher::new(config, state, name)?;
        watcher.notice().iter().for_each(|notice| observer.notice(notice));
        watcher.begin_at(begin);
        let names: Vec<_> = destinations.iter().map(|destination| destination.name()).collect();
        let delivered = DeliveryProgress::load(store.clone(), name, &names, watcher.state().serial)?;
        let handoff = Handoff::start(destinations, delivered, &watcher.state().waiting, observer.clone());
        Ok(Self {
            watcher,
            handoff,
            store,
            name: name.to_owned(),
            observer,
            saved_at: Instant::now(),
            is_unsaved: false,
            end: None,
            lister: None,
        })
    }

    /// Sets the size of the log at which to stop; none to follow it forever.
    #[must_use]
    pub fn until(self, end: Option<u64>) -> Self {
        Self { end, ..self }
    }

    /// Sets the publisher of the watchlist, if any.
    #[must_use]
    pub fn watchlist(self, lister: Option<Lister>) -> Self {
        Self { lister, ..self }
    }

    /// Follows the log until the observer stops the watch or the end is reached.
    ///
    /// # Errors
    /// If the log was altered or its key is unknown, or the state can't be saved.
    pub fn follow(&mut self, views: &Arc<dyn LiveViews>) -> Result<(), EngineError> {
        let observer = self.observer.clone();
        following::follow(self, views, &*observer)
    }

    /// Shuts down cleanly: delivers what destinations accept in time, and saves the rest. `is_ok` is false if
    /// following failed. `patience` is the time limit for destinations, unless the observer stops the watch.
    ///
    /// # Errors
    /// If the state can't be saved.
    pub fn end(mut self, is_ok: bool, patience: Duration) -> Result<Outcome, EngineError> {
        if is_ok {
            self.publish_watchlist()?;
        }
        let is_delivered = self.handoff.end(patience, END_TIMEOUT);
        self.save()?;
        let state = self.watcher.state();
        Ok(Outcome { position: state.position, waiting: state.waiting.len(), is_delivered })
    }

    /// Publishes the watchlist if it is due.
    fn publish_watchlist(&mut self) -> Result<(), EngineError> {
        let now = now()?;
        let Some(lister) = &mut self.lister else { return Ok(()) };
        let dropped = self.watcher.watchlist().take_dropped();
        if dropped > 0 {
            self.observer.notice(&WatchNotice::WatchlistFull(dropped as u64));
        }
        if lister.is_due(self.watcher.watchlist(), now) {
            self.save()?;
            if let Some(lister) = &mut self.lister {
                self.watcher.write_watchlist(lister, now)?;
            }
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), EngineError> {
        let state = self.watcher.state_to_save(self.handoff.delivered())?;
        state.save(&self.store, &self.name)?;
        (self.saved_at, self.is_unsaved) = (Instant::now(), false);
        Ok(())
    }
}

impl<'p> Follower<'p> for Watch<'p> {
    type Error = EngineError;

    fn watcher(&mut self) -> &mut Watcher<'p> {
        &mut self.watcher
    }

    fn end(&self) -> Option<u64> {
        self.end
    }

    fn settle(&mut self) -> Result<Option<bool>, EngineError> {
        let now = now()?;
        let until = self.lister.as_ref().map(|lister| lister.entry_expiry(now));
        let step = self.watcher.settle(now, until)?;
        let late = self.watcher.take_late();
        if late > 0 {
            self.observer.notice(&WatchNotice::Late(late));
        }
        self.is_unsaved |= step.has_grown;
        if !step.items.is_empty() {
            self.save()?;
            self.handoff.enqueue(&step.items);
        }
        match step.fatal {
            Some(error) => Err(error),
            None => Ok((!step.needs_new_view).then_some(step.has_grown)),
        }
    }

    fn idle(&mut self) -> Result<(), EngineError> {
        if self.is_unsaved && self.saved_at.elapsed() >= SAVE_INTERVAL {
            self.save()?;
        }
        self.publish_watchlist()?;
        while self.handoff.max_backlog() > MAX_BACKLOG && !self.observer.is_stopped() {
            self.handoff.wait(POLL_INTERVAL);
            // A gate whose list expires may refuse every request, so slow destinations must not delay the list.
            self.publish_watchlist()?;
        }
        Ok(())
    }
}
