//! Which events a rule is for: those that certain parsers read, or any.

use crate::detection::{Detection, Item, Required, Test, required};
use crate::fields::Fields;
use crate::tree::Node;

/// The events that a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Events of any parser: the rule asks for what all parsers give.
    #[default]
    Any,
    /// Events that one of these parsers reads.
    Parsers(Vec<String>),
    /// Events of a log source for which there is no parser, by the rule's `logsource`.
    Other,
}

/// The log sources of Sigma rules that parsers read: product, service (the beginning of it), and parsers.
const LOG_SOURCES: [(&str, &str, &[&str]); 18] = [
    ("aws", "cloudtrail", &["CloudTrail"]),
    ("azure", "activitylogs", &["Azure activity"]),
    ("azure", "auditlogs", &["Entra audit"]),
    ("azure", "signinlogs", &["Entra sign-in"]),
    ("azure", "pim", &["Entra audit"]),
    ("azure", "riskdetection", &["Entra sign-in"]),
    ("gcp", "gcp.audit", &["Google Cloud"]),
    ("gcp", "google_workspace", &["Google Workspace"]),
    ("google_workspace", "", &["Google Workspace"]),
    ("m365", "", &["Microsoft 365"]),
    ("okta", "", &["Okta"]),
    ("auth0", "", &["Auth0"]),
    ("github", "", &["GitHub", "GitHub webhook"]),
    ("kubernetes", "", &["Kubernetes"]),
    ("slack", "", &["Slack"]),
    ("cloudflare", "", &["Cloudflare"]),
    ("ocsf", "", &["OCSF"]),
    ("ecs", "", &["ECS"]),
];

impl Source {
    /// Reads a rule's source from the parsers that its detection names, or else from its `logsource`.
    pub(crate) fn of(rule: &Node, detection: &Detection, fields: &Fields) -> Self {
        if let Some(Parsers(mut parsers)) = required(detection, &|item| parsers_of(item, fields)) {
            parsers.sort();
            parsers.dedup();
            return Self::Parsers(parsers);
        }
        let text = |key| rule.get("logsource").and_then(|source| source.get(key)?.text());
        let (product, service) = (text("product").unwrap_or_default(), text("service").unwrap_or_default());
        if rule.get("logsource").is_none() || product == "countersign" {
            return Self::Any;
        }
        let is_of = |(of, begin, _): &&(&str, &str, &[&str])| *of == product && service.starts_with(begin);
        LOG_SOURCES.iter().find(is_of).map_or(Self::Other, |(.., parsers)| {
            Self::Parsers(parsers.iter().map(|parser| (*parser).to_owned()).collect())
        })
    }

    /// True if the rule is for events that this parser reads; without a parser, for events that none reads.
    pub(crate) fn includes(&self, parser: Option<&str>) -> bool {
        match (self, parser) {
            (Self::Parsers(parsers), Some(parser)) => is_among(parsers, parser),
            (Self::Parsers(_), None) => false,
            (Self::Any | Self::Other, _) => true,
        }
    }

    /// True if the rule was written for events that this parser reads. A rule for any events was written for the
    /// product's own shape.
    pub(crate) fn names(&self, parser: &str) -> bool {
        match self {
            Self::Parsers(parsers) => is_among(parsers, parser),
            Self::Any => parser == "countersign",
            Self::Other => false,
        }
    }
}

/// Rules compare names without regard to case.
fn is_among(parsers: &[String], parser: &str) -> bool {
    parsers.iter().any(|of| of.eq_ignore_ascii_case(parser))
}

/// The parsers one of which must have read an event.
#[derive(Default)]
struct Parsers(Vec<String>);

impl Required for Parsers {
    fn best(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self> {
        each.flatten().next()
    }

    fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

fn parsers_of(item: &Item, fields: &Fields) -> Option<Parsers> {
    item.field.filter(|field| fields.name(*field) == "parsed.as")?;
    let exact = item.tests.iter().map(|test| match test {
        Test::Text(wildcard, _) => wildcard.exact().map(str::to_owned),
        _ => None,
    });
    exact.collect::<Option<_>>().map(Parsers)
}
