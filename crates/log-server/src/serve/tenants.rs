//! Starts the server of a root log.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use countersign_errors::plain;
use countersign_log::clock::Timekeeper;
use countersign_log::own_chain::secure_random;
use countersign_log::quota::tenants::TenantQuotas;
use countersign_log::self_check;
use countersign_log::sequencer::rules;
use countersign_log::signed_memory::SignedHeadMemory;
use countersign_log::stop::Signing;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::HeadGuard;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::memory::TenantHeadMemory;
use countersign_log::tenants::root_entries::RootEntryStore;
use countersign_log::tenants::sequencer::{RunningTenantSequencer, TenantSequencer};
use countersign_log::tenants::stops::{TenantNames, TenantStops};
use countersign_log::tenants::store::{TenantReaders, TenantStore};
use countersign_log::tree_signer::TreeSigner;
use countersign_log::witnessing::has_witnesses;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::start::{failed, present_to_witnesses, start_http, start_reading, start_sequencer};
use super::{Config, RunningLog, StartError, TenantConfig, last_job, lock, memory};
use crate::bucket::{self, HeadsOfBucket, JournaledTenantWriter, PutBack};
use crate::clock_file::ClockKeeper;
use crate::control_files::server_metrics;
use crate::erase;
use crate::erasure_memory::ErasureMemory;
use crate::erasure_memory::returned_events::{OpenStore, repeat};
use crate::fsck::{BucketAccess, SelfCheck, SelfCheckThread};
use crate::heads_file::TenantHeadsFile;
use crate::jobs::Jobs;
use crate::log_server::{LogServer, Parts};
use crate::reading::Reading;
use crate::root_entries::RootEntries;
use crate::search::tenants::TenantIndexes;
use crate::server::AppState;
use crate::signed_file::SignedFile;
use crate::sqlite;
use crate::stop_file::StopFile;
use crate::tenants::{TenantLogs, TenantLogsParts};

/// Runs the sequencer's jobs until it closes the second time, or until all senders are gone. After the first time,
/// the last tick is made, and only jobs that publish its checkpoint are run.
fn run(mut working: RunningTenantSequencer, mut jobs: mpsc::Receiver<TenantJob>) {
    let mut is_closing = false;
    while let Some(job) = jobs.blocking_recv() {
        if !is_closing {
            is_closing = working.work(job);
        } else if let TenantJob::Root(job) = job
            && let Some(job) = last_job(job, &mut jobs)
        {
            working.work(TenantJob::Root(job));
        }
    }
}

/// Makes the sequencer tick at a fixed interval, whether or not a log grew. A tick waits for its turn in the queue, so
/// that submissions can't keep it out; the ticks that become due in the meantime are skipped.
async fn keep_ticking(jobs: mpsc::WeakSender<TenantJob>, first: Instant, interval: Duration) {
    let mut interval = tokio::time::interval_at(first, interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        let Some(jobs) = jobs.upgrade() else { return };
        if jobs.send(TenantJob::Tick).await.is_err() {
            return;
        }
    }
}

/// Returns the names of tenants for log lines. They don't keep the store open.
fn tenant_names(readers: &Arc<dyn TenantReaders>) -> TenantNames {
    let readers = Arc::downgrade(readers);
    Box::new(move |id| {
        let tenant = readers.upgrade()?.find(id).ok()??;
        Some(plain(&tenant.name))
    })
}

/// Starts the server of a root log.
pub(super) async fn serve(config: Config, tenants: TenantConfig) -> Result<RunningLog, StartError> {
    let keys = config.keys();
    let Config {
        folder,
        store: bucket,
        journal,
        key,
        ml_dsa_key,
        trust,
        listen: address,
        tls,
        cors,
        hosts,
        parsers,
        ..
    } = config;
    let Config {
        issuer,
        reads,
        page,
        auditors_page,
        limits,
        bounds,
        clock,
        holds,
        check_within,
        steady,
        new_keys,
        ..
    } = config;
    let lock = lock(&folder)?;
    let timekeeper = Arc::new(Timekeeper::new(clock, steady.clone()));
    let clock = Arc::new(ClockKeeper::open(&folder, timekeeper.clone()));
    let is_shared = bucket.is_some();
    let checked = bucket.clone();
    let opened = tokio::task::spawn_blocking({
        let (folder, key, handle, now) =
            (folder.clone(), key.verifier_key().clone(), Handle::current(), timekeeper.now());
        let clock = clock.clone();
        let witnesses: Vec<_> = trust.witnesses().cloned().collect();
        move || {
            let signing =
                Signing::open(Box::new(StopFile::new(&folder)), now, &|witness| witnesses.contains(witness))?;
            let origin = key.name();
            let found = SignedFile::read(&folder, origin)?;
            let Some(bucket) = bucket else {
                if !sqlite::has_tenants(&folder)? {
                    sqlite::create_with_tenants(&folder, origin, tenants.depth)?;
                }
                let tables = sqlite::open_tenant_tables(&folder, origin)?;
                let published = || tables.1.root().published();
                keys.check_folder(&folder, found.newest(), published, &new_keys)?;
                let (mut store, journal) = match journal {
                    Some(journal) => {
                        let opened = JournaledTenantWriter::open(&folder, &key, journal, handle, tables)?;
                        (opened.0, Some(opened.1))
                    }
                    None => (TenantStore { writer: Box::new(tables.0), readers: tables.1 }, None),
                };
                let erasures = ErasureMemory::open(&folder)?;
                repeat(&erasures, &folder, origin, OpenStore::Tenants(&mut store), now)?;
                let TenantStore { writer, readers } = store;
                let memory = memory(&folder, origin, found, &signing, now)?;
                self_check::check(&*readers.root())?;
                keys.write(&folder)?;
                clock.start_from(&*readers.root(), true)?;
                let heads: Box<dyn TenantHeadMemory> = Box::new(TenantHeadsFile::open(&folder, origin)?);
                return Ok((writer, readers, memory, heads, signing, (erasures, journal)));
            };
            keys.check_second(&folder, &new_keys)?;
            bucket::check_key(&bucket, &key, &new_keys, &handle)?;
            let (mut store, signed) = bucket::open_tenants(&folder, &key, tenants.depth, bucket, handle)?;
            let erasures = ErasureMemory::open(&folder)?;
            repeat(&erasures, &folder, origin, OpenStore::Tenants(&mut store), now)?;
            let TenantStore { writer, readers } = store;
            let file = SignedFile::open(&folder, origin, found)?;
            let memory: Box<dyn SignedHeadMemory> = Box::new(signed.with_file(file, signing.clone(), now));
            self_check::check(&*readers.root())?;
            keys.write(&folder)?;
            clock.start_from(&*readers.root(), true)?;
            let ticks = writer.size();
            let heads =
                HeadsOfBucket::new(TenantHeadsFile::open(&folder, origin)?, &readers.heads()?, ticks)?;
            let heads: Box<dyn TenantHeadMemory> = Box::new(heads);
            Ok::<_, StartError>((writer, readers, memory, heads, signing, (erasures, None)))
        }
    });
    let (writer, readers, memory, heads, signing, (erasures, journal)) =
        opened.await.map_err(io::Error::other).map_err(failed("opening"))??;
    let root = readers.root();
    let (stops, growth) = (TenantStops::with_names(tenant_names(&readers)), GrowthTicks::default());
    let is_tick_due = has_witnesses(Some(&trust)) && root.size()? > 0;
    let key = Arc::new(key);
    let rules = Arc::new(RwLock::new(Arc::new(rules(&*root, key.verifier_key(), trust.clone())?)));
    let metrics = Arc::new(server_metrics());
    let (announce, published) = watch::channel(root.published()?.map(Arc::new));
    let (announce_tick, ticks) = watch::channel(None);
    let (jobs, queue) = mpsc::channel(bounds.waiting.max(1));
    let log_server = LogServer::new(Parts {
        tenant: None,
        rules: rules.clone(),
        key: key.verifier_key().clone(),
        tree_signer: Some(TreeSigner::new(Arc::clone(&key))),
        reader: root.clone(),
        jobs: Jobs::Root(jobs.clone()),
        published,
        quotas: None,
        limits,
        timekeeper: timekeeper.clone(),
        metrics: metrics.clone(),
        signing: signing.clone(),
        is_shared,
        has_lost_commits: Arc::default(),
    });
    let (witnesses, unwitnessed) = watch::channel(None);
    let sequencer = TenantSequencer {
        writer,
        readers: readers.clone(),
        memory,
        guard: HeadGuard::new(heads, stops.clone()),
        signing,
        key,
        ml_dsa_key,
        published: announce,
        witnesses,
        rules,
        timekeeper,
        metrics,
        ticks: announce_tick,
        growth: growth.clone(),
        waiting: bounds.waiting_room.clone(),
        random: Box::new(secure_random),
        // A log in a bucket stores each tick as an object, so its entries need no separate files.
        root_entries: (!is_shared).then(|| Box::new(RootEntries::new(&folder)) as Box<dyn RootEntryStore>),
    };
    let sequencer = start_sequencer(|| sequencer.begin(), |working| run(working, queue)).await?;
    let clock_task = tokio::spawn(clock.clone().run());
    let witnessing = present_to_witnesses(&log_server, unwitnessed).await?;
    let witnessing = tokio::spawn(witnessing.run());
    // In a bucket, another server may erase events while this one has an index of them.
    let indexes = (!is_shared).then(|| TenantIndexes::new(&folder, parsers.clone())).transpose()?;
    let reading = Reading::new(log_server.clone(), &folder, parsers, None, reads, Arc::new(erasures));
    let reading = reading.with_tenants(&folder, indexes.map(Arc::new));
    let reading = start_reading(reading, issuer, steady, holds)?;
    // A sequencer without witnesses has made a tick. One with witnesses waits for what they say about the time.
    let first = if is_tick_due { Instant::now() } else { Instant::now() + tenants.tick };
    let ticking = keep_ticking(jobs.downgrade(), first, tenants.tick);
    let tenant_logs = Arc::new(TenantLogs::new(TenantLogsParts {
        root: log_server.clone(),
        reading: reading.clone(),
        folder: folder.clone(),
        readers,
        ticks,
        growth,
        stops,
        jobs,
        quotas: TenantQuotas::new(bounds.quota, bounds.tenant_quota),
        limits,
        trust,
        has_metrics: tenants.has_metrics,
    })?);
    let erasing = tokio::spawn(erase::keep_resuming_tenants(reading.clone(), tenant_logs.clone()));
    let mut state = AppState::new(reading.clone(), folder.clone(), bounds.clone());
    (state.page, state.auditors_page) = (page, auditors_page);
    state.journal.clone_from(&journal);
    state.tenants = Some(tenant_logs.clone());
    let access = checked.map(|bucket| {
        let (patience, handle) = (bucket.patience(), Handle::current());
        let (folder, log_server, logs) = (folder.clone(), log_server.clone(), tenant_logs.clone());
        let open =
            move || PutBack::of_tenants(&bucket, &handle, &folder, log_server.key(), logs.readers().clone());
        BucketAccess { open: Box::new(open), patience }
    });
    let self_check = SelfCheck {
        log_server: log_server.clone(),
        folder,
        bucket: access,
        search: None,
        tenants: Some(tenant_logs.clone()),
        known: RefCell::default(),
    };
    let checking =
        check_within.map(|within| SelfCheckThread::begin(self_check, within, state.self_check.clone()));
    let checking = checking.transpose().map_err(failed("starting to check the logs"))?;
    let http = start_http(state, &address, tls, &cors, hosts, &bounds).await?;
    tokio::spawn(ticking);
    Ok(RunningLog {
        log_server,
        reading,
        http,
        otlp: None,
        sequencer,
        witnessing,
        indexing: None,
        erasing,
        checking,
        tenants: Some(tenant_logs),
        mirrors: None,
        clock,
        clock_task,
        journal,
        _lock: lock,
    })
}
