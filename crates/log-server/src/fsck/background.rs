//! The server's continuous, slow check of its own log.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use countersign::time::Time;

use super::erasures::StoreKind;
use super::leaves::check_entries;
use super::pages;
use super::report::{Problem, Repair, Report};
use super::tenants;
use crate::bucket::{CommitNames, CommitRange};
use crate::log_server::LogServer;
use crate::search::Search;
use crate::tenants::TenantLogs;
use countersign_log::condition::Check;
use countersign_log::store::StoreError;
use countersign_log::tenants::heads::SlotHead;

/// Interval between checks for a shutdown request.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Minimum rest between two checks.
const MIN_REST: Duration = Duration::from_millis(10);
/// Interval for listing a bucket's newest commits, or all commits while some are missing.
const LIST_INTERVAL: Duration = Duration::from_secs(10);

/// The result of the last completed check and the progress of the current one.
#[derive(Clone, Debug, Default)]
pub struct CheckResults(Arc<CheckState>);

#[derive(Debug, Default)]
struct CheckState {
    newest: Mutex<Option<CompletedCheck>>,
    /// The period of one check, in seconds. Unset if checks are off.
    within: OnceLock<u64>,
    /// The progress of the current check, in percent.
    percent: AtomicU64,
}

/// The result of a completed check.
#[derive(Clone, Debug)]
pub struct CompletedCheck {
    /// When it ended.
    pub at: Time,
    /// The number of problems.
    pub problems: u64,
    /// The first problem.
    pub first: Option<Problem>,
}

impl CheckResults {
    /// Returns the last completed check. `None` until the first one is complete.
    pub fn newest(&self) -> Option<CompletedCheck> {
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the state of the checks for `/healthz`, if checks are on.
    pub(crate) fn state(&self) -> Option<Check> {
        let newest = self.newest().map(|newest| (newest.at, newest.problems));
        let percent = self.0.percent.load(Ordering::Relaxed);
        self.0.within.get().map(|within| Check { within: *within, percent, newest })
    }

    fn set(&self, newest: CompletedCheck) {
        *self.0.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
    }

    fn set_percent(&self, percent: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        self.0.percent.store(percent as u64, Ordering::Relaxed);
    }
}

/// A check of a running server's log.
pub(crate) struct SelfCheck {
    pub(crate) log_server: LogServer,
    pub(crate) folder: PathBuf,
    /// The commits in the log's bucket, if it is in one. The folder then has the bucket's index.
    pub(crate) commits: Option<CommitNames>,
    pub(crate) search: Option<Arc<Search>>,
    /// The tenant logs, if it is a root log.
    pub(crate) tenants: Option<Arc<TenantLogs>>,
    /// The known problems.
    pub(crate) known: RefCell<KnownProblems>,
}

/// The problems known so far.
#[derive(Default)]
pub(crate) struct KnownProblems {
    /// Commits that the bucket has lost.
    lost: Report,
    /// The problems of the last completed check, other than lost commits.
    others: Report,
    /// When the bucket's commits were last listed.
    listed: Option<Instant>,
}

/// The thread that checks the log.
pub(crate) struct SelfCheckThread {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl SelfCheckThread {
    /// Starts to check everything once per `within`, and to update `found`.
    pub(crate) fn begin(self_check: SelfCheck, within: Duration, found: CheckResults) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let _ = found.0.within.set(within.as_secs());
        let thread = {
            let stopping = stopping.clone();
            let work = move || while self_check.check(within, &found, &stopping) {};
            thread::Builder::new().name("checking".into()).spawn(work)?
        };
        Ok(Self { stopping, thread })
    }

    /// Stops the check.
    pub(crate) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A panic was already logged.
        let _ = self.thread.join();
    }
}

impl SelfCheck {
    /// Checks everything once, then rests until the next check is due. Returns false when the server stops.
    fn check(&self, within: Duration, found: &CheckResults, stopping: &AtomicBool) -> bool {
        let started = Instant::now();
        // First, because lost entries should be restored while emitters still have them.
        self.list_commits(CommitRange::All, found, stopping);
        match self.run(started, within, found, stopping) {
            Ok(report) => {
                found.set_percent(100.0);
                self.known.borrow_mut().others = report;
                self.report(found);
            }
            Err(error) if !stopping.load(Ordering::Relaxed) => {
                tracing::error!(%error, "checking the log failed");
            }
            Err(_) => {}
        }
        self.rest((started + within).max(Instant::now() + MIN_REST), found, stopping)
    }

    /// Looks for commits that the bucket has lost. While any are missing, the log acknowledges nothing, because it
    /// would continue after entries that can't be read. Errors of the bucket are reported elsewhere.
    fn list_commits(&self, which: CommitRange, found: &CheckResults, stopping: &AtomicBool) {
        let Some(commits) = &self.commits else { return };
        let mut lost = Report::default();
        let mut add_missing = |path| lost.add("fsck.commit", path, "the commit is missing", Repair::Commits);
        let listed = commits.lost(&self.folder, which, stopping, &mut add_missing);
        self.known.borrow_mut().listed = Some(Instant::now());
        if let Err(error) = listed {
            tracing::warn!(%error, "checking the bucket's commits failed");
            return;
        }
        self.log_server.set_lost_commits(!lost.is_whole());
        let before = std::mem::replace(&mut self.known.borrow_mut().lost, lost);
        if before.problems != self.known.borrow().lost.problems {
            self.report(found);
        }
    }

    /// Checks periodically for the newest commits, or for all of them while some are missing.
    fn watch_commits(&self, found: &CheckResults, stopping: &AtomicBool) {
        let which = {
            let known = self.known.borrow();
            if known.listed.is_some_and(|listed| listed.elapsed() < LIST_INTERVAL) {
                return;
            }
            if known.lost.is_whole() { CommitRange::Newest } else { CommitRange::All }
        };
        self.list_commits(which, found, stopping);
    }

    /// Rests until that time. Returns false when the server stops.
    fn rest(&self, until: Instant, found: &CheckResults, stopping: &AtomicBool) -> bool {
        loop {
            if stopping.load(Ordering::Relaxed) {
                return false;
            }
            self.watch_commits(found, stopping);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(STOP_CHECK_INTERVAL));
        }
    }

    fn report(&self, found: &CheckResults) {
        let known = self.known.borrow();
        let all = [&known.lost, &known.others];
        let problems = all.iter().map(|report| report.problems.len() as u64 + report.more).sum();
        let mut each = all.iter().flat_map(|report| &report.problems);
        // Everyone may see it, so it must not be about a tenant log. Such a problem concerns no other log.
        let first = each.clone().find(|problem| !problem.is_of_tenant_log()).cloned();
        for Problem { code, place, message, .. } in each.by_ref().take(10) {
            tracing::error!(code, place, message, "the log has a problem");
        }
        let at = self.log_server.now();
        self.log_server.metrics().checked(problems, at);
        found.set(CompletedCheck { at, problems, first });
    }

    /// Runs one check. Entries and events get half of the time, and the search index, which is derived from them, the
    /// other half.
    fn run(
        &self,
        started: Instant,
        within: Duration,
        found: &CheckResults,
        stopping: &AtomicBool,
    ) -> Result<Report, StoreError> {
        let keep_pace = |part: f64| {
            found.set_percent(100.0 * part);
            if self.rest(started + within.mul_f64(part), found, stopping) {
                Ok(())
            } else {
                Err(StoreError::unavailable("checking", "the server is stopping"))
            }
        };
        if let Some(tenants) = &self.tenants {
            return self.run_on_tenants(tenants, &keep_pace);
        }
        let mut pace = |done, all| {
            self.log_server.metrics().checking(done);
            keep_pace(0.5 * ratio(done, all))
        };
        let (reader, origin) = (self.log_server.reader(), self.log_server.origin());
        let mut report = check_entries(reader, origin, StoreKind::Tables, &mut pace, &mut |_, _| Ok(()))?;
        pages::check_tables(&self.folder, &mut report)?;
        // The index can't be checked against damaged events.
        if let Some(search) = &self.search
            && report.is_whole()
        {
            search.check(&**reader, &mut |done, all| keep_pace(0.5 + 0.5 * ratio(done, all)))?;
        }
        Ok(report)
    }

    /// Runs one check of a root log and all its tenant logs. They have no search index.
    fn run_on_tenants(
        &self,
        logs: &TenantLogs,
        keep_pace: &dyn Fn(f64) -> Result<(), StoreError>,
    ) -> Result<Report, StoreError> {
        let mut pace = |done, all| {
            self.log_server.metrics().checking(done);
            keep_pace(ratio(done, all))
        };
        let mut on_tenant = |head: &SlotHead, report: &Report| {
            let is_different = report.places_of("fsck.checkpoint").next().is_some();
            if is_different { logs.check(head) } else { Ok(()) }
        };
        let origin = self.log_server.origin();
        let mut report = tenants::check_logs(logs.readers(), origin, &mut pace, &mut on_tenant)?;
        tenants::check_numbers(&self.folder, &mut report)?;
        tenants::check_requests(&self.folder, &mut report)?;
        pages::check_tables(&self.folder, &mut report)?;
        Ok(report)
    }
}

/// Returns the completed part of all, from 0 to 1.
fn ratio(done: u64, all: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "only sets the pace")]
    if all == 0 { 1.0 } else { done as f64 / all as f64 }
}
