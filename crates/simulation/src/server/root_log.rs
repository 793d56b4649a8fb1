//! The parts of the log server that only a root log with tenant logs has.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use countersign::tenant::{HeadProof, TenantOrigin};
use countersign::trust::Trust;
use countersign_log::clock::Timekeeper;
use countersign_log::metrics::Metrics;
use countersign_log::self_check;
use countersign_log::sequencer::{RulesError, rules};
use countersign_log::stop::{Signing, SigningStop};
use countersign_log::store::StoreError;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::HeadGuard;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::published::{PublishedTick, TenantTicks};
use countersign_log::tenants::reader::TenantReader;
use countersign_log::tenants::rules::tenant_rules;
use countersign_log::tenants::sequencer::TenantSequencer;
use countersign_log::tenants::stops::TenantStops;
use countersign_log::tenants::store::{TenantReaders, TenantStore};
use countersign_log::tenants::tenant::TenantNumber;
use countersign_log::tenants::waiting::WaitingRoom;
use tokio::sync::watch;

use super::open_log::OpenLog;
use super::{Engine, Machine, Server, catch_kill};
use crate::disk::DiskMemory;
use crate::random::Random;

/// The root log of tenant logs.
pub(super) struct RootLog {
    pub(super) readers: Arc<dyn TenantReaders>,
    pub(super) growth: GrowthTicks,
    ticks: watch::Receiver<Option<Arc<PublishedTick>>>,
    tenants: Vec<TenantOrigin>,
    stops: TenantStops,
    trust: Trust,
}

impl RootLog {
    pub(super) fn newest(&self) -> Option<Arc<PublishedTick>> {
        self.ticks.borrow().clone()
    }

    /// Opens a tenant log, if the newest published tick has it.
    fn open(&self, origin: &TenantOrigin) -> Result<Option<OpenLog>, RulesError> {
        let Some(head) = self.newest().and_then(|tick| tick.directory.heads().find(&origin.id()).copied())
        else {
            return Ok(None);
        };
        let ticks = TenantTicks::new(self.ticks.clone(), origin.id());
        let root_log = self.readers.root();
        let history = self.readers.history(head.number, &origin.id());
        let entries = self.readers.log(head.number);
        let reader = Arc::new(TenantReader::new(entries, root_log.clone(), ticks, history));
        let rules = tenant_rules(&*reader, origin, Arc::new(self.trust.clone()))?;
        let rules = Arc::new(RwLock::new(Arc::new(rules)));
        Ok(Some(OpenLog::tenant(reader, root_log, origin, head.number, self.trust.clone(), rules)))
    }
}

impl Server {
    /// Starts the process of a root log's server.
    pub(super) fn start_root_log(
        machine: &Machine,
        mut random: Random,
        timekeeper: Arc<Timekeeper>,
        signing: Signing,
        memory: DiskMemory,
    ) -> Result<Self, StoreError> {
        let (trust, key) = (machine.trust.clone(), machine.key());
        let TenantStore { writer, readers } = machine.disk.open_tenants()?;
        let root = readers.root();
        self_check::check(&*root)?;
        machine.start_clock(&timekeeper, &*root)?;
        let damaged = |error| match error {
            RulesError::Store(error) => error,
            RulesError::Key(error) => StoreError::Damaged(error.to_string()),
        };
        let rules = rules(&*root, key.verifier_key(), trust.clone()).map_err(damaged)?;
        let rules = Arc::new(RwLock::new(Arc::new(rules)));
        let (announce, published) = watch::channel(root.published()?.map(Arc::new));
        let (witnesses, unwitnessed) = watch::channel(None);
        let (announce_tick, ticks) = watch::channel(None);
        let (stops, growth) = (TenantStops::default(), GrowthTicks::default());
        let sequencer = TenantSequencer {
            writer,
            readers: readers.clone(),
            memory: Box::new(memory),
            guard: HeadGuard::new(Box::new(machine.disk.tenant_heads()), stops.clone()),
            signing: signing.clone(),
            key: Arc::new(key),
            ml_dsa_key: None,
            published: announce,
            witnesses,
            rules: rules.clone(),
            timekeeper: timekeeper.clone(),
            metrics: Arc::new(Metrics::default()),
            ticks: announce_tick,
            growth: growth.clone(),
            waiting: WaitingRoom::default(),
            random: Box::new(move || Ok(random.bytes())),
            root_entries: Some(Box::new(machine.disk.root_entries())),
        };
        let running = sequencer.begin()?;
        let tenants = machine.tenants.clone();
        Ok(Self {
            engine: Engine::Root(Box::new(running)),
            reader: root,
            logs: tenants.iter().map(|_| None).collect(),
            root_log: Some(RootLog { readers, growth, ticks, tenants, stops, trust }),
            published,
            unwitnessed,
            signing,
            rules,
            timekeeper,
            kept: None,
            sizes: BTreeMap::new(),
        })
    }

    /// Makes a tick. Returns false if the process is killed meanwhile.
    pub fn tick(&mut self) -> bool {
        let Engine::Root(running) = &mut self.engine else { return true };
        catch_kill(|| running.work(TenantJob::Tick)).is_some()
    }

    /// Opens the tenant logs that the newest published tick has. The real server opens each when it is used.
    ///
    /// # Errors
    /// The first error. That log is opened later.
    pub fn open_tenant_logs(&mut self) -> Result<(), RulesError> {
        let Some(root_log) = &self.root_log else { return Ok(()) };
        for (log, origin) in self.logs.iter_mut().zip(&root_log.tenants) {
            if log.is_none() {
                *log = root_log.open(origin)?;
            }
        }
        Ok(())
    }

    /// Returns why a tenant log is stopped alone, if it is.
    pub fn stopped_tenant(&self, number: TenantNumber) -> Option<Arc<SigningStop>> {
        self.root_log.as_ref()?.stops.get(number).map(|stop| stop.reason)
    }

    /// Returns the newest published tick.
    pub fn newest_tick(&self) -> Option<Arc<PublishedTick>> {
        self.root_log.as_ref()?.newest()
    }

    /// Proves a tenant log's head at a published tick. `None` if the directory doesn't have it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn head_proof(
        &self,
        tick: &PublishedTick,
        origin: &TenantOrigin,
    ) -> Result<Option<HeadProof>, StoreError> {
        tick.head_proof(&origin.id(), &*self.reader)
    }
}
