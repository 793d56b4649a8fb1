//! The formats of records.

use std::sync::OnceLock;

use countersign_query::Parsers;
use countersign_query::value::Document;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::facts::Facts;
use crate::mapping::Mapping;
use crate::records::{Event, Finding, Log, Record};
use crate::{cef, otlp, syslog, tree};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
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
    /// Our own: what was verified, as it was signed, and its parser.
    Ndjson,
}

impl Format {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
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
    pub fn event(self, log: &Log<'_>, event: &Event<'_>, parsers: &Parsers) -> Record {
        let document = Document::parse(event.text);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| parsers.parse(event));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable() {
        let words = ["ocsf", "ecs", "cef", "syslog", "cloudevents", "otlp", "ndjson"];
        assert!(Format::ALL.iter().map(|one| one.as_str()).eq(words));
        assert!(words.iter().map(|word| Format::parse(word)).eq(Format::ALL.iter().copied().map(Some)));
    }
}
