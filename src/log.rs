//! The acceptance rules of a log (SPEC section 6). Does no I/O: a server and a Durable Object run the same code over
//! their own storage.
//!
//! A [`Submission`] is what an emitter sends: links, the events behind them, and key notes. A log accepts it as a
//! whole or not at all. A link is accepted if it extends its chain by one, its key is authorized, and the last link
//! of each chain in the submission is signed. A link that the log already has gets its old index back. Two different
//! links at one position of a chain are a fork: the log rejects the second one together with its submission, and both
//! are evidence.
//!
//! A [`PendingBatch`] collects accepted submissions that the log's [`Storage`] does not have yet:
//!
//! ```
//! use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
//! # use countersign::note::SignerKey;
//! # use countersign::recorder::Recorder;
//! # use countersign::trust::Trust;
//! # let emitter = SignerKey::from_seed("example.com/a", [1; 32])?;
//! # let at = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example", emitter.verifier_key().clone(), at, &[0; 16])?;
//! # recorder.sign_with(&emitter)?;
//! # recorder.close(at)?;
//! # recorder.sign_with(&emitter)?;
//! # let body = recorder.drain();
//! let trust = Trust::default().with_emitter(emitter.verifier_key().clone())?;
//! let rules = Rules::new("log.example", Some(trust));
//!
//! let mut batch = PendingBatch::new(0);
//! let submission = Submission::parse(body.as_bytes(), &Limits::default())?;
//! let outcome = batch.submit(&rules, &Empty, &submission, at).map_err(|error| error.refusal())?;
//! assert_eq!((outcome.added, outcome.repeated, batch.size()), (2, 0, 2));
//!
//! let again = batch.submit(&rules, &Empty, &submission, at).map_err(|error| error.refusal())?;
//! assert_eq!((again.added, again.repeated, again.chains), (0, 2, outcome.chains));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acceptance;
mod admission;
mod error;
mod intake;
mod leaf;
mod lives;
mod pending_batch;
mod rules;
mod storage;
mod submission;
mod void;

pub use crate::keys::{Window, Windows};
pub(crate) use acceptance::Acceptance;
pub use admission::{Admission, KeyLookup};
pub use error::{AcceptanceError, Evidence, RefusalKind, SubmissionError};
pub use intake::{Intake, MAX_BLANK};
pub use leaf::{Body, Leaf, SaltedEvent};
pub use lives::Life;
pub use pending_batch::{PendingBatch, Run, SubmissionOutcome, Tip};
pub use rules::Rules;
pub use storage::{Chain, Empty, EntryRef, Storage};
pub use submission::{Entry, Limits, MAX_PROVEN, Submission};
pub use void::VoidGrants;
