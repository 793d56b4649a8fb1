//! Evidence by control: what a verified audit log can show for the controls of a framework, and what it cannot.
//!
//! A [`Catalog`] leads from a control to questions that a log can answer: queries, findings of rules, and what is known
//! of the log itself. [`Looking`] says what each event has to do with them, before it is known whether the event counts.
//! [`Gathering`] takes these [`Record`]s in the order of the leaves, once it is known whose word counts, and gives the
//! [`Evidence`], which is written as Markdown, CSV, JSON or OSCAL.
//!
//! Nothing here does I/O or reads a clock, and memory grows with controls, chains and samples, not with events.
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

mod built_in;
mod catalog;
mod csv;
mod doubt;
mod gather;
mod json;
mod look;
mod markdown;
mod oscal;
mod report;
mod technique;
mod text;

pub use catalog::{By, Catalog, Control, Fact, Question};
pub use csv::{rows, write as csv};
pub use gather::{Ended, Gathering, Known, Wanted};
pub use json::write as json;
pub use look::{Looked, Looking, Record, Said, What};
pub use markdown::write as markdown;
pub use oscal::write as oscal;
pub use report::*;
