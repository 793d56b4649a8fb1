//! Delivers links to a log server, and keeps them until the server has proven that the log contains them.
//!
//! A recorder's links go into an [`Outbox`], which is durable in a [`Directory`] or ends with the process in
//! [`Memory`]. A [`Delivery`] submits them to a [`LogServer`], one request per step, and removes a link only
//! after the log server has proven that the log contains it. A step reads no clock and doesn't wait: the
//! caller decides when to retry, or runs [`send`] on a thread, which waits and retries on its own. If a log
//! rejects links because their times are ahead of its clock, [`redate`](fn@redate) gives their events new
//! times, from a [`Clock`] that follows the log's. The outbox remembers the newest head of a tenant log, and each
//! answer is compared with it. A [`FileFollower`] reads a growing log file, and the
//! outbox remembers its position.
//!
//! ```
//! use std::sync::Mutex;
//! use std::time::Duration;
//!
//! use countersign::note::SignerKey;
//! use countersign::recorder::Recorder;
//! use countersign::tenant::Since;
//! use countersign::time::Time;
//! use countersign::trust::Trust;
//! use countersign_delivery::{Answer, Delivery, DeliveryError, LogServer, Memory, Outbox, Step};
//!
//! /// A log server that is busy.
//! struct Busy;
//!
//! impl LogServer for Busy {
//!     type Error = DeliveryError;
//!
//!     fn submit(&mut self, _lines: &str, _since: Option<Since>) -> Result<Answer, DeliveryError> {
//!         Ok(Answer { status: 503, retry_after: Some(Duration::from_secs(9)), body: Vec::new() })
//!     }
//! }
//!
//! let key = SignerKey::from_seed("example.com/app", [7; 32])?;
//! let now: Time = "2026-11-20T06:01:02.345Z".parse()?;
//! let mut recorder = Recorder::open("log.example/audit", key.verifier_key().clone(), now, &[1; 16])?;
//! recorder.flush();
//! recorder.sign_with(&key)?;
//!
//! let mut outbox = Outbox::open(Box::new(Memory::default()), "log.example/audit", "outbox")?;
//! outbox.append(&recorder.drain(), None)?;
//!
//! let (outbox, trust) = (Mutex::new(outbox), Trust::default());
//! let step = Delivery::new(&outbox, &trust, "log.example/audit").step(&mut Busy);
//! let Step::Later { after, .. } = step else { panic!("the log server is busy") };
//! assert_eq!(after, Some(Duration::from_secs(9)));
//! assert_eq!(outbox.lock().unwrap().pending().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod answer;
mod backoff;
mod batch;
mod clock;
mod comparison;
mod delivery;
mod error;
mod follow;
mod outbox;
mod placing;
mod redate;
mod sender;

pub use answer::{Answer, is_transient};
pub use backoff::Backoff;
pub use batch::BatchLimits;
pub use clock::{Clock, ClockDifference};
pub use comparison::{ProvenHead, no_head};
pub use delivery::{Delivery, LogServer, Step, submit_note};
pub use error::DeliveryError;
pub use follow::{FileFollower, FollowProgress, LineReader};
pub use outbox::{
    Directory, FollowPosition, Head, InputPosition, LinkPlace, Memory, Outbox, Receipt, RefusedAnswer,
    Segment, Store,
};
pub use placing::place_note;
pub use redate::redate;
pub use sender::{Early, RetryPolicy, SenderObserver, SenderStatus, SharedStatus, send};
