//! A watch: follows a log, and hands on at once what rules find in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_analyze::Coverage;
use countersign_client::now;
use countersign_delivery::Directory;
use countersign_errors::EngineError;

use crate::following::{self, Follower, LOOK};
use crate::handoff::{Handoff, Receiver};
use crate::notice::{Notice, Observer};
use crate::state::{Taken, WatchState};
use crate::stream::LiveViews;
use crate::watcher::{WatchConfig, Watcher};
use crate::watchlist::Lister;

/// The interval for saving the position if nothing is found.
const KEEP: Duration = Duration::from_secs(10);
/// While so much waits for a receiver, nothing more is looked for.
const WAITING: usize = 10_000;
/// The longest time for receivers to accept the remaining items at the end.
const ENDING: Duration = Duration::from_secs(10);
/// How long a watch looks at events before it reports what rules couldn't look at, and how long before it does so again.
const FIRST_COVERAGE: Duration = Duration::from_mins(1);
const COVERAGE: Duration = Duration::from_hours(1);

/// The gaps in what rules could look at, without numbers of events: sources, and rules by their ids.
#[derive(Default, PartialEq)]
struct Gaps {
    is_unparsed: bool,
    sources: Vec<String>,
    blind: Vec<String>,
}

impl Gaps {
    fn of(coverage: &Coverage) -> Self {
        let sources = coverage.sources.iter().filter(|source| source.covered < source.events);
        Self {
            is_unparsed: coverage.unparsed > 0,
            sources: sources.map(|source| source.parser.clone()).collect(),
            blind: coverage.blind.iter().map(|blind| blind.rule.clone()).collect(),
        }
    }
}

/// A watch of a log.
pub struct Watch<'p> {
    watcher: Watcher<'p>,
    handoff: Handoff,
    store: Arc<Directory>,
    name: String,
    observer: Arc<dyn Observer>,
    kept: Instant,
    /// True if the position is ahead of the saved one.
    unkept: bool,
    /// The size to stop at.
    end: Option<u64>,
    lister: Option<Lister>,
    /// The gaps that were last reported, and the time of the next report.
    gaps: Gaps,
    gaps_due: Instant,
}

/// The outcome of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number of entries that were looked at.
    pub position: u64,
    /// The number of items that some receiver has not accepted yet; they are kept.
    pub waiting: usize,
    /// True if all receivers have done all that they accepted.
    pub is_delivered: bool,
}

impl<'p> Watch<'p> {
    /// Continues from what is kept in `store`, or begins at the leaf `begin`. `state` is what [`WatchState::load`] returned, and
    /// `name` is the store's, for people. Receivers get at once what waits for them since an earlier process.
    ///
    /// # Errors
    /// If the state is of another log, or can't be used.
    pub fn open(
        store: Arc<Directory>,
        name: &str,
        state: Option<WatchState>,
        config: WatchConfig<'p>,
        begin: u64,
        receivers: Vec<Box<dyn Receiver>>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, EngineError> {
        let mut watcher = Watcher::new(config, state, name)?;
        watcher.notice().iter().for_each(|notice| observer.notice(notice));
        watcher.begin_at(begin);
        let names: Vec<_> = receivers.iter().map(|receiver| receiver.name()).collect();
        let taken = Taken::load(store.clone(), name, &names, watcher.state().serial)?;
        let handoff = Handoff::begin(receivers, taken, &watcher.state().waiting, observer.clone());
        Ok(Self {
            watcher,
            handoff,
            store,
            name: name.to_owned(),
            observer,
            kept: Instant::now(),
            unkept: false,
            end: None,
            lister: None,
            gaps: Gaps::default(),
            gaps_due: Instant::now() + FIRST_COVERAGE,
        })
    }

    /// Sets the size of the log at which to stop.
    #[must_use]
    pub fn until(self, end: Option<u64>) -> Self {
        Self { end, ..self }
    }

    /// Sets what publishes a watchlist.
    #[must_use]
    pub fn watchlist(self, lister: Option<Lister>) -> Self {
        Self { lister, ..self }
    }

    /// Follows the log until it is stopped, or comes to its end.
    ///
    /// # Errors
    /// If the log is altered or unknown, or the state can't be kept.
    pub fn follow(&mut self, views: &Arc<dyn LiveViews>) -> Result<(), EngineError> {
        let observer = self.observer.clone();
        following::follow(self, views, &*observer)
    }

    /// Ends in good order: what receivers accept at once is handed on, the rest is kept. `is_ok` is whether following did not
    /// fail, and `patience` how long receivers are waited for, unless the observer stops.
    ///
    /// # Errors
    /// If the state can't be kept.
    pub fn end(mut self, is_ok: bool, patience: Duration) -> Result<Outcome, EngineError> {
        if is_ok {
            self.list()?;
            self.report_gaps();
        }
        let is_delivered = self.handoff.end(patience, ENDING);
        self.keep()?;
        let state = self.watcher.state();
        Ok(Outcome { position: state.position, waiting: state.waiting.len(), is_delivered })
    }

    /// Reports what rules couldn't look at so far, if that has changed since it was last reported.
    fn report_gaps(&mut self) {
        self.gaps_due = Instant::now() + COVERAGE;
        let coverage = self.watcher.coverage();
        let gaps = Gaps::of(&coverage);
        if gaps != self.gaps {
            self.observer.notice(&Notice::Coverage(Box::new(coverage)));
            self.gaps = gaps;
        }
    }

    /// Publishes the watchlist where that is due.
    fn list(&mut self) -> Result<(), EngineError> {
        let now = now()?;
        let Some(lister) = &mut self.lister else { return Ok(()) };
        let left_out = self.watcher.listing().take_left_out();
        if left_out > 0 {
            self.observer.notice(&Notice::WatchlistFull(left_out as u64));
        }
        if lister.is_due(self.watcher.listing(), now) {
            self.keep()?;
            if let Some(lister) = &mut self.lister {
                self.watcher.write_list(lister, now)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<(), EngineError> {
        let state = self.watcher.keep(self.handoff.taken());
        state.save(&self.store, &self.name)?;
        (self.kept, self.unkept) = (Instant::now(), false);
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
        let until = self.lister.as_ref().map(|lister| lister.until(now));
        let step = self.watcher.settle(now, until)?;
        let late = self.watcher.take_late();
        if late > 0 {
            self.observer.notice(&Notice::Late(late));
        }
        self.unkept |= step.has_grown;
        if !step.items.is_empty() {
            self.keep()?;
            self.handoff.hand_on(&step.items);
        }
        match step.fatal {
            Some(error) => Err(error),
            None => Ok((!step.anew).then_some(step.has_grown)),
        }
    }

    fn idle(&mut self) -> Result<(), EngineError> {
        if self.unkept && self.kept.elapsed() >= KEEP {
            self.keep()?;
        }
        if Instant::now() >= self.gaps_due {
            self.report_gaps();
        }
        self.list()?;
        while self.handoff.waiting() > WAITING && !self.observer.is_stopped() {
            self.handoff.wait(LOOK);
            // A gate whose list runs out may refuse everything, whoever is slow here.
            self.list()?;
        }
        Ok(())
    }
}
