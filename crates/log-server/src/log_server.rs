//! A log that is running: what routes and tasks have in hand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{
    self, Admission, Kind, Known, Life, Limits, Rules, Submission, SubmissionError, Taken,
};
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::trust::Trust;
use moka::sync::Cache;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::control_files::ControlFiles;
use countersign_log::body::{self, BodyError, Extent, IntakeError};
use countersign_log::clock::{Standing, Timekeeper};
use countersign_log::metrics::Metrics;
use countersign_log::quota::{Loads, Quota, Quotas};
use countersign_log::sequencer::{Durable, Job, SharedRules, rules};
use countersign_log::stop::{Signing, SigningStop, WitnessAnswer};
use countersign_log::store::{Published, Reader, StoreError};
use countersign_log::submitting::{opened, size_with};
use countersign_log::witnessing::{Assessment, Contradiction};

pub use countersign_log::clock::Clock;
pub use countersign_log::sequencer::RulesError;
pub use countersign_log::submitting::{Committed, SubmitError};

/// How many chains' keys are remembered, and how many keys that write.
const KEYS: u64 = 100_000;

/// How often it is looked at most for strangers what other servers took.
const FOLLOWED: Duration = Duration::from_secs(1);

/// How long a submission waits to be published before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log that is running. Clones are the same log.
#[derive(Clone)]
pub struct LogServer(Arc<Inner>);

struct Inner {
    rules: SharedRules,
    key: VerifierKey,
    reader: Arc<dyn Reader>,
    jobs: mpsc::Sender<Job>,
    published: watch::Receiver<Option<Arc<Published>>>,
    /// The keys of chains that were taken.
    keys: Cache<ChainId, VerifierKey>,
    /// Keys that began chains which were taken, since key notes came last.
    writers: Cache<VerifierKey, ()>,
    quotas: Option<Quotas>,
    limits: Limits,
    timekeeper: Arc<Timekeeper>,
    metrics: Arc<Metrics>,
    signing: Signing,
    control_files: ControlFiles,
    /// The log's bucket has lost commits: nothing is acknowledged.
    has_lost_commits: AtomicBool,
    /// Where other servers have the log too: when it was looked last what they took.
    followed: Option<Mutex<Option<Instant>>>,
}

/// What a log server is made of.
pub(crate) struct Parts {
    pub(crate) rules: SharedRules,
    pub(crate) key: VerifierKey,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) published: watch::Receiver<Option<Arc<Published>>>,
    pub(crate) quota: Quota,
    pub(crate) limits: Limits,
    pub(crate) timekeeper: Arc<Timekeeper>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) signing: Signing,
    /// Whether other servers may have the log too.
    pub(crate) is_shared: bool,
}

impl LogServer {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            rules,
            key,
            reader,
            jobs,
            published,
            quota,
            limits,
            timekeeper,
            metrics,
            signing,
            is_shared,
        } = parts;
        let (keys, writers) = (Cache::new(KEYS), Cache::new(KEYS));
        let quotas = Quotas::new(quota);
        Self(Arc::new(Inner {
            rules,
            key,
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
            has_lost_commits: AtomicBool::new(false),
            followed: is_shared.then(Mutex::default),
        }))
    }

    /// The log's verifier key, whose name is the origin.
    pub fn key(&self) -> &VerifierKey {
        &self.0.key
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        self.0.key.name()
    }

    /// What the log goes by now.
    pub fn rules(&self) -> Arc<Rules> {
        self.0.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes by another trust file from the next submission on. It may take a while, as what was granted is looked at anew.
    ///
    /// # Errors
    /// [`RulesError`]. The log goes on by the one before.
    pub fn set_trust(&self, trust: &Trust) -> Result<(), RulesError> {
        let before = self.rules();
        // Once more when no other grants come, for those that came meanwhile.
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

    /// Ends a stop that rests on the claim of a witness that the trust file no longer names.
    fn drop_claims(&self, trust: &Trust) {
        let why = "the trust file no longer names the witness that contradicted the log";
        let ends = |stop: &SigningStop, witness: &WitnessAnswer| {
            stop.is_claim() && !trust.witnesses().any(|key| *key == witness.key)
        };
        match self.0.signing.resume(self.now(), why, &ends) {
            // If the queue is full, the next submission has it published.
            Ok(true) => _ = self.0.jobs.try_send(Job::Resumed),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the log stays stopped"),
        }
    }

    /// Where to read from.
    pub fn reader(&self) -> &Arc<dyn Reader> {
        &self.0.reader
    }

    /// The newest published checkpoint, and when it changes.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.0.published.clone()
    }

    /// How much may be submitted at one time.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.0.timekeeper.now()
    }

    /// The log's clock, and what its witnesses said of the time.
    pub(crate) fn timekeeper(&self) -> &Timekeeper {
        &self.0.timekeeper
    }

    /// How the log's clock stands to its witnesses'.
    pub(crate) fn clock(&self) -> Standing {
        self.0.timekeeper.standing(self.rules().trust())
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The state of the files that control the log.
    pub fn control_files(&self) -> &ControlFiles {
        &self.0.control_files
    }

    /// Whether the log signs, and why not.
    pub fn signing(&self) -> &Signing {
        &self.0.signing
    }

    /// What other servers of the log took may make strangers known. Looks what that is, once a second for all who ask:
    /// anybody can ask. Says whether there are such servers.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub(crate) async fn catch_up(&self) -> Result<bool, SubmitError> {
        let Some(followed) = &self.0.followed else { return Ok(false) };
        let asked = Instant::now();
        let mut last = followed.lock().await;
        if last.is_some_and(|last| last >= asked) {
            return Ok(true);
        }
        if let Some(last) = *last {
            tokio::time::sleep_until((last + FOLLOWED).into()).await;
        }
        let began = Instant::now();
        let (done, told) = oneshot::channel();
        self.0.jobs.send(Job::Follow { done }).await.map_err(|_| stopping())?;
        if !told.await.map_err(|_| stopping())? {
            self.check_signing()?;
            return Err(SubmitError::Unavailable("what other servers of the log took is not known".into()));
        }
        *last = Some(began);
        Ok(true)
    }

    /// Notes whether the log's bucket has lost commits.
    pub(crate) fn set_lost_commits(&self, has_lost_commits: bool) {
        self.0.has_lost_commits.store(has_lost_commits, Ordering::SeqCst);
    }

    fn check_commits(&self) -> Result<(), SubmitError> {
        if self.0.has_lost_commits.load(Ordering::SeqCst) {
            let why = "the log's bucket has lost commits: nothing is acknowledged until they are back";
            return Err(SubmitError::Unavailable(why.into()));
        }
        Ok(())
    }

    fn check_signing(&self) -> Result<(), SubmitError> {
        self.0.signing.stopped().map_or(Ok(()), |stop| Err(SubmitError::Stopped(stop)))
    }

    /// Reads a submission's body, decompressed where it is compressed, and verifies the signatures of keys that are known
    /// to write here. What strangers bring is refused at its first line. It may take a while. `hold` is told how many bytes
    /// are held in all, and returns false if there is no room for them.
    pub(crate) fn read(
        &self,
        body: &[u8],
        hold: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Result<Submission, SubmitError>, BodyError> {
        let read = self.read_knowing(&**self.reader(), body, hold)?;
        Ok(read.map_err(|refused| self.explain(refused)))
    }

    /// The same, where it can be done at once: of chains and keys that are remembered.
    pub(crate) fn read_at_once(&self, body: &[u8]) -> Option<Result<Submission, SubmitError>> {
        match self.read_knowing(&Remembered(self), body, &mut |_| true) {
            Ok(Ok(submission)) => Some(Ok(submission)),
            Ok(Err(ReadError::By(log::AcceptanceError::Refused(refusal)))) => {
                Some(Err(SubmitError::Refused(refusal)))
            }
            Ok(Err(ReadError::Stranger(log::AcceptanceError::Refused(refusal)))) => {
                Some(Err(self.stranger(refusal)))
            }
            _ => None,
        }
    }

    /// Whether the beginning of a body says already that the rest need not be read. It may take a while.
    pub(crate) fn glance(&self, beginning: &[u8]) -> Result<bool, SubmitError> {
        let (rules, known) = (self.rules(), &**self.reader());
        let mut admission = Admission::new(&rules, known);
        let admit = &mut |leaf: &_| admission.admit(leaf);
        match body::read(beginning, &self.0.limits, Extent::Beginning, &mut |_| true, admit) {
            Ok(intake) => Ok(intake.has_admitted()),
            Err(IntakeError::Stranger(stop)) => Err(self.explain(ReadError::Stranger(stop))),
            // That is for when all of it is there.
            Err(IntakeError::Body(_) | IntakeError::Refused(_)) => Ok(true),
        }
    }

    fn explain(&self, refused: ReadError<StoreError>) -> SubmitError {
        match refused {
            ReadError::Stranger(log::AcceptanceError::Refused(refusal)) => self.stranger(refusal),
            ReadError::By(stop) | ReadError::Stranger(stop) => stop.into(),
        }
    }

    /// A log that was brought back does not know whom it knew.
    fn stranger(&self, refusal: SubmissionError) -> SubmitError {
        match self.check_signing() {
            Err(stopped) if matches!(refusal.kind, Kind::Gap { .. } | Kind::Unauthorized) => stopped,
            _ => SubmitError::Stranger(refusal),
        }
    }

    fn read_knowing<K: Known + ?Sized>(
        &self,
        known: &K,
        body: &[u8],
        hold: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Result<Submission, ReadError<K::Error>>, BodyError> {
        let rules = self.rules();
        let mut admission = Admission::new(&rules, known);
        let mut admit = |leaf: &_| admission.admit(leaf);
        let intake = match body::read(body, &self.0.limits, Extent::Whole, hold, &mut admit) {
            Ok(intake) => intake,
            Err(IntakeError::Body(error)) => return Err(error),
            Err(IntakeError::Refused(stop)) => return Ok(Err(ReadError::By(stop))),
            Err(IntakeError::Stranger(stop)) => return Ok(Err(ReadError::Stranger(stop))),
        };
        let admitted = intake.has_admitted();
        let mut submission = match intake.finish(&mut admit) {
            Ok(submission) => submission,
            Err(stop) if admitted => return Ok(Err(ReadError::By(stop))),
            Err(stop) => return Ok(Err(ReadError::Stranger(stop))),
        };
        let may = |key: &VerifierKey| rules.admits(key) || self.0.writers.contains_key(key);
        submission.verify(|chain| self.0.keys.get(chain), may);
        Ok(Ok(submission))
    }

    /// Submits. When this returns the leaves are durable and in a published checkpoint.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, submission: Submission) -> Result<Committed, SubmitError> {
        self.check_signing()?;
        self.check_commits()?;
        let chains: Vec<(ChainId, VerifierKey)> = opened(&submission);
        let mut loads = None;
        if let Some(quotas) = &self.0.quotas {
            let brought = loads.insert(self.loads(&submission).await?);
            quotas.check(brought, self.now()).map_err(|seconds| SubmitError::Quota { seconds })?;
        }
        let (reply, answer) = oneshot::channel();
        let job = Job::Submit { submission, reply };
        self.0.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        let answered = answer.await.map_err(|_| stopping())?;
        if let Some((quotas, loads)) = self.0.quotas.as_ref().zip(loads) {
            quotas.settle(loads, answered.as_ref().map(drop), self.now());
        }
        let Durable { taken, tree, published } = answered?;
        if !taken.notes.is_empty() {
            self.0.writers.invalidate_all();
        }
        for (chain, key) in chains {
            self.0.keys.insert(chain, key.clone());
            self.0.writers.insert(key, ());
        }
        let published = match published {
            Some(published) => published,
            None => self.published_beyond(&taken).await?,
        };
        Ok(Committed { taken, published, tree })
    }

    /// What each key brings.
    async fn loads(&self, submission: &Submission) -> Result<Loads, SubmitError> {
        let mut loads = Loads::of(submission);
        loads.know(|chain| self.0.keys.get(chain));
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
            // Of a chain that the log does not have nothing will be taken.
            let found = found.await.map_err(|error| StoreError::unavailable("looking for keys", error))??;
            loads.know(|chain| found.get(chain).cloned());
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

    /// Waits for a checkpoint that holds all that was taken.
    async fn published_beyond(&self, taken: &Taken) -> Result<Arc<Published>, SubmitError> {
        let size = size_with(taken);
        let mut published = self.published();
        let holds = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| published.size >= size)
        };
        let mut stopped = self.0.signing.watch();
        let waited = tokio::time::timeout(PATIENCE, async {
            tokio::select! {
                waited = published.wait_for(holds) => Some(waited),
                _ = stopped.wait_for(Option::is_some) => None,
            }
        });
        let waited = waited.await.map(|waited| waited.map(|waited| waited.map(|newest| newest.clone())));
        self.check_signing()?;
        let late = || SubmitError::Unavailable("the checkpoint is not published yet".into());
        waited.map_err(|_| late())?.ok_or_else(late)?.map_err(|_| stopping())?.ok_or_else(late)
    }

    /// Erases the events of these leaves, and gives how many there were.
    ///
    /// # Errors
    /// The store's own, or that the log is stopping.
    pub async fn erase(&self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.jobs.send(Job::Erase { leaves, reply }).await;
        let stopping = || StoreError::unavailable("erasing", "the log is stopping");
        sent.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Publishes a checkpoint that witnesses had their time for.
    pub(crate) async fn publish(&self, published: Published) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || StoreError::unavailable("publishing", "the log is stopping");
        self.0.jobs.send(Job::Publish { published, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Has the sequencer assess what a witness has against the log. A proof stops the log.
    pub(crate) async fn contradicted(&self, contradiction: Contradiction) -> Assessment {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Contradicted { contradiction, reply }).await.is_err() {
            return Assessment::Refuted;
        }
        answer.await.unwrap_or(Assessment::Refuted)
    }

    /// Stops the log because of unproven claims, if any of them counts: there is no quorum without these witnesses.
    pub(crate) async fn claimed(&self, claims: Vec<Contradiction>) {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Claimed { claims, reply }).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Records an event of the log's own chain, which the log's key signs.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn record(&self, event: &serde_json::Value) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Record { event: event.to_string(), reply };
        self.0.jobs.send(job).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?.map(drop)
    }

    /// Records an erasure on the log's own chain, and gives the index of the leaf that does. From then on it is to be
    /// done.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(crate) async fn record_erasure(&self, event: &serde_json::Value) -> Result<u64, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Record { event: event.to_string(), reply };
        self.0.jobs.send(job).await.map_err(|_| stopping())?;
        let Durable { taken, .. } = answer.await.map_err(|_| stopping())??;
        // Its link is the last one of the log's own chain.
        size_with(&taken)
            .checked_sub(1)
            .ok_or_else(|| SubmitError::Unavailable("nothing was recorded".into()))
    }

    /// Notes that the erasure which that leaf records is done.
    pub(crate) async fn finish_erasure(&self, record: u64) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || StoreError::unavailable("erasing", "the log is stopping");
        self.0.jobs.send(Job::FinishErasure { record, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Has the sequencer take nothing more, and close the log's own chain.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Close { reply }).await.is_ok()
            && let Ok(Err(error)) = answer.await
        {
            tracing::warn!(%error, "the log's own chain stays open");
        }
    }

    /// Whether other servers may write to the same log.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.followed.is_some()
    }

    /// Whether nothing more is taken.
    pub fn is_stopping(&self) -> bool {
        self.0.jobs.is_closed()
    }
}

fn stopping() -> SubmitError {
    SubmitError::Unavailable("the log is stopping".into())
}

/// An error in reading a submission: after something of it was admitted, or before.
enum ReadError<E> {
    By(log::AcceptanceError<E>),
    Stranger(log::AcceptanceError<E>),
}

/// What a log server remembers of those who write.
struct Remembered<'c>(&'c LogServer);

/// It is not remembered: the store knows.
struct Unsure;

impl Known for Remembered<'_> {
    type Error = Unsure;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, Unsure> {
        self.0.0.keys.get(chain).map(Some).ok_or(Unsure)
    }

    fn life(&self, _: &VerifierKey) -> Result<Life, Unsure> {
        Err(Unsure)
    }

    fn knows(&self, key: &VerifierKey) -> Result<bool, Unsure> {
        self.0.0.writers.contains_key(key).then_some(true).ok_or(Unsure)
    }

    fn has_note(&self, _: &Hash) -> Result<bool, Unsure> {
        Err(Unsure)
    }
}
