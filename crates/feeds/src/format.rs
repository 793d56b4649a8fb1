//! The formats of feed records.

use std::sync::OnceLock;

use countersign_query::Parsers;
use countersign_query::value::Document;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::facts::Facts;
use crate::mapping::Mapping;
use crate::records::{Event, Finding, Log, Record};
use crate::{cef, otlp, syslog, tree};

/// A format of feed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// The Open Cybersecurity Schema Framework, 1.9.
    Ocsf,
    /// The Elastic Common Schema, 9.
    Ecs,
    /// `ArcSight`'s Common Event Format, 0.
    Cef,
    /// Syslog, RFC 5424.
    Syslog,
    /// `CloudEvents` 1.0, in JSON.
    CloudEvents,
    /// OTLP in JSON: each record is a complete `ExportLogsServiceRequest`.
    Otlp,
    /// countersign's own format: the event as it was signed, and its parsed facts.
    Ndjson,
}

impl Format {
    /// All formats.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the format's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the format with this name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// True if its records are JSON objects.
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
            // Tests parse every built-in mapping.
            Err(why) => unreachable!("{}: {why}", self.as_str()),
        })
    }

    /// Returns the record of an event.
    pub fn event(self, log: &Log<'_>, event: &Event<'_>, parsers: &Parsers) -> Record {
        let document = Document::parse(event.text);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| parsers.parse(event));
        let facts = Facts::from_event(log, event, read.as_ref(), root);
        self.record(&facts)
    }

    /// Returns the record of a finding.
    pub fn finding(self, log: &Log<'_>, finding: &Finding<'_>) -> Record {
        let document = Document::parse(finding.text);
        let facts = Facts::from_finding(log, finding, document.as_ref().map(Document::root));
        self.record(&facts)
    }

    fn record(self, facts: &Facts<'_>) -> Record {
        let fields = self.mapping().apply(facts);
        let syslog = (self == Self::Cef).then(|| cef::syslog_header(&fields, facts));
        let text = match self {
            Self::Cef => cef::line(&fields),
            Self::Syslog => syslog::line(&fields),
            Self::Otlp => otlp::line(fields),
            Self::Ocsf | Self::Ecs | Self::CloudEvents | Self::Ndjson => tree::build(fields).to_string(),
        };
        Record { id: facts.id().to_owned(), time: facts.time(), text, syslog }
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
