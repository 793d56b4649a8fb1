//! What is counted, for Prometheus.
#![allow(clippy::cast_precision_loss, reason = "figures are for people")]

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use countersign::log::{Kind, SubmissionError};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use strum::{IntoStaticStr, VariantArray};

use crate::clock::Standing;
use crate::rejected::{Reason, Seldom};
use crate::store::Published;
use crate::submitting::SubmitError;

/// How a submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It was malformed.
    Malformed,
    /// It was too large.
    TooLarge,
    /// Its key, which signed it, was not authorized.
    Unauthorized,
    /// Links were missing before it.
    Gap,
    /// It contradicted the log.
    Fork,
    /// Its time was ahead of the log's clock, and its key signed it.
    Early,
    /// Its key had used up what it may bring.
    Quota,
    /// The log's clock stood outside its witnesses'.
    Clock,
    /// Too much was waiting.
    Busy,
    /// The log signs nothing more.
    Stopped,
    /// The store failed.
    Unavailable,
}

impl Outcome {
    /// How it ended.
    fn of(answered: Result<(), &SubmitError>) -> Result<Self, Reason> {
        Ok(match answered {
            Ok(()) => Self::Taken,
            Err(SubmitError::Refused(refusal)) if is_anybodys(refusal) => return Err(Reason::Unsigned),
            Err(SubmitError::Refused(refusal)) => match refusal.kind {
                Kind::Malformed => Self::Malformed,
                Kind::TooLarge | Kind::TooMany => Self::TooLarge,
                Kind::Unauthorized => Self::Unauthorized,
                Kind::Gap { .. } => Self::Gap,
                Kind::Fork(_) => Self::Fork,
                Kind::Early { .. } => Self::Early,
            },
            Err(SubmitError::Stranger(refusal)) => return Err(Reason::of(refusal)),
            Err(SubmitError::Quota { .. }) => Self::Quota,
            Err(SubmitError::Clock { .. }) => Self::Clock,
            Err(SubmitError::Busy) => Self::Busy,
            Err(SubmitError::Stopped(_)) => Self::Stopped,
            Err(SubmitError::Unavailable(_)) => Self::Unavailable,
        })
    }
}

/// Whether a refusal names a key that did not sign what is refused: so anybody can bring it about.
fn is_anybodys(refusal: &SubmissionError) -> bool {
    matches!(refusal.kind, Kind::Unauthorized | Kind::Early { .. }) && !refusal.is_signed
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLevel {
    level: String,
}

/// How serious a finding can be.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFile {
    file: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWitness {
    witness: String,
}

/// How long something takes, where that can be known: in WebAssembly there is no such clock.
pub(crate) struct Stopwatch(Option<std::time::Instant>);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self((!cfg!(target_arch = "wasm32")).then(std::time::Instant::now))
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.0.map(|start| start.elapsed())
    }
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    submissions: Family<BySubmission, Counter>,
    turned_away: Family<ByReason, Counter>,
    seldom: Seldom,
    leaves: Counter,
    commits: Counter,
    failed: Counter,
    overtaken: Counter,
    commit_seconds: Histogram,
    shared: Histogram,
    size: Gauge,
    reads_unrecorded: Gauge,
    published_size: Gauge,
    published_at: Gauge<f64, AtomicU64>,
    witness_failures: Family<ByWitness, Counter>,
    witness_contradicts: Family<ByWitness, Gauge>,
    control_files: Family<ByFile, Gauge>,
    clock_outside: Gauge,
    clock_skew: Family<ByWitness, Gauge<f64, AtomicU64>>,
    erased: Counter,
    erasures_failing: Gauge,
    commits_failing: Gauge,
    /// What the newest commit signed could not be remembered.
    unremembered: AtomicBool,
    unfollowed: Gauge,
    checking: Gauge,
    problems: Gauge,
    checked_at: Gauge<f64, AtomicU64>,
    index_problems: Counter,
    findings: Family<ByLevel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let metrics = Self {
            submissions: Family::default(),
            turned_away: Family::default(),
            seldom: Seldom::default(),
            leaves: Counter::default(),
            commits: Counter::default(),
            failed: Counter::default(),
            overtaken: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            shared: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            size: Gauge::default(),
            reads_unrecorded: Gauge::default(),
            published_size: Gauge::default(),
            published_at: Gauge::default(),
            witness_failures: Family::default(),
            witness_contradicts: Family::default(),
            control_files: Family::default(),
            clock_outside: Gauge::default(),
            clock_skew: Family::default(),
            erased: Counter::default(),
            erasures_failing: Gauge::default(),
            commits_failing: Gauge::default(),
            unremembered: AtomicBool::default(),
            unfollowed: Gauge::default(),
            checking: Gauge::default(),
            problems: Gauge::default(),
            checked_at: Gauge::default(),
            index_problems: Counter::default(),
            findings: Family::default(),
            registry: Registry::default(),
        };
        // What counts from nothing: of a counter that begins with 1 no alarm notices the first.
        for &outcome in Outcome::VARIANTS {
            drop(metrics.submissions.get_or_create(&BySubmission { outcome }));
        }
        for level in LEVELS {
            drop(metrics.findings.get_or_create(&ByLevel { level: level.into() }));
        }
        for &reason in Reason::VARIANTS {
            drop(metrics.turned_away.get_or_create(&ByReason { reason }));
        }
        registry.register("submissions", "Submissions answered, by outcome", metrics.submissions.clone());
        registry.register(
            "turned_away",
            "Connections and submissions that were refused before anything of them was known to be somebody's who may write",
            metrics.turned_away.clone(),
        );
        registry.register("entries", "Leaves taken since the start", metrics.leaves.clone());
        registry.register("commits", "Durable commits", metrics.commits.clone());
        registry.register("commits_failed", "Commits that failed", metrics.failed.clone());
        registry.register(
            "commits_overtaken",
            "Commits that another server of the log was ahead of",
            metrics.overtaken.clone(),
        );
        registry.register_with_unit(
            "commit",
            "How long a durable commit took",
            Unit::Seconds,
            metrics.commit_seconds.clone(),
        );
        registry.register(
            "commit_submissions",
            "How many submissions shared a commit",
            metrics.shared.clone(),
        );
        registry.register("log_size", "Leaves that are durable", metrics.size.clone());
        registry.register(
            "published_size",
            "Leaves of the published checkpoint",
            metrics.published_size.clone(),
        );
        registry.register_with_unit(
            "published_time",
            "When the checkpoint was published, after 1970",
            Unit::Seconds,
            metrics.published_at.clone(),
        );
        registry.register(
            "witness_failures",
            "Times that a witness gave no cosignature",
            metrics.witness_failures.clone(),
        );
        registry.register(
            "witness_contradicts",
            "1 while a witness says that it has seen more of the log, or another tree",
            metrics.witness_contradicts.clone(),
        );
        registry.register(
            "reads_unrecorded",
            "Readers whose reads were to be recorded and are not yet",
            metrics.reads_unrecorded.clone(),
        );
        registry.register(
            "clock_outside",
            "Whether the log's clock stands outside its witnesses', so that nothing is taken",
            metrics.clock_outside.clone(),
        );
        registry.register_with_unit(
            "clock_skew",
            "By how much the log's clock is ahead of a witness's",
            Unit::Seconds,
            metrics.clock_skew.clone(),
        );
        registry.register("events_erased", "Events erased since the start", metrics.erased.clone());
        registry.register(
            "erasures_failing",
            "1 while a recorded erasure cannot be carried out",
            metrics.erasures_failing.clone(),
        );
        registry.register(
            "commits_failing",
            "1 while the newest commit failed",
            metrics.commits_failing.clone(),
        );
        registry.register(
            "check_entries",
            "Leaves that the log's check of itself has looked at since it began anew",
            metrics.checking.clone(),
        );
        registry.register(
            "check_problems",
            "What the newest whole check found damaged",
            metrics.problems.clone(),
        );
        registry.register_with_unit(
            "check_time",
            "When the newest whole check ended, after 1970; 0 before the first",
            Unit::Seconds,
            metrics.checked_at.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Returns the metrics of a log server, for which `default` isn't enough: also what a Durable Object doesn't have, such as a bucket, a search index and control
    /// files. Each of `control_files` counts as usable until it is set otherwise.
    pub fn for_server(control_files: impl IntoIterator<Item = &'static str>) -> Self {
        let mut metrics = Self::default();
        for file in control_files {
            metrics.control_file(file, true);
        }
        let registry = &mut metrics.registry;
        registry.register(
            "control_file_ok",
            "0 while readers.txt, holds.txt or trust.txt can't be used as it is now",
            metrics.control_files.clone(),
        );
        registry.register(
            "bucket_failing",
            "1 while the log's bucket does not answer, or cannot be followed",
            metrics.unfollowed.clone(),
        );
        registry.register(
            "index_problems",
            "Parts of the search index that were found damaged, and are made anew",
            metrics.index_problems.clone(),
        );
        registry.register(
            "findings",
            "What a log that watches itself found since the start, by level",
            metrics.findings.clone(),
        );
        metrics
    }

    /// A submission was answered.
    pub fn submission(&self, outcome: Outcome) {
        self.submissions.get_or_create(&BySubmission { outcome }).inc();
    }

    /// The log, which watches itself, found something of that level.
    pub fn found(&self, level: &str) {
        self.findings.get_or_create(&ByLevel { level: level.into() }).inc();
    }

    /// A submission was answered.
    pub fn answered(&self, answered: Result<(), &SubmitError>) {
        match Outcome::of(answered) {
            Ok(outcome) => self.submission(outcome),
            Err(reason) => self.turned_away(reason),
        }
    }

    /// Somebody was turned away. Anybody can bring that about as often as he likes: it is told of once a second.
    pub fn turned_away(&self, reason: Reason) {
        self.turned_away.get_or_create(&ByReason { reason }).inc();
        if let Some(times) = self.seldom.tell(reason) {
            tracing::warn!(reason = reason.word(), times, "turned away");
        }
    }

    pub(crate) fn committed(&self, submissions: usize, leaves: u64, size: u64) {
        if leaves > 0 {
            if !self.unremembered.load(Ordering::Relaxed) {
                self.commits_failing.set(0);
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

    pub(crate) fn commit_failed(&self) {
        self.failed.inc();
        self.commits_failing.set(1);
    }

    /// Whether it could be remembered what was signed, so that it may be shown.
    pub(crate) fn remembered(&self, remembered: bool) {
        let failed_before = self.unremembered.swap(!remembered, Ordering::Relaxed);
        if !remembered {
            self.commit_failed();
        } else if failed_before {
            self.commits_failing.set(0);
        }
    }

    /// Whether the bucket could be followed.
    pub(crate) fn followed(&self, followed: bool) {
        self.unfollowed.set((!followed).into());
    }

    /// Whether the newest commit failed, or would.
    pub fn are_commits_failing(&self) -> bool {
        self.commits_failing.get() != 0 || self.unfollowed.get() != 0
    }

    /// A check of the whole log has come so far.
    pub fn checking(&self, leaves: u64) {
        self.checking.set(leaves.cast_signed());
    }

    /// It came to its end.
    pub fn checked(&self, problems: u64, at: countersign::time::Time) {
        self.problems.set(problems.cast_signed());
        self.checked_at.set(at.millis() as f64 / 1000.0);
    }

    /// Counts parts of the search index that are found damaged.
    pub fn index_problems(&self) -> Counter {
        self.index_problems.clone()
    }

    pub(crate) fn overtaken(&self) {
        self.overtaken.inc();
    }

    pub(crate) fn published(&self, published: &Published) {
        self.published_size.set(published.size.cast_signed());
        self.published_at.set(published.at.millis() as f64 / 1000.0);
    }

    /// A witness gave no cosignature.
    pub fn witness_failed(&self, witness: &str) {
        self.witness_failures.get_or_create(&ByWitness { witness: witness.to_owned() }).inc();
    }

    /// Sets whether a control file can be used as it is now.
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

    /// How the log's clock stands to its witnesses'.
    pub(crate) fn clock(&self, clock: &Standing) {
        self.clock_outside.set(clock.outside.is_some().into());
        for (witness, skew) in &clock.skews {
            let gauge = self.clock_skew.get_or_create(&ByWitness { witness: witness.clone() });
            gauge.set(*skew as f64 / 1000.0);
        }
    }

    /// Events were erased.
    pub fn erased(&self, events: u64) {
        self.erased.inc_by(events);
    }

    /// Whether a recorded erasure cannot be carried out.
    pub fn erasures_failing(&self, failing: bool) {
        self.erasures_failing.set(failing.into());
    }

    /// Whether one cannot be.
    pub fn are_erasures_failing(&self) -> bool {
        self.erasures_failing.get() != 0
    }

    /// Reads of so many readers were to be recorded and are not.
    pub fn reads_unrecorded(&self, readers: usize) {
        self.reads_unrecorded.set(i64::try_from(readers).unwrap_or(i64::MAX));
    }

    /// All of it, in the `OpenMetrics` text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
