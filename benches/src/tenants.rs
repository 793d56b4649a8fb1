//! A root log with many tenants, compared with one log: both sequencers run in this process, on SQLite, without HTTP.

mod neighbors;
mod verification;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign::link::ChainId;
use countersign::log::{Limits, Rules, Submission};
use countersign::note::VerifierKey;
use countersign::tenant::TenantOrigin;
use countersign::time::Time;
use countersign_log::clock::{Timekeeper, steady};
use countersign_log::metrics::Metrics;
use countersign_log::own_chain::{OwnChain, secure_random};
use countersign_log::sequencer::{Durable, Job, RunningSequencer, Sequencer, Unattested};
use countersign_log::signed_memory::InStore;
use countersign_log::stop::Signing;
use countersign_log::submission::SubmitError;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::HeadGuard;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::published::PublishedTick;
use countersign_log::tenants::sequencer::{RunningTenantSequencer, TenantSequencer};
use countersign_log::tenants::stops::TenantStops;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::Tenant;
use countersign_log::tenants::waiting::WaitingRoom;
use countersign_log_server::heads_file::TenantHeadsFile;
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;
use tokio::sync::{mpsc as async_mpsc, oneshot, watch};

use crate::generate::ORIGIN;
use crate::server::Server;
use crate::submissions::{self, EMITTERS, Emitter};

pub(crate) use neighbors::neighbors;
pub(crate) use verification::verify;

/// The interval of the ticks.
const TICK: Duration = Duration::from_secs(1);
/// The maximum number of events that wait for a tick, within the sequencer's own limit.
const MAX_WAITING_EVENTS: usize = 64_000;
/// The number of submissions that wait for the sequencer.
const QUEUE: usize = 4_096;
/// The depth of the directory of a tick: 131,072 slots.
const DEEP: u8 = 17;
/// The number of tenants that one submission of a recorder is spread over.
const SPREAD: usize = 16;
/// The number of ticks that are measured.
const TICKS: usize = 15;

/// The result of a submission, later.
type Answer = oneshot::Receiver<Result<Durable, SubmitError>>;

/// A root log with tenants, in a folder.
struct RootLog {
    sequencer: RunningTenantSequencer,
    readers: Arc<dyn TenantReaders>,
    ticks: watch::Receiver<Option<Arc<PublishedTick>>>,
    tenants: Vec<(Tenant, Arc<Rules>)>,
}

impl RootLog {
    fn create(folder: &Path, tenants: usize, depth: u8) -> Result<Self> {
        sqlite::create_with_tenants(folder, ORIGIN, depth)?;
        let names: Vec<String> = (0..tenants).map(|nth| format!("tenant-{nth}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let created = sqlite::add_tenants(folder, &names, &mut (Box::new(secure_random) as _), now()?)?;
        let trust = Arc::new(submissions::trust()?);
        let rules = |tenant: Tenant| {
            let origin = TenantOrigin::new(ORIGIN, tenant.id).context("an origin")?;
            Ok((tenant, Arc::new(Rules::for_tenant(&origin, trust.clone()))))
        };
        let store = sqlite::open_tenants(folder, ORIGIN)?;
        let (announce, ticks) = watch::channel(None);
        let sequencer = TenantSequencer {
            writer: store.writer,
            readers: store.readers.clone(),
            memory: Box::new(InStore::default()),
            guard: HeadGuard::new(Box::new(TenantHeadsFile::open(folder, ORIGIN)?), TenantStops::default()),
            signing: Signing::open(Box::new(StopFile::new(folder)), now()?, &|_| true)?,
            key: submissions::log()?.into(),
            ml_dsa_key: None,
            published: watch::channel(None).0,
            witnesses: watch::channel(None).0,
            rules: Arc::new(RwLock::new(Arc::new(Rules::new(ORIGIN, Some(submissions::trust()?))))),
            timekeeper: timekeeper(),
            metrics: Arc::new(Metrics::default()),
            ticks: announce,
            growth: GrowthTicks::default(),
            waiting: WaitingRoom::default(),
            random: Box::new(secure_random),
            root_entries: None,
        };
        Ok(Self {
            sequencer: sequencer.begin()?,
            readers: store.readers,
            ticks,
            tenants: created.into_iter().map(rules).collect::<Result<_>>()?,
        })
    }

    /// Opens an emitter's chain in a tenant's log.
    fn emitter(&self, nth: usize) -> Result<Emitter> {
        let emitter = (nth % usize::from(EMITTERS)) as u8;
        Emitter::for_log(self.tenants[nth].1.origin(), emitter, nth as u64)
    }

    fn submit(&mut self, nth: usize, submission: Submission) -> Answer {
        let (reply, answer) = oneshot::channel();
        let (tenant, rules) = &self.tenants[nth];
        let job = Job::Submit { submission, reply };
        self.sequencer.work(TenantJob::Log { number: tenant.number, rules: rules.clone(), job });
        answer
    }

    fn tick(&mut self) {
        self.sequencer.work(TenantJob::Tick);
    }

    /// Makes a tick, and returns the time until these submissions are answered. The sequencer then prepares the next tick.
    fn tick_until_answered(&mut self, answers: Vec<Answer>) -> Result<Duration> {
        let start = Instant::now();
        let waiting = thread::spawn(move || -> Result<Duration> {
            for answer in answers {
                answer.blocking_recv()?.map_err(|error| anyhow!("a submission failed: {error}"))?;
            }
            Ok(start.elapsed())
        });
        self.tick();
        waiting.join().map_err(|_| anyhow!("a thread panicked"))?
    }
}

/// Opens an ordinary log in a folder.
fn one_log(folder: &Path) -> Result<RunningSequencer> {
    let store = sqlite::open(folder, ORIGIN)?;
    let sequencer = Sequencer {
        unattested: Unattested::new(store.reader.clone()),
        writer: store.writer,
        reader: store.reader,
        memory: Box::new(InStore::default()),
        signing: Signing::open(Box::new(StopFile::new(folder)), now()?, &|_| true)?,
        key: submissions::log()?.into(),
        ml_dsa_key: None,
        published: watch::channel(None).0,
        witnesses: watch::channel(None).0,
        erased: async_mpsc::unbounded_channel().0,
        rules: Arc::new(RwLock::new(Arc::new(Rules::new(ORIGIN, Some(submissions::trust()?))))),
        timekeeper: timekeeper(),
        own_entries: None,
        own_chain: OwnChain::default(),
        metrics: Arc::new(Metrics::default()),
    };
    Ok(sequencer.begin()?)
}

fn now() -> Result<Time> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Time::from_millis(i64::try_from(since.as_millis())?).context("a time")
}

fn timekeeper() -> Arc<Timekeeper> {
    Arc::new(Timekeeper::new(Arc::new(|| now().unwrap_or(Time::MAX)), steady()))
}

/// A submission of `events` events to the log `to`.
struct Load {
    to: usize,
    text: String,
    key: VerifierKey,
    events: usize,
}

/// Sends all loads through verifying threads to `run`, and returns the events per second.
fn measure(
    loads: &[Load],
    trust: &Rules,
    waiting: &AtomicUsize,
    run: impl FnOnce(&mpsc::Receiver<(usize, Submission)>) -> Result<()>,
) -> Result<f64> {
    let threads = thread::available_parallelism()?.get();
    let start = Instant::now();
    thread::scope(|scope| {
        let (sender, queue) = mpsc::sync_channel(QUEUE);
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let sender = sender.clone();
                scope.spawn(move || -> Result<()> {
                    // One thread verifies all of a chain, so that its links keep their order.
                    for load in loads.iter().filter(|load| load.to % threads == worker) {
                        let mut submission = Submission::parse(load.text.as_bytes(), &Limits::default())?;
                        submission.verify(|_: &ChainId| Some(load.key.clone()), |key| trust.admits(key));
                        while waiting.load(Ordering::Relaxed) > MAX_WAITING_EVENTS {
                            thread::sleep(Duration::from_millis(1));
                        }
                        waiting.fetch_add(load.events, Ordering::Relaxed);
                        sender.send((load.to, submission))?;
                    }
                    Ok(())
                })
            })
            .collect();
        drop(sender);
        run(&queue)?;
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let events: usize = loads.iter().map(|load| load.events).sum();
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    Ok(events as f64 / start.elapsed().as_secs_f64())
}

fn check(answers: Vec<Answer>) -> Result<()> {
    for mut answer in answers {
        answer.try_recv()?.map_err(|error| anyhow!("a submission failed: {error}"))?;
    }
    Ok(())
}

/// Lets emitters record `events` events, in submissions of `size` events that are spread over 16 tenants each, or are sent
/// to one log if `tenants` is 0. Returns the events per second.
pub(crate) fn load(within: &Path, tenants: usize, events: usize, size: usize) -> Result<f64> {
    let folder = tempfile::tempdir_in(within)?;
    let (trust, waiting) = (Rules::new(ORIGIN, Some(submissions::trust()?)), AtomicUsize::new(0));
    if tenants == 0 {
        let mut sequencer = one_log(folder.path())?;
        let loads = loads(events, size, usize::from(EMITTERS), |nth| Emitter::open(nth as u8, 0))?;
        return measure(&loads, &trust, &waiting, |queue| {
            while let Ok((_, first)) = queue.recv() {
                let (mut answers, mut entries) = (Vec::new(), 0);
                let mut job = |submission: Submission| {
                    entries += submission.entries().len();
                    let (reply, answer) = oneshot::channel();
                    answers.push(answer);
                    Job::Submit { submission, reply }
                };
                let first = job(first);
                sequencer.work(first, &mut || queue.try_recv().ok().map(|(_, next)| job(next)));
                check(answers)?;
                waiting.fetch_sub(entries.min(waiting.load(Ordering::Relaxed)), Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let mut log = RootLog::create(folder.path(), tenants, 10)?;
    let loads = loads(events, size / SPREAD, tenants, |nth| log.emitter(nth))?;
    measure(&loads, &trust, &waiting, |queue| {
        let (mut answers, mut next_tick) = (Vec::new(), Instant::now() + TICK);
        loop {
            let received = queue.recv_timeout(next_tick.saturating_duration_since(Instant::now()));
            let is_over = matches!(received, Err(mpsc::RecvTimeoutError::Disconnected));
            if let Ok((to, submission)) = received {
                answers.push(log.submit(to, submission));
                continue;
            }
            log.tick();
            check(std::mem::take(&mut answers))?;
            waiting.store(0, Ordering::Relaxed);
            if is_over {
                return Ok(());
            }
            next_tick += TICK;
        }
    })
}

/// Returns submissions of `size` events, in turns to each of these chains.
fn loads(
    events: usize,
    size: usize,
    chains: usize,
    open: impl Fn(usize) -> Result<Emitter>,
) -> Result<Vec<Load>> {
    let mut emitters = (0..chains).map(open).collect::<Result<Vec<_>>>()?;
    (0..events / size)
        .map(|nth| {
            let to = nth % chains;
            let emitter = &mut emitters[to];
            Ok(Load { to, text: emitter.submission(size as u64)?, key: emitter.verifier_key(), events: size })
        })
        .collect()
}

/// Measures a tick with `changed` changed heads in a directory of 131,072 slots, and one log's commit of the same events.
/// Returns the median milliseconds of both, until all submissions are answered.
pub(crate) fn tick(within: &Path, tenants: usize, changed: usize) -> Result<[f64; 2]> {
    let folder = tempfile::tempdir_in(within)?;
    let [of_tenants, of_one] = ["tenants", "one"].map(|name| folder.path().join(name));
    std::fs::create_dir(&of_tenants)?;
    std::fs::create_dir(&of_one)?;
    let (mut log, mut one) = (RootLog::create(&of_tenants, tenants, DEEP)?, one_log(&of_one)?);
    let mut emitters = (0..changed).map(|nth| log.emitter(nth)).collect::<Result<Vec<_>>>()?;
    let mut others = (0..changed)
        .map(|nth| Emitter::open((nth % usize::from(EMITTERS)) as u8, nth as u64))
        .collect::<Result<Vec<_>>>()?;
    let (mut ticks, mut commits) = (Vec::new(), Vec::new());
    for _ in 0..TICKS {
        let mut answers = Vec::new();
        for (nth, emitter) in emitters.iter_mut().enumerate() {
            answers.push(log.submit(nth, parse(&emitter.submission(1)?)?));
        }
        ticks.push(log.tick_until_answered(answers)?.as_secs_f64() * 1e3);
        let mut jobs = Vec::new();
        let mut answers = Vec::new();
        for emitter in &mut others {
            let (reply, answer) = oneshot::channel();
            jobs.push(Job::Submit { submission: parse(&emitter.submission(1)?)?, reply });
            answers.push(answer);
        }
        let mut jobs = jobs.into_iter();
        let start = Instant::now();
        if let Some(first) = jobs.next() {
            one.work(first, &mut || jobs.next());
        }
        commits.push(start.elapsed().as_secs_f64() * 1e3);
        check(answers)?;
    }
    Ok([median(ticks), median(commits)])
}

fn parse(text: &str) -> Result<Submission> {
    Ok(Submission::parse(text.as_bytes(), &Limits::default())?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The time after which the server's memory is that of an idle one: by then, it has made several ticks.
const SETTLE: Duration = Duration::from_secs(5);

/// The measurements of a root log with very many tenants.
pub(crate) struct Measured {
    /// The size of a head proof in bytes.
    pub(crate) head: usize,
    /// The size of the database in bytes, per entry.
    pub(crate) per_entry: f64,
    /// The seconds until a server answers.
    pub(crate) start: f64,
    /// The memory of the server in bytes, a few seconds after its start.
    pub(crate) memory: u64,
}

/// Creates this many tenants with `entries` entries each, and starts a server on their log.
pub(crate) fn fill(program: &Path, within: &Path, tenants: usize, entries: usize) -> Result<Measured> {
    let folder = tempfile::tempdir_in(within)?;
    let mut log = RootLog::create(folder.path(), tenants, 10)?;
    let mut answers = Vec::new();
    for nth in 0..tenants {
        let mut emitter = log.emitter(nth)?;
        answers.push(log.submit(nth, parse(&emitter.submission(entries as u64 - 1)?)?));
        if answers.len() * entries > MAX_WAITING_EVENTS {
            log.tick();
            check(std::mem::take(&mut answers))?;
        }
    }
    log.tick();
    check(answers)?;
    let tick = log.ticks.borrow().clone().context("a tick")?;
    let head = tick.head_proof(&log.tenants[0].0.id, &*log.readers.root())?.context("a head")?;
    ensure!(head.head().size == entries as u64, "the head has {} entries", head.head().size);
    drop((log, tick));
    let bytes = std::fs::metadata(folder.path().join(sqlite::FILE))?.len();
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    let per_entry = bytes as f64 / (tenants * entries) as f64;
    let start = Server::time_to_start(program, folder.path())?.as_secs_f64();
    let server = Server::start(program, folder.path())?;
    thread::sleep(SETTLE);
    Ok(Measured { head: head.to_string().len(), per_entry, start, memory: server.resident()? })
}
