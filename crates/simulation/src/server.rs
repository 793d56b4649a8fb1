//! The process of the log server: the engine, with the simulated disk, clock, and network around it.
//!
//! It does what `countersign serve` does around the engine, one step at a time. Each call may be killed at any crash
//! point of the disk; the process is over then, and what it sent before counts.

mod growth;
mod open_log;
mod root_log;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::log::{Admission, Limits, Submission, SubmissionOutcome};
use countersign::merkle::PendingTree;
use countersign::note::SignerKey;
use countersign::tenant::{Since, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_delivery::Answer;
use countersign_log::api::{self, ApiError};
use countersign_log::body::{self, Extent, IntakeError};
use countersign_log::clock::{Clock, Doubt, Timekeeper, newest_stored_time};
use countersign_log::erase::record::Record;
use countersign_log::erase::{Cause, ErasureCandidates};
use countersign_log::export::{ExportError, Lines, LiveState, Request};
use countersign_log::hashes::root_at;
use countersign_log::metrics::Metrics;
use countersign_log::own_chain::{OwnChain, OwnChains};
use countersign_log::self_check;
use countersign_log::sequencer::{
    Durable, Job, RulesError, RunningSequencer, Sequencer, SharedRules, Unattested, rules,
};
use countersign_log::stop::{Signing, SigningStop};
use countersign_log::store::{Published, Reader, Store, StoreError};
use countersign_log::submission::{Committed, SubmitError, required_size};
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::sequencer::RunningTenantSequencer;
use countersign_log::tokens::Scope;
use countersign_log::witnessing::{PendingCheckpoint, Unwitnessed, WitnessExchange};
use roaring::RoaringTreemap;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::delivery::SubmitRequest;
use crate::disk::Disk;
use crate::faults::Kill;
use crate::random::Random;

use open_log::OpenLog;
use root_log::RootLog;

/// The limits of a submission.
const LIMITS: Limits = Limits { bytes: 4 << 20, lines: 8_192 };

/// The interval at which the server writes the file of the newest time.
const KEEPING_INTERVAL: Duration = Duration::from_hours(1);

/// The machine that the process runs on.
pub struct Machine {
    /// The disk.
    pub disk: Disk,
    /// The name of the log.
    pub origin: String,
    /// The seed of the log's key.
    pub seed: [u8; 32],
    /// The log's trust file.
    pub trust: Trust,
    /// The tenant logs, for a root log.
    pub tenants: Vec<TenantOrigin>,
    /// The time of its clock, in milliseconds since 1970.
    pub wall: Arc<AtomicI64>,
    /// The newest time in the file that the server keeps, in milliseconds since 1970; `i64::MIN` if there is no file.
    pub known: Arc<AtomicI64>,
    /// The time of its clock that is never set, in milliseconds.
    pub steady: Arc<AtomicU64>,
}

impl Machine {
    /// Returns the log's key.
    ///
    /// # Panics
    /// If the log's name is invalid.
    pub fn key(&self) -> SignerKey {
        SignerKey::from_seed(&self.origin, self.seed).expect("a valid name")
    }

    /// Starts a clock from the newest time that the log shows, unless the file has one.
    fn start_clock(&self, timekeeper: &Timekeeper, reader: &dyn Reader) -> Result<(), StoreError> {
        if self.known.load(Ordering::Relaxed) == i64::MIN
            && let Some(known) = newest_stored_time(reader, !self.tenants.is_empty())?
        {
            timekeeper.start_from(known);
        }
        Ok(())
    }
}

/// The fate of a submission.
pub enum Outcome {
    /// It is answered.
    Answered(Answer),
    /// It is answered when it is published.
    Waiting(Pending),
    /// The connection is lost.
    Lost,
}

/// A submission that is not answered yet.
pub struct Pending {
    log: usize,
    since: Option<Since>,
    state: PendingState,
}

enum PendingState {
    /// The sequencer has it.
    Submitted(oneshot::Receiver<Result<Durable, SubmitError>>),
    /// It is durable, but not published yet.
    Durable { taken: SubmissionOutcome, tree: Option<Arc<PendingTree>> },
}

/// The sequencer.
enum Engine {
    /// The engine of an ordinary log.
    Log(Box<RunningSequencer>),
    /// The engine of a root log with tenant logs.
    Root(Box<RunningTenantSequencer>),
}

impl Engine {
    /// Runs a job for the log that is signed.
    fn work(&mut self, job: Job) {
        match self {
            Self::Log(running) => _ = running.work(job, &mut || None),
            Self::Root(running) => _ = running.work(TenantJob::Root(job)),
        }
    }
}

/// The process of the log server.
pub struct Server {
    engine: Engine,
    /// Reads the log that is signed.
    reader: Arc<dyn Reader>,
    /// The logs that recorders write to, as far as they are open.
    logs: Vec<Option<OpenLog>>,
    /// The root log, if there are tenant logs.
    root_log: Option<RootLog>,
    published: watch::Receiver<Option<Arc<Published>>>,
    unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    signing: Signing,
    rules: SharedRules,
    timekeeper: Arc<Timekeeper>,
    /// The newest time that was last written to the machine's file, and when.
    kept: Option<(Option<Doubt>, Duration)>,
    /// The size of the last checkpoint that each witness cosigned.
    sizes: BTreeMap<usize, u64>,
}

/// Returns the result of `work`, or `None` if the process was killed meanwhile.
fn catch_kill<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Kill>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

fn answer(response: api::Answer) -> Answer {
    let retry = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Answer {
        status: response.status().as_u16(),
        retry_after: retry.map(Duration::from_secs),
        body: response.into_body(),
    }
}

fn refused(error: &SubmitError) -> Answer {
    answer(ApiError::of_submission(error, &LIMITS).into())
}

impl Server {
    /// Starts the process. Returns `None` if it is killed meanwhile.
    pub fn start(machine: &Machine, random: Random) -> Option<Result<Self, StoreError>> {
        catch_kill(|| Self::try_to_start(machine, random))
    }

    fn try_to_start(machine: &Machine, mut random: Random) -> Result<Self, StoreError> {
        let (wall, steady) = (machine.wall.clone(), machine.steady.clone());
        let clock: Clock =
            Arc::new(move || Time::from_millis(wall.load(Ordering::Relaxed)).unwrap_or(Time::MIN));
        let steady = Arc::new(move || Duration::from_millis(steady.load(Ordering::Relaxed)));
        let timekeeper = Arc::new(Timekeeper::new(clock, steady));
        let known = Time::from_millis(machine.known.load(Ordering::Relaxed));
        if let Some(known) = known {
            timekeeper.start_from(known);
        }
        let (trust, key) = (machine.trust.clone(), machine.key());
        let is_witness = |witness: &_| trust.witnesses().any(|key| key == witness);
        let signing = Signing::open(Box::new(machine.disk.stops()), timekeeper.now(), &is_witness)?;
        let memory = machine.disk.memory();
        if !machine.tenants.is_empty() {
            return Self::start_root_log(machine, random, timekeeper, signing, memory);
        }
        let Store { writer, reader } = machine.disk.open()?;
        machine.start_clock(&timekeeper, &*reader)?;
        self_check::check(&*reader)?;
        let damaged = |error| match error {
            RulesError::Store(error) => error,
            RulesError::Key(error) => StoreError::Damaged(error.to_string()),
        };
        let rules = rules(&*reader, key.verifier_key(), trust.clone()).map_err(damaged)?;
        let rules = Arc::new(RwLock::new(Arc::new(rules)));
        let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
        let (witnesses, unwitnessed) = watch::channel(None);
        let (erased, _) = mpsc::unbounded_channel();
        let sequencer = Sequencer {
            writer,
            reader: reader.clone(),
            memory: Box::new(memory),
            signing: signing.clone(),
            key: Arc::new(key),
            ml_dsa_key: None,
            published: announce,
            witnesses,
            erased,
            rules: rules.clone(),
            timekeeper: timekeeper.clone(),
            unattested: Unattested::new(reader.clone()),
            own_entries: None,
            own_chain: OwnChain::new(Box::new(move || Ok(random.bytes()))),
            metrics: Arc::new(Metrics::default()),
        };
        let running = sequencer.begin()?;
        let log = OpenLog::ordinary(reader.clone(), &machine.origin, trust, rules.clone(), published.clone());
        Ok(Self {
            engine: Engine::Log(Box::new(running)),
            reader,
            logs: vec![Some(log)],
            root_log: None,
            published,
            unwitnessed,
            signing,
            rules,
            timekeeper,
            kept: None,
            sizes: BTreeMap::new(),
        })
    }

    /// Keeps the newest time that the log believes in the machine's file.
    pub fn keep_clock(&mut self, machine: &Machine) {
        let (doubt, steady) = (self.timekeeper.doubt(), self.timekeeper.steady());
        let is_kept =
            self.kept.is_some_and(|(kept, at)| kept == doubt && steady.saturating_sub(at) < KEEPING_INTERVAL);
        if !is_kept && doubt != Some(Doubt::Implausible) {
            machine.known.store(self.timekeeper.now().millis(), Ordering::Relaxed);
            self.kept = Some((doubt, steady));
        }
    }

    /// Returns why the log stopped signing, if it did.
    pub fn stopped(&self) -> Option<Arc<SigningStop>> {
        self.signing.stopped()
    }

    /// Returns the newest published checkpoint.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    /// Returns the newest state that readers of a log get; `None` if the log isn't open.
    pub fn newest(&self, log: usize) -> Option<LiveState> {
        self.open_log(log)?.newest()
    }

    /// Returns the size of the checkpoint that exports end with.
    pub fn exported(&self) -> u64 {
        match &self.root_log {
            Some(root_log) => root_log.newest().map_or(0, |tick| tick.checkpoint.size),
            None => self.open_log(0).and_then(|log| log.exporter.published_size().ok()).unwrap_or(0),
        }
    }

    fn open_log(&self, log: usize) -> Option<&OpenLog> {
        self.logs.get(log)?.as_ref()
    }

    /// Returns an open log, or the error that its readers get.
    fn log(&self, log: usize) -> Result<&OpenLog, ExportError> {
        self.open_log(log).ok_or_else(|| ExportError::NotFound("the log is not open".into()))
    }

    /// Returns the root of the log's first `size` entries; `None` if it has fewer, or if its disk fails.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let has = self.reader.size().is_ok_and(|stored| stored >= size);
        if has { root_at(&*self.reader, size).ok() } else { None }
    }

    /// Returns the half of the store that readers share.
    pub fn reader(&self) -> &dyn Reader {
        &*self.reader
    }

    fn read(&self, log: &OpenLog, bytes: &[u8]) -> Result<Submission, SubmitError> {
        self.signing.check()?;
        let rules = log.rules();
        let mut admission = Admission::new(&rules, &*log.reader);
        let mut admit = |entry: &mut _| admission.admit(entry);
        let intake = match body::read(bytes, &LIMITS, Extent::Whole, &mut |_| true, &mut admit) {
            Ok(intake) => intake,
            Err(IntakeError::Body(error)) => return Err(SubmitError::Unavailable(error.to_string().into())),
            Err(IntakeError::Refused(stop) | IntakeError::UnknownSigner(stop)) => return Err(stop.into()),
        };
        Ok(intake.finish(&mut admit)?)
    }

    /// Runs the jobs of submissions that arrived together, each with its log: an ordinary log commits them, and a root
    /// log judges them. Returns what happens to each, and false if the process was killed.
    pub fn submit(&mut self, requests: &[(usize, SubmitRequest)]) -> (Vec<Outcome>, bool) {
        let mut replies = Vec::new();
        let mut jobs = Vec::new();
        for (log, SubmitRequest { body, since }) in requests {
            // The real server answers 503 until a tick with the tenant log is published.
            let Some(open) = self.open_log(*log) else {
                replies.push((*log, *since, Err(Outcome::Lost)));
                continue;
            };
            match self.read(open, body.as_bytes()) {
                Ok(submission) => {
                    let (reply, receiver) = oneshot::channel();
                    jobs.push((*log, Job::Submit { submission, reply }));
                    replies.push((*log, *since, Ok(receiver)));
                }
                Err(error) => replies.push((*log, *since, Err(Outcome::Answered(refused(&error))))),
            }
        }
        let survived = catch_kill(|| self.run_submissions(jobs)).is_some();
        let outcome = |(log, since, reply): (_, _, Result<oneshot::Receiver<_>, Outcome>)| match reply {
            Err(outcome) => outcome,
            Ok(_) if !survived && self.root_log.is_some() => Outcome::Lost,
            Ok(receiver) => {
                let mut pending = Pending { log, since, state: PendingState::Submitted(receiver) };
                match self.response(&mut pending) {
                    Some(answer) => Outcome::Answered(answer),
                    None if self.root_log.is_none()
                        && matches!(pending.state, PendingState::Submitted(_)) =>
                    {
                        Outcome::Lost
                    }
                    None => Outcome::Waiting(pending),
                }
            }
        };
        (replies.into_iter().map(outcome).collect(), survived)
    }

    fn run_submissions(&mut self, jobs: Vec<(usize, Job)>) {
        let mut jobs = jobs.into_iter();
        match &mut self.engine {
            Engine::Log(running) => {
                if let Some((_, first)) = jobs.next() {
                    running.work(first, &mut || jobs.next().map(|(_, job)| job));
                }
            }
            Engine::Root(running) => {
                for (log, job) in jobs {
                    if let Some(job) = self.logs[log].as_ref().and_then(|log| log.tenant_job(job)) {
                        running.work(job);
                    }
                }
            }
        }
    }

    /// Returns the answer to a submission, if the sequencer refuses it or if it is published by now.
    pub fn response(&self, pending: &mut Pending) -> Option<Answer> {
        if let PendingState::Submitted(receiver) = &mut pending.state {
            match receiver.try_recv() {
                Ok(Ok(Durable { taken, tree, .. })) => pending.state = PendingState::Durable { taken, tree },
                Ok(Err(error)) => return Some(refused(&error)),
                // An ordinary log answers at once, and a root log at a tick.
                Err(TryRecvError::Closed) if self.root_log.is_some() => {
                    return Some(refused(&SubmitError::Unavailable("the log is stopping".into())));
                }
                Err(_) => return None,
            }
        }
        if let Some(stop) = self.signing.stopped() {
            return Some(refused(&SubmitError::Stopped(stop)));
        }
        let PendingState::Durable { taken, tree } = &pending.state else { return None };
        let size = required_size(taken);
        let log = self.open_log(pending.log)?;
        if log.is_tenant() {
            return log
                .tenant_response(taken, size, pending.since)
                .map(|response| answer(response.unwrap_or_else(Into::into)));
        }
        let published = self.published().filter(|published| published.size >= size)?;
        let committed = Committed { taken: taken.clone(), published, tree: tree.clone() };
        let response = api::submit::response(&committed, &*self.reader);
        Some(answer(response.unwrap_or_else(Into::into)))
    }

    /// Returns the answer to a submission that waited too long.
    pub fn give_up() -> Answer {
        refused(&SubmitError::Unavailable("the checkpoint isn't published yet".into()))
    }

    /// Runs one job. Returns `None` if the process is killed meanwhile.
    pub fn work<T>(&mut self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Option<T> {
        let (reply, mut receiver) = oneshot::channel();
        catch_kill(|| self.engine.work(job(reply)))?;
        receiver.try_recv().ok()
    }

    /// Returns the checkpoint that witnesses have to see, if it is new; with `again`, also if it isn't.
    pub fn unwitnessed(&mut self, again: bool) -> Option<Unwitnessed> {
        let is_new = self.unwitnessed.has_changed().unwrap_or_default();
        if !is_new && !again {
            return None;
        }
        self.unwitnessed.borrow_and_update().clone()
    }

    /// Returns an empty collection of cosignatures for a checkpoint.
    pub fn gather(&self, unwitnessed: &Unwitnessed) -> PendingCheckpoint {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner).clone();
        PendingCheckpoint::new(unwitnessed.clone(), rules.trust())
    }

    /// Starts the exchange with a witness.
    pub fn exchange(
        &self,
        place: usize,
        key: &countersign::note::VerifierKey,
        unwitnessed: &Unwitnessed,
    ) -> Option<WitnessExchange> {
        let old_size = self.sizes.get(&place).copied().unwrap_or(0);
        WitnessExchange::new(key, unwitnessed, old_size).ok()
    }

    /// Remembers the size that a witness cosigned.
    pub fn cosigned(&mut self, place: usize, size: u64) {
        self.sizes.insert(place, size);
    }

    /// Returns the log's clock.
    pub fn timekeeper(&self) -> &Timekeeper {
        &self.timekeeper
    }

    /// Erases the events of these entries. Returns `None` if the process is killed meanwhile.
    pub fn erase(&mut self, origin: &str, leaves: &RoaringTreemap) -> Option<Result<(), String>> {
        let cause = Cause {
            actor_type: "user",
            actor: "operator".into(),
            reason: "on request".into(),
            metadata: serde_json::Map::new(),
        };
        let present = match self.candidates(origin, leaves) {
            Ok(present) => present,
            Err(error) => return Some(Err(error.to_string())),
        };
        let records: Vec<String> = ErasureCandidates::records(present, origin, &cause)
            .map(|(record, _)| record.to_string())
            .collect();
        for event in records {
            if let Err(error) = self.work(|reply| Job::Record { event, reply })? {
                return Some(Err(error.to_string()));
            }
        }
        self.continue_erasures(origin)
    }

    /// Continues the erasures that are recorded. Returns `None` if the process is killed meanwhile.
    pub fn continue_erasures(&mut self, origin: &str) -> Option<Result<(), String>> {
        let unfinished = match self.reader.unfinished_erasures() {
            Ok(unfinished) => unfinished,
            Err(error) => return Some(Err(error.to_string())),
        };
        for record in unfinished {
            let present = Record::read(&*self.reader, record)
                .and_then(|record| self.candidates(origin, &record.leaves));
            let leaves = match present {
                Ok(present) => present.into_iter().collect(),
                Err(error) => return Some(Err(error.to_string())),
            };
            if let Err(error) = self.work(|reply| Job::Erase { leaves, reply })? {
                return Some(Err(error.to_string()));
            }
            if let Err(error) = self.work(|reply| Job::FinishErasure { record, reply })? {
                return Some(Err(error.to_string()));
            }
        }
        Some(Ok(()))
    }

    fn candidates(&self, origin: &str, leaves: &RoaringTreemap) -> Result<RoaringTreemap, StoreError> {
        let own = OwnChains::new(&*self.reader, origin);
        Ok(ErasureCandidates::find(&*self.reader, own, &|_, _| Ok(false), leaves)?.present)
    }

    /// Returns an export.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export(&self, log: usize, request: &Request) -> Result<Vec<u8>, ExportError> {
        let mut lines = self.log(log)?.exporter.plan(request, &|| false)?.lines();
        let mut export = Vec::new();
        while let Some(mut piece) = lines.next_piece()? {
            export.append(&mut piece);
        }
        Ok(export)
    }

    /// Starts a live view at an entry.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin_live(&self, log: usize, from: u64) -> Result<LiveView, ExportError> {
        let plan = self.log(log)?.exporter.begin_live(Some(from), &Arc::default())?.finish(&|| false)?;
        Ok(LiveView { log, at: plan.first().into(), first: plan.first(), lines: Some(plan.lines()) })
    }

    /// Continues a live view whose connection was lost in this state.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn resume_live(&self, log: usize, reached: LiveState) -> Result<LiveView, ExportError> {
        let exporter = &self.log(log)?.exporter;
        let plan = exporter.plan_continuation(reached, &Arc::new(Scope::default()), true)?;
        Ok(LiveView { log, at: reached, first: reached.size, lines: Some(plan.lines()) })
    }

    /// Returns the lines that a live view gets now. With `idle`, it has waited long enough to show a later head of a
    /// tenant log without new entries.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn continue_live(&self, live: &mut LiveView, idle: bool) -> Result<Vec<u8>, ExportError> {
        let mut text = Vec::new();
        loop {
            if let Some(lines) = live.lines.take() {
                let piece = api::sse::piece(lines, live.first)?;
                (live.at, live.lines) = (piece.at, piece.lines);
                text.extend(piece.bytes);
                continue;
            }
            let log = self.log(live.log)?;
            let at = live.at;
            if log.newest().is_none_or(|newest| !(at.lacks_entries(newest) || idle && at.lacks_head(newest)))
            {
                return Ok(text);
            }
            let plan = log.exporter.plan_continuation(at, &Arc::new(Scope::default()), false)?;
            live.lines = Some(plan.lines());
        }
    }
}

/// The server's side of a live view.
pub struct LiveView {
    log: usize,
    first: u64,
    at: LiveState,
    lines: Option<Lines>,
}
