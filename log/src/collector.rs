//! A log that is running: what routes and tasks have in hand.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::log::{Body, Limits, Refusal, Rules, Submission, Taken};
use countersign::merkle::{Grown, inclusion_proof};
use countersign::note::VerifierKey;
use countersign::proof::Proof;
use countersign::time::Time;
use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot, watch};

use crate::hashes::StoredHashes;
use crate::metrics::Metrics;
use crate::sequencer::{Durable, Job};
use crate::store::{Published, Reader, StoreError};

/// How many chains' keys are remembered.
const KEYS: u64 = 100_000;

/// How many milliseconds a link's time may be ahead of the log's clock: as much as verifiers let pass.
const AHEAD: i64 = 5 * 60_000;

/// How long a submission waits to be published before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// What a log goes by, and may go by otherwise from one moment to the next.
pub(crate) type SharedRules = Arc<RwLock<Arc<Rules>>>;

/// A log that is running. Clones are the same log.
#[derive(Clone)]
pub struct Collector(Arc<Inner>);

struct Inner {
    rules: SharedRules,
    key: VerifierKey,
    reader: Arc<dyn Reader>,
    jobs: mpsc::Sender<Job>,
    published: watch::Receiver<Option<Arc<Published>>>,
    keys: Cache<ChainId, VerifierKey>,
    limits: Limits,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// What a collector is made of.
pub(crate) struct Parts {
    pub(crate) rules: SharedRules,
    pub(crate) key: VerifierKey,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) published: watch::Receiver<Option<Arc<Published>>>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
}

/// A submission that is durable and published.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What became of it.
    pub taken: Taken,
    /// A checkpoint that holds it.
    pub published: Arc<Published>,
    tree: Option<Arc<Grown>>,
}

/// Why a submission was not taken, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The log refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A link's time is ahead of the log's clock. Nothing was taken, and it can be when its time has come: in the log
    /// now, it would make every export that holds it `broken` (`time.future`).
    #[error("a link's time is {seconds} s ahead of the log's clock")]
    Early {
        /// The line of the submission.
        line: Option<u64>,
        /// By how much.
        seconds: u64,
    },
    /// Too much is waiting already. Nothing was taken.
    #[error("too much is waiting already")]
    Busy,
    /// The store failed, or the log is stopping. Whether the submission was taken is told when it is sent again.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Collector {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { rules, key, reader, jobs, published, limits, clock, metrics } = parts;
        let keys = Cache::new(KEYS);
        Self(Arc::new(Inner { rules, key, reader, jobs, published, keys, limits, clock, metrics }))
    }

    /// The log's verifier key, whose name is the origin.
    pub fn key(&self) -> &VerifierKey {
        &self.0.key
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        self.0.key.name()
    }

    /// What the log goes by now.
    pub fn rules(&self) -> Arc<Rules> {
        self.0.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes by other rules from the next submission on.
    pub fn set_rules(&self, rules: Rules) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Where to read from.
    pub fn reader(&self) -> &Arc<dyn Reader> {
        &self.0.reader
    }

    /// The newest published checkpoint, and when it changes.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.0.published.clone()
    }

    /// How much may be submitted at one time.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The time.
    pub fn now(&self) -> Time {
        (self.0.clock)()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Reads a submission and verifies what can be verified of it by itself. It may take a while: it hashes and
    /// verifies signatures.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn read(&self, body: &[u8]) -> Result<Submission, SubmitError> {
        let mut submission = Submission::parse(body, &self.0.limits)?;
        self.check_times(&submission)?;
        submission.verify(|chain| self.0.keys.get(chain))?;
        Ok(submission)
    }

    fn check_times(&self, submission: &Submission) -> Result<(), SubmitError> {
        let latest = self.now().millis().saturating_add(AHEAD);
        for entry in submission.entries() {
            if let Body::Link { link, .. } = &entry.body
                && link.time().millis() > latest
            {
                let seconds = (link.time().millis() - latest).unsigned_abs().div_ceil(1000);
                return Err(SubmitError::Early { line: entry.line, seconds });
            }
        }
        Ok(())
    }

    /// Submits. When this returns the leaves are durable and in a published checkpoint.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, submission: Submission) -> Result<Committed, SubmitError> {
        let chains: Vec<(ChainId, VerifierKey)> = opened(&submission);
        let (reply, answer) = oneshot::channel();
        let job = Job::Submit { submission, reply };
        self.0.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        let Durable { taken, tree, published } = answer.await.map_err(|_| stopping())??;
        for (chain, key) in chains {
            self.0.keys.insert(chain, key);
        }
        let published = match published {
            Some(published) => published,
            None => self.published_beyond(&taken).await?,
        };
        Ok(Committed { taken, published, tree })
    }

    /// Waits for a checkpoint that holds all that was taken.
    async fn published_beyond(&self, taken: &Taken) -> Result<Arc<Published>, SubmitError> {
        let indexes =
            taken.chains.values().map(|tip| tip.index).chain(taken.notes.iter().map(|held| held.index));
        let size = indexes.max().map_or(0, |last| last + 1);
        let mut published = self.published();
        let holds = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| published.size >= size)
        };
        let waited = tokio::time::timeout(PATIENCE, published.wait_for(holds)).await;
        let late = || SubmitError::Unavailable("the checkpoint is not published yet".into());
        waited.map_err(|_| late())?.map_err(|_| stopping())?.clone().ok_or_else(late)
    }

    /// The proof that the leaf at that index is in the log, to the checkpoint that was published with it.
    ///
    /// # Errors
    /// The store's own.
    pub fn prove(&self, committed: &Committed, index: u64) -> Result<Proof, StoreError> {
        let size = committed.published.size;
        let own = committed.tree.as_ref().filter(|tree| tree.size() == size && index >= tree.base());
        match own {
            Some(tree) => prove(index, &committed.published, &**tree),
            None => prove(index, &committed.published, &StoredHashes::new(&*self.0.reader, size)),
        }
    }

    /// Erases the events of these leaves, and gives how many there were.
    ///
    /// # Errors
    /// The store's own, or that the log is stopping.
    pub async fn erase(&self, leaves: Vec<u64>) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.jobs.send(Job::Erase { leaves, reply }).await;
        let stopping = || StoreError::unavailable("erasing", "the log is stopping");
        sent.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Publishes a checkpoint that witnesses had their time for.
    pub(crate) async fn publish(&self, published: Published) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || StoreError::unavailable("publishing", "the log is stopping");
        self.0.jobs.send(Job::Publish { published, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Records an event of the log's own chain, which the log's key signs.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn record(&self, event: &serde_json::Value) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Record { event: event.to_string(), reply };
        self.0.jobs.send(job).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?.map(drop)
    }

    /// Has the sequencer take nothing more, and close the log's own chain.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.jobs.send(Job::Close { reply }).await.is_ok()
            && let Ok(Err(error)) = answer.await
        {
            tracing::warn!(%error, "the log's own chain stays open");
        }
    }

    /// Whether nothing more is taken.
    pub fn is_stopping(&self) -> bool {
        self.0.jobs.is_closed()
    }
}

fn stopping() -> SubmitError {
    SubmitError::Unavailable("the log is stopping".into())
}

/// The chains that a submission opens, and their keys.
fn opened(submission: &Submission) -> Vec<(ChainId, VerifierKey)> {
    let open = |body: &Body| match body {
        Body::Link { link: countersign::link::Link::Open(open), .. } => Some((open.chain, open.key.clone())),
        _ => None,
    };
    submission.entries().iter().filter_map(|entry| open(&entry.body)).collect()
}

fn prove(
    index: u64,
    published: &Published,
    hashes: &impl countersign::merkle::HashReader,
) -> Result<Proof, StoreError> {
    let damaged = |error: countersign::Error| StoreError::Damaged(error.message);
    let hashes = inclusion_proof(index, published.size, hashes).map_err(damaged)?;
    let checkpoint = countersign::checkpoint::SignedCheckpoint::parse(&published.note).map_err(damaged)?;
    Ok(Proof { extra: None, index, hashes, checkpoint })
}
