//! The log's metrics, for Prometheus.
#![allow(clippy::cast_precision_loss, reason = "figures are for people")]

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign::log::{RefusalKind, SubmissionError};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use strum::{IntoStaticStr, VariantArray};

use crate::clock::{ClockComparison, ClockState};
use crate::condition::{JournalCondition, Room};
use crate::export::ExportError;
use crate::failure_reports::{FailureCause, FailureReports};
use crate::part::{Failure, Part};
use crate::rejected::{Reason, ReportLimiter};
use crate::stop::{Cause, SigningStop};
use crate::stopwatch::Stopwatch;
use crate::store::{Published, StoreError};
use crate::submission::SubmitError;
use crate::tenants::counts::TenantCounts;

/// The result of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The submission was accepted.
    Taken,
    /// The submission was malformed.
    Malformed,
    /// The submission was too large.
    TooLarge,
    /// The key that signed the submission is not authorized.
    Unauthorized,
    /// Earlier links were missing.
    Gap,
    /// The submission contradicts an entry of the log.
    Fork,
    /// The submission's time is ahead of the log's clock, and its signature is valid.
    Early,
    /// The key or the tenant's log exceeded its quota.
    Quota,
    /// The log's clock disagreed with the clocks of its witnesses, or was not believed after the start.
    Clock,
    /// The tenant log had ended.
    Ended,
    /// Too many submissions were waiting.
    Busy,
    /// The log had stopped signing.
    Stopped,
    /// The store failed, or the log was shutting down.
    Unavailable,
}

impl Outcome {
    /// Classifies the answer to a submission. Rejections that don't require a known key become a [`Reason`].
    fn from_answer(answered: Result<(), &SubmitError>) -> Result<Self, Reason> {
        Ok(match answered {
            Ok(()) => Self::Taken,
            Err(SubmitError::Refused(refusal)) if needs_no_key(refusal) => return Err(Reason::Unsigned),
            Err(SubmitError::Refused(refusal)) => match refusal.kind {
                RefusalKind::Malformed => Self::Malformed,
                RefusalKind::TooLarge | RefusalKind::TooMany => Self::TooLarge,
                RefusalKind::Unauthorized => Self::Unauthorized,
                RefusalKind::Gap { .. } => Self::Gap,
                RefusalKind::Fork(_) => Self::Fork,
                RefusalKind::Early { .. } => Self::Early,
            },
            Err(SubmitError::UnknownSigner(refusal)) => return Err(Reason::from_refusal(refusal)),
            Err(SubmitError::UnknownTenant) => return Err(Reason::Unknown),
            Err(SubmitError::Ended { .. }) => Self::Ended,
            Err(SubmitError::Quota { .. } | SubmitError::TenantQuota { .. }) => Self::Quota,
            Err(SubmitError::Clock { .. } | SubmitError::ImplausibleClock { .. }) => Self::Clock,
            Err(SubmitError::Busy | SubmitError::NoRoom) => Self::Busy,
            Err(SubmitError::Stopped(_)) => Self::Stopped,
            Err(SubmitError::Unavailable(_)) => Self::Unavailable,
        })
    }
}

/// True if the named key did not sign the rejected data, so that anyone can cause the rejection.
fn needs_no_key(refusal: &SubmissionError) -> bool {
    let names_key = matches!(
        refusal.kind,
        RefusalKind::Unauthorized | RefusalKind::Early { .. } | RefusalKind::Gap { .. }
    );
    names_key && !refusal.is_signed
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySubmission {
    outcome: Outcome,
}

/// The result of a log record that a service sent over OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LogRecordOutcome {
    /// The record became an event.
    Recorded,
    /// The log contained the record's event already.
    Repeated,
    /// The record can't become an event.
    Refused,
}

impl EncodeLabelValue for LogRecordOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLogRecord {
    outcome: LogRecordOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLevel {
    level: String,
}

/// The severities of findings.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFile {
    file: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPart {
    part: &'static str,
}

impl ByPart {
    fn new(part: Part) -> Self {
        Self { part: part.word() }
    }
}

/// The parts whose failures make commits fail.
const COMMIT_PARTS: [Part; 7] =
    [Part::Disk, Part::Data, Part::Bucket, Part::Clock, Part::Witnesses, Part::Journal, Part::Server];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWitness {
    witness: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMirror {
    mirror: String,
}

/// The log's metrics.
pub struct Metrics {
    registry: Registry,
    submissions: Family<BySubmission, Counter>,
    log_records: Family<ByLogRecord, Counter>,
    turned_away: Family<ByReason, Counter>,
    reports: ReportLimiter,
    leaves: Counter,
    commits: Counter,
    failed: Counter,
    overtaken: Counter,
    commit_seconds: Histogram,
    shared: Histogram,
    size: Gauge,
    reads_unrecorded: Gauge,
    reads_failed: Counter,
    published_size: Gauge,
    published_at: Gauge<f64, AtomicU64>,
    unwitnessed: Gauge,
    stopped: Family<ByCode, Gauge>,
    tenants: Family<ByState, Gauge>,
    witness_failures: Family<ByWitness, Counter>,
    witness_contradicts: Family<ByWitness, Gauge>,
    mirror_failures: Family<ByMirror, Counter>,
    mirrored_size: Family<ByMirror, Gauge>,
    control_files: Family<ByFile, Gauge>,
    clock_outside: Gauge,
    clock_skew: Family<ByWitness, Gauge<f64, AtomicU64>>,
    clock_state: Family<ByState, Gauge>,
    erased: Counter,
    erasures_failing: Gauge,
    commits_failing: Family<ByPart, Gauge>,
    journal_failing: Gauge,
    journal_behind: Gauge,
    failure_reports: FailureReports,
    /// True if the checkpoint of the newest commit could not be remembered.
    unremembered: AtomicBool,
    unfollowed: Gauge,
    checking: Gauge,
    problems: Gauge,
    checked_at: Gauge<f64, AtomicU64>,
    index_problems: Counter,
    findings: Family<ByLevel, Counter>,
    backup_at: Gauge<f64, AtomicU64>,
    free_bytes: Gauge,
    total_bytes: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let metrics = Self {
            submissions: Family::default(),
            log_records: Family::default(),
            turned_away: Family::default(),
            reports: ReportLimiter::default(),
            leaves: Counter::default(),
            commits: Counter::default(),
            failed: Counter::default(),
            overtaken: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            shared: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            size: Gauge::default(),
            reads_unrecorded: Gauge::default(),
            reads_failed: Counter::default(),
            published_size: Gauge::default(),
            published_at: Gauge::default(),
            unwitnessed: Gauge::default(),
            stopped: Family::default(),
            tenants: Family::default(),
            witness_failures: Family::default(),
            witness_contradicts: Family::default(),
            mirror_failures: Family::default(),
            mirrored_size: Family::default(),
            control_files: Family::default(),
            clock_outside: Gauge::default(),
            clock_skew: Family::default(),
            clock_state: Family::default(),
            erased: Counter::default(),
            erasures_failing: Gauge::default(),
            commits_failing: Family::default(),
            journal_failing: Gauge::default(),
            journal_behind: Gauge::default(),
            failure_reports: FailureReports::default(),
            unremembered: AtomicBool::default(),
            unfollowed: Gauge::default(),
            checking: Gauge::default(),
            problems: Gauge::default(),
            checked_at: Gauge::default(),
            index_problems: Counter::default(),
            findings: Family::default(),
            backup_at: Gauge::default(),
            free_bytes: Gauge::default(),
            total_bytes: Gauge::default(),
            registry: Registry::default(),
        };
        // Counters start at 0: alerts don't notice the first increment of a counter that starts at 1.
        for &outcome in Outcome::VARIANTS {
            drop(metrics.submissions.get_or_create(&BySubmission { outcome }));
        }
        for &outcome in LogRecordOutcome::VARIANTS {
            drop(metrics.log_records.get_or_create(&ByLogRecord { outcome }));
        }
        for level in LEVELS {
            drop(metrics.findings.get_or_create(&ByLevel { level: level.into() }));
        }
        for &reason in Reason::VARIANTS {
            drop(metrics.turned_away.get_or_create(&ByReason { reason }));
        }
        registry.register("submissions", "Submissions answered, by outcome", metrics.submissions.clone());
        registry.register(
            "log_records",
            "Log records of answered OTLP requests, by outcome",
            metrics.log_records.clone(),
        );
        registry.register(
            "turned_away",
            "Connections and submissions rejected before any of their content was known to be from an authorized key",
            metrics.turned_away.clone(),
        );
        registry.register("entries", "Entries accepted since the start", metrics.leaves.clone());
        registry.register("commits", "Durable commits", metrics.commits.clone());
        registry.register("commits_failed", "Commits that failed", metrics.failed.clone());
        registry.register(
            "commits_overtaken",
            "Commits that failed because another server of the log committed first",
            metrics.overtaken.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Duration of durable commits",
            Unit::Seconds,
            metrics.commit_seconds.clone(),
        );
        registry.register("commit_submissions", "Submissions per commit", metrics.shared.clone());
        registry.register("log_size", "Durable entries", metrics.size.clone());
        registry.register(
            "published_size",
            "Entries of the published checkpoint",
            metrics.published_size.clone(),
        );
        registry.register_with_unit(
            "published_time",
            "Unix time at which the newest checkpoint was published",
            Unit::Seconds,
            metrics.published_at.clone(),
        );
        registry.register(
            "published_unwitnessed",
            "1 while the newest checkpoint lacks the cosignatures that the log's quorum requires",
            metrics.unwitnessed.clone(),
        );
        metrics.stopped(None);
        registry.register(
            "stopped",
            "1 while the log signs and accepts nothing, by the reason's code",
            metrics.stopped.clone(),
        );
        registry.register(
            "tenants",
            "Tenant logs of a root log, by state: live, ended, or stopped",
            metrics.tenants.clone(),
        );
        registry.register(
            "witness_failures",
            "Requests to which a witness returned no cosignature",
            metrics.witness_failures.clone(),
        );
        registry.register(
            "witness_contradicts",
            "1 while a witness claims to have seen a larger or different tree of the log",
            metrics.witness_contradicts.clone(),
        );
        registry.register("mirror_failures", "Failed uploads to a mirror", metrics.mirror_failures.clone());
        registry.register(
            "mirrored_size",
            "Entries that a mirror has confirmed",
            metrics.mirrored_size.clone(),
        );
        registry.register(
            "reads_unrecorded",
            "Readers with reads that must still be recorded",
            metrics.reads_unrecorded.clone(),
        );
        registry.register(
            "reads_failed",
            "Exports and streams that failed because the log's data couldn't be read",
            metrics.reads_failed.clone(),
        );
        registry.register(
            "clock_outside",
            "1 while the log's clock disagrees with its witnesses', so that submissions are rejected",
            metrics.clock_outside.clone(),
        );
        registry.register_with_unit(
            "clock_skew",
            "Seconds by which the log's clock is ahead of a witness's",
            Unit::Seconds,
            metrics.clock_skew.clone(),
        );
        registry.register(
            "clock_state",
            "1 for the state of the log's clock, and 0 for all other states",
            metrics.clock_state.clone(),
        );
        registry.register("events_erased", "Events erased since the start", metrics.erased.clone());
        registry.register(
            "erasures_failing",
            "1 while a recorded erasure cannot be carried out",
            metrics.erasures_failing.clone(),
        );
        metrics.commits_work();
        registry.register(
            "commits_failing",
            "1 while the newest commit failed, by the part that failed",
            metrics.commits_failing.clone(),
        );
        registry.register(
            "journal_failing",
            "1 while the journal cannot be written",
            metrics.journal_failing.clone(),
        );
        registry.register("journal_behind", "Entries that the journal lacks", metrics.journal_behind.clone());
        registry.register(
            "check_entries",
            "Entries examined by the current check of the whole log",
            metrics.checking.clone(),
        );
        registry.register(
            "check_problems",
            "Problems found by the newest complete check of the whole log",
            metrics.problems.clone(),
        );
        registry.register_with_unit(
            "check_time",
            "Unix time at which the newest complete check ended; 0 before the first",
            Unit::Seconds,
            metrics.checked_at.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Returns the metrics of a log server. They include those of a bucket, a disk, backups, a search index, and control
    /// files, which a Durable Object doesn't have. Each of `control_files` counts as usable until it is set otherwise.
    pub fn for_server(control_files: impl IntoIterator<Item = &'static str>) -> Self {
        let mut metrics = Self::default();
        for file in control_files {
            metrics.control_file(file, true);
        }
        let registry = &mut metrics.registry;
        registry.register(
            "control_file_ok",
            "0 while the control file (readers.txt, holds.txt, or trust.txt) is invalid",
            metrics.control_files.clone(),
        );
        registry.register(
            "bucket_failing",
            "1 while the log's bucket is unreachable or can't be read",
            metrics.unfollowed.clone(),
        );
        registry.register(
            "index_problems",
            "Corrupt parts of the search index, which are rebuilt",
            metrics.index_problems.clone(),
        );
        registry.register(
            "findings",
            "Findings of the detection rules since the start, by level",
            metrics.findings.clone(),
        );
        registry.register_with_unit(
            "backup_time",
            "Unix time at which the newest backup was started; 0 before the first",
            Unit::Seconds,
            metrics.backup_at.clone(),
        );
        registry.register_with_unit(
            "storage_free",
            "Free space of the file system that stores the log",
            Unit::Bytes,
            metrics.free_bytes.clone(),
        );
        registry.register_with_unit(
            "storage_total",
            "Space of the file system that stores the log",
            Unit::Bytes,
            metrics.total_bytes.clone(),
        );
        metrics
    }

    /// Counts the answer to a submission.
    pub fn submission(&self, outcome: Outcome) {
        self.submissions.get_or_create(&BySubmission { outcome }).inc();
    }

    /// Counts log records of answered OTLP requests.
    pub fn log_records(&self, outcome: LogRecordOutcome, records: u64) {
        self.log_records.get_or_create(&ByLogRecord { outcome }).inc_by(records);
    }

    /// Counts a finding of this level by a log that watches itself.
    pub fn found(&self, level: &str) {
        self.findings.get_or_create(&ByLevel { level: level.into() }).inc();
    }

    /// Counts the answer to a submission, or a rejection.
    pub fn answered(&self, answered: Result<(), &SubmitError>) {
        match Outcome::from_answer(answered) {
            Ok(outcome) => self.submission(outcome),
            Err(reason) => self.turned_away(reason),
        }
    }

    /// Counts a rejection, and logs it at most once a second per reason: anyone can cause rejections at any rate.
    pub fn turned_away(&self, reason: Reason) {
        self.turned_away.get_or_create(&ByReason { reason }).inc();
        if let Some(times) = self.reports.count(reason) {
            tracing::warn!(reason = reason.word(), times, "rejected clients");
        }
    }

    /// Sets the size of the log at its start, and the newest published checkpoint, if there is one.
    pub(crate) fn started(&self, size: u64, published: Option<&Published>) {
        self.size.set(size.cast_signed());
        if let Some(published) = published {
            self.published(published);
        }
    }

    pub(crate) fn committed(&self, submissions: usize, leaves: u64, size: u64) {
        if leaves > 0 {
            if !self.unremembered.load(Ordering::Relaxed) {
                self.commits_work();
            }
            self.commits.inc();
            self.leaves.inc_by(leaves);
            self.shared.observe(submissions as f64);
            self.size.set(size.cast_signed());
        }
    }

    pub(crate) fn commit_took(&self, stopwatch: &Stopwatch) {
        if let Some(time) = stopwatch.elapsed() {
            self.commit_seconds.observe(time.as_secs_f64());
        }
    }

    /// Sets the condition of the log's journal.
    pub fn journal(&self, JournalCondition { behind, is_failing, .. }: JournalCondition) {
        self.journal_failing.set(is_failing.into());
        self.journal_behind.set(behind.cast_signed());
    }

    /// Records a tick, which commits also if no tenant log grew.
    pub(crate) fn ticked(&self, submissions: usize, leaves: u64, size: u64) {
        if !self.unremembered.load(Ordering::Relaxed) {
            self.commits_work();
        }
        self.size.set(size.cast_signed());
        self.committed(submissions, leaves, size);
    }

    /// Records that a commit failed, and reports it.
    pub(crate) fn commit_failed(&self, what: &'static str, error: &StoreError) {
        self.tick_failed(error.part());
        self.failed(what, "log.commit", &error.failure());
    }

    /// Records that a tick failed because of this part.
    pub(crate) fn tick_failed(&self, part: Part) {
        self.failed.inc();
        // Only the newest failure counts.
        self.commits_work();
        let part = if COMMIT_PARTS.contains(&part) { part } else { Part::Server };
        self.commits_failing.get_or_create(&ByPart::new(part)).set(1);
    }

    /// Records that the newest commit didn't fail.
    fn commits_work(&self) {
        for part in COMMIT_PARTS {
            self.commits_failing.get_or_create(&ByPart::new(part)).set(0);
        }
    }

    /// Records that the journal has everything that is durable, including commits that failed because of it.
    pub(crate) fn journaled(&self) {
        self.commits_failing.get_or_create(&ByPart::new(Part::Journal)).set(0);
    }

    /// Records whether the signed checkpoint could be remembered, and so announced.
    pub(crate) fn remembered(&self, remembered: Result<(), &StoreError>) {
        let failed_before = self.unremembered.swap(remembered.is_err(), Ordering::Relaxed);
        match remembered {
            Err(error) => self.commit_failed("signatures", error),
            Ok(()) if failed_before => self.commits_work(),
            Ok(()) => {}
        }
    }

    /// Logs a failure of `what`, at most once a minute for each cause.
    pub fn failed(&self, what: &'static str, code: &str, failure: &Failure) {
        let part = failure.part;
        if let Some(times) = self.count_failure(FailureCause { what, code: code.to_owned(), part }) {
            let (part, docs) = (part.word(), part.docs());
            tracing::error!(code, part, times, docs, "{what} fail: {failure}");
        }
    }

    /// Counts a failure. Returns the number of failures since the last log line about this cause, with this one, if a line
    /// is due.
    pub fn count_failure(&self, cause: FailureCause) -> Option<u64> {
        self.failure_reports.count(cause)
    }

    /// Records whether the log could catch up with other servers in its bucket.
    pub(crate) fn followed(&self, followed: bool) {
        self.unfollowed.set((!followed).into());
    }

    /// Returns the part because of which the newest commit failed, or the next one would.
    pub fn failing_part(&self) -> Option<Part> {
        let is_failing = |part: &Part| self.commits_failing.get_or_create(&ByPart::new(*part)).get() != 0;
        let failing = COMMIT_PARTS.into_iter().find(is_failing);
        failing.or_else(|| (self.unfollowed.get() != 0).then_some(Part::Bucket))
    }

    /// Sets the number of entries that the current check of the whole log has examined.
    pub fn checking(&self, leaves: u64) {
        self.checking.set(leaves.cast_signed());
    }

    /// Records the end of a check of the whole log.
    pub fn checked(&self, problems: u64, at: countersign::time::Time) {
        self.problems.set(problems.cast_signed());
        self.checked_at.set(at.millis() as f64 / 1000.0);
    }

    /// Returns the counter of corrupt parts of the search index.
    pub fn index_problems(&self) -> Counter {
        self.index_problems.clone()
    }

    pub(crate) fn overtaken(&self) {
        self.overtaken.inc();
    }

    pub(crate) fn published(&self, published: &Published) {
        self.published_size.set(published.size.cast_signed());
        self.published_at.set(published.at.millis() as f64 / 1000.0);
        self.unwitnessed.set((!published.witnessed).into());
    }

    /// Sets the reason for which the log is stopped, if it is.
    pub(crate) fn stopped(&self, stopped: Option<&SigningStop>) {
        for cause in Cause::VARIANTS {
            let is_cause = stopped.is_some_and(|stop| stop.cause == *cause);
            self.stopped.get_or_create(&ByCode { code: cause.code() }).set(is_cause.into());
        }
    }

    /// Sets the numbers of tenant logs.
    pub(crate) fn tenants(&self, TenantCounts { live, ended, stopped }: TenantCounts) {
        for (state, count) in [("live", live), ("ended", ended), ("stopped", stopped)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.tenants.get_or_create(&ByState { state }).set(count);
        }
    }

    /// Sets the space of the file system that stores the log.
    pub fn storage(&self, Room { free, total }: Room) {
        self.free_bytes.set(free.cast_signed());
        self.total_bytes.set(total.cast_signed());
    }

    /// Sets the time at which the newest backup was started.
    pub fn backed_up(&self, at: countersign::time::Time) {
        self.backup_at.set(at.millis() as f64 / 1000.0);
    }

    /// Counts a request to which a witness returned no cosignature.
    pub fn witness_failed(&self, witness: &str) {
        self.witness_failures.get_or_create(&ByWitness { witness: witness.to_owned() }).inc();
    }

    /// Counts a failed upload to a mirror.
    pub fn mirror_failed(&self, mirror: &str) {
        self.mirror_failures.get_or_create(&ByMirror { mirror: mirror.to_owned() }).inc();
    }

    /// Sets the number of entries that a mirror has confirmed.
    pub fn mirrored(&self, mirror: &str, size: u64) {
        let labels = ByMirror { mirror: mirror.to_owned() };
        self.mirrored_size.get_or_create(&labels).set(i64::try_from(size).unwrap_or(i64::MAX));
    }

    /// Sets whether a control file is usable.
    pub fn control_file(&self, file: &'static str, ok: bool) {
        self.control_files.get_or_create(&ByFile { file }).set(ok.into());
    }

    /// Sets whether a witness's latest answer contradicts the log.
    pub fn witness_contradicts(&self, witness: &str, contradicts: bool) {
        let labels = ByWitness { witness: witness.to_owned() };
        self.witness_contradicts.get_or_create(&labels).set(contradicts.into());
    }

    /// Forgets the contradiction of a witness that the trust file no longer names.
    pub fn forget_witness(&self, witness: &str) {
        self.witness_contradicts.remove(&ByWitness { witness: witness.to_owned() });
    }

    /// Sets the gauges of the log's clock.
    pub(crate) fn clock(&self, clock: &ClockComparison) {
        self.clock_outside.set(clock.outside.is_some().into());
        for state in ClockState::VARIANTS {
            let labels = ByState { state: state.into() };
            self.clock_state.get_or_create(&labels).set((*state == clock.state()).into());
        }
        for (witness, skew) in &clock.skews {
            let gauge = self.clock_skew.get_or_create(&ByWitness { witness: witness.clone() });
            gauge.set(*skew as f64 / 1000.0);
        }
    }

    /// Counts erased events.
    pub fn erased(&self, events: u64) {
        self.erased.inc_by(events);
    }

    /// Sets whether a recorded erasure can't be carried out.
    pub fn erasures_failing(&self, failing: bool) {
        self.erasures_failing.set(failing.into());
    }

    /// True if a recorded erasure can't be carried out.
    pub fn are_erasures_failing(&self) -> bool {
        self.erasures_failing.get() != 0
    }

    /// Sets the number of readers with reads that must still be recorded.
    pub fn reads_unrecorded(&self, readers: usize) {
        self.reads_unrecorded.set(i64::try_from(readers).unwrap_or(i64::MAX));
    }

    /// Counts a read that failed with this error, if the log's data couldn't be read.
    pub fn read_failed(&self, error: &ExportError) {
        if let ExportError::Store(StoreError::Damaged(_) | StoreError::Unavailable { .. }) = error {
            self.reads_failed.inc();
        }
    }

    /// Returns all metrics in the `OpenMetrics` text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string can't fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
