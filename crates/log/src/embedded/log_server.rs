//! The log and its start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::log::{self, Admission, Limits, Submission, SubmissionOutcome};
use countersign::merkle::PendingTree;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use tokio::sync::{mpsc, oneshot, watch};

use super::host::{Copies, Unrecorded};
use super::reads::Reads;
use super::search_slot::SearchSlot;
use super::witness_round::{Proofs, Sizes};
use crate::api::{Answer, ApiError, Cors};
use crate::body::{self, BodyError, Extent, IntakeError};
use crate::clock::{Clock, Timekeeper};
use crate::export::Exporter;
use crate::metrics::Metrics;
use crate::quota::{Loads, Quota, Quotas};
use crate::reads::RecordReads;
use crate::sequencer::{Durable, Job, RulesError, RunningSequencer, Sequencer, Unattested, rules};
use crate::signed_memory::InStore;
use crate::stop::{Signing, Stops};
use crate::store::{Published, Reader, Store, StoreError};
use crate::submission::{Committed, SubmitError, required_size};
use crate::tokens::Readers;
use crate::witnessing::Unwitnessed;
use crate::{api, self_check};

/// The limits of a submission. All of it is in memory more than once, and a Durable Object has little memory.
pub(super) const LIMITS: Limits = Limits { bytes: 4 << 20, lines: 8_192 };

/// The configuration of an embedded log.
pub struct Config {
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
    /// Issuers, emitters, and witnesses.
    pub trust: Trust,
    /// The content of `readers.txt`.
    pub readers: String,
    /// The pages that may use the API.
    pub cors: Cors,
    /// The record of the tiles and bundles that were copied.
    pub copies: Box<dyn Copies>,
    /// The evidence of stops.
    pub stops: Box<dyn Stops>,
    /// The quota of each key.
    pub quota: Quota,
    /// The reads to record. By default [`RecordReads::by_default`].
    pub record_reads: Option<RecordReads>,
    /// The storage of reads that are not recorded yet.
    pub unrecorded: Box<dyn Unrecorded>,
    /// The current time.
    pub now: Time,
}

/// The reason why an embedded log did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The store is unusable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key or the trust file is unusable.
    #[error(transparent)]
    Invalid(#[from] countersign::Error),
    /// A line of the readers is malformed.
    #[error("line {0} of the readers is invalid: {1}")]
    Readers(usize, String),
}

impl From<RulesError> for EmbeddedError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Key(error) => Self::Invalid(error),
            RulesError::Store(error) => Self::Store(error),
        }
    }
}

/// An embedded log.
pub struct EmbeddedLogServer {
    pub(super) working: RunningSequencer,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) exporter: Exporter,
    pub(super) origin: String,
    pub(super) readers: Readers,
    pub(super) cors: Cors,
    pub(super) copies: Box<dyn Copies>,
    pub(super) published: watch::Receiver<Option<Arc<Published>>>,
    pub(super) unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) now: Arc<AtomicI64>,
    pub(super) timekeeper: Arc<Timekeeper>,
    pub(super) sizes: Sizes,
    pub(super) proofs: Proofs,
    pub(super) signing: Signing,
    pub(super) quotas: Option<Quotas>,
    pub(super) reads: Reads,
    /// The slots of all running searches, in the order of their start.
    pub(super) searches: Vec<Weak<SearchSlot>>,
}

/// A submission that is durable but not published yet.
pub struct Pending {
    taken: SubmissionOutcome,
    tree: Option<Arc<PendingTree>>,
}

impl EmbeddedLogServer {
    /// Opens the log of a store, or starts a new one.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub fn open(Store { writer, reader }: Store, config: Config) -> Result<Self, EmbeddedError> {
        let Config { key, trust, readers, cors, copies, stops, quota, record_reads, unrecorded, now } =
            config;
        let signing = Signing::open(stops, now, &|witness| trust.witnesses().any(|key| key == witness))?;
        let readers = Readers::parse(&readers).map_err(|(line, what)| EmbeddedError::Readers(line, what))?;
        self_check::check(&*reader)?;
        let origin = key.verifier_key().name().to_owned();
        let record_reads =
            record_reads.unwrap_or_else(|| RecordReads::by_default(&trust, key.verifier_key()));
        let exporter = Exporter::new(reader.clone(), origin.clone(), Some(trust.clone()));
        let rules = Arc::new(RwLock::new(Arc::new(rules(&*reader, key.verifier_key(), trust)?)));
        let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
        let (witnesses, unwitnessed) = watch::channel(None);
        // No other server uses this store.
        let (erased, _) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::default());
        let now = Arc::new(AtomicI64::new(now.millis()));
        let clock: Clock = {
            let now = Arc::clone(&now);
            Arc::new(move || Time::from_millis(now.load(Ordering::Relaxed)).unwrap_or(Time::MIN))
        };
        // A host such as a Durable Object has no other clock than the one that it passes in.
        let steady = {
            let clock = Arc::clone(&clock);
            Arc::new(move || Duration::from_millis(clock().millis().max(0).unsigned_abs()))
        };
        let timekeeper = Arc::new(Timekeeper::new(clock, steady));
        let sequencer = Sequencer {
            writer,
            reader: reader.clone(),
            memory: Box::new(InStore::default()),
            signing: signing.clone(),
            key,
            published: announce,
            witnesses,
            erased,
            rules,
            timekeeper: timekeeper.clone(),
            own_entries: None,
            unattested: Unattested::new(reader.clone()),
            metrics: metrics.clone(),
        };
        let working = sequencer.begin()?;
        Ok(Self {
            working,
            reader,
            exporter,
            origin,
            readers,
            cors,
            copies,
            published,
            unwitnessed,
            metrics,
            now,
            timekeeper,
            sizes: Sizes::default(),
            proofs: Proofs::default(),
            signing,
            quotas: Quotas::new(quota),
            reads: Reads::open(record_reads, unrecorded)?,
            searches: Vec::new(),
        })
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sets the current time.
    pub fn set_time(&self, now: Time) {
        self.now.store(now.millis(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Time {
        Time::from_millis(self.now.load(Ordering::Relaxed)).unwrap_or(Time::MIN)
    }

    /// The newest published checkpoint.
    pub(super) fn published(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    /// Returns the number of published entries.
    pub fn published_size(&self) -> u64 {
        self.published.borrow().as_ref().map_or(0, |published| published.size)
    }

    /// Parses a submission. One from an unknown signer is refused at its first line.
    pub(super) fn read(&self, body: &[u8]) -> Result<Result<Submission, SubmitError>, BodyError> {
        if let Err(error) = self.signing.check() {
            return Ok(Err(error.into()));
        }
        let rules = self.working.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let mut admit = |leaf: &_| admission.admit(leaf);
        match body::read(body, &LIMITS, Extent::Whole, &mut |_| true, &mut admit) {
            Ok(intake) if intake.has_admitted() => Ok(intake.finish(&mut admit).map_err(SubmitError::from)),
            Ok(intake) => Ok(intake.finish(&mut admit).map_err(from_stranger)),
            Err(IntakeError::Body(error)) => Err(error),
            Err(IntakeError::Refused(stop)) => Ok(Err(stop.into())),
            Err(IntakeError::Stranger(stop)) => Ok(Err(from_stranger(stop))),
        }
    }

    /// Checks the beginning of a submission, and returns an error if that is enough to refuse it.
    pub(super) fn check_beginning(&self, beginning: &[u8]) -> Result<(), SubmitError> {
        self.signing.check()?;
        let rules = self.working.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let admit = &mut |leaf: &_| admission.admit(leaf);
        match body::read(beginning, &LIMITS, Extent::Beginning, &mut |_| true, admit) {
            Err(IntakeError::Stranger(stop)) => Err(from_stranger(stop)),
            // Other errors are reported once the whole body has arrived.
            Ok(_) | Err(IntakeError::Body(_) | IntakeError::Refused(_)) => Ok(()),
        }
    }

    /// Commits a submission.
    pub(super) fn submit(&mut self, submission: Submission) -> Result<Pending, SubmitError> {
        let now = self.now();
        let mut loads = None;
        if let Some(quotas) = &self.quotas {
            let load = loads.insert(self.loads(&submission)?);
            quotas.check(load, now).map_err(|seconds| SubmitError::Quota { seconds })?;
        }
        let answered = self.work(|reply| Job::Submit { submission, reply })?;
        if let Some((quotas, loads)) = self.quotas.as_ref().zip(loads) {
            quotas.settle(loads, answered.as_ref().map(drop), now);
        }
        let Durable { taken, tree, .. } = answered?;
        Ok(Pending { taken, tree })
    }

    /// Returns the load of each key.
    fn loads(&self, submission: &Submission) -> Result<Loads, StoreError> {
        let mut loads = Loads::from_submission(submission);
        let unknown: Vec<ChainId> = loads.unknown().copied().collect();
        let mut found = HashMap::new();
        for chain in unknown {
            found.extend(self.reader.key_of(&chain)?.map(|key| (chain, key)));
        }
        loads.resolve(|chain| found.get(chain).cloned());
        Ok(loads)
    }

    /// Does a job now, and returns its result.
    pub(super) fn work<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.working.work(job(reply), &mut || None);
        answer.try_recv().map_err(|error| StoreError::unavailable("running a job of the sequencer", error))
    }

    /// Returns the response to a submission, if it is published by now.
    pub(super) fn submission_response(&self, pending: &Pending) -> Option<Result<Answer, ApiError>> {
        if let Some(stop) = self.signing.stopped() {
            return Some(Err(ApiError::stopped(&stop)));
        }
        let published =
            self.published().filter(|published| published.size >= required_size(&pending.taken))?;
        let Pending { taken, tree } = pending;
        let committed = Committed { taken: taken.clone(), published, tree: tree.clone() };
        Some(api::submit::response(&committed, &*self.reader))
    }
}

/// Wraps an error of a submission without any admitted entry.
fn from_stranger(stop: log::AcceptanceError<StoreError>) -> SubmitError {
    match stop {
        log::AcceptanceError::Refused(refusal) => SubmitError::Stranger(refusal),
        stop @ log::AcceptanceError::Storage(_) => stop.into(),
    }
}
