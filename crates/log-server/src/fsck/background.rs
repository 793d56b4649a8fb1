//! A server that checks its own log, slowly, again and again.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use countersign::time::Time;

use super::erasures::From;
use super::leaves::check_entries;
use super::pages;
use super::report::{Problem, Repair, Report};
use crate::bucket::{CommitNames, Listed};
use crate::log_server::LogServer;
use crate::search::Search;
use countersign_log::condition::Check;
use countersign_log::store::StoreError;

/// How often it is looked whether the server shall stop.
const GLANCE: Duration = Duration::from_millis(100);
/// How long it rests between two checks at least.
const REST: Duration = Duration::from_millis(10);
/// How often a bucket is asked for the names of its newest commits, and of all while some are missing.
const LISTED: Duration = Duration::from_secs(10);

/// What the newest check found, and how far the next one is.
#[derive(Clone, Debug, Default)]
pub struct Found(Arc<Looked>);

#[derive(Debug, Default)]
struct Looked {
    newest: Mutex<Option<Newest>>,
    /// In how many seconds everything is read; none where nothing is checked.
    within: OnceLock<u64>,
    /// How much is read, in hundredths.
    percent: AtomicU64,
}

/// A check that came to its end.
#[derive(Clone, Debug)]
pub struct Newest {
    /// When it ended.
    pub at: Time,
    /// How many problems there were.
    pub problems: u64,
    /// The first of them.
    pub first: Option<Problem>,
}

impl Found {
    /// None while the first is on its way.
    pub fn newest(&self) -> Option<Newest> {
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the checks stand, where there are any.
    pub(crate) fn standing(&self) -> Option<Check> {
        let newest = self.newest().map(|newest| (newest.at, newest.problems));
        let percent = self.0.percent.load(Ordering::Relaxed);
        self.0.within.get().map(|within| Check { within: *within, percent, newest })
    }

    fn set(&self, newest: Newest) {
        *self.0.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
    }

    fn set_percent(&self, percent: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        self.0.percent.store(percent as u64, Ordering::Relaxed);
    }
}

/// What is checked.
pub(crate) struct Checked {
    pub(crate) log_server: LogServer,
    pub(crate) folder: PathBuf,
    /// Of the log's bucket, where it is in one; the folder has its index then.
    pub(crate) commits: Option<CommitNames>,
    pub(crate) search: Option<Arc<Search>>,
    /// What is known to be damaged.
    pub(crate) problem: RefCell<KnownProblem>,
}

/// What is damaged, as far as the checks have come.
#[derive(Default)]
pub(crate) struct KnownProblem {
    /// Commits that the bucket has lost.
    lost: Report,
    /// What the newest whole check found beside them.
    others: Report,
    /// When the bucket was asked last.
    listed: Option<Instant>,
}

/// The thread that checks.
pub(crate) struct Checking {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checking {
    /// Begins to check everything once in that time, and tells `found`.
    pub(crate) fn begin(checked: Checked, within: Duration, found: Found) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let _ = found.0.within.set(within.as_secs());
        let thread = {
            let stopping = stopping.clone();
            let work = move || while checked.check(within, &found, &stopping) {};
            thread::Builder::new().name("checking".into()).spawn(work)?
        };
        Ok(Self { stopping, thread })
    }

    /// Ends it, wherever it is.
    pub(crate) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        // What it panicked about was told then.
        let _ = self.thread.join();
    }
}

impl Checked {
    /// Checks everything once, and rests until it is time to do so again. Says whether it shall.
    fn check(&self, within: Duration, found: &Found, stopping: &AtomicBool) -> bool {
        let begun = Instant::now();
        // What is acknowledged is to be brought back while somebody has it.
        self.list_commits(Listed::All, found, stopping);
        match self.look(begun, within, found, stopping) {
            Ok(report) => {
                found.set_percent(100.0);
                self.problem.borrow_mut().others = report;
                self.tell(found);
            }
            Err(error) if !stopping.load(Ordering::Relaxed) => {
                tracing::error!(%error, "the log could not be checked");
            }
            Err(_) => {}
        }
        self.rest((begun + within).max(Instant::now() + REST), found, stopping)
    }

    /// Looks for commits that the bucket has lost. While some are missing the log acknowledges nothing: it would go on
    /// from entries that nobody can read. If the bucket doesn't answer, that shows elsewhere.
    fn list_commits(&self, which: Listed, found: &Found, stopping: &AtomicBool) {
        let Some(commits) = &self.commits else { return };
        let mut lost = Report::default();
        let mut tell = |path| lost.tell("fsck.commit", path, "it is missing", Repair::Commits);
        let listed = commits.lost(&self.folder, which, stopping, &mut tell);
        self.problem.borrow_mut().listed = Some(Instant::now());
        if let Err(error) = listed {
            tracing::warn!(%error, "it could not be checked whether the bucket has all commits");
            return;
        }
        self.log_server.set_lost_commits(!lost.is_whole());
        let before = std::mem::replace(&mut self.problem.borrow_mut().lost, lost);
        if before.problems != self.problem.borrow().lost.problems {
            self.tell(found);
        }
    }

    /// Looks for the newest commits from time to time, and for all of them while some are missing.
    fn watch_commits(&self, found: &Found, stopping: &AtomicBool) {
        let which = {
            let problem = self.problem.borrow();
            if problem.listed.is_some_and(|listed| listed.elapsed() < LISTED) {
                return;
            }
            if problem.lost.is_whole() { Listed::Newest } else { Listed::All }
        };
        self.list_commits(which, found, stopping);
    }

    /// Rests until then. Says whether the server goes on.
    fn rest(&self, until: Instant, found: &Found, stopping: &AtomicBool) -> bool {
        loop {
            if stopping.load(Ordering::Relaxed) {
                return false;
            }
            self.watch_commits(found, stopping);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    fn tell(&self, found: &Found) {
        let problem = self.problem.borrow();
        let all = [&problem.lost, &problem.others];
        let problems = all.iter().map(|report| report.problems.len() as u64 + report.more).sum();
        let mut each = all.iter().flat_map(|report| &report.problems);
        let first = each.clone().next().cloned();
        for Problem { code, place, message, .. } in each.by_ref().take(10) {
            tracing::error!(code, place, message, "the log is damaged");
        }
        let at = self.log_server.now();
        self.log_server.metrics().checked(problems, at);
        found.set(Newest { at, problems, first });
    }

    /// Leaves and events have one half of the time, the search index, which is made of them, the other.
    fn look(
        &self,
        begun: Instant,
        within: Duration,
        found: &Found,
        stopping: &AtomicBool,
    ) -> Result<Report, StoreError> {
        let (log_server, metrics) = (&self.log_server, self.log_server.metrics());
        let half = within / 2;
        let keep_to = |from: Duration, done: u64, all: u64| {
            #[allow(clippy::cast_precision_loss, reason = "it is a pace")]
            let part = if all == 0 { 1.0 } else { done as f64 / all as f64 };
            found.set_percent(if from.is_zero() { 50.0 * part } else { 50.0 + 50.0 * part });
            if self.rest(begun + from + half.mul_f64(part), found, stopping) {
                Ok(())
            } else {
                Err(StoreError::unavailable("checking", "the server stops"))
            }
        };
        let mut pace = |done, all| {
            metrics.checking(done);
            keep_to(Duration::ZERO, done, all)
        };
        let (reader, origin) = (log_server.reader(), log_server.origin());
        let mut report = check_entries(reader, origin, From::Tables, &mut pace, &mut |_, _| Ok(()))?;
        pages::check_tables(&self.folder, &mut report)?;
        // An index of events that are damaged is not at fault.
        if let Some(search) = &self.search
            && report.is_whole()
        {
            search.check(&**reader, &mut |done, all| keep_to(half, done, all))?;
        }
        Ok(report)
    }
}
