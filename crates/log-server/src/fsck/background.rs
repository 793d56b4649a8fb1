//! The server's continuous, slow check of its own log.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
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
use crate::bucket::{CommitRange, PutBack};
use crate::erasure_memory::ErasureRecord;
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
/// The maximum number of commits whose content one check reads. The next check continues after them.
const MAX_READ_COMMITS: u64 = 16_384;

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
    /// The log's bucket, if it is in one. The folder then has the bucket's index.
    pub(crate) bucket: Option<BucketAccess>,
    pub(crate) search: Option<Arc<Search>>,
    /// The tenant logs, if it is a root log.
    pub(crate) tenants: Option<Arc<TenantLogs>>,
    /// The known problems.
    pub(crate) known: RefCell<KnownProblems>,
}

/// Access to the bucket of a log, for the check of its objects.
pub(crate) struct BucketAccess {
    /// Opens the bucket, with the copies in the server's index.
    pub(crate) open: Box<dyn Fn() -> Result<PutBack, StoreError> + Send>,
    /// The time for which reads may be behind writes.
    pub(crate) patience: Duration,
}

/// The problems known so far.
#[derive(Default)]
pub(crate) struct KnownProblems {
    /// Commits that the bucket has lost.
    lost: Report,
    /// Commits that the bucket doesn't show, with when that was first seen.
    not_shown: BTreeMap<u64, Instant>,
    /// The start of the next pass over the commits' content.
    next_read: u64,
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
        self.check_bucket(CommitRange::All, found, stopping);
        match self.run(started, within, found, stopping) {
            Ok(report) => {
                found.set_percent(100.0);
                let report = if self.bucket.is_some() { report.for_index() } else { report };
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

    /// Looks for commits that the bucket has lost, and puts them back if this folder has them. While one is lost for
    /// good, the log acknowledges nothing, because it would continue after entries that can't be read. Errors of the
    /// bucket are reported elsewhere.
    fn check_bucket(&self, which: CommitRange, found: &CheckResults, stopping: &AtomicBool) {
        let Some(access) = &self.bucket else { return };
        let looked = self.examine(access, which, stopping);
        self.known.borrow_mut().listed = Some(Instant::now());
        let lost = match looked {
            Ok(lost) => lost,
            Err(error) => {
                tracing::warn!(%error, "checking the bucket's commits failed");
                return;
            }
        };
        self.log_server.set_lost_commits(!lost.is_whole());
        let before = std::mem::replace(&mut self.known.borrow_mut().lost, lost);
        if before.problems != self.known.borrow().lost.problems {
            self.report(found);
        }
    }

    /// Returns the commits that count as lost: those that weren't shown twice, further apart than reads may be behind
    /// writes, and that can't be put back.
    fn examine(
        &self,
        access: &BucketAccess,
        which: CommitRange,
        stopping: &AtomicBool,
    ) -> Result<Report, StoreError> {
        let go_on = || !stopping.load(Ordering::Relaxed);
        let bucket = (access.open)()?;
        let missing = bucket.missing(which, &go_on)?;
        let mut lost = bucket.put_all_back(&missing, &go_on)?;
        let not_shown: Vec<u64> = self.known.borrow().not_shown.keys().copied().collect();
        let damaged: Vec<u64> =
            not_shown.iter().filter(|base| !missing.missing.contains(base)).copied().collect();
        lost.extend(bucket.check_commits(&damaged, &go_on)?);
        if which == CommitRange::All && not_shown.is_empty() {
            let first = self.known.borrow().next_read;
            let (next, damaged) = bucket.read_commits(first, MAX_READ_COMMITS, &go_on)?;
            self.known.borrow_mut().next_read = next;
            lost.extend(damaged);
            if lost.is_empty() {
                bucket.put_others_back()?;
                bucket.publish_missing()?;
            }
        }
        let (now, mut report) = (Instant::now(), Report::default());
        let mut known = self.known.borrow_mut();
        let before = std::mem::take(&mut known.not_shown);
        for (base, why) in lost {
            let first = before.get(&base).copied().unwrap_or(now);
            if known.not_shown.insert(base, first).is_some() {
                continue;
            }
            if now.duration_since(first) >= access.patience {
                report.add("fsck.commit", bucket.name(base), why, Repair::Commits);
            } else {
                let path = bucket.name(base);
                tracing::warn!(path, why, "the bucket doesn't show a commit; looking again");
            }
        }
        Ok(report)
    }

    /// Checks periodically for the newest commits, or for all of them while some are missing.
    fn watch_commits(&self, found: &CheckResults, stopping: &AtomicBool) {
        let Some(access) = &self.bucket else { return };
        let which = {
            let known = self.known.borrow();
            if known.listed.is_some_and(|listed| listed.elapsed() < 2 * access.patience) {
                return;
            }
            if known.not_shown.is_empty() { CommitRange::Newest } else { CommitRange::All }
        };
        self.check_bucket(which, found, stopping);
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
        let erased = ErasureRecord::read(&self.folder)?.entries(origin);
        let mut report =
            check_entries(reader, origin, StoreKind::Tables, &erased, &mut pace, &mut |_, _| Ok(()))?;
        pages::check_tables(&self.folder, &mut report)?;
        // The index can't be checked against damaged events.
        if let Some(search) = &self.search
            && report.is_whole()
        {
            search.check(&**reader, &mut |done, all| keep_pace(0.5 + 0.5 * ratio(done, all)))?;
        }
        Ok(report)
    }

    /// Runs one check of a root log and all its tenant logs, and of the open search indexes.
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
        let erased = ErasureRecord::read(&self.folder)?;
        let mut report = tenants::check_logs(logs.readers(), origin, &erased, &mut pace, &mut on_tenant)?;
        // The server recorded the losses of older versions at its start.
        tenants::accept_losses(&self.folder, &**logs.readers(), &BTreeSet::new(), &mut report)?;
        tenants::check_numbers(&self.folder, &mut report)?;
        tenants::check_requests(&self.folder, &mut report)?;
        pages::check_tables(&self.folder, &mut report)?;
        // An index can't be checked against damaged events.
        if let Some(indexes) = logs.indexes()
            && report.is_whole()
        {
            indexes.check(&|| keep_pace(0.0))?;
        }
        Ok(report)
    }
}

/// Returns the completed part of all, from 0 to 1.
fn ratio(done: u64, all: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "only sets the pace")]
    if all == 0 { 1.0 } else { done as f64 / all as f64 }
}
