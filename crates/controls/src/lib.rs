//! Evidence by control: what a verified audit log shows for the controls of a framework, and what it cannot show.
//!
//! A [`Catalog`] maps controls to questions that a log can answer: queries, findings of rules, and facts about the
//! log. An [`EventEvaluator`] evaluates each event against them before its signer's trust is known. An
//! [`EvidenceBuilder`] takes the resulting [`Record`]s in the order of the log once the trust is known, and produces
//! the [`Evidence`], which is written as Markdown, CSV, JSON, or OSCAL.
//!
//! Nothing here does I/O or reads a clock. Memory grows with controls, chains, and samples, not with events.
//!
//! ```
//! use countersign_controls::Catalog;
//!
//! let catalog = Catalog::built_in("soc2").unwrap();
//! assert!(catalog.controls.iter().all(|control| !control.cannot.is_empty()));
//!
//! let fault = &Catalog::parse("catalog: controls/v1\nframework: own\ntitle: Ours\nedition: 1st\ncontrols:
//!   - number: '1'
//!     title: Logins
//!     asks: Who logs in is known.
//!     shows: [logns]
//!     cannot: [Whether a person is who they say they are.]").unwrap_err()[0];
//! assert_eq!((fault.code, fault.line), ("catalog.unknown_question", Some(9)));
//! assert!(fault.hint().contains("such as log"), "{fault}");
//! ```
#![deny(missing_docs, unsafe_code)]

mod builder;
mod built_in;
mod catalog;
mod csv;
mod doubt;
mod event_facts;
mod json;
mod markdown;
mod oscal;
mod report;
mod technique;
mod text;

pub use builder::{EvidenceBuilder, EvidenceOptions, ExportFacts, ExportMarks};
pub use catalog::{AnswerSource, Catalog, Control, Fact, Question};
pub use csv::{rows, write as csv};
pub use event_facts::{EventEvaluator, EventFacts, EventSummary, Record, RecordContent};
pub use json::write as json;
pub use markdown::write as markdown;
pub use oscal::write as oscal;
pub use report::*;
