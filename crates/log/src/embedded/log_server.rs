//! The log itself, and how it is started.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::log::{self, Admission, Limits, Submission, Taken};
use countersign::merkle::Grown;
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::trust::Trust;
use tokio::sync::{mpsc, oneshot, watch};

use super::host::{Copies, Unrecorded};
use super::reads::Reads;
use super::search_place::Place;
use super::witness_round::{Proofs, Sizes};
use crate::api::{Answer, ApiError, Cors};
use crate::body::{self, BodyError, Extent, IntakeError};
use crate::clock::{Clock, Timekeeper};
use crate::export::Exporter;
use crate::metrics::Metrics;
use crate::quota::{Loads, Quota, Quotas};
use crate::reads::RecordReads;
use crate::sequencer::{Durable, Job, RulesError, Sequencer, Unattested, Working, rules};
use crate::signed_memory::InStore;
use crate::stop::{Signing, Stops};
use crate::store::{Published, Reader, Store, StoreError};
use crate::submitting::{Committed, SubmitError, size_with};
use crate::tokens::Readers;
use crate::witnessing::Unwitnessed;
use crate::{api, self_check};

/// How much may be submitted at one time: all of it is in memory more than once, of which there is little.
pub(super) const LIMITS: Limits = Limits { bytes: 4 << 20, lines: 8_192 };

/// The configuration of an embedded log.
pub struct Config {
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
    /// Issuers, emitters and witnesses.
    pub trust: Trust,
    /// The lines of `readers.txt`.
    pub readers: String,
    /// Pages of which origins may ask.
    pub cors: Cors,
    /// Where full tiles and bundles were copied to is remembered where the log is.
    pub copies: Box<dyn Copies>,
    /// Where the evidence is kept of what stopped the log.
    pub stops: Box<dyn Stops>,
    /// The quota of a key.
    pub quota: Quota,
    /// Which reads are recorded; without it [`RecordReads::by_default`].
    pub record_reads: Option<RecordReads>,
    /// Where reads are kept that are not recorded yet.
    pub unrecorded: Box<dyn Unrecorded>,
    /// The current time.
    pub now: Time,
}

/// Why a log server did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The store is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or trust file is not usable.
    #[error(transparent)]
    Invalid(#[from] countersign::Error),
    /// The readers' lines are malformed.
    #[error("readers: line {0}: {1}")]
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

/// A log server.
pub struct EmbeddedLogServer {
    pub(super) working: Working,
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
    /// A place for each search that there is, in the order in which they came.
    pub(super) searches: Vec<Weak<Place>>,
}

/// A submission that is durable and not published yet.
pub struct Pending {
    taken: Taken,
    tree: Option<Arc<Grown>>,
}

impl EmbeddedLogServer {
    /// Goes on with the log of a store, or begins it.
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
        // No other server has this store.
        let (erased, _) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::default());
        let now = Arc::new(AtomicI64::new(now.millis()));
        let clock: Clock = {
            let now = Arc::clone(&now);
            Arc::new(move || Time::from_millis(now.load(Ordering::Relaxed)).unwrap_or(Time::MIN))
        };
        // A host such as a Durable Object has no clock but the one that it tells the time by.
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

    /// Tells what time it is.
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

    /// The number of published leaves.
    pub fn published_size(&self) -> u64 {
        self.published.borrow().as_ref().map_or(0, |published| published.size)
    }

    /// Reads a submission. What strangers bring is refused at its first line.
    pub(super) fn read(&self, body: &[u8]) -> Result<Result<Submission, SubmitError>, BodyError> {
        if let Err(error) = self.signing.check() {
            return Ok(Err(error.into()));
        }
        let rules = self.working.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let mut admit = |leaf: &_| admission.admit(leaf);
        match body::read(body, &LIMITS, Extent::Whole, &mut |_| true, &mut admit) {
            Ok(intake) if intake.has_admitted() => Ok(intake.finish(&mut admit).map_err(SubmitError::from)),
            Ok(intake) => Ok(intake.finish(&mut admit).map_err(stranger)),
            Err(IntakeError::Body(error)) => Err(error),
            Err(IntakeError::Refused(stop)) => Ok(Err(stop.into())),
            Err(IntakeError::Stranger(stop)) => Ok(Err(stranger(stop))),
        }
    }

    /// Looks at the beginning of a submission: why it is refused, where that can be told by then.
    pub(super) fn glance_at(&self, beginning: &[u8]) -> Result<(), SubmitError> {
        self.signing.check()?;
        let rules = self.working.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let admit = &mut |leaf: &_| admission.admit(leaf);
        match body::read(beginning, &LIMITS, Extent::Beginning, &mut |_| true, admit) {
            Err(IntakeError::Stranger(stop)) => Err(stranger(stop)),
            // That is for when all of it is there.
            Ok(_) | Err(IntakeError::Body(_) | IntakeError::Refused(_)) => Ok(()),
        }
    }

    /// Takes a submission.
    pub(super) fn submit(&mut self, submission: Submission) -> Result<Pending, SubmitError> {
        let now = self.now();
        let mut loads = None;
        if let Some(quotas) = &self.quotas {
            let brought = loads.insert(self.loads(&submission)?);
            quotas.check(brought, now).map_err(|seconds| SubmitError::Quota { seconds })?;
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
        let mut loads = Loads::of(submission);
        let unknown: Vec<ChainId> = loads.unknown().copied().collect();
        let mut found = HashMap::new();
        for chain in unknown {
            found.extend(self.reader.key_of(&chain)?.map(|key| (chain, key)));
        }
        loads.know(|chain| found.get(chain).cloned());
        Ok(loads)
    }

    /// Has something done now, and gives what came of it.
    pub(super) fn work<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.working.work(job(reply), &mut || None);
        answer.try_recv().map_err(|error| StoreError::unavailable("working", error))
    }

    /// The answer to a submission, if it is published by now.
    pub(super) fn taken(&self, pending: &Pending) -> Option<Result<Answer, ApiError>> {
        if let Some(stop) = self.signing.stopped() {
            return Some(Err(ApiError::stopped(&stop)));
        }
        let published = self.published().filter(|published| published.size >= size_with(&pending.taken))?;
        let Pending { taken, tree } = pending;
        let committed = Committed { taken: taken.clone(), published, tree: tree.clone() };
        Some(api::submit::taken(&committed, &*self.reader))
    }
}

/// Why somebody is refused of whom nothing was admitted.
fn stranger(stop: log::AcceptanceError<StoreError>) -> SubmitError {
    match stop {
        log::AcceptanceError::Refused(refusal) => SubmitError::Stranger(refusal),
        stop @ log::AcceptanceError::Storage(_) => stop.into(),
    }
}
