//! A witness that others can use (C2SP tlog-witness): the decisions are the core's, here they get a memory and HTTP.
//!
//! What the witness has cosigned is on the disk before anyone sees the cosignature, and one process at a time has the
//! memory, so that no crash and no second server makes a witness forget what it has seen.

mod clock;
mod http;
mod state_db;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::Error;
use countersign::note::{KeyType, SignerKey, VerifierKey};
use countersign::witness::{CosignError, Request, check_add_checkpoint};

use self::clock::ClockGuard;
use crate::server::{Address, Bounds, Entrance, Listening, listen};
use countersign_log::clock::Steady;

pub use clock::ClockError;
pub use countersign_log::clock::steady;
pub use state_db::{MemoryError, StateDb};

/// Tells the seconds since 1970.
pub type Seconds = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a witness is to be.
pub struct Config {
    /// The witness's key, of type `0x04`.
    pub key: SignerKey,
    /// The keys of the logs that it watches, each with its log's origin as its name.
    pub logs: Vec<VerifierKey>,
    /// The file of its memory, made where there is none.
    pub state: PathBuf,
    /// Where to listen; port 0 for any.
    pub listen: Address,
    /// How long clients may take, and how many there may be.
    pub bounds: Bounds,
    /// Tells the time.
    pub clock: Seconds,
    /// A clock that is never set, against which leaps of `clock` show: [`steady`].
    pub steady: Steady,
    /// The time now as the operator states it, in seconds since 1970. If the clock agrees within an hour, the first
    /// cosignature may be before the last one, or long after it.
    pub stated_time: Option<u64>,
}

/// An error in starting a witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessStartError {
    /// A key is not of the type that it has to be.
    #[error("{0}")]
    Key(String),
    /// The memory is not usable.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The address cannot be listened on.
    #[error("listening: {0}")]
    Listen(std::io::Error),
}

/// Why a witness did not answer as C2SP says.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It does not cosign.
    #[error(transparent)]
    Refused(#[from] CosignError),
    /// Its memory could not be read or written: nothing was cosigned.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Its clock went back, or leapt: nothing was cosigned.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Its key cannot make a cosignature.
    #[error("{0}")]
    Cosign(Error),
}

/// A witness: keys and a memory. Clones share them.
#[derive(Clone)]
pub struct Witness {
    inner: Arc<Inner>,
}

struct Inner {
    key: SignerKey,
    logs: Vec<VerifierKey>,
    state: Mutex<State>,
    clock: Seconds,
    steady: Steady,
}

/// What the witness goes by; one decision at a time has it.
struct State {
    db: StateDb,
    guard: ClockGuard,
}

impl Witness {
    /// A witness with that state, of a configuration whose address and bounds play no part.
    ///
    /// # Errors
    /// [`WitnessStartError::Key`] when a key is not of its type, [`WitnessStartError::Memory`] when the memory cannot be read.
    fn new(config: Config, db: StateDb) -> Result<Self, WitnessStartError> {
        let Config { key, logs, clock, steady, stated_time, .. } = config;
        if key.verifier_key().key_type() != KeyType::Cosignature {
            let message = format!("{} is not a witness's key", key.verifier_key().name());
            return Err(WitnessStartError::Key(message));
        }
        if let Some(other) = logs.iter().find(|log| log.key_type() != KeyType::Ed25519) {
            return Err(WitnessStartError::Key(format!("{} is not a log's key", other.name())));
        }
        let guard = ClockGuard::new(db.last_time(key.verifier_key())?, stated_time);
        let state = Mutex::new(State { db, guard });
        Ok(Self { inner: Arc::new(Inner { key, logs, state, clock, steady }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic left undone, the database undid.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the clock can date a cosignature now.
    ///
    /// # Errors
    /// [`ClockError`].
    pub fn check_clock(&self) -> Result<(), ClockError> {
        self.state().guard.check((self.inner.clock)(), (self.inner.steady)()).map(drop)
    }

    /// Decides about a request, and remembers what it accepts before it gives the cosignature. Blocks for as long as
    /// the disk takes.
    ///
    /// # Errors
    /// [`WitnessError`], and then nothing was remembered and nothing cosigned.
    pub fn add_checkpoint(&self, request: &Request) -> Result<String, WitnessError> {
        let Inner { key, logs, clock, steady, .. } = &*self.inner;
        let origin = &request.checkpoint.checkpoint.origin;
        let mut state = self.state();
        let State { db, guard } = &mut *state;
        let transaction = db.begin(origin)?;
        let accepted = check_add_checkpoint(request, logs, transaction.last())?;
        let (now, passed) = (clock(), steady());
        let time = guard.check(now, passed)?;
        let cosignature = accepted.cosign(key, time).map_err(WitnessError::Cosign)?;
        transaction.remember(accepted.tree_head(), &accepted.note(&cosignature))?;
        guard.cosigned(time, now, passed);
        Ok(cosignature)
    }

    /// The last checkpoint that was cosigned of the log whose origin has this SHA-256 hash.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn checkpoint(&self, origin_hash: &[u8; 32]) -> Result<Option<String>, MemoryError> {
        self.state().db.note(origin_hash)
    }

    /// The origins of the logs that it watches.
    pub fn origins(&self) -> BTreeSet<&str> {
        self.inner.logs.iter().map(VerifierKey::name).collect()
    }
}

/// A witness that is served.
pub struct Serving {
    listening: Listening,
}

/// Starts a witness, and its server.
///
/// # Errors
/// [`WitnessStartError`].
pub async fn serve(config: Config) -> Result<Serving, WitnessStartError> {
    let db = StateDb::open(&config.state)?;
    let (address, bounds) = (config.listen.clone(), config.bounds.clone());
    let witness = Witness::new(config, db)?;
    if let Err(error) = witness.check_clock() {
        tracing::error!(%error, "nothing is cosigned until the clock is right");
    }
    let router = http::router(witness, &bounds);
    let entrance = Entrance::new(&bounds, |_| {});
    let listening = listen(&address, None, router, &bounds, entrance);
    let listening = listening.await.map_err(WitnessStartError::Listen)?;
    Ok(Serving { listening })
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> &Address {
        self.listening.address()
    }

    /// Takes no further requests, and answers those under way.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}
