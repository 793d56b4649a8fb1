//! What a log takes, and in which order (SPEC section 6). No I/O: a server and a Durable Object run the same code
//! over storage of their own.
//!
//! A [`Submission`] is what an emitter brings: links, the events behind them, key notes. A log takes it whole or not
//! at all. It takes a link when it extends its chain by one, when its key is authorized, and when the last link of
//! each chain in the submission is signed; a link that it has already gets its old index back. Two different links
//! for one place are a fork: neither the second one nor anything with it is taken, and both are evidence.
//!
//! [`Growth`] gathers submissions on top of what the log's storage, a [`Storage`], knows. When it is durable, the
//! storage knows it too:
//!
//! ```
//! use countersign::log::{Empty, Growth, Limits, Rules, Submission};
//! # use countersign::note::SignerKey;
//! # use countersign::recorder::Recorder;
//! # use countersign::trust::Trust;
//! # let emitter = SignerKey::generate("example.com/a", [1; 32])?;
//! # let at = "2026-11-20T06:00:00.000Z".parse()?;
//! # let mut recorder = Recorder::open("log.example", emitter.verifier_key().clone(), at, &[0; 16])?;
//! # recorder.sign_with(&emitter)?;
//! # recorder.close(at)?;
//! # recorder.sign_with(&emitter)?;
//! # let body = recorder.drain();
//! let trust = Trust::default().with_emitter(emitter.verifier_key().clone())?;
//! let rules = Rules::new("log.example", Some(trust));
//!
//! let mut growth = Growth::new(0);
//! let submission = Submission::parse(body.as_bytes(), &Limits::default())?;
//! let taken = growth.submit(&rules, &Empty, &submission, at).map_err(|stop| stop.refusal())?;
//! assert_eq!((taken.added, taken.repeated, growth.size()), (2, 0, 2));
//!
//! let again = growth.submit(&rules, &Empty, &submission, at).map_err(|stop| stop.refusal())?;
//! assert_eq!((again.added, again.repeated, again.chains), (0, 2, taken.chains));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acceptance;
mod admission;
mod error;
mod growth;
mod intake;
mod leaf;
mod lives;
mod rules;
mod storage;
mod submission;
mod void;

pub use crate::keys::{Window, Windows};
pub(crate) use acceptance::Acceptance;
pub use admission::{Admission, Known};
pub use error::{AcceptanceError, Evidence, Kind, SubmissionError};
pub use growth::{Growth, Run, Taken, Tip};
pub use intake::{Intake, MAX_BLANK};
pub use leaf::{Body, Leaf, SaltedEvent};
pub use lives::Life;
pub use rules::Rules;
pub use storage::{Chain, Empty, Held, Storage};
pub use submission::{Entry, Limits, MAX_PROVEN, Submission};
pub use void::VoidGrants;
