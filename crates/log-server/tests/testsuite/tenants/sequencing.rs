//! A root log's sequencer in this process, without a server.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use countersign::log::Rules;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::clock::Timekeeper;
use countersign_log::metrics::Metrics;
use countersign_log::own_chain::secure_random;
use countersign_log::signed_memory::InStore;
use countersign_log::stop::Signing;
use countersign_log::store::StoreError;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::HeadGuard;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::{HeadsInMemory, RememberedHead, TenantHeadMemory};
use countersign_log::tenants::published::PublishedTick;
use countersign_log::tenants::sequencer::{RunningTenantSequencer, TenantSequencer};
use countersign_log::tenants::stops::TenantStops;
use countersign_log::tenants::store::{TenantReaders, TenantStore};
use countersign_log::tenants::waiting::WaitingRoom;
use countersign_log::witnessing::Unwitnessed;
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;
use tokio::sync::watch;

use crate::common::server::{ORIGIN, log_key};

/// A memory of heads that outlives the sequencer.
#[derive(Clone, Default)]
pub struct SharedHeads(Arc<Mutex<HeadsInMemory>>);

impl TenantHeadMemory for SharedHeads {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        self.0.lock().unwrap().heads()
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        self.0.lock().unwrap().remember(tick, heads)
    }
}

/// A running sequencer, with what it announces.
pub struct Running {
    pub sequencer: RunningTenantSequencer,
    pub readers: Arc<dyn TenantReaders>,
    pub ticks: watch::Receiver<Option<Arc<PublishedTick>>>,
    pub unwitnessed: watch::Receiver<Option<Unwitnessed>>,
    pub signing: Signing,
}

impl Running {
    /// Starts the sequencer of the root log in a folder, after `change`. `clock` is in milliseconds since 1970.
    pub fn begin(
        folder: &Path,
        trust: Option<Trust>,
        clock: &Arc<AtomicI64>,
        heads: &SharedHeads,
        change: impl FnOnce(TenantSequencer) -> TenantSequencer,
    ) -> Self {
        let TenantStore { writer, readers } = sqlite::open_tenants(folder, ORIGIN).unwrap();
        let (announce_tick, ticks) = watch::channel(None);
        let (announce, unwitnessed) = watch::channel(None);
        let signing = Signing::open(Box::new(StopFile::new(folder)), Time::MIN, &|_| true).unwrap();
        let (clock, passed) = (clock.clone(), clock.clone());
        let steady = move || Duration::from_millis(passed.load(Ordering::SeqCst).max(0).cast_unsigned());
        let now = move || Time::from_millis(clock.load(Ordering::SeqCst)).unwrap();
        let sequencer = TenantSequencer {
            root_entries: None,
            writer,
            readers: readers.clone(),
            memory: Box::new(InStore::default()),
            guard: HeadGuard::new(Box::new(heads.clone()), TenantStops::default()),
            signing: signing.clone(),
            key: Arc::new(log_key()),
            ml_dsa_key: None,
            published: watch::channel(readers.root().published().unwrap().map(Arc::new)).0,
            witnesses: announce,
            rules: Arc::new(RwLock::new(Arc::new(Rules::new(ORIGIN, trust)))),
            timekeeper: Arc::new(Timekeeper::new(Arc::new(now), Arc::new(steady))),
            metrics: Arc::new(Metrics::default()),
            ticks: announce_tick,
            growth: GrowthTicks::default(),
            waiting: WaitingRoom::default(),
            random: Box::new(secure_random),
        };
        Self { sequencer: change(sequencer).begin().unwrap(), readers, ticks, unwitnessed, signing }
    }
}
