//! The running log, shared by all routes and tasks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{
    self, Admission, KeyLookup, Life, Limits, RefusalKind, Rules, Submission, SubmissionError,
    SubmissionOutcome,
};
use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::trust::Trust;
use moka::sync::Cache;
use tokio::sync::{Mutex, oneshot, watch};

use crate::control_files::ControlFiles;
use crate::jobs::{Jobs, QueueError};
use countersign_log::api::sse::Announcements;
use countersign_log::body::{self, BodyError, Extent, IntakeError};
use countersign_log::clock::{ClockComparison, Timekeeper};
use countersign_log::metrics::Metrics;
use countersign_log::quota::{Loads, LogQuotas};
use countersign_log::sequencer::{Durable, Job, SharedRules, rules};
use countersign_log::stop::{Signing, SigningStop, WitnessAnswer};
use countersign_log::store::{Published, Reader, StoreError};
use countersign_log::submission::{opened, required_size};
use countersign_log::tenants::published::TenantTicks;
use countersign_log::tenants::rules::tenant_rules;
use countersign_log::tree_signer::TreeSigner;
use countersign_log::witnessing::{Assessment, Contradiction};

pub use countersign_log::clock::Clock;
pub use countersign_log::sequencer::RulesError;
pub use countersign_log::submission::{Committed, SubmitError};

/// Number of chains whose keys are cached, and of emitters' keys.
const MAX_CACHED_KEYS: u64 = 100_000;
/// Number of chains whose keys are cached for each tenant log, and of emitters' keys. Many tenant logs are open.
const MAX_CACHED_TENANT_KEYS: u64 = 1_000;

/// Minimum interval between two checks, on behalf of unknown emitters, for the entries of other servers.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Time to wait for a submission to be published before it gets `server.unavailable`.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// A running log. Clones refer to the same log.
#[derive(Clone)]
pub struct LogServer(Arc<Inner>);

struct Inner {
    /// Set if it is a tenant log.
    tenant: Option<TenantView>,
    rules: SharedRules,
    key: VerifierKey,
    /// Set unless it is a tenant log, which signs no checkpoint.
    tree_signer: Option<TreeSigner>,
    reader: Arc<dyn Reader>,
    jobs: Jobs,
    published: watch::Receiver<Option<Arc<Published>>>,
    /// Keys of accepted chains.
    keys: Cache<ChainId, VerifierKey>,
    /// Keys that opened accepted chains. Cleared when a grant or revocation is accepted.
    writers: Cache<VerifierKey, ()>,
    quotas: Option<LogQuotas>,
    limits: Limits,
    timekeeper: Arc<Timekeeper>,
    metrics: Arc<Metrics>,
    signing: Signing,
    control_files: ControlFiles,
    /// Set if the log's bucket lost commits: no submission is acknowledged.
    has_lost_commits: Arc<AtomicBool>,
    /// The time of the last check for other servers' entries, if the log is shared.
    last_follow: Option<Mutex<Option<Instant>>>,
}

/// The outcome of a queued submission, once the sequencer has one.
type Outcome = oneshot::Receiver<Result<Durable, SubmitError>>;

/// A submission in the sequencer's queue, as far as its outcome needs it.
struct Queued {
    /// The chains that it opens, with their keys.
    opened: Vec<(ChainId, VerifierKey)>,
    /// The load of each key, charged with the outcome; `None` without quotas.
    loads: Option<Loads>,
}

/// A tenant log's origin, and the ticks that prove its heads.
pub(crate) struct TenantView {
    pub(crate) origin: TenantOrigin,
    pub(crate) ticks: TenantTicks,
}

/// The components of a running log.
pub(crate) struct Parts {
    /// Set if it is a tenant log. Otherwise, the key's name is the origin.
    pub(crate) tenant: Option<TenantView>,
    pub(crate) rules: SharedRules,
    /// The key that signs the log's checkpoints, or those of its root log.
    pub(crate) key: VerifierKey,
    /// Set unless it is a tenant log.
    pub(crate) tree_signer: Option<TreeSigner>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) jobs: Jobs,
    pub(crate) published: watch::Receiver<Option<Arc<Published>>>,
    pub(crate) quotas: Option<LogQuotas>,
    pub(crate) limits: Limits,
    pub(crate) timekeeper: Arc<Timekeeper>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) signing: Signing,
    /// True if other servers may write to the log too.
    pub(crate) is_shared: bool,
    /// Set while the log's bucket lacks commits. A root log and its tenant logs share it.
    pub(crate) has_lost_commits: Arc<AtomicBool>,
}

impl LogServer {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            tenant,
            rules,
            key,
            tree_signer,
            reader,
            jobs,
            published,
            quotas,
            limits,
            timekeeper,
            metrics,
            signing,
            is_shared,
            has_lost_commits,
        } = parts;
        let max_keys = if tenant.is_some() { MAX_CACHED_TENANT_KEYS } else { MAX_CACHED_KEYS };
        let (keys, writers) = (Cache::new(max_keys), Cache::new(max_keys));
        Self(Arc::new(Inner {
            tenant,
            rules,
            key,
            tree_signer,
            reader,
            jobs,
            published,
            keys,
            writers,
            quotas,
            limits,
            timekeeper,
            control_files: ControlFiles::new(Arc::clone(&metrics)),
            metrics,
            signing,
            has_lost_commits,
            last_follow: is_shared.then(Mutex::default),
        }))
    }

    /// Returns the public key that signs the log's checkpoints, or those of its root log.
    pub fn key(&self) -> &VerifierKey {
        &self.0.key
    }

    /// Returns the signer of the log's trees. `None` if it is a tenant log.
    pub fn tree_signer(&self) -> Option<&TreeSigner> {
        self.0.tree_signer.as_ref()
    }

    /// Returns the log's origin.
    pub fn origin(&self) -> &str {
        self.tenant().map_or(self.0.key.name(), TenantOrigin::as_str)
    }

    /// Returns the origin, if this is a tenant log.
    pub fn tenant(&self) -> Option<&TenantOrigin> {
        self.0.tenant.as_ref().map(|tenant| &tenant.origin)
    }

    /// Returns the announcements that live views follow.
    pub(crate) fn announcements(&self) -> Announcements {
        match &self.0.tenant {
            None => Announcements::Checkpoints(self.published()),
            Some(tenant) => Announcements::Ticks(tenant.ticks.clone()),
        }
    }

    /// Returns the acceptance rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.0.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the trust file from the next submission on. It may take a while, because all grants are evaluated
    /// again.
    ///
    /// # Errors
    /// [`RulesError`]; the previous trust file remains in force.
    pub fn set_trust(&self, trust: &Trust) -> Result<(), RulesError> {
        let before = self.rules();
        // The second round includes grants accepted during the first.
        for _ in 0..2 {
            let rules = rules(&**self.reader(), self.key(), trust.clone())?;
            *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        }
        for removed in before.trust().into_iter().flat_map(Trust::witnesses) {
            if trust.witnesses().all(|key| key != removed) {
                self.0.metrics.forget_witness(removed.name());
            }
        }
        self.drop_claims(trust);
        Ok(())
    }

    /// Replaces the trust file of a tenant log from the next submission on. The root log's key must be an emitter in it.
    ///
    /// # Errors
    /// [`StoreError`]; the previous trust file remains in force.
    pub(crate) fn set_tenant_rules(&self, trust: Arc<Trust>) -> Result<(), StoreError> {
        if let Some(origin) = self.tenant() {
            let rules = tenant_rules(&**self.reader(), origin, trust)?;
            *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        }
        Ok(())
    }

    /// Resumes signing if it was stopped because of a claim of a witness that the trust file no longer names.
    fn drop_claims(&self, trust: &Trust) {
        let why = "the trust file no longer names the witness that contradicted the log";
        let ends = |stop: &SigningStop, witness: &WitnessAnswer| {
            stop.is_claim() && !trust.witnesses().any(|key| *key == witness.key)
        };
        match self.0.signing.resume(self.now(), why, &ends) {
            // If the queue is full, the next submission publishes the checkpoint.
            Ok(true) => _ = self.0.jobs.try_send(Job::Resumed),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "signing can't be resumed"),
        }
    }

    /// Returns the store's reader.
    pub fn reader(&self) -> &Arc<dyn Reader> {
        &self.0.reader
    }

    /// Returns a watch on the newest published checkpoint.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.0.published.clone()
    }

    /// Returns the limits on one submission.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns the current time.
    pub fn now(&self) -> Time {
        self.0.timekeeper.now()
    }

    /// Returns the log's clock, to share it.
    pub(crate) fn shared_timekeeper(&self) -> Arc<Timekeeper> {
        self.0.timekeeper.clone()
    }

    /// Returns the metrics, to share them.
    pub(crate) fn shared_metrics(&self) -> Arc<Metrics> {
        self.0.metrics.clone()
    }

    /// Returns the log's clock and what its witnesses say about the time.
    pub fn timekeeper(&self) -> &Timekeeper {
        &self.0.timekeeper
    }

    /// Returns how the log's clock compares with those of its witnesses.
    pub(crate) fn clock(&self) -> ClockComparison {
        self.0.timekeeper.compare(self.rules().trust())
    }

    /// Returns the metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Returns the state of the control files.
    pub fn control_files(&self) -> &ControlFiles {
        &self.0.control_files
    }

    /// Returns whether the log signs, and if not, why.
    pub fn signing(&self) -> &Signing {
        &self.0.signing
    }

    /// Waits until this server knows the entries that other servers accepted, because they may make an
    /// unknown emitter known. Happens at most once a second for all callers, because anyone can cause it.
    /// Returns false if no other servers exist.
    ///
    /// # Errors
    /// If the other servers' entries can't be read now.
    pub(crate) async fn catch_up(&self) -> Result<bool, SubmitError> {
        let Some(last_follow) = &self.0.last_follow else { return Ok(false) };
        let called = Instant::now();
        let mut last = last_follow.lock().await;
        if last.is_some_and(|last| last >= called) {
            return Ok(true);
        }
        if let Some(last) = *last {
            tokio::time::sleep_until((last + FOLLOW_INTERVAL).into()).await;
        }
        let started = Instant::now();
        let (done, followed) = oneshot::channel();
        self.0.jobs.send(Job::Follow { done }).await.map_err(|_| stopping())?;
        if !followed.await.map_err(|_| stopping())? {
            self.check_signing()?;
            return Err(SubmitError::Unavailable(
                "the entries that the log's other servers accepted can't be read".into(),
            ));
        }
        *last = Some(started);
        Ok(true)
    }

    /// Records whether the log's bucket has lost commits.
    pub(crate) fn set_lost_commits(&self, has_lost_commits: bool) {
        self.0.has_lost_commits.store(has_lost_commits, Ordering::SeqCst);
    }

    /// Returns the flag that is set while the log's bucket lacks commits.
    pub(crate) fn shared_lost_commits(&self) -> Arc<AtomicBool> {
        self.0.has_lost_commits.clone()
    }

    fn check_commits(&self) -> Result<(), SubmitError> {
        if self.0.has_lost_commits.load(Ordering::SeqCst) {
            let why =
                "the log's bucket has lost commits; submissions aren't accepted until they are restored";
            return Err(SubmitError::Unavailable(why.into()));
        }
        Ok(())
    }

    fn check_signing(&self) -> Result<(), SubmitError> {
        self.0.signing.stopped().map_or(Ok(()), |stop| Err(SubmitError::Stopped(stop)))
    }

    /// Parses a submission's body, decompressing it if needed, and verifies the signatures of keys that may write to
    /// this log. Rejects unknown emitters at their first line. It may take a while. Calls `hold` with the total number
    /// of bytes held; `hold` returns false if there is no room for them.
    pub(crate) fn read(
        &self,
        body: &[u8],
        hold: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Result<Submission, SubmitError>, BodyError> {
        let read = self.read_with(&**self.reader(), body, hold)?;
        Ok(read.map_err(|refused| self.explain(refused)))
    }

    /// Parses a submission without blocking, if all of its chains and keys are cached.
    pub(crate) fn parse_from_cache(&self, body: &[u8]) -> Option<Result<Submission, SubmitError>> {
        match self.read_with(&CachedKeys(self), body, &mut |_| true) {
            Ok(Ok(submission)) => Some(Ok(submission)),
            Ok(Err(ReadError::Refused(log::AcceptanceError::Refused(refusal)))) => {
                Some(Err(SubmitError::Refused(refusal)))
            }
            Ok(Err(ReadError::UnknownSigner(log::AcceptanceError::Refused(refusal)))) => {
                Some(Err(self.unknown_signer(refusal)))
            }
            _ => None,
        }
    }

    /// Checks the beginning of a body. Returns true if a known emitter sends it, and false if more is needed to tell.
    /// It may take a while.
    ///
    /// # Errors
    /// If the emitter is unknown: the rest need not be received.
    pub(crate) fn check_beginning(&self, beginning: &[u8]) -> Result<bool, SubmitError> {
        let (rules, known) = (self.rules(), &**self.reader());
        let mut admission = Admission::new(&rules, known);
        let admit = &mut |entry: &mut _| admission.admit(entry);
        match body::read(beginning, &self.0.limits, Extent::Beginning, &mut |_| true, admit) {
            Ok(intake) => Ok(intake.has_admitted()),
            Err(IntakeError::UnknownSigner(stop)) => Err(self.explain(ReadError::UnknownSigner(stop))),
            // Other errors are reported for the complete body.
            Err(IntakeError::Body(_) | IntakeError::Refused(_)) => Ok(true),
        }
    }

    fn explain(&self, refused: ReadError<StoreError>) -> SubmitError {
        match refused {
            ReadError::UnknownSigner(log::AcceptanceError::Refused(refusal)) => self.unknown_signer(refusal),
            ReadError::Refused(stop) | ReadError::UnknownSigner(stop) => stop.into(),
        }
    }

    /// Returns the error for an unknown emitter. A log restored from a backup may not know its emitters, so if signing
    /// is stopped, that is reported instead.
    fn unknown_signer(&self, refusal: SubmissionError) -> SubmitError {
        match self.check_signing() {
            Err(stopped) if matches!(refusal.kind, RefusalKind::Gap { .. } | RefusalKind::Unauthorized) => {
                stopped
            }
            _ => SubmitError::UnknownSigner(refusal),
        }
    }

    fn read_with<K: KeyLookup + ?Sized>(
        &self,
        known: &K,
        body: &[u8],
        hold: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Result<Submission, ReadError<K::Error>>, BodyError> {
        let rules = self.rules();
        let mut admission = Admission::new(&rules, known);
        let mut admit = |entry: &mut _| admission.admit(entry);
        let intake = match body::read(body, &self.0.limits, Extent::Whole, hold, &mut admit) {
            Ok(intake) => intake,
            Err(IntakeError::Body(error)) => return Err(error),
            Err(IntakeError::Refused(stop)) => return Ok(Err(ReadError::Refused(stop))),
            Err(IntakeError::UnknownSigner(stop)) => return Ok(Err(ReadError::UnknownSigner(stop))),
        };
        let admitted = intake.has_admitted();
        let mut submission = match intake.finish(&mut admit) {
            Ok(submission) => submission,
            Err(stop) if admitted => return Ok(Err(ReadError::Refused(stop))),
            Err(stop) => return Ok(Err(ReadError::UnknownSigner(stop))),
        };
        let may = |key: &VerifierKey| rules.admits(key) || self.0.writers.contains_key(key);
        submission.verify(|chain| self.0.keys.get(chain), may);
        Ok(Ok(submission))
    }

    /// Submits. When this returns, the entries are durable and included in a published checkpoint. Once a submission is
    /// queued, its outcome is charged and counted whether or not this future is polled again: a client that disconnects
    /// early pays like any other. `held` is dropped with the outcome.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        submission: Submission,
        held: impl Send + 'static,
    ) -> Result<Committed, SubmitError> {
        let (queued, answer) =
            self.queue(submission).await.inspect_err(|error| self.metrics().answered(Err(error)))?;
        let this = self.clone();
        let settling = tokio::spawn(async move {
            let committed = this.settle(queued, answer, held).await;
            this.metrics().answered(committed.as_ref().map(drop));
            committed
        });
        settling.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Checks the quotas of a submission, and queues it.
    async fn queue(&self, submission: Submission) -> Result<(Queued, Outcome), SubmitError> {
        self.check_signing()?;
        self.check_commits()?;
        let opened = opened(&submission);
        let mut loads = None;
        if let Some(quotas) = &self.0.quotas {
            let submitted = loads.insert(self.loads(&submission).await?);
            quotas.check(submitted, self.now())?;
        }
        let (reply, answer) = oneshot::channel();
        let job = Job::Submit { submission, reply };
        self.0.jobs.try_send(job).map_err(|error| match error {
            QueueError::Full => SubmitError::Busy,
            QueueError::Closed => stopping(),
            QueueError::UnknownTenant => SubmitError::UnknownTenant,
        })?;
        Ok((Queued { opened, loads }, answer))
    }

    /// Charges the outcome of a queued submission, and waits until it is published.
    async fn settle(
        &self,
        Queued { opened, loads }: Queued,
        answer: Outcome,
        held: impl Send,
    ) -> Result<Committed, SubmitError> {
        let answered = answer.await.map_err(|_| stopping())?;
        drop(held);
        if let Some((quotas, loads)) = self.0.quotas.as_ref().zip(loads) {
            quotas.settle(loads, answered.as_ref().map(drop), self.now());
        }
        let Durable { taken, tree, published } = answered?;
        if !taken.notes.is_empty() {
            self.0.writers.invalidate_all();
        }
        for (chain, key) in opened {
            self.0.keys.insert(chain, key.clone());
            self.0.writers.insert(key, ());
        }
        let published = match published {
            Some(published) => published,
            None => self.published_beyond(&taken).await?,
        };
        Ok(Committed { taken, published, tree })
    }

    /// Counts what each key submits.
    async fn loads(&self, submission: &Submission) -> Result<Loads, SubmitError> {
        let mut loads = Loads::from_submission(submission);
        loads.resolve(|chain| self.0.keys.get(chain));
        let unknown: Vec<ChainId> = loads.unknown().copied().collect();
        if !unknown.is_empty() {
            let this = self.clone();
            let found = tokio::task::spawn_blocking(move || {
                let key = |chain| Ok(this.key_of(&chain)?.map(|key| (chain, key)));
                unknown
                    .into_iter()
                    .filter_map(|chain| key(chain).transpose())
                    .collect::<Result<HashMap<_, _>, StoreError>>()
            });
            // A chain missing here isn't in the log, so the submission will be rejected.
            let found = found.await.map_err(|error| StoreError::unavailable("looking up keys", error))??;
            loads.resolve(|chain| found.get(chain).cloned());
        }
        Ok(loads)
    }

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        let key = self.0.reader.key_of(chain)?;
        if let Some(key) = &key {
            self.0.keys.insert(*chain, key.clone());
        }
        Ok(key)
    }

    /// Waits for a published checkpoint that includes the whole submission.
    async fn published_beyond(&self, taken: &SubmissionOutcome) -> Result<Arc<Published>, SubmitError> {
        let size = required_size(taken);
        let mut published = self.published();
        let holds = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| published.size >= size)
        };
        let mut stopped = self.0.signing.watch();
        let waited = tokio::time::timeout(PUBLISH_TIMEOUT, async {
            tokio::select! {
                waited = published.wait_for(holds) => Some(waited),
                _ = stopped.wait_for(Option::is_some) => None,
            }
        });
        let waited = waited.await.map(|waited| waited.map(|waited| waited.map(|newest| newest.clone())));
        self.check_signing()?;
        let late = || SubmitError::Unavailable("the checkpoint isn't published yet".into());
        waited.map_err(|_| late())?.ok_or_else(late)?.map_err(|_| stopping())?.ok_or_else(late)
    }

    /// Erases the events of these entries, and returns how many there were.
    ///
    /// # Errors
    /// If the store fails, or if the log is stopping.
    pub async fn erase(&self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.jobs.send(Job::Erase { leaves, reply }).await;
        let stopping = || StoreError::unavailable("erasing", "the log is stopping");
        sent.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Publishes a checkpoint after the witnesses had their time to sign it.
    pub(crate) async fn publish(&self, published: Published) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || StoreError::unavailable("publishing", "the log is stopping");
        self.0.jobs.send(Job::Publish { published, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Makes the sequencer assess a witness's contradiction. Proof of a fork stops the log.
    pub(crate) async fn contradicted(&self, contradiction: Contradiction) -> Assessment {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Contradicted { contradiction, reply }).await.is_err() {
            return Assessment::Refuted;
        }
        answer.await.unwrap_or(Assessment::Refuted)
    }

    /// Reports unproven claims of witnesses. They stop the log if it has no quorum without these witnesses.
    pub(crate) async fn record_claims(&self, claims: Vec<Contradiction>) {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Claimed { claims, reply }).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Records an event on the log's own chain, signed with the log's key.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn record(&self, event: &serde_json::Value) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Record { event: event.to_string(), reply };
        self.0.jobs.send(job).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?.map(drop)
    }

    /// Records an erasure on the log's own chain, and returns the index of its entry. From then on, the erasure is
    /// pending.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(crate) async fn record_erasure(&self, event: &serde_json::Value) -> Result<u64, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Record { event: event.to_string(), reply };
        self.0.jobs.send(job).await.map_err(|_| stopping())?;
        let Durable { taken, .. } = answer.await.map_err(|_| stopping())??;
        // The erasure's link is the newest one of the log's own chain.
        required_size(&taken)
            .checked_sub(1)
            .ok_or_else(|| SubmitError::Unavailable("the event wasn't recorded".into()))
    }

    /// Records that the erasure recorded in entry `record` is complete.
    pub(crate) async fn finish_erasure(&self, record: u64) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || StoreError::unavailable("erasing", "the log is stopping");
        self.0.jobs.send(Job::FinishErasure { record, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Makes the sequencer accept nothing more and close the log's own chain. The second call also ends it: until then,
    /// the last checkpoint can be published.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Close { reply }).await.is_ok()
            && let Ok(Err(error)) = answer.await
        {
            tracing::warn!(%error, "closing the log's own chain failed");
        }
    }

    /// True if other servers may write to the log.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.last_follow.is_some()
    }

    /// True if no more submissions are accepted.
    pub fn is_stopping(&self) -> bool {
        self.0.jobs.is_closed()
    }
}

/// Returns the error for a submission to a log server that is shutting down.
pub(crate) fn stopping() -> SubmitError {
    SubmitError::Unavailable("the log is stopping".into())
}

/// An error in parsing a submission, from a known or an unknown emitter.
enum ReadError<E> {
    Refused(log::AcceptanceError<E>),
    UnknownSigner(log::AcceptanceError<E>),
}

/// The chains and keys in the cache, without access to the store.
struct CachedKeys<'c>(&'c LogServer);

/// The answer isn't in the cache; only the store has it.
struct NotCached;

impl KeyLookup for CachedKeys<'_> {
    type Error = NotCached;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, NotCached> {
        self.0.0.keys.get(chain).map(Some).ok_or(NotCached)
    }

    fn life(&self, _: &VerifierKey) -> Result<Life, NotCached> {
        Err(NotCached)
    }

    fn knows(&self, key: &VerifierKey) -> Result<bool, NotCached> {
        self.0.0.writers.contains_key(key).then_some(true).ok_or(NotCached)
    }

    fn has_note(&self, _: &Hash) -> Result<bool, NotCached> {
        Err(NotCached)
    }
}
