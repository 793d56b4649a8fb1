//! A whole log server: store, sequencer and HTTP interface, started and stopped together.

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
use crate::fsck::{Checked, Checking};
use crate::log_server::{LogServer, Parts};
use crate::oidc::{self, Issuer};
use crate::own_entries::OwnEntries;
use crate::reading::Reading;
use crate::reads::Reads;
use crate::retention::holds::Hold;
use crate::search::{Search, keep_up};
use crate::server::{Address, AppState, Bounds, Cors, Entrance, Hosts, Listening, Page, Tls, listen, router};
use crate::signed_file::{Found, Frozen, SignedFile};
use crate::stop_file::StopFile;
use crate::witnessing::Witnessing;
use crate::{erase, sqlite};
use countersign_files::Lock;
use countersign_log::clock::{Clock, Steady, Timekeeper};
use countersign_log::reads::ReadRules;
use countersign_log::sequencer::{Job, OwnEntryStore, Sequencer, Unattested, Working};
use countersign_log::signed_memory::SignedHeadMemory;
use countersign_log::stop::{Cause, Signing, SigningStop};
use countersign_log::store::StoreError;
use countersign_log::{self_check, store};

use countersign_log::sequencer::rules;

pub use crate::start_error::{StartError, lock};

/// Does the sequencer's jobs until nothing can send any more.
fn run(mut working: Working, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        if working.work(job, &mut || jobs.try_recv().ok()) {
            jobs.close();
        }
    }
}

/// The longest wait for the last user of a store when a server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a log server is to be.
pub struct Config {
    /// The log's folder. It exists.
    pub folder: PathBuf,
    /// The bucket that the log is in, where it is in one; the folder has its index then.
    pub store: Option<Bucket>,
    /// The log's key, whose name is the log's origin.
    pub key: SignerKey,
    /// Issuers, emitters and witnesses.
    pub trust: Trust,
    /// Where to listen; port 0 for any.
    pub listen: Address,
    /// With which certificate, where connections are encrypted.
    pub tls: Option<Arc<Tls>>,
    /// Pages of which origins may ask.
    pub cors: Cors,
    /// The names that it answers to, beside those of loopback and `listen`.
    pub hosts: Hosts,
    /// How events are read.
    pub parsers: Parsers,
    /// Who vouches for readers, beside the tokens of the folder.
    pub issuer: Option<oidc::Config>,
    /// Which reads are recorded on the log's own chain.
    pub reads: ReadRules,
    /// What is served at `/`.
    pub page: Option<Page>,
    /// How much may be submitted at one time.
    pub limits: Limits,
    /// How long clients may take, and how many there may be.
    pub bounds: Bounds,
    /// Tells the time.
    pub clock: Clock,
    /// What is not erased, beside what the folder's file names.
    pub holds: Vec<Hold>,
    /// In how much time the server reads all that it holds, to see whether it is damaged; none for never.
    pub check_within: Option<Duration>,
    /// Tells how much time has passed: [`steady`](countersign_log::clock::steady).
    pub steady: Steady,
}

/// A log server that runs.
pub struct Serving {
    log_server: LogServer,
    reading: Arc<Reading>,
    listening: Listening,
    sequencer: JoinHandle<()>,
    witnessing: tokio::task::JoinHandle<()>,
    indexing: Option<tokio::task::JoinHandle<()>>,
    erasing: tokio::task::JoinHandle<()>,
    checking: Option<Checking>,
    /// Held for as long as the folder is this server's.
    _lock: Lock,
}

/// Starts a log server.
///
/// # Errors
/// [`StartError`].
pub async fn serve(config: Config) -> Result<Serving, StartError> {
    serve_beginning_with(config, None).await
}

/// Starts a log server. The first event of a log that has no leaves is that statement, on its own chain.
///
/// # Errors
/// [`StartError`].
pub async fn serve_beginning_with(
    config: Config,
    statement: Option<serde_json::Value>,
) -> Result<Serving, StartError> {
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
            let found = SignedFile::look(&folder, key.name())?;
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
        tokio::spawn(follow(jobs.downgrade(), interval));
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
    // A bucket has each commit for itself.
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
    let witnessing = Witnessing::new(log_server.clone(), unwitnessed).map_err(io::Error::other);
    let witnessing = witnessing.map_err(failed("preparing to ask witnesses"))?;
    witnessing.look().await;
    if let Some(statement) = statement
        && log_server.reader().size()? == 0
    {
        let recorded = log_server.record(&statement).await;
        recorded.map_err(|error| StoreError::unavailable("recording what the log goes on from", error))?;
    }
    let witnessing = tokio::spawn(witnessing.run());
    let search = open_search(&folder, &log_server, &parsers).await;
    let issuer = issuer.map(|issuer| Issuer::new(issuer, steady)).transpose().map_err(io::Error::other);
    let issuer = issuer.map_err(failed("preparing to ask the issuer"))?;
    let reading = Reading::new(log_server.clone(), &folder, parsers, search.clone(), reads);
    let reading = Arc::new(reading.with_issuer(issuer));
    tokio::spawn(Reads::keep_recording(Arc::downgrade(reading.reads())));
    tokio::spawn(Reading::watch_tokens(Arc::downgrade(&reading)));
    for hold in holds {
        reading.holds().add(hold);
    }
    tokio::spawn(forget(Arc::downgrade(&reading), forgotten));
    let erasing = tokio::spawn(erase::keep(reading.clone()));
    let indexing = search.map(|search| tokio::spawn(keep_up(search, log_server.clone(), reading.stopping())));
    let mut state = AppState::new(log_server.clone(), folder.clone(), bounds.clone());
    state.page = page;
    state.reading = reading.clone();
    let search = reading.search().cloned();
    let problem = RefCell::default();
    let checked = Checked { log_server: log_server.clone(), folder, commits, search, problem };
    let checking = check_within.map(|within| Checking::begin(checked, within, state.found.clone()));
    let checking = checking.transpose().map_err(failed("starting to check the log"))?;
    let router = router(state, &cors, hosts, &address);
    let entrance = {
        let log_server = log_server.clone();
        Entrance::new(&bounds, move |reason| log_server.metrics().turned_away(reason))
    };
    let listening = listen(&address, tls, router, &bounds, entrance).await.map_err(StartError::Listen)?;
    Ok(Serving {
        log_server,
        reading,
        listening,
        sequencer,
        witnessing,
        indexing,
        erasing,
        checking,
        _lock: lock,
    })
}

/// What a log in its own folder signed. A copy of a folder, and a record that is damaged, say nothing for sure: such a log signs nothing.
fn memory(
    folder: &Path,
    origin: &str,
    found: Found,
    signing: &Signing,
    now: Time,
) -> Result<Box<dyn SignedHeadMemory>, StoreError> {
    let stop = if let Some(problem) = &found.problem {
        SigningStop::new(now, Cause::Unremembered, format!("signed.txt cannot be read: {problem}"))
    } else if found.is_copy {
        let message = "the folder is a copy of the one in which this log signed last";
        SigningStop {
            signed: found.newest().map(|head| head.note(origin)),
            ..SigningStop::new(now, Cause::Copied, message)
        }
    } else {
        return Ok(Box::new(SignedFile::open(folder, origin, found)?));
    };
    signing.stop(stop);
    Ok(Box::new(Frozen(found.newest().cloned())))
}

/// The search index. A log without one answers all the same, only slower.
async fn open_search(folder: &Path, log_server: &LogServer, parsers: &Parsers) -> Option<Arc<Search>> {
    let (folder, reader, parsers) = (folder.to_owned(), log_server.reader().clone(), parsers.clone());
    let opened = tokio::task::spawn_blocking(move || Search::open(&folder, &*reader, parsers)).await;
    match opened
        .map_err(|error| error.to_string())
        .and_then(|opened| opened.map_err(|error| error.to_string()))
    {
        Ok(search) => Some(Arc::new(search.counting(log_server.metrics().index_problems()))),
        Err(error) => {
            tracing::warn!(%error, "there is no search index: searches look at every event");
            None
        }
    }
}

/// Has what is derived from events forget those that other servers erased.
async fn forget(reading: Weak<Reading>, mut erased: mpsc::UnboundedReceiver<Vec<u64>>) {
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
            tracing::error!(%error, "the search index or findings tell of erased events");
        }
    }
}

/// Has the sequencer follow other servers of the log, also while nothing is submitted to this one.
async fn follow(jobs: mpsc::WeakSender<Job>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let (done, followed) = oneshot::channel();
        match jobs.upgrade() {
            // What waits for the sequencer has it look at other servers too.
            Some(jobs) if !jobs.is_closed() => _ = jobs.try_send(Job::Follow { done }),
            _ => return,
        }
        // While the bucket does not answer, no more than one of these waits.
        let _ = followed.await;
    }
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> &Address {
        self.listening.address()
    }

    /// The log.
    pub fn log_server(&self) -> &LogServer {
        &self.log_server
    }

    /// The reading side for those allowed to.
    pub fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// Takes no further requests, answers those under way, closes the log's own chain, and ends.
    ///
    /// # Errors
    /// When the sequencer ended in a panic.
    pub async fn stop(self) -> Result<(), StoreError> {
        let Self {
            log_server,
            reading,
            listening,
            sequencer,
            witnessing,
            indexing,
            erasing,
            checking,
            _lock,
        } = self;
        reading.stop();
        listening.stop().await;
        if let Some(checking) = checking {
            let _ = tokio::task::spawn_blocking(move || checking.stop()).await;
        }
        // They end between two batches; the next start goes on.
        if let Some(indexing) = indexing {
            let _ = indexing.await;
        }
        let _ = erasing.await;
        // What fails is told of there.
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

/// Closes the connections of a store that nothing else uses any more: the last one to close moves the write-ahead log
/// into the database, and a folder whose lock is free must not change.
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
