//! Records of verified events and of findings, in the formats of SIEMs and collectors.
//!
//! Nothing here does I/O or reads a clock. What is known of an event goes in, and a [`Record`] comes out: a line of
//! text, with the id by which a receiver recognises it when it comes again. How each format says what a reading says is
//! declared in `crates/feeds/mappings/`, the reverse of `crates/query/readings/`; `docs/feeds.md` describes it.
//!
//! ```
//! use countersign::hash::Hash;
//! use countersign::link::ChainId;
//! use countersign_feeds::{Event, Format, Log};
//! use countersign_query::Readings;
//!
//! let log = Log { origin: "log.example/audit", size: 9, root: Hash([7; 32]) };
//! let event = Event {
//!     leaf: 4,
//!     chain: ChainId([1; 16]),
//!     seq: 2,
//!     recorded: "2026-11-20T06:01:02.345Z".parse()?,
//!     signer: "example.com/app+3b1b2c6e+AQ==",
//!     standing: "trusted",
//!     text: r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"id":"7","type":"job"}}"#,
//! };
//! let record = Format::Ecs.event(&log, &event, &Readings::built_in());
//! assert_eq!(record.id, "01010101010101010101010101010101/2");
//! assert!(record.text.contains(r#""leaf":4"#));
//! // The event does not say how it ended, and neither does its record.
//! assert!(!record.text.contains("outcome"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod cef;
mod facts;
mod mapping;
mod otlp;
mod syslog;
mod text;
mod tree;

use std::sync::OnceLock;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign_query::Readings;
use countersign_query::value::Document;

use facts::Facts;
use mapping::Mapping;

pub use otlp::request as otlp_request;
pub use syslog::wrap as syslog_wrap;

/// The log at the checkpoint that holds what is told.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// Its origin.
    pub origin: &'a str,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A verified event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its index in the log.
    pub leaf: u64,
    /// Its chain.
    pub chain: ChainId,
    /// Its place there.
    pub seq: u64,
    /// When it was recorded, by its link.
    pub recorded: Time,
    /// The verifier key of its chain.
    pub signer: &'a str,
    /// Whether that key is one to trust: `trusted`, `unknown`, `suspect`, `revoked`.
    pub standing: &'a str,
    /// The event as it was signed.
    pub text: &'a str,
}

/// What a finding's record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rules found something.
    Alert,
    /// It does not hold any more.
    Retract,
    /// Something in the log does not verify.
    Unverified,
}

/// What was found, as section 13 of the specification has it recorded.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// What it says.
    pub kind: Kind,
    /// The finding's id.
    pub id: &'a str,
    /// One line for people.
    pub title: &'a str,
    /// When it was found, or, of an alert, when the last of its events happened.
    pub time: Time,
    /// The members of `metadata`: one JSON object.
    pub text: &'a str,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The same each time that it is sent, and no other's.
    pub id: String,
    /// When it happened.
    pub time: Time,
    /// What it says, on one line without its end.
    pub text: String,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The Open Cybersecurity Schema Framework, 1.8.
    Ocsf,
    /// The Elastic Common Schema, 9.
    Ecs,
    /// `ArcSight`'s Common Event Format, 0.
    Cef,
    /// Syslog, RFC 5424.
    Syslog,
    /// `CloudEvents` 1.0, in JSON.
    CloudEvents,
    /// OTLP's JSON: each record a whole `ExportLogsServiceRequest`.
    Otlp,
    /// Our own: what was verified, as it was signed, and its reading.
    Ndjson,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Ocsf, Self::Ecs, Self::Cef, Self::Syslog, Self::CloudEvents, Self::Otlp, Self::Ndjson];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
            Self::CloudEvents => "cloudevents",
            Self::Otlp => "otlp",
            Self::Ndjson => "ndjson",
        }
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Whether its records are JSON objects.
    pub const fn is_json(self) -> bool {
        !matches!(self, Self::Cef | Self::Syslog)
    }

    fn mapping(self) -> &'static Mapping {
        static MAPPINGS: [(OnceLock<Mapping>, &str); 7] = [
            (OnceLock::new(), include_str!("../mappings/ocsf.json")),
            (OnceLock::new(), include_str!("../mappings/ecs.json")),
            (OnceLock::new(), include_str!("../mappings/cef.json")),
            (OnceLock::new(), include_str!("../mappings/syslog.json")),
            (OnceLock::new(), include_str!("../mappings/cloudevents.json")),
            (OnceLock::new(), include_str!("../mappings/otlp.json")),
            (OnceLock::new(), include_str!("../mappings/ndjson.json")),
        ];
        let (parsed, text) = &MAPPINGS[self as usize];
        parsed.get_or_init(|| match Mapping::parse(text) {
            Ok(mapping) => mapping,
            // The tests read every file.
            Err(why) => unreachable!("{}: {why}", self.as_str()),
        })
    }

    /// The record of an event.
    pub fn event(self, log: &Log<'_>, event: &Event<'_>, readings: &Readings) -> Record {
        let document = Document::parse(event.text);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| readings.read(event));
        let facts = Facts::of_event(log, event, read.as_ref(), root);
        self.record(&facts)
    }

    /// The record of a finding.
    pub fn finding(self, log: &Log<'_>, finding: &Finding<'_>) -> Record {
        let document = Document::parse(finding.text);
        let facts = Facts::of_finding(log, finding, document.as_ref().map(Document::root));
        self.record(&facts)
    }

    fn record(self, facts: &Facts<'_>) -> Record {
        let said = self.mapping().apply(facts);
        let text = match self {
            Self::Cef => cef::line(&said),
            Self::Syslog => syslog::line(&said),
            Self::Otlp => otlp::line(said),
            Self::Ocsf | Self::Ecs | Self::CloudEvents | Self::Ndjson => tree::of(said).to_string(),
        };
        Record { id: facts.id().to_owned(), time: facts.time(), text }
    }
}
