//! The whole log server: store, sequencer, and HTTP interface, started and stopped together.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::log::Limits;
use countersign::note::{SignerKey, VerifierKey};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_query::Parsers;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::bucket::{self, Bucket, CommitNames};
use crate::control_files::server_metrics;
use crate::fsck::{SelfCheck, SelfCheckThread};
use crate::log_server::{LogServer, Parts};
use crate::oidc::{self, Issuer};
use crate::own_entries::OwnEntries;
use crate::reading::Reading;
use crate::reads::Reads;
use crate::retention::holds::Hold;
use crate::search::{Search, keep_up};
use crate::server::{
    Address, AppState, Bounds, Cors, Entrance, Hosts, HttpServer, Page, Tls, listen, router,
};
use crate::signed_file::{FrozenMemory, SignedFile, SignedFileContent};
use crate::stop_file::StopFile;
use crate::witness_client::WitnessClient;
use crate::{erase, sqlite};
use countersign_files::Lock;
use countersign_log::clock::{Clock, Steady, Timekeeper};
use countersign_log::reads::ReadRules;
use countersign_log::sequencer::{Job, OwnEntryStore, RunningSequencer, Sequencer, Unattested};
use countersign_log::signed_memory::SignedHeadMemory;
use countersign_log::stop::{Cause, Signing, SigningStop};
use countersign_log::store::StoreError;
use countersign_log::{self_check, store};

use countersign_log::sequencer::rules;

pub use crate::start_error::{StartError, lock};

/// Runs the sequencer's jobs until all senders are gone.
fn run(mut working: RunningSequencer, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        if working.work(job, &mut || jobs.try_recv().ok()) {
            jobs.close();
        }
    }
}

/// The longest wait for the last user of a store when a server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration of a log server.
pub struct Config {
    /// The log's folder, which must exist.
    pub folder: PathBuf,
    /// The bucket that contains the log. If set, the folder only has the log's index.
    pub store: Option<Bucket>,
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
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
}

/// A running log server.
pub struct RunningLog {
    log_server: LogServer,
    reading: Arc<Reading>,
    http: HttpServer,
    sequencer: JoinHandle<()>,
    witnessing: tokio::task::JoinHandle<()>,
    indexing: Option<tokio::task::JoinHandle<()>>,
    erasing: tokio::task::JoinHandle<()>,
    checking: Option<SelfCheckThread>,
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
/// [`StartError`].
pub async fn serve_with_first_event(
    config: Config,
    statement: Option<serde_json::Value>,
) -> Result<RunningLog, StartError> {
    let Config {
        folder,
        store: bucket,
        key,
        trust,
        listen: address,
        tls,
        cors,
        hosts,
        parsers,
        issuer,
        reads,
        page,
        limits,
        bounds,
        clock,
        holds,
        check_within,
        steady,
    } = config;
    let timekeeper = Arc::new(Timekeeper::new(clock.clone(), steady.clone()));
    let lock = lock(&folder)?;
    let interval = bucket.as_ref().map(Bucket::interval);
    let commits = bucket.clone().map(|bucket| CommitNames::new(bucket, Handle::current()));
    let opened = tokio::task::spawn_blocking({
        let (folder, key, handle) = (folder.clone(), key.verifier_key().clone(), Handle::current());
        let now = clock();
        let witnesses: Vec<VerifierKey> = trust.witnesses().cloned().collect();
        move || {
            let signing =
                Signing::open(Box::new(StopFile::new(&folder)), now, &|witness| witnesses.contains(witness))?;
            let found = SignedFile::read(&folder, key.name())?;
            let (store, memory): (_, Box<dyn SignedHeadMemory>) = match bucket {
                Some(bucket) => {
                    let (store, signed) = bucket::open(&folder, &key, bucket, handle)?;
                    let file = SignedFile::open(&folder, key.name(), found)?;
                    (store, Box::new(signed.with_file(file, signing.clone(), now)))
                }
                None => {
                    (sqlite::open(&folder, key.name())?, memory(&folder, key.name(), found, &signing, now)?)
                }
            };
            self_check::check(&*store.reader)?;
            Ok::<_, StoreError>((store, memory, signing))
        }
    });
    let failed = |doing| move |error| StartError::Io { doing, error };
    let (store::Store { writer, reader }, memory, signing) =
        opened.await.map_err(io::Error::other).map_err(failed("opening"))??;
    let rules = Arc::new(RwLock::new(Arc::new(rules(&*reader, key.verifier_key(), trust)?)));
    let metrics = Arc::new(server_metrics());
    let (announce, published) = watch::channel(reader.published()?.map(Arc::new));
    let (jobs, queue) = mpsc::channel(bounds.waiting.max(1));
    if let Some(interval) = interval {
        tokio::spawn(follow_other_servers(jobs.downgrade(), interval));
    }
    let log_server = LogServer::new(Parts {
        rules: rules.clone(),
        key: key.verifier_key().clone(),
        reader: reader.clone(),
        jobs,
        published,
        quota: bounds.quota,
        limits,
        timekeeper: timekeeper.clone(),
        metrics: metrics.clone(),
        signing: signing.clone(),
        is_shared: interval.is_some(),
    });
    let (ready, started) = oneshot::channel();
    let (witnesses, unwitnessed) = watch::channel(None);
    let (erased, forgotten) = mpsc::unbounded_channel();
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
        published: announce,
        witnesses,
        erased,
        rules,
        timekeeper,
        unattested,
        own_entries,
        metrics,
    };
    let sequencer = std::thread::Builder::new()
        .name("sequencer".into())
        .spawn(move || match sequencer.begin() {
            Ok(working) => {
                let _ = ready.send(Ok(()));
                run(working, queue);
            }
            Err(error) => _ = ready.send(Err(error)),
        })
        .map_err(failed("starting the sequencer"))?;
    let stopped = || StoreError::unavailable("starting", "the sequencer ended");
    started.await.map_err(|_| stopped())??;
    let witnessing = WitnessClient::new(log_server.clone(), unwitnessed).map_err(io::Error::other);
    let witnessing = witnessing.map_err(failed("creating the client for witnesses"))?;
    witnessing.present_newest().await;
    if let Some(statement) = statement
        && log_server.reader().size()? == 0
    {
        let recorded = log_server.record(&statement).await;
        recorded.map_err(|error| StoreError::unavailable("recording the log's first event", error))?;
    }
    let witnessing = tokio::spawn(witnessing.run());
    let search = open_search(&folder, &log_server, &parsers).await;
    let issuer = issuer.map(|issuer| Issuer::new(issuer, steady)).transpose().map_err(io::Error::other);
    let issuer = issuer.map_err(failed("creating the client for the OpenID Connect issuer"))?;
    let reading = Reading::new(log_server.clone(), &folder, parsers, search.clone(), reads);
    let reading = Arc::new(reading.with_issuer(issuer));
    tokio::spawn(Reads::keep_recording(Arc::downgrade(reading.reads())));
    tokio::spawn(Reading::watch_tokens(Arc::downgrade(&reading)));
    for hold in holds {
        reading.holds().add(hold);
    }
    tokio::spawn(forget_erased(Arc::downgrade(&reading), forgotten));
    let erasing = tokio::spawn(erase::keep_resuming(reading.clone()));
    let indexing = search.map(|search| tokio::spawn(keep_up(search, log_server.clone(), reading.stopping())));
    let mut state = AppState::new(log_server.clone(), folder.clone(), bounds.clone());
    state.page = page;
    state.reading = reading.clone();
    let search = reading.search().cloned();
    let known = RefCell::default();
    let self_check = SelfCheck { log_server: log_server.clone(), folder, commits, search, known };
    let checking =
        check_within.map(|within| SelfCheckThread::begin(self_check, within, state.self_check.clone()));
    let checking = checking.transpose().map_err(failed("starting to check the log"))?;
    let router = router(state, &cors, hosts, &address);
    let entrance = {
        let log_server = log_server.clone();
        Entrance::new(&bounds, move |reason| log_server.metrics().turned_away(reason))
    };
    let http = listen(&address, tls, router, &bounds, entrance).await.map_err(StartError::Listen)?;
    Ok(RunningLog {
        log_server,
        reading,
        http,
        sequencer,
        witnessing,
        indexing,
        erasing,
        checking,
        _lock: lock,
    })
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
            let Some(search) = reading.search() else { return Ok(()) };
            let reader = &**reading.log_server().reader();
            search.forget(reader, leaves)?;
            search.settle(reader)
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

    /// Returns the log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }

    /// Returns the service for readers.
    pub fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// Stops accepting requests, answers those in progress, closes the log's own chain, and ends.
    ///
    /// # Errors
    /// If the sequencer panicked.
    pub async fn stop(self) -> Result<(), StoreError> {
        let Self { log_server, reading, http, sequencer, witnessing, indexing, erasing, checking, _lock } =
            self;
        reading.stop();
        http.stop().await;
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
        witnessing.abort();
        let _ = witnessing.await;
        let ended = tokio::task::spawn_blocking(move || sequencer.join()).await;
        let reader = log_server.reader().clone();
        drop((log_server, reading));
        close(reader).await;
        match ended {
            Ok(Ok(())) => Ok(()),
            _ => Err(StoreError::unavailable("stopping", "the sequencer ended in a panic")),
        }
    }
}

/// Closes a store's connections once nothing else uses them. The last one to close moves the write-ahead log into the
/// database, and that must happen before the folder's lock is released.
async fn close(reader: Arc<dyn store::Reader>) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while Arc::strong_count(&reader) > 1 {
        if Instant::now() >= deadline {
            tracing::warn!("the log's store is still in use after {} s", CLOSE_TIMEOUT.as_secs());
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let _ = tokio::task::spawn_blocking(move || drop(reader)).await;
}
