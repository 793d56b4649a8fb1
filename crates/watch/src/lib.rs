//! Watches a log: verifies it as it grows, applies rules to it, and delivers each finding once to each destination.
//!
//! A [`Watcher`] verifies lines of an export and applies rules to them. It opens no connection and no state file; its
//! state between two checkpoints is a [`WatchState`]. [`follow`] feeds it from the [live view](LiveViews) of a log. A
//! [`Watch`] does both, and delivers its [`Item`]s to [`Destination`]s: position, state, and undelivered items are
//! saved together, so each item is delivered even after a kill, under the same name.
//!
//! Nothing is printed: notices for people go to the caller's [`WatchObserver`].
//!
//! ```
//! use countersign::trust::Trust;
//! use countersign_analyze::Sources;
//! use countersign_query::Parsers;
//! use countersign_watch::{WatchConfig, Watcher};
//!
//! let rule = "title: Deleted\nid: deleted\nlevel: low\ndetection:\n  s: {action: job.delete}\n  condition: s\n";
//! let mut sources = Sources::default();
//! sources.add("rule.yml", rule);
//! let pack = sources.build("mine").expect("a rule");
//!
//! let config = WatchConfig {
//!     origin: "log.example/audit".into(),
//!     trust: Trust::default(),
//!     pack: &pack,
//!     parsers: Parsers::built_in(),
//!     scans: false,
//!     events: false,
//! };
//! let mut watcher = Watcher::new(config, None, "state")?;
//! watcher.begin_at(0);
//! watcher.push(b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n");
//! let step = watcher.settle("2026-11-20T06:01:02.345Z".parse()?, None)?;
//! assert!(step.items.is_empty() && !step.has_grown);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod command;
mod examined;
mod following;
mod gaps;
mod handoff;
mod item;
mod mail;
mod notice;
mod random;
mod recording;
mod state;
mod stream;
mod view;
mod watch;
mod watcher;
mod watchlist;
mod webhook;

pub use command::CommandDestination;
pub use examined::Examined;
pub use following::{Follower, follow};
pub use handoff::Destination;
pub use item::{Draft, Item, ItemKind, LogState};
pub use lettre::message::Mailbox;
pub use mail::{MailDestination, MailServer};
pub use notice::{WatchNotice, WatchObserver};
pub use recording::RecordDestination;
pub use state::{Reported, WatchState};
pub use stream::{HttpViews, LiveViews, ViewEvent};
pub use watch::{Outcome, Watch};
pub use watcher::{AttestedEvents, Step, WatchConfig, Watcher};
pub use watchlist::{Lister, Publish};
pub use webhook::WebhookDestination;
