//! A witness for other logs (C2SP tlog-witness). The decisions are made in the core crate; this module adds persistent
//! state and HTTP.
//!
//! A cosignature is on disk before anyone sees it, and only one process at a time can use the state. Neither a crash
//! nor a second server can therefore make a witness forget what it has seen.

mod clock;
mod growth;
mod growth_db;
mod growth_guard;
mod growth_report;
mod http;
pub mod responses;
mod state_db;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::Error;
use countersign::checkpoint::{Cosigner, SignedCheckpoint};
use countersign::note::VerifierKey;
use countersign::witness::{CosignError, Request, check_add_checkpoint};

use self::clock::ClockGuard;
use crate::server::{Address, Bounds, Entrance, HttpServer, listen};
use countersign_log::clock::Steady;

pub use clock::ClockError;
pub use countersign_log::clock::steady;
pub use growth::{GrowthError, GrowthFollower, GrowthSource};
pub use growth_db::{Coverage, GrowthDb, StoredGrowth};
pub use growth_guard::GrowthGuard;
pub use growth_report::GrowthReport;
pub use state_db::{MemoryError, StateDb};

/// A function that returns the current time, in seconds since 1970.
pub type Seconds = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A private key of a witness, of type `0x04` or `0x06`.
pub type WitnessKey = Box<dyn Cosigner + Send + Sync>;

/// The configuration of a witness.
pub struct Config {
    /// The witness's keys, which all cosign each checkpoint.
    pub keys: Vec<WitnessKey>,
    /// The keys of the logs to witness, each named after its log's origin.
    pub logs: Vec<VerifierKey>,
    /// The state file, created if it doesn't exist.
    pub state: PathBuf,
    /// The address to listen on. Port 0 picks a free port.
    pub listen: Address,
    /// Limits on clients and on the time they may take.
    pub bounds: Bounds,
    /// The clock that dates cosignatures.
    pub clock: Seconds,
    /// A monotonic clock, which reveals jumps of `clock`. Outside tests, it is [`steady`].
    pub steady: Steady,
    /// The current time as stated by the operator, in seconds since 1970. If the clock agrees within an hour, the
    /// first cosignature may precede the last one or follow long after it.
    pub stated_time: Option<u64>,
}

/// An error in starting a witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessStartError {
    /// A key is missing, repeated, or of the wrong type.
    #[error("{0}")]
    Key(String),
    /// The state can't be used.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The listen address can't be bound.
    #[error("can't listen on the address: {0}")]
    Listen(std::io::Error),
}

/// The reason why a witness didn't cosign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The protocol doesn't allow it.
    #[error(transparent)]
    Refused(#[from] CosignError),
    /// The state can't be read or written. Nothing was cosigned.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The clock went back or jumped. Nothing was cosigned.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A [`CheckpointGuard`] refuses the checkpoint.
    #[error(transparent)]
    Guarded(#[from] GuardRefusal),
    /// The key can't make a cosignature.
    #[error("{0}")]
    Cosign(Error),
}

/// A condition besides those of the protocol. It is asked about checkpoints that a witnessed log signed, before they are
/// cosigned.
pub trait CheckpointGuard: Send + Sync {
    /// Checks a checkpoint. It may take a few seconds.
    ///
    /// # Errors
    /// The reason why it must not be cosigned.
    fn check(&self, checkpoint: &SignedCheckpoint) -> Result<(), GuardRefusal>;
}

/// The reason why a [`CheckpointGuard`] refuses a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GuardRefusal {
    /// The status of the HTTP response.
    pub status: u16,
    /// The reason, which the log operator sees.
    pub message: String,
}

/// A witness. Clones share the same state.
#[derive(Clone)]
pub struct Witness {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Vec<WitnessKey>,
    logs: Vec<VerifierKey>,
    state: Mutex<State>,
    guard: Option<Box<dyn CheckpointGuard>>,
    clock: Seconds,
    steady: Steady,
}

/// The state behind each decision; decisions are serialized.
struct State {
    db: StateDb,
    guard: ClockGuard,
}

impl Witness {
    /// Creates a witness with that state. Ignores the configuration's address and bounds.
    ///
    /// # Errors
    /// [`WitnessStartError::Key`] if a key is missing, repeated, or of the wrong type, [`WitnessStartError::Memory`] if the state can't be
    /// read.
    fn new(
        config: Config,
        db: StateDb,
        guard: Option<Box<dyn CheckpointGuard>>,
    ) -> Result<Self, WitnessStartError> {
        let Config { keys, logs, clock, steady, stated_time, .. } = config;
        if keys.is_empty() {
            return Err(WitnessStartError::Key("a witness needs a key".into()));
        }
        if let Some(other) = keys.iter().find(|key| !key.verifier_key().is_for_witnesses()) {
            let message = format!("{} isn't a witness's key", other.verifier_key().name());
            return Err(WitnessStartError::Key(message));
        }
        let cosigners: Vec<&VerifierKey> = keys.iter().map(|key| key.verifier_key()).collect();
        // Two lines of one key would make the stored checkpoint malformed.
        if let Some((_, twice)) =
            cosigners.iter().enumerate().find(|(at, key)| cosigners[..*at].contains(key))
        {
            return Err(WitnessStartError::Key(format!("the key {} is given twice", twice.name())));
        }
        if let Some(other) = logs.iter().find(|log| !log.is_for_logs()) {
            return Err(WitnessStartError::Key(format!("{} isn't a log's key", other.name())));
        }
        let clock_guard = ClockGuard::new(db.last_time(&cosigners)?, stated_time);
        let state = Mutex::new(State { db, guard: clock_guard });
        Ok(Self { inner: Arc::new(Inner { keys, logs, state, guard, clock, steady }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The database rolled back any change that a panic interrupted.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the clock can date a cosignature now.
    ///
    /// # Errors
    /// [`ClockError`].
    pub fn check_clock(&self) -> Result<(), ClockError> {
        self.state().guard.check((self.inner.clock)(), (self.inner.steady)()).map(drop)
    }

    /// Asks the guard about a request, if there is one. In the meantime, other requests can be decided.
    ///
    /// # Errors
    /// [`WitnessError::Guarded`].
    fn check_guard(&self, request: &Request) -> Result<(), WitnessError> {
        let Some(guard) = &self.inner.guard else { return Ok(()) };
        // Others are refused anyway.
        let opened = request.checkpoint.log_signatures(&self.inner.logs);
        if opened.verified.is_empty() || !opened.invalid.is_empty() {
            return Ok(());
        }
        Ok(guard.check(&request.checkpoint)?)
    }

    /// Decides about a request that passed [`check_guard`](Self::check_guard), and records an accepted checkpoint before
    /// it returns the cosignatures. Blocks while it writes to disk.
    ///
    /// # Errors
    /// [`WitnessError`], without recording or cosigning anything.
    fn add_checkpoint(&self, request: &Request) -> Result<String, WitnessError> {
        let Inner { keys, logs, clock, steady, .. } = &*self.inner;
        let origin = &request.checkpoint.checkpoint.origin;
        let mut state = self.state();
        let State { db, guard } = &mut *state;
        let transaction = db.begin(origin)?;
        let accepted = check_add_checkpoint(request, logs, transaction.last())?;
        let (now, passed) = (clock(), steady());
        let time = guard.check(now, passed)?;
        let cosign = |key: &WitnessKey| accepted.cosign(&**key, time).map_err(WitnessError::Cosign);
        let cosignatures = keys.iter().map(cosign).collect::<Result<String, _>>()?;
        transaction.remember(accepted.tree_head(), &accepted.note(&cosignatures))?;
        guard.cosigned(time, now, passed);
        Ok(cosignatures)
    }

    /// Returns the last cosigned checkpoint of the log whose origin has this SHA-256 hash.
    ///
    /// # Errors
    /// If the state can't be read.
    pub fn checkpoint(&self, origin_hash: &[u8; 32]) -> Result<Option<String>, MemoryError> {
        self.state().db.note(origin_hash)
    }

    /// Returns the origins of the witnessed logs.
    pub fn origins(&self) -> BTreeSet<&str> {
        self.inner.logs.iter().map(VerifierKey::name).collect()
    }
}

/// A running witness server.
pub struct RunningWitness {
    http: HttpServer,
}

/// Starts a witness and its server.
///
/// # Errors
/// [`WitnessStartError`].
pub async fn serve(config: Config) -> Result<RunningWitness, WitnessStartError> {
    serve_guarded(config, None).await
}

/// Starts a witness that cosigns only what the guard accepts, and its server.
///
/// # Errors
/// [`WitnessStartError`].
pub async fn serve_guarded(
    config: Config,
    guard: Option<Box<dyn CheckpointGuard>>,
) -> Result<RunningWitness, WitnessStartError> {
    let db = StateDb::open(&config.state)?;
    let (address, bounds) = (config.listen.clone(), config.bounds.clone());
    let witness = Witness::new(config, db, guard)?;
    if let Err(error) = witness.check_clock() {
        tracing::error!(%error, "the witness cosigns nothing until its clock is corrected");
    }
    let router = http::router(witness, &bounds);
    let entrance = Entrance::new(&bounds, |_| {});
    let http = listen(&address, None, router, &bounds, entrance);
    let http = http.await.map_err(WitnessStartError::Listen)?;
    Ok(RunningWitness { http })
}

impl RunningWitness {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> &Address {
        self.http.address()
    }

    /// Stops accepting requests, and answers those in progress.
    pub async fn stop(self) {
        self.http.stop().await;
    }
}
