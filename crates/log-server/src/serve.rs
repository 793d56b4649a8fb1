//! The whole log server: store, sequencer, and HTTP interface, started and stopped together.

mod start;
mod tenants;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, RwLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::log::Limits;
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_query::Parsers;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::bucket::{self, Bucket, JournalConfig, JournalState, JournaledWriter, PutBack};
use crate::clock_file::ClockKeeper;
use crate::control_files::server_metrics;
use crate::erasure_memory::ErasureMemory;
use crate::erasure_memory::returned_events::{OpenStore, repeat};
use crate::folder_keys::LogKeys;
use crate::fsck::{BucketAccess, SelfCheck, SelfCheckThread};
use crate::jobs::Jobs;
use crate::log_server::{LogServer, Parts};
use crate::mirror_client::MirrorFeed;
use crate::oidc;
use crate::otlp::OtlpIntake;
use crate::own_entries::OwnEntries;
use crate::reading::Reading;
use crate::retention::holds::Hold;
use crate::search::{Search, keep_up};
use crate::server::{Address, AppState, Bounds, Cors, Hosts, HttpServer, Page, Tls};
use crate::signed_file::{FrozenMemory, SignedFile, SignedFileContent};
use crate::stop_file::StopFile;
use crate::tenants::TenantLogs;
use crate::{erase, sqlite};
use countersign_files::Lock;
use countersign_log::clock::{Clock, Steady, Timekeeper};
use countersign_log::own_chain::OwnChain;
use countersign_log::quota::LogQuotas;
use countersign_log::reads::ReadRules;
use countersign_log::self_check;
use countersign_log::sequencer::{
    Durable, Job, OwnEntryStore, RulesError, RunningSequencer, Sequencer, Unattested,
};
use countersign_log::signed_memory::SignedHeadMemory;
use countersign_log::stop::{Cause, Signing, SigningStop};
use countersign_log::store::{Published, Store, StoreError};
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tree_signer::TreeSigner;
use countersign_log::witnessing::{PATIENCE, has_witnesses};

use countersign_log::sequencer::rules;
use start::{failed, present_to_witnesses, start_http, start_reading, start_sequencer};

pub use crate::mirror_client::MirrorLag;
pub use crate::start_error::{StartError, lock};

/// Runs the sequencer's jobs until the second [`Job::Close`], or until all senders are gone. After the first one, the
/// log's last checkpoint is signed, and only jobs that publish it are run.
fn run(mut working: RunningSequencer, mut jobs: mpsc::Receiver<Job>) {
    let mut is_closing = false;
    while let Some(job) = jobs.blocking_recv() {
        if !is_closing {
            is_closing = working.work(job, &mut || jobs.try_recv().ok());
        } else if let Some(job) = last_job(job, &mut jobs) {
            working.work(job, &mut || None);
        }
    }
}

/// Returns the job of a log that is closing, if it publishes the last checkpoint. Closes the queue if the job says so. The
/// senders of other jobs get no answer.
fn last_job(job: Job, jobs: &mut mpsc::Receiver<impl Sized>) -> Option<Job> {
    match job {
        Job::Close { reply } => {
            jobs.close();
            let _ = reply.send(Ok(Durable::default()));
            None
        }
        Job::Publish { .. } | Job::Contradicted { .. } | Job::Claimed { .. } => Some(job),
        _ => None,
    }
}

/// The longest wait for the last user of a store when a server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The time that publishing the last checkpoint may take, after witnesses had theirs.
const LAST_PUBLISH_MARGIN: Duration = Duration::from_secs(1);

/// The interval at which a log's journal is looked after.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(2);

/// The interval at which a stopping server looks for submissions that wait for a tick.
const STOP_TICK_INTERVAL: Duration = Duration::from_millis(100);

/// The configuration of a log server.
pub struct Config {
    /// The log's folder, which must exist.
    pub folder: PathBuf,
    /// The bucket that contains the log. If set, the folder only has the log's index.
    pub store: Option<Bucket>,
    /// The journal of the log, if it has one. A log in a bucket must have none.
    pub journal: Option<JournalConfig>,
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
    /// The log's ML-DSA-44 key, if it has one: it signs checkpoints too.
    pub ml_dsa_key: Option<MlDsaKey>,
    /// Trusted issuers, emitters, and witnesses.
    pub trust: Trust,
    /// The address to listen on. Port 0 picks a free port.
    pub listen: Address,
    /// Certificate and key. If `None`, connections aren't encrypted.
    pub tls: Option<Arc<Tls>>,
    /// Origins whose pages may send requests.
    pub cors: Cors,
    /// Host names to accept, besides those of loopback and `listen`.
    pub hosts: Hosts,
    /// Parsers of events.
    pub parsers: Parsers,
    /// An OpenID Connect issuer whose tokens readers may use, besides the folder's own tokens.
    pub issuer: Option<oidc::Config>,
    /// Rules for the reads that are recorded on the log's own chain.
    pub reads: ReadRules,
    /// The page at `/`.
    pub page: Option<Page>,
    /// The auditor's page at `/auditor.html`, with which the console begins evidence files.
    pub auditors_page: Option<Page>,
    /// Limits on one submission.
    pub limits: Limits,
    /// Limits on clients and on the time they may take.
    pub bounds: Bounds,
    /// Returns the current time.
    pub clock: Clock,
    /// Events protected from erasure, besides those in the folder's file.
    pub holds: Vec<Hold>,
    /// The period in which the server checks everything that it stores, or `None` for never.
    pub check_within: Option<Duration>,
    /// Returns the elapsed time: [`steady`](countersign_log::clock::steady).
    pub steady: Steady,
    /// Makes the log a root log with tenant logs.
    pub tenants: Option<TenantConfig>,
    /// The key that signs the events of services that send logs over OTLP. If `None`, no logs are accepted. A root log
    /// must have none.
    pub otlp: Option<SignerKey>,
    /// The public keys to which a change of the log's keys is confirmed.
    pub new_keys: Vec<VerifierKey>,
}

impl Config {
    /// Returns the public keys that sign the log's checkpoints.
    fn keys(&self) -> LogKeys {
        let ml_dsa = self.ml_dsa_key.as_ref().map(|key| key.verifier_key().clone());
        LogKeys { key: self.key.verifier_key().clone(), ml_dsa }
    }
}

/// The configuration of a root log.
#[derive(Clone, Copy, Debug)]
pub struct TenantConfig {
    /// The interval of the ticks, at least a second.
    pub tick: Duration,
    /// The depth of a new log's directory, 8 to 32: it has 2^depth slots until more are needed.
    pub depth: u8,
    /// True to report metrics of each tenant, with its name: they reveal how active it is.
    pub has_metrics: bool,
}

/// A running log server.
pub struct RunningLog {
    log_server: LogServer,
    reading: Arc<Reading>,
    http: HttpServer,
    otlp: Option<OtlpIntake>,
    sequencer: JoinHandle<()>,
    witnessing: tokio::task::JoinHandle<()>,
    indexing: Option<tokio::task::JoinHandle<()>>,
    erasing: tokio::task::JoinHandle<()>,
    checking: Option<SelfCheckThread>,
    tenants: Option<Arc<TenantLogs>>,
    mirrors: Option<MirrorFeed>,
    clock: Arc<ClockKeeper>,
    clock_task: tokio::task::JoinHandle<()>,
    journal: Option<Arc<JournalState>>,
    /// Keeps other servers out of the folder.
    _lock: Lock,
}

/// Starts a log server.
///
/// # Errors
/// [`StartError`].
pub async fn serve(config: Config) -> Result<RunningLog, StartError> {
    serve_with_first_event(config, None).await
}

/// Starts a log server. If the log is empty, `statement` becomes its first event, on the log's own chain.
///
/// # Errors
/// [`StartError`], also for a root log with a statement: it has no events.
pub async fn serve_with_first_event(
    config: Config,
    statement: Option<serde_json::Value>,
) -> Result<RunningLog, StartError> {
    if let Some(tenants) = config.tenants {
        if statement.is_some() {
            let why = "a root log has no events";
            return Err(StoreError::unavailable("recording the log's first event", why).into());
        }
        return tenants::serve(config, tenants).await;
    }
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
        tenants: _,
        otlp,
        new_keys,
    } = config;
    let lock = lock(&folder)?;
    let timekeeper = Arc::new(Timekeeper::new(clock, steady.clone()));
    let clock = Arc::new(ClockKeeper::open(&folder, timekeeper.clone()));
    let interval = bucket.as_ref().map(Bucket::interval);
    let checked = bucket.clone();
    let opened = tokio::task::spawn_blocking({
        let (folder, key, handle) = (folder.clone(), key.verifier_key().clone(), Handle::current());
        let (clock, now) = (clock.clone(), timekeeper.now());
        let witnesses: Vec<VerifierKey> = trust.witnesses().cloned().collect();
        move || {
            let signing =
                Signing::open(Box::new(StopFile::new(&folder)), now, &|witness| witnesses.contains(witness))?;
            let found = SignedFile::read(&folder, key.name())?;
            #[allow(clippy::single_match_else, reason = "two kinds of stores")]
            let ((mut store, journal), memory): (_, Box<dyn SignedHeadMemory>) = match bucket {
                Some(bucket) => {
                    refuse_copy(&found, &bucket, &key, &handle, now)?;
                    if bucket::has_log(&bucket, &key, &handle)? {
                        keys.check_second(&folder, &new_keys)?;
                        bucket::check_key(&bucket, &key, &new_keys, &handle)?;
                    } else {
                        // The folder's log moves into the bucket.
                        let published = || published_in(&folder);
                        keys.check_folder(&folder, found.newest(), published, &new_keys)?;
                    }
                    let (store, signed) = bucket::open(&folder, &key, bucket, handle)?;
                    let file = SignedFile::open(&folder, key.name(), found)?;
                    ((store, None), Box::new(signed.with_file(file, signing.clone(), now)))
                }
                None => {
                    let (sqlite, reader) = sqlite::open_writer(&folder, key.name())?;
                    let published = || reader.published();
                    keys.check_folder(&folder, found.newest(), published, &new_keys)?;
                    let store = match journal {
                        Some(journal) => {
                            let opened =
                                JournaledWriter::open(&folder, &key, journal, handle, (sqlite, reader))?;
                            (opened.0, Some(opened.1))
                        }
                        None => (Store { writer: Box::new(sqlite), reader }, None),
                    };
                    (store, memory(&folder, key.name(), found, &signing, now)?)
                }
            };
            self_check::check(&*store.reader)?;
            let erasures = ErasureMemory::open(&folder)?;
            let erased = repeat(&erasures, &folder, key.name(), OpenStore::Log(&mut store), now)?;
            keys.write(&folder)?;
            clock.start_from(&*store.reader, false)?;
            Ok::<_, StartError>(((store, journal), memory, signing, erasures, erased))
        }
    });
    let ((Store { writer, reader }, journal), memory, signing, erasures, erased_again) =
        opened.await.map_err(io::Error::other).map_err(failed("opening"))??;
    let key = Arc::new(key);
    let rules = Arc::new(RwLock::new(Arc::new(rules(&*reader, key.verifier_key(), trust)?)));
    let metrics = Arc::new(server_metrics());
    let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
    let (jobs, queue) = mpsc::channel(bounds.waiting.max(1));
    if let Some(interval) = interval {
        tokio::spawn(follow_other_servers(jobs.downgrade(), interval));
    } else if journal.is_some() {
        // The journal catches up although nothing is submitted.
        tokio::spawn(follow_other_servers(jobs.downgrade(), JOURNAL_INTERVAL));
    }
    let log_server = LogServer::new(Parts {
        tenant: None,
        rules: rules.clone(),
        key: key.verifier_key().clone(),
        tree_signer: Some(TreeSigner::new(Arc::clone(&key))),
        reader: reader.clone(),
        jobs: Jobs::Log(jobs),
        published,
        quotas: LogQuotas::own(bounds.quota),
        limits,
        timekeeper: timekeeper.clone(),
        metrics: metrics.clone(),
        signing: signing.clone(),
        is_shared: interval.is_some(),
        has_lost_commits: Arc::default(),
    });
    let (witnesses, unwitnessed) = watch::channel(None);
    let (erased, forgotten) = mpsc::unbounded_channel();
    if !erased_again.is_empty() {
        // Data derived from them may be restored, too.
        let _ = erased.send(erased_again);
    }
    let unattested = Unattested::new(reader.clone());
    // A log in a bucket stores each commit as an object, so its own entries need no separate file.
    let own_entries =
        interval.is_none().then(|| Box::new(OwnEntries::new(&folder)) as Box<dyn OwnEntryStore>);
    let sequencer = Sequencer {
        writer,
        reader,
        memory,
        signing,
        key,
        ml_dsa_key,
        published: announce,
        witnesses,
        erased,
        rules,
        timekeeper,
        unattested,
        own_entries,
        own_chain: OwnChain::default(),
        metrics,
    };
    let sequencer = start_sequencer(|| sequencer.begin(), |working| run(working, queue)).await?;
    let clock_task = tokio::spawn(clock.clone().run());
    let witnessing = present_to_witnesses(&log_server, unwitnessed).await?;
    if let Some(statement) = statement
        && log_server.reader().size()? == 0
    {
        let recorded = log_server.record(&statement).await;
        recorded.map_err(|error| StoreError::unavailable("recording the log's first event", error))?;
    }
    let witnessing = tokio::spawn(witnessing.run());
    let search = open_search(&folder, &log_server, &parsers).await;
    let reading =
        Reading::new(log_server.clone(), &folder, parsers, search.clone(), reads, Arc::new(erasures));
    let reading = start_reading(reading, issuer, steady, holds)?;
    tokio::spawn(forget_erased(Arc::downgrade(&reading), forgotten));
    let erasing = tokio::spawn(erase::keep_resuming(reading.clone()));
    let indexing = search.map(|search| tokio::spawn(keep_up(search, log_server.clone(), reading.stopping())));
    let mut state = AppState::new(reading.clone(), folder.clone(), bounds.clone());
    (state.page, state.auditors_page) = (page, auditors_page);
    state.journal.clone_from(&journal);
    let search = reading.search().cloned();
    let known = RefCell::default();
    let access = checked.map(|bucket| {
        let (patience, handle) = (bucket.patience(), Handle::current());
        let (folder, log_server) = (folder.clone(), log_server.clone());
        let open = move || {
            let (key, index) = (log_server.key(), log_server.reader().clone());
            PutBack::of_log(&bucket, &handle, &folder, key, index)
        };
        BucketAccess { open: Box::new(open), patience }
    });
    let self_check =
        SelfCheck { log_server: log_server.clone(), folder, bucket: access, search, tenants: None, known };
    let checking =
        check_within.map(|within| SelfCheckThread::begin(self_check, within, state.self_check.clone()));
    let checking = checking.transpose().map_err(failed("starting to check the log"))?;
    let otlp = otlp.map(|key| OtlpIntake::start(log_server.clone(), key)).transpose();
    let otlp = otlp.map_err(failed("starting to accept logs"))?;
    state.otlp = otlp.as_ref().map(|intake| intake.sender().clone());
    let http = start_http(state, &address, tls, &cors, hosts, &bounds).await?;
    Ok(RunningLog {
        log_server,
        reading,
        http,
        otlp,
        sequencer,
        witnessing,
        indexing,
        erasing,
        checking,
        tenants: None,
        mirrors: None,
        clock,
        clock_task,
        journal,
        _lock: lock,
    })
}

/// Returns the newest checkpoint that the log in a folder published, if there is a log.
fn published_in(folder: &Path) -> Result<Option<Published>, StoreError> {
    if !folder.join(sqlite::FILE).exists() {
        return Ok(None);
    }
    sqlite::open_live_reader(folder)?.1.published()
}

/// Opens the record of what a log in its own folder signed. If the folder is a copy, or if the record is damaged, the
/// newest signed state is uncertain, and signing stops.
fn memory(
    folder: &Path,
    origin: &str,
    found: SignedFileContent,
    signing: &Signing,
    now: Time,
) -> Result<Box<dyn SignedHeadMemory>, StoreError> {
    let stop = if let Some(problem) = &found.problem {
        SigningStop::new(now, Cause::Unremembered, format!("signed.txt can't be read: {problem}"))
    } else if found.is_copy {
        let message = "the folder is a copy of the one in which this log last signed";
        SigningStop {
            signed: found.newest().map(|head| head.note(origin)),
            ..SigningStop::new(now, Cause::Copied, message)
        }
    } else {
        return Ok(Box::new(SignedFile::open(folder, origin, found)?));
    };
    signing.stop(stop);
    Ok(Box::new(FrozenMemory(found.newest().cloned())))
}

/// Fails if the folder of a log that isn't in the bucket yet is a copy: the original may have signed more since.
fn refuse_copy(
    found: &SignedFileContent,
    bucket: &Bucket,
    key: &VerifierKey,
    handle: &Handle,
    now: Time,
) -> Result<(), StoreError> {
    if !found.is_copy || bucket::has_log(bucket, key, handle)? {
        return Ok(());
    }
    let message =
        "the folder is a copy of the one in which this log last signed, so the log can't move into a bucket";
    let signed = found.newest().map(|head| head.note(key.name()));
    let stop = SigningStop { signed, ..SigningStop::new(now, Cause::Copied, message) };
    Err(StoreError::Stopped(Arc::new(stop)))
}

/// Opens the search index. Without it, searches are slower but complete.
async fn open_search(folder: &Path, log_server: &LogServer, parsers: &Parsers) -> Option<Arc<Search>> {
    let (folder, reader, parsers) = (folder.to_owned(), log_server.reader().clone(), parsers.clone());
    let opened = tokio::task::spawn_blocking(move || Search::open(&folder, &*reader, parsers)).await;
    match opened
        .map_err(|error| error.to_string())
        .and_then(|opened| opened.map_err(|error| error.to_string()))
    {
        Ok(search) => Some(Arc::new(search.with_problem_counter(log_server.metrics().index_problems()))),
        Err(error) => {
            tracing::warn!(%error, "the search index isn't available; searches read every event");
            None
        }
    }
}

/// Removes events that other servers erased from everything derived from events.
async fn forget_erased(reading: Weak<Reading>, mut erased: mpsc::UnboundedReceiver<Vec<u64>>) {
    while let Some(leaves) = erased.recv().await {
        let Some(reading) = reading.upgrade() else { return };
        let forgot = tokio::task::spawn_blocking(move || {
            reading.findings().forget(&leaves.iter().copied().collect())?;
            reading.remove_from_index(leaves, true)
        });
        if let Ok(Err(error)) = forgot.await {
            tracing::error!(%error, "removing erased events from the search index or the findings failed");
        }
    }
}

/// Makes the sequencer follow the log's other servers, even if this server gets no submissions.
async fn follow_other_servers(jobs: mpsc::WeakSender<Job>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let (done, followed) = oneshot::channel();
        match jobs.upgrade() {
            // If the queue is full, the jobs in it make the sequencer follow too.
            Some(jobs) if !jobs.is_closed() => _ = jobs.try_send(Job::Follow { done }),
            _ => return,
        }
        // While the bucket doesn't respond, only one of these jobs is pending.
        let _ = followed.await;
    }
}

impl RunningLog {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> &Address {
        self.http.address()
    }

    /// Returns the state of the journal, if the log has one.
    pub fn journal(&self) -> Option<&JournalState> {
        self.journal.as_deref()
    }

    /// Returns the log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }

    /// Uploads each checkpoint that the log publishes, and its entries, to mirrors with these submission prefixes.
    ///
    /// # Errors
    /// If the system's certificates can't be used.
    pub fn feed_mirrors(&mut self, urls: &[String]) -> Result<(), StartError> {
        if !urls.is_empty() {
            let feed = MirrorFeed::start(&self.log_server, urls).map_err(io::Error::other);
            self.mirrors = Some(feed.map_err(failed("creating the client for mirrors"))?);
        }
        Ok(())
    }

    /// Returns the service for readers.
    pub fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// Returns the tenant logs, if this is a root log.
    pub fn tenants(&self) -> Option<&Arc<TenantLogs>> {
        self.tenants.as_ref()
    }

    /// Returns what applies a new trust file to all logs of this server.
    pub fn trust_target(&self) -> TrustTarget {
        TrustTarget { log_server: self.log_server.clone(), tenants: self.tenants.clone() }
    }

    /// Stops accepting requests, answers those in progress, closes the log's own chain, finishes uploads to mirrors, and
    /// ends. Returns the mirrors that lack entries.
    ///
    /// # Errors
    /// If the sequencer panicked.
    pub async fn stop(self) -> Result<Vec<MirrorLag>, StoreError> {
        let Self {
            log_server,
            reading,
            http,
            otlp,
            sequencer,
            witnessing,
            indexing,
            erasing,
            checking,
            tenants,
            mirrors,
            clock,
            clock_task,
            journal: _,
            _lock,
        } = self;
        reading.stop();
        finish_requests(http, tenants.as_deref()).await;
        if let Some(otlp) = otlp {
            otlp.stop().await;
        }
        if let Some(checking) = checking {
            let _ = tokio::task::spawn_blocking(move || checking.stop()).await;
        }
        // Indexing and erasing end between two batches and continue at the next start.
        if let Some(indexing) = indexing {
            let _ = indexing.await;
        }
        let _ = erasing.await;
        // Errors are logged by `record_reads`.
        let _ = reading.record_reads().await;
        log_server.close().await;
        let behind = match mirrors {
            None => Vec::new(),
            Some(mirrors) => {
                let size = last_published(&log_server).await;
                mirrors.finish(size).await
            }
        };
        log_server.close().await;
        witnessing.abort();
        let _ = witnessing.await;
        let ended = tokio::task::spawn_blocking(move || sequencer.join()).await;
        clock_task.abort();
        clock.stop().await;
        let reader = log_server.reader().clone();
        let readers = tenants.as_ref().map(|tenants| tenants.readers().clone());
        if let Some(tenants) = &tenants {
            tenants.close();
        }
        drop((log_server, reading, tenants));
        match readers {
            None => close(reader, |reader| Arc::strong_count(reader) == 1).await,
            Some(readers) => {
                drop(reader);
                let is_last = |readers: &Arc<dyn TenantReaders>| {
                    Arc::strong_count(readers) == 1 && readers.open_readers() == 0
                };
                close(readers, is_last).await;
            }
        }
        match ended {
            Ok(Ok(())) => Ok(behind),
            _ => Err(StoreError::unavailable("stopping", "the sequencer ended in a panic")),
        }
    }
}

/// Waits until witnesses had time for the last checkpoint, and returns the number of published entries.
async fn last_published(log_server: &LogServer) -> u64 {
    let mut published = log_server.published();
    let is_stopped = log_server.signing().stopped().is_some();
    if !is_stopped
        && has_witnesses(log_server.rules().trust())
        && let Ok(size) = log_server.reader().size()
    {
        let is_last =
            |newest: &Option<Arc<Published>>| newest.as_ref().is_some_and(|newest| newest.size >= size);
        let _ = tokio::time::timeout(PATIENCE + LAST_PUBLISH_MARGIN, published.wait_for(is_last)).await;
    }
    published.borrow().as_ref().map_or(0, |newest| newest.size)
}

/// Accepts no more requests, and waits for those in progress. Submissions to tenant logs wait for a tick, which may not be
/// due for a while, so this makes one.
async fn finish_requests(http: HttpServer, tenants: Option<&TenantLogs>) {
    let mut finished = pin!(http.stop());
    while tokio::time::timeout(STOP_TICK_INTERVAL, &mut finished).await.is_err() {
        if let Some(tenants) = tenants
            && tenants.count_waiting().await.is_ok_and(|waiting| waiting > 0)
        {
            let _ = tenants.tick().await;
        }
    }
}

/// Applies a trust file to all logs of a server.
#[derive(Clone)]
pub struct TrustTarget {
    log_server: LogServer,
    tenants: Option<Arc<TenantLogs>>,
}

impl TrustTarget {
    /// Replaces the trust file from the next submission on. It may take a while, because all grants are evaluated
    /// again.
    ///
    /// # Errors
    /// [`RulesError`]; the previous trust file remains in force, at least for some logs.
    pub fn set_trust(&self, trust: &Trust) -> Result<(), RulesError> {
        self.log_server.set_trust(trust)?;
        self.tenants.as_ref().map_or(Ok(()), |tenants| tenants.set_trust(trust))
    }

    /// Returns the log, or the root log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }
}

/// Closes a store's connections once nothing else uses them, which `is_last` determines. The last one to close moves the
/// write-ahead log into the database, and that must happen before the folder's lock is released.
async fn close<R: Send + 'static>(reader: R, is_last: impl Fn(&R) -> bool) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while !is_last(&reader) {
        if Instant::now() >= deadline {
            tracing::warn!("the log's store is still in use after {} s", CLOSE_TIMEOUT.as_secs());
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _ = tokio::task::spawn_blocking(move || drop(reader)).await;
}
