//! Monitors a log.
//!
//! A [`Monitor`] checks a log repeatedly: its key and enough witnesses signed the checkpoint, its tree only
//! grew, chains continue without gaps, keys may sign, and the log is not silent. Between two checks, a
//! [`MonitorState`] remembers the log; it is text for a file. A check returns [`Findings`], and
//! [`MonitorState::update`] returns which of them are new or over.
//!
//! No file is opened and nothing is printed: the caller saves the state and reports the findings.
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

mod anchors;
mod chains;
mod check;
mod finding;
mod log_state;
mod observer;
mod state;
mod tree;
mod webhook;

pub use check::Monitor;
pub use finding::{Finding, FindingKind, Findings, Place};
pub use log_state::LogState;
pub use observer::MonitorObserver;
pub use state::{Changes, MonitorState};
pub use tree::extends;
pub use webhook::{MonitorWebhook, WebhookNotice};
