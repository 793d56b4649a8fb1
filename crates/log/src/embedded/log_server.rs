//! The log and its start.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::log::{self, Admission, Limits, Submission, SubmissionOutcome};
use countersign::merkle::PendingTree;
use countersign::note::{MlDsaKey, SignerKey};
use countersign::tenant::{HeadProof, Since};
use countersign::time::Time;
use countersign::trust::Trust;
use tokio::sync::{mpsc, oneshot, watch};

use super::engine::Engine;
use super::host::{Copies, Unrecorded};
use super::pending::{JobAnswer, PendingOutcome, PendingSubmission, UnsettledSubmissions};
use super::reads::Reads;
use super::search_slot::SearchSlot;
use super::witness_round::{Proofs, Sizes};
use crate::api::{Answer, ApiError, Cors};
use crate::body::{self, BodyError, Extent, IntakeError};
use crate::clock::{Clock, Timekeeper};
use crate::export::{Exporter, LiveState};
use crate::metrics::Metrics;
use crate::own_chain::OwnChain;
use crate::quota::{Loads, LogQuotas, Quota};
use crate::reads::RecordReads;
use crate::sequencer::{Job, RulesError, Sequencer, Unattested, rules};
use crate::signed_memory::InStore;
use crate::stop::{Signing, Stops};
use crate::store::{CheckpointReader as _, Published, Reader, Store, StoreError};
use crate::submission::{Committed, SubmitError, required_size};
use crate::tenants::growth_proof::GrowthProof;
use crate::tenants::published::TenantTicks;
use crate::tenants::reader::TenantReader;
use crate::tenants::waiting::WaitingRoom;
use crate::tokens::Readers;
use crate::tree_signer::TreeSigner;
use crate::witnessing::Unwitnessed;
use crate::{api, self_check};

/// The limits of a submission. A submission is in memory several times over, and a Durable Object has little
/// memory.
pub(super) const LIMITS: Limits = Limits { bytes: 4 << 20, lines: 8_192 };

/// The configuration of an embedded log.
pub struct Config {
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
    /// The log's ML-DSA-44 key, if it has one: it signs checkpoints too.
    pub ml_dsa_key: Option<MlDsaKey>,
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
    /// The quota of each key; of a root log, of each key in each tenant log.
    pub quota: Quota,
    /// The quota of each tenant log, for all keys together.
    pub tenant_quota: Quota,
    /// The room for the entries of all tenant logs that wait for a tick.
    pub waiting: WaitingRoom,
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

/// The state that all logs of an object share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) readers: Rc<Readers>,
    pub(super) cors: Rc<Cors>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) now: Arc<AtomicI64>,
    pub(super) timekeeper: Arc<Timekeeper>,
    pub(super) signing: Signing,
    pub(super) unsettled: UnsettledSubmissions,
    pub(super) record_reads: RecordReads,
    /// The slots of all running searches, in the order of their start.
    pub(super) searches: Rc<RefCell<Vec<Weak<SearchSlot>>>>,
}

/// The parts of a configuration that are not shared.
pub(super) struct OwnConfig {
    pub(super) key: SignerKey,
    pub(super) ml_dsa_key: Option<MlDsaKey>,
    pub(super) trust: Trust,
    pub(super) copies: Box<dyn Copies>,
    pub(super) unrecorded: Box<dyn Unrecorded>,
    pub(super) quota: Quota,
    pub(super) tenant_quota: Quota,
    pub(super) waiting: WaitingRoom,
}

impl Shared {
    /// Divides a configuration. With `tenants`, tokens may name tenant logs.
    pub(super) fn new(config: Config, tenants: bool) -> Result<(Self, OwnConfig), EmbeddedError> {
        let Config {
            key,
            ml_dsa_key,
            trust,
            readers,
            cors,
            copies,
            stops,
            record_reads,
            unrecorded,
            now,
            ..
        } = config;
        let Config { quota, tenant_quota, waiting, .. } = config;
        let signing = Signing::open(stops, now, &|witness| trust.witnesses().any(|key| key == witness))?;
        let readers = Readers::parse(&readers);
        let readers = if tenants { readers } else { readers.and_then(Readers::without_logs) };
        let readers = readers.map_err(|(line, what)| EmbeddedError::Readers(line, what))?;
        let record_reads =
            record_reads.unwrap_or_else(|| RecordReads::by_default(&trust, key.verifier_key()));
        let now = Arc::new(AtomicI64::new(now.millis()));
        let clock: Clock = {
            let now = Arc::clone(&now);
            Arc::new(move || Time::from_millis(now.load(Ordering::Relaxed)).unwrap_or(Time::MIN))
        };
        // A host such as a Durable Object has only the clock that it passes in.
        let steady = {
            let clock = Arc::clone(&clock);
            Arc::new(move || Duration::from_millis(clock().millis().max(0).unsigned_abs()))
        };
        let shared = Self {
            readers: Rc::new(readers),
            cors: Rc::new(cors),
            metrics: Arc::default(),
            now,
            timekeeper: Arc::new(Timekeeper::new(clock, steady)),
            signing,
            unsettled: UnsettledSubmissions::default(),
            record_reads,
            searches: Rc::default(),
        };
        Ok((shared, OwnConfig { key, ml_dsa_key, trust, copies, unrecorded, quota, tenant_quota, waiting }))
    }

    pub(super) fn now(&self) -> Time {
        Time::from_millis(self.now.load(Ordering::Relaxed)).unwrap_or(Time::MIN)
    }
}

/// An embedded log: an ordinary one, a root log, or a tenant log.
pub struct EmbeddedLogServer {
    pub(super) engine: Engine,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) exporter: Exporter,
    pub(super) origin: String,
    /// Set unless it is a tenant log, which signs no checkpoint.
    pub(super) tree_signer: Option<TreeSigner>,
    /// Set if it is a tenant log.
    pub(super) tenant: Option<TenantView>,
    pub(super) copies: Box<dyn Copies>,
    pub(super) published: watch::Receiver<Option<Arc<Published>>>,
    pub(super) unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    pub(super) sizes: Sizes,
    pub(super) proofs: Proofs,
    pub(super) reads: Reads,
    pub(super) quotas: Option<Rc<LogQuotas>>,
    pub(super) shared: Shared,
}

/// The ticks and heads of a tenant log.
pub(super) struct TenantView {
    pub(super) ticks: TenantTicks,
    pub(super) heads: Arc<TenantReader>,
}

impl EmbeddedLogServer {
    /// Opens the log of a store, or starts a new one.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub fn open(Store { writer, reader }: Store, config: Config) -> Result<Self, EmbeddedError> {
        let (shared, own) = Shared::new(config, false)?;
        let OwnConfig { key, ml_dsa_key, trust, copies, unrecorded, quota, .. } = own;
        self_check::check(&*reader)?;
        let key = Arc::new(key);
        let origin = key.verifier_key().name().to_owned();
        let exporter = Exporter::new(reader.clone(), origin.clone(), Some(trust.clone()));
        let rules = Arc::new(RwLock::new(Arc::new(rules(&*reader, key.verifier_key(), trust)?)));
        let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
        let (witnesses, unwitnessed) = watch::channel(None);
        // No other server uses this store.
        let (erased, _) = mpsc::unbounded_channel();
        let sequencer = Sequencer {
            writer,
            reader: reader.clone(),
            memory: Box::new(InStore::default()),
            signing: shared.signing.clone(),
            key: Arc::clone(&key),
            ml_dsa_key,
            published: announce,
            witnesses,
            erased,
            rules,
            timekeeper: shared.timekeeper.clone(),
            own_entries: None,
            own_chain: OwnChain::default(),
            unattested: Unattested::new(reader.clone()),
            metrics: shared.metrics.clone(),
        };
        let engine = Engine::Log(Box::new(sequencer.begin()?));
        let reads = Reads::open(shared.record_reads, unrecorded)?;
        let (sizes, proofs) = Default::default();
        let tenant = None;
        Ok(Self {
            engine,
            reader,
            exporter,
            origin,
            tree_signer: Some(TreeSigner::new(key)),
            tenant,
            copies,
            published,
            unwitnessed,
            sizes,
            proofs,
            reads,
            quotas: LogQuotas::own(quota).map(Rc::new),
            shared,
        })
    }

    /// Returns the log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sets the current time.
    pub fn set_time(&self, now: Time) {
        self.shared.now.store(now.millis(), Ordering::Relaxed);
    }

    /// Returns the log's time.
    pub fn now(&self) -> Time {
        self.shared.now()
    }

    /// Returns the newest published checkpoint, or the head of a tenant log in the newest published tick.
    pub(super) fn published(&self) -> Result<Option<Arc<Published>>, StoreError> {
        match &self.tenant {
            None => Ok(self.published.borrow().clone()),
            Some(tenant) => Ok(tenant.heads.published()?.map(Arc::new)),
        }
    }

    /// Returns the number of published entries.
    pub fn published_size(&self) -> u64 {
        self.live_state().map_or(0, |state| state.size)
    }

    /// Returns the newest published state.
    pub(super) fn live_state(&self) -> Option<LiveState> {
        match &self.tenant {
            None => self.published.borrow().as_ref().map(|published| published.size.into()),
            Some(tenant) => tenant.ticks.live_state(),
        }
    }

    /// Parses a submission. One from an unknown signer is rejected at its first line.
    pub(super) fn read(&self, body: &[u8]) -> Result<Result<Submission, SubmitError>, BodyError> {
        if let Err(error) = self.shared.signing.check() {
            return Ok(Err(error.into()));
        }
        let rules = self.engine.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let mut admit = |entry: &mut _| admission.admit(entry);
        match body::read(body, &LIMITS, Extent::Whole, &mut |_| true, &mut admit) {
            Ok(intake) if intake.has_admitted() => Ok(intake.finish(&mut admit).map_err(SubmitError::from)),
            Ok(intake) => Ok(intake.finish(&mut admit).map_err(from_unknown_signer)),
            Err(IntakeError::Body(error)) => Err(error),
            Err(IntakeError::Refused(stop)) => Ok(Err(stop.into())),
            Err(IntakeError::UnknownSigner(stop)) => Ok(Err(from_unknown_signer(stop))),
        }
    }

    /// Checks the beginning of a submission, and returns an error if that is enough to reject it.
    pub(super) fn check_beginning(&self, beginning: &[u8]) -> Result<(), SubmitError> {
        self.shared.signing.check()?;
        let rules = self.engine.rules();
        let mut admission = Admission::new(&rules, &*self.reader);
        let admit = &mut |entry: &mut _| admission.admit(entry);
        match body::read(beginning, &LIMITS, Extent::Beginning, &mut |_| true, admit) {
            Err(IntakeError::UnknownSigner(stop)) => Err(from_unknown_signer(stop)),
            // Other errors are reported once the whole body has arrived.
            Ok(_) | Err(IntakeError::Body(_) | IntakeError::Refused(_)) => Ok(()),
        }
    }

    /// Submits to the sequencer. In a tenant log, the outcome waits for a tick.
    pub(super) fn submit(
        &mut self,
        submission: Submission,
        since: Option<Since>,
    ) -> Result<PendingSubmission, SubmitError> {
        if matches!(self.engine, Engine::Unknown(_)) {
            return Err(SubmitError::UnknownTenant);
        }
        let now = self.now();
        let mut loads = None;
        if let Some(quotas) = &self.quotas {
            let (_, load) = loads.insert((quotas.clone(), self.loads(&submission)?));
            quotas.check(load, now)?;
        }
        let answer = JobAnswer::new(self.queue(|reply| Job::Submit { submission, reply }));
        let mut outcome = PendingOutcome::Waiting { answer, loads };
        let is_settled = outcome.settle(&self.shared.metrics, now);
        let outcome = Rc::new(RefCell::new(outcome));
        if !is_settled {
            self.shared.unsettled.add(outcome.clone());
        }
        Ok(PendingSubmission { outcome, since })
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

    /// Runs a job now, and returns its result.
    pub(super) fn work<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, StoreError> {
        let mut answer = self.queue(job);
        answer.try_recv().map_err(|error| StoreError::unavailable("running a job of the sequencer", error))
    }

    /// Runs a job whose result may have to wait for a tick.
    pub(super) fn queue<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        self.engine.work(job(reply));
        answer
    }

    /// Returns the response to a submission, if it is published by now.
    pub(super) fn submission_response(
        &self,
        pending: &PendingSubmission,
    ) -> Option<Result<Answer, ApiError>> {
        let outcome = &*pending.outcome.borrow();
        if let PendingOutcome::Failed(error) = outcome {
            return Some(Err(ApiError::of_submission(error, &LIMITS)));
        }
        if let Some(stop) = self.shared.signing.stopped() {
            return Some(Err(ApiError::stopped(&stop)));
        }
        let PendingOutcome::Durable { taken, tree } = outcome else { return None };
        if self.published_size() < required_size(taken) {
            return None;
        }
        Some(self.prove_submission(taken, tree.as_ref(), pending.since))
    }

    fn prove_submission(
        &self,
        taken: &SubmissionOutcome,
        tree: Option<&Arc<PendingTree>>,
        since: Option<Since>,
    ) -> Result<Answer, ApiError> {
        let published = self.published()?.ok_or_else(ApiError::not_found)?;
        if self.tenant.is_some() {
            let head = HeadProof::parse(&published.note).map_err(|error| ApiError::unavailable(&error))?;
            let growth = since.map(|since| GrowthProof::prove(since, &head, &*self.reader)).transpose()?;
            return api::submit::tenant_response(taken, &head, growth.as_ref(), &*self.reader);
        }
        let committed = Committed { taken: taken.clone(), published, tree: tree.cloned() };
        api::submit::response(&committed, &*self.reader)
    }
}

/// Wraps an error of a submission without any admitted entry.
fn from_unknown_signer(stop: log::AcceptanceError<StoreError>) -> SubmitError {
    match stop {
        log::AcceptanceError::Refused(refusal) => SubmitError::UnknownSigner(refusal),
        stop @ log::AcceptanceError::Storage(_) => stop.into(),
    }
}
