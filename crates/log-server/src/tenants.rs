//! The tenant logs of a root log's server.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use countersign::hash::Hash;
use countersign::log::Limits;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::hashes::root_at;
use countersign_log::own_chain::Random;
use countersign_log::quota::LogQuotas;
use countersign_log::quota::tenants::TenantQuotas;
use countersign_log::sequencer::{RulesError, SharedRules};
use countersign_log::store::{CheckpointReader as _, Published, Reader, StoreError};
use countersign_log::tenants::CreationError;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::{has_entries, stop_of};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::published::{PublishedTick, TenantTicks};
use countersign_log::tenants::reader::TenantReader;
use countersign_log::tenants::root_notes::RootNote;
use countersign_log::tenants::rules::tenant_rules;
use countersign_log::tenants::stops::{TenantStop, TenantStops};
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::erasure_locks::ErasureLocks;
use crate::jobs::Jobs;
use crate::log_server::{LogServer, Parts, SubmitError, TenantView, stopping};
use crate::reading::Reading;
use crate::search::tenants::TenantIndexes;
use crate::sqlite;

/// Maximum number of tenant logs that are kept open for the next request.
const MAX_OPEN: u64 = 1024;

/// The number of ticks that can still add entries that were judged by a previous trust file: one is being made, one
/// waits in the queue before submissions that were queued earlier, and one contains these.
const TICKS_UNDER_WAY: u64 = 3;

/// The newest published tick.
pub(crate) type Ticks = watch::Receiver<Option<Arc<PublishedTick>>>;

/// The tenant logs of a root log's server. Each is opened when it is used.
pub struct TenantLogs {
    root: LogServer,
    reading: Arc<Reading>,
    folder: PathBuf,
    readers: Arc<dyn TenantReaders>,
    ticks: Ticks,
    growth: GrowthTicks,
    stops: TenantStops,
    jobs: mpsc::Sender<TenantJob>,
    quotas: Arc<TenantQuotas>,
    limits: Limits,
    trust: RwLock<TrustInForce>,
    has_metrics: bool,
    open: Cache<TenantId, TenantLog>,
    /// The view that senders have of tenant logs that don't exist. Without it, the time of an answer shows whether a log exists.
    absent: Cache<TenantId, TenantLog>,
    erasing: ErasureLocks,
    /// Runs the tasks that follow the ticks.
    runtime: Handle,
}

/// The components of [`TenantLogs`].
pub(crate) struct TenantLogsParts {
    pub(crate) root: LogServer,
    pub(crate) reading: Arc<Reading>,
    pub(crate) folder: PathBuf,
    pub(crate) readers: Arc<dyn TenantReaders>,
    pub(crate) ticks: Ticks,
    pub(crate) growth: GrowthTicks,
    pub(crate) stops: TenantStops,
    pub(crate) jobs: mpsc::Sender<TenantJob>,
    pub(crate) quotas: TenantQuotas,
    pub(crate) limits: Limits,
    pub(crate) trust: Trust,
    pub(crate) has_metrics: bool,
}

/// The trust file of all tenant logs.
#[derive(Clone)]
struct TrustInForce {
    /// The trust file, with the root log's key as an emitter.
    trust: Arc<Trust>,
    /// The size from which on the root log's ticks contain only entries that were judged by this trust file.
    settled: u64,
}

/// An open tenant log.
#[derive(Clone)]
pub(crate) struct TenantLog {
    pub(crate) log_server: LogServer,
    pub(crate) reading: Arc<Reading>,
    rules: Arc<Mutex<RulesBasis>>,
}

/// The trust file and the tick from which the acceptance rules of an open tenant log were made.
struct RulesBasis {
    trust: Arc<Trust>,
    /// The size of the root log in the newest published tick. Only grants that it contains were found void.
    size: u64,
}

impl TenantLog {
    /// Rebuilds the acceptance rules if the trust file has changed, or if grants were published that had been judged by
    /// the previous one.
    fn refresh_rules(&self, in_force: &TrustInForce, size: u64) -> Result<(), StoreError> {
        let mut made = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.is_outdated(in_force, size) {
            return Ok(());
        }
        self.log_server.set_tenant_rules(in_force.trust.clone())?;
        *made = RulesBasis { trust: in_force.trust.clone(), size };
        Ok(())
    }
}

impl RulesBasis {
    fn is_outdated(&self, in_force: &TrustInForce, size: u64) -> bool {
        !Arc::ptr_eq(&self.trust, &in_force.trust) || self.size < in_force.settled && self.size < size
    }
}

impl TenantLogs {
    /// Creates the tenant logs of a server. Call it in a runtime.
    pub(crate) fn new(parts: TenantLogsParts) -> Result<Self, RulesError> {
        let TenantLogsParts { root, reading, folder, readers, ticks, growth, stops, jobs, .. } = parts;
        let TenantLogsParts { quotas, limits, trust, has_metrics, .. } = parts;
        let trust = Arc::new(trust.with_emitter(root.key().clone())?);
        let trust = RwLock::new(TrustInForce { trust, settled: 0 });
        let (open, absent) = (Cache::new(MAX_OPEN), Cache::new(MAX_OPEN));
        let (erasing, runtime) = (ErasureLocks::default(), Handle::current());
        Ok(Self {
            root,
            reading,
            folder,
            absent,
            readers,
            ticks,
            growth,
            stops,
            jobs,
            quotas: Arc::new(quotas),
            limits,
            trust,
            has_metrics,
            open,
            erasing,
            runtime,
        })
    }

    /// Returns a watch on the newest published tick.
    pub fn ticks(&self) -> watch::Receiver<Option<Arc<PublishedTick>>> {
        self.ticks.clone()
    }

    /// Returns the newest ticks, for growth witnesses.
    pub(crate) const fn growth(&self) -> &GrowthTicks {
        &self.growth
    }

    /// Returns the search indexes of the tenant logs, if this server has some.
    pub(crate) fn indexes(&self) -> Option<&Arc<TenantIndexes>> {
        self.reading.tenant_indexes()
    }

    /// Returns the tenants' readers.
    pub fn readers(&self) -> &Arc<dyn TenantReaders> {
        &self.readers
    }

    /// Returns the stopped tenant logs.
    pub const fn stops(&self) -> &TenantStops {
        &self.stops
    }

    /// Returns the stop of the tenant log with this ID, if it is stopped.
    pub(crate) fn stop_of(&self, id: &TenantId) -> Option<TenantStop> {
        self.head(id).and_then(|head| self.stops.get(head.number))
    }

    /// Returns the quotas of all tenant logs.
    pub(crate) fn quotas(&self) -> &TenantQuotas {
        &self.quotas
    }

    /// True if metrics of each tenant are reported.
    pub(crate) const fn has_metrics(&self) -> bool {
        self.has_metrics
    }

    /// Returns the trust file in force.
    pub(crate) fn trust_in_force(&self) -> Arc<Trust> {
        self.trust().trust
    }

    /// Creates a tenant, or returns the one with this name. It may take a while.
    ///
    /// # Errors
    /// [`CreationError`].
    pub(crate) fn create(&self, name: &str, random: &mut Random, now: Time) -> Result<Tenant, CreationError> {
        if self.is_shared() && !self.has_published() {
            let why = "another server of this log makes the ticks, or this one was just started";
            return Err(StoreError::unavailable("creating a tenant", why).into());
        }
        sqlite::add_tenant(&self.folder, name, random, now)
    }

    /// Returns the head of a tenant log in the newest published tick.
    pub fn head(&self, id: &TenantId) -> Option<SlotHead> {
        let newest = self.ticks.borrow().clone()?;
        newest.directory.heads().find(id).copied()
    }

    /// Returns the tenant log with this ID if it is open and its acceptance rules are up to date. Doesn't block.
    pub(crate) fn find_open(&self, id: &TenantId) -> Option<TenantLog> {
        self.current(self.open.get(id)?)
    }

    /// Returns what a sender sees of the tenant log with this ID, which doesn't exist, if this is known without waiting.
    pub(crate) fn find_absent(&self, id: &TenantId) -> Option<TenantLog> {
        let absent = self.absent.get(id).filter(|_| self.head(id).is_none())?;
        self.current(absent)
    }

    /// Returns this log if its rules are up to date.
    fn current(&self, log: TenantLog) -> Option<TenantLog> {
        let is_outdated = log.rules.try_lock().ok()?.is_outdated(&self.trust(), self.published_size());
        (!is_outdated).then_some(log)
    }

    /// Opens the tenant log with this origin. Returns `None` if the newest published tick doesn't have it. It may take a
    /// while.
    ///
    /// # Errors
    /// [`RulesError`], also if no tick is published: nothing shows then which tenant logs there are.
    pub(crate) fn open(&self, origin: &TenantOrigin) -> Result<Option<TenantLog>, RulesError> {
        let id = origin.id();
        let open = if let Some(open) = self.open.get(&id) {
            open
        } else {
            let newest = self.ticks.borrow().clone();
            let unpublished = || StoreError::unavailable("opening a tenant log", "no tick is published");
            let newest = newest.ok_or_else(unpublished)?;
            let Some(head) = newest.directory.heads().find(&id).copied() else { return Ok(None) };
            let opened = self.open.try_get_with(id, || self.begin(origin, &head));
            opened.map_err(|error| match Arc::try_unwrap(error) {
                Ok(error) => error,
                Err(shared) => {
                    StoreError::failed(shared.failure().part, "opening a tenant log", shared).into()
                }
            })?
        };
        // The trust file may have changed while the log was opened.
        open.refresh_rules(&self.trust(), self.published_size())?;
        Ok(Some(open))
    }

    /// Compares the stored entries of a tenant log with a head, and stops the log if they don't begin with the head's.
    pub(crate) fn check(&self, head: &SlotHead) -> Result<(), StoreError> {
        let entries = self.readers.log(head.number);
        if self.stops.get(head.number).is_some() || has_entries(&*entries, head)? {
            return Ok(());
        }
        let size = entries.size()?.min(head.size);
        // The tree of these entries is not that of the head, or can't be read.
        let root = root_at(&*entries, size).unwrap_or(Hash([0; 32]));
        self.stops.stop(stop_of(head, size, root, false, self.root.now()));
        Ok(())
    }

    /// Opens the tenant log with this ID, as [`open`](Self::open) does.
    ///
    /// # Errors
    /// [`RulesError`].
    pub(crate) fn open_with_id(&self, id: TenantId) -> Result<Option<TenantLog>, RulesError> {
        TenantOrigin::new(self.root.origin(), id).map_or(Ok(None), |origin| self.open(&origin))
    }

    /// Opens the tenant log with this origin to erase in it, or to read what needs no head: the erasures and the evidence.
    /// If no tick is published, or if the log's entries contradict its head, this opens the stored entries. Returns `None` if there is no such log. It may take a while.
    ///
    /// # Errors
    /// [`RulesError`].
    pub(crate) fn open_to_erase(&self, origin: &TenantOrigin) -> Result<Option<TenantLog>, RulesError> {
        if self.has_published() {
            let opened = self.open(origin)?;
            let is_readable = || self.stop_of(&origin.id()).is_none_or(|stop| stop.is_readable);
            if opened.is_none() || is_readable() {
                return Ok(opened);
            }
        }
        let Some(Tenant { number, .. }) = self.readers.find(&origin.id())? else { return Ok(None) };
        let trust = self.trust().trust;
        let ticks = TenantTicks::new(self.ticks.clone(), origin.id());
        let reader = TenantReader::new(
            self.readers.log(number),
            self.root.reader().clone(),
            ticks.clone(),
            self.readers.history(number, &origin.id()),
        );
        let reader = Arc::new(reader.of_stored(origin.clone()));
        let rules = Arc::new(RwLock::new(Arc::new(tenant_rules(&*reader, origin, trust.clone())?)));
        let jobs = Jobs::Tenant(self.jobs.clone(), number, rules.clone());
        let view = TenantView { origin: origin.clone(), ticks };
        let log_server = self.log_server(view, reader, rules, jobs, watch::channel(None).1, None);
        Ok(Some(self.log_with(log_server, origin, RulesBasis { trust, size: 0 })))
    }

    /// Opens the tenant log with this ID, as [`open_to_erase`](Self::open_to_erase) does, on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn open_to_erase_in_background(
        self: &Arc<Self>,
        id: TenantId,
    ) -> Result<Option<TenantLog>, StoreError> {
        let tenants = self.clone();
        let failed = |error: &dyn Display| StoreError::unavailable("opening a tenant log", error);
        let opened = tokio::task::spawn_blocking(move || {
            let origin = TenantOrigin::new(tenants.root.origin(), id);
            origin.map_or(Ok(None), |origin| tenants.open_to_erase(&origin))
        });
        opened.await.map_err(|error| failed(&error))?.map_err(|error| match error {
            RulesError::Store(error) => error,
            RulesError::Key(error) => failed(&error),
        })
    }

    /// Fails if another server of the log makes the ticks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn check_active(&self) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let stopping = || StoreError::unavailable("asking the sequencer", "the log is stopping");
        let (reply, active) = oneshot::channel();
        self.send(TenantJob::CheckActive { reply }).await.map_err(|_| stopping())?;
        active.await.map_err(|_| stopping())?
    }

    /// Returns the service of the tenant log with this ID. Returns `None` if the newest published tick doesn't have it. It
    /// may take a while.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn reading(&self, id: TenantId) -> Result<Option<Arc<Reading>>, RulesError> {
        Ok(self.open_with_id(id)?.map(|log| log.reading))
    }

    fn begin(&self, origin: &TenantOrigin, head: &SlotHead) -> Result<TenantLog, RulesError> {
        let (trust, size, number) = (self.trust().trust, self.published_size(), head.number);
        let entries = self.readers.log(number);
        self.check(head)?;
        let ticks = TenantTicks::new(self.ticks.clone(), origin.id());
        // It shares the root log's reader, which a stopping server waits for.
        let reader = Arc::new(TenantReader::new(
            entries,
            self.root.reader().clone(),
            ticks.clone(),
            self.readers.history(number, &origin.id()),
        ));
        let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
        self.runtime.spawn(follow_ticks(reader.clone(), self.ticks.clone(), announce));
        let rules = Arc::new(RwLock::new(Arc::new(tenant_rules(&*reader, origin, trust.clone())?)));
        let jobs = Jobs::Tenant(self.jobs.clone(), number, rules.clone());
        let view = TenantView { origin: origin.clone(), ticks };
        let quotas = LogQuotas::of_tenant(&self.quotas, number);
        let log_server = self.log_server(view, reader, rules, jobs, published, quotas);
        Ok(self.log_with(log_server, origin, RulesBasis { trust, size }))
    }

    fn log_with(&self, log_server: LogServer, origin: &TenantOrigin, rules: RulesBasis) -> TenantLog {
        let erasing = self.erasing.lock_of(origin.id());
        let reading = Arc::new(self.reading.for_tenant(log_server.clone(), origin, &self.folder, erasing));
        TenantLog { log_server, reading, rules: Arc::new(Mutex::new(rules)) }
    }

    /// Returns what a sender sees of a tenant log that doesn't exist: an empty log that accepts nothing. An emitter that
    /// the trust file doesn't name gets the refusal that it gets from every tenant log.
    ///
    /// # Errors
    /// [`RulesError`].
    pub(crate) fn unknown(&self, origin: TenantOrigin) -> Result<TenantLog, RulesError> {
        let reader = self.readers.log(TenantNumber::MAX);
        let trust = self.trust().trust;
        let rules = Arc::new(RwLock::new(Arc::new(tenant_rules(&*reader, &origin, trust.clone())?)));
        let (id, size) = (origin.id(), self.published_size());
        let ticks = TenantTicks::new(self.ticks.clone(), id);
        let (tenant, published) = (TenantView { origin, ticks }, watch::channel(None).1);
        let log_server =
            self.log_server(tenant, reader, rules, Jobs::Unknown(self.jobs.clone()), published, None);
        let rules = Arc::new(Mutex::new(RulesBasis { trust, size }));
        let log = TenantLog { log_server, reading: self.reading.clone(), rules };
        self.absent.insert(id, log.clone());
        Ok(log)
    }

    fn log_server(
        &self,
        tenant: TenantView,
        reader: Arc<dyn Reader>,
        rules: SharedRules,
        jobs: Jobs,
        published: watch::Receiver<Option<Arc<Published>>>,
        quotas: Option<LogQuotas>,
    ) -> LogServer {
        LogServer::new(Parts {
            tenant: Some(tenant),
            rules,
            key: self.root.key().clone(),
            tree_signer: None,
            reader,
            jobs,
            published,
            quotas,
            limits: self.limits,
            timekeeper: self.root.shared_timekeeper(),
            metrics: self.root.shared_metrics(),
            signing: self.root.signing().clone(),
            is_shared: self.is_shared(),
            has_lost_commits: self.root.shared_lost_commits(),
        })
    }

    /// Fails if the root log stopped signing.
    pub(crate) fn check_signing(&self) -> Result<(), StoreError> {
        self.root.signing().check()
    }

    /// True if other servers may make ticks too.
    pub(crate) fn is_shared(&self) -> bool {
        self.root.is_shared()
    }

    /// True if a tick was published since the server was started, or since it took over from another server.
    pub(crate) fn has_published(&self) -> bool {
        self.ticks.borrow().is_some()
    }

    fn trust(&self) -> TrustInForce {
        self.trust.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the root log's size in the newest published tick.
    fn published_size(&self) -> u64 {
        self.ticks.borrow().as_ref().map_or(0, |tick| tick.checkpoint.size)
    }

    /// Replaces the trust file from the next submission on.
    ///
    /// # Errors
    /// [`RulesError`]: the trust file is not in force, or some tenant logs can't be read. These are tried again at the
    /// next request, and accept nothing before.
    pub(crate) fn set_trust(&self, trust: &Trust) -> Result<(), RulesError> {
        let trust = Arc::new(trust.clone().with_emitter(self.root.key().clone())?);
        let settled = self.root.reader().size()? + TICKS_UNDER_WAY;
        let in_force = TrustInForce { trust, settled };
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = in_force.clone();
        let mut done = Ok(());
        for (_, log) in &self.open {
            done = done.and(log.refresh_rules(&in_force, self.published_size()));
        }
        Ok(done?)
    }

    /// Makes a tick before the next one is due, and returns once it is committed or has failed.
    ///
    /// # Errors
    /// If the sequencer has ended.
    pub async fn tick(&self) -> Result<(), SubmitError> {
        self.send(TenantJob::Tick).await?;
        self.count_waiting().await.map(drop)
    }

    /// Returns the number of submissions whose answers wait for the next tick.
    ///
    /// # Errors
    /// If the sequencer has ended.
    pub async fn count_waiting(&self) -> Result<usize, SubmitError> {
        let (reply, waiting) = oneshot::channel();
        self.send(TenantJob::CountWaiting { reply }).await?;
        waiting.await.map_err(|_| stopping())
    }

    /// Stores a key note for all tenant logs. Returns the tick from which on the logs that need it have it, except for
    /// those that are stopped.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(crate) async fn place_note(&self, note: RootNote) -> Result<u64, SubmitError> {
        let (reply, placed) = oneshot::channel();
        self.send(TenantJob::PlaceNote { note: Box::new(note), reply }).await?;
        placed.await.map_err(|_| stopping())?
    }

    async fn send(&self, job: TenantJob) -> Result<(), SubmitError> {
        self.jobs.send(job).await.map_err(|_| stopping())
    }

    /// Closes the tenant logs that aren't in use. Each is opened again when it is used.
    pub fn close_idle(&self) {
        self.open.invalidate_all();
        self.open.run_pending_tasks();
    }

    /// Closes the tenant logs that aren't in use, when the server stops.
    pub(crate) fn close(&self) {
        self.reading.reads().drop_unrecorded();
        if let Some(indexes) = self.indexes() {
            indexes.close();
        }
        self.close_idle();
    }
}

/// Announces the tenant log's newest head after each published tick, until the log is closed.
async fn follow_ticks(
    reader: Arc<TenantReader>,
    mut ticks: Ticks,
    announce: watch::Sender<Option<Arc<Published>>>,
) {
    loop {
        tokio::select! {
            changed = ticks.changed() => if changed.is_err() { return },
            () = announce.closed() => return,
        }
        match reader.published() {
            Ok(Some(newest)) => _ = announce.send_replace(Some(Arc::new(newest))),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the head of a tenant log can't be proven"),
        }
    }
}
