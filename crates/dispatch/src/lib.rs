//! Sends the verified events and findings of a log to SIEMs and other destinations.
//!
//! A [`Dispatch`] sends records in batches to a [`Destination`], with retries until it accepts them, and saves its
//! [`Progress`]: a record is sent at least once, under the same id, even after a kill. A [`Feed`] selects the events
//! that become records, and their format. A [`LogFeed`] does both with a growing log.
//!
//! Nothing is printed: notices for people go to the caller's [`DispatchObserver`].
//!
//! ```
//! use countersign_client::DestinationError;
//! use countersign_errors::EngineError;
//! use countersign_dispatch::{BatchAnswer, Destination, Dispatch, Progress};
//! use countersign_feeds::Record;
//!
//! /// A destination that accepts everything.
//! struct Everything;
//!
//! impl Destination for Everything {
//!     fn send(&mut self, _records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
//!         Ok(BatchAnswer::default())
//!     }
//!
//!     fn max_records(&self) -> usize {
//!         500
//!     }
//! }
//!
//! let mut dispatch = Dispatch::begin(Box::new(Everything), Progress::open(None)?, None, Box::new(()))?;
//! let record = Record { id: "f".into(), time: "2026-11-20T06:01:02.345Z".parse()?, text: "{}".into(), syslog: None };
//! dispatch.push(None, record.clone())?;
//! dispatch.push(Some(4), record)?;
//! assert_eq!(dispatch.end()?, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod destination;
mod dispatch;
mod feed;
mod file;
mod http;
mod notice;
mod progress;
mod signing;
mod socket;
mod webhook;

pub use destination::{BatchAnswer, Destination};
pub use dispatch::Dispatch;
pub use feed::{Feed, LogFeed};
pub use file::FileDestination;
pub use http::{HttpDestination, HttpDialect};
pub use notice::{DispatchNotice, DispatchObserver};
pub use progress::Progress;
pub use signing::SigningDestination;
pub use socket::{ClientCertificate, Pem, SocketDestination, TlsFiles};
pub use webhook::WebhookDestination;
