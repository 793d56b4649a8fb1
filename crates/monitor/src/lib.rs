//! Monitors a log.
//!
//! A [`Monitor`] checks a log again and again: that its key and enough witnesses signed the checkpoint, that its tree only
//! grew, that chains continue without gaps, that keys may sign, and that it does not fall silent. Between two checks it
//! remembers a [`MonitorState`], which is text for a file. What it finds are [`Findings`]; [`MonitorState::update`] says
//! which of them are new and which are over.
//!
//! It opens no file and prints nothing: the caller keeps the state and tells people.
//!
//! ```
//! use countersign::trust::Trust;
//! use countersign_client::Folder;
//! use countersign_errors::EngineError;
//! use countersign_monitor::{Monitor, MonitorState};
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//!
//! let (trust, log) = (Trust::default(), Folder::open(folder)?);
//! let monitor = Monitor::new("log.example/audit", &trust, &log, &());
//! let mut state = MonitorState::default();
//! let checked = monitor.check(&mut state, |_, _, _| Ok::<_, EngineError>(()))?;
//! let (findings, now) = checked.expect("nothing stopped it");
//! let changes = state.update(&findings, "log.example/audit", now, false);
//! assert_eq!(changes.new[0].kind.code, "log.unreachable");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod chains;
mod check;
mod finding;
mod observer;
mod state;
mod tree;
mod webhook;

pub use check::Monitor;
pub use finding::{Finding, FindingKind, Findings, Place};
pub use observer::Observer;
pub use state::{Changes, MonitorState};
pub use webhook::{Notice, Webhook};
