//! The source of the events that a rule applies to: certain parsers, or any.

use crate::detection::{Detection, Item, Required, Test, required};
use crate::fields::Fields;
use crate::tree::Node;

/// The source of the events that a rule applies to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Any source: the rule uses fields that all parsers provide.
    #[default]
    Any,
    /// Events that one of these parsers recognizes.
    Parsers(Vec<String>),
    /// Events of any source. The rule was written for the parsers with one of these names, which are its `logsource`'s
    /// product, service, and both together.
    Named(Vec<String>),
}

/// The log sources of Sigma rules that only certain parsers recognize: product, prefix of the service, and parsers.
const LOG_SOURCES: [(&str, &str, &[&str]); 19] = [
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
    ("vault", "", &["HashiCorp Vault"]),
];

impl Source {
    /// Returns a rule's source: the parsers that its detection requires, or else its `logsource`.
    pub(crate) fn from_rule(rule: &Node, detection: &Detection, fields: &Fields) -> Self {
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
        match LOG_SOURCES.iter().find(is_of) {
            Some((.., parsers)) => Self::Parsers(parsers.iter().map(|parser| (*parser).to_owned()).collect()),
            None => Self::Named(vec![product.to_owned(), service.to_owned(), [product, service].concat()]),
        }
    }

    /// True if the rule applies to events of this parser; without a parser, to events that none recognizes.
    pub(crate) fn includes(&self, parser: Option<&str>) -> bool {
        match (self, parser) {
            (Self::Parsers(parsers), Some(parser)) => is_among(parsers, parser),
            (Self::Parsers(_), None) => false,
            (Self::Any | Self::Named(_), _) => true,
        }
    }

    /// True if the rule was written for events of this parser. Rules for any source were written for the
    /// product's own format.
    pub(crate) fn names(&self, parser: &str) -> bool {
        match self {
            Self::Parsers(parsers) => is_among(parsers, parser),
            Self::Any => parser == "countersign",
            Self::Named(names) => names.iter().any(|name| is_same_name(name, parser)),
        }
    }
}

/// True if the names consist of the same letters and digits, ignoring case: `google_workspace` and `Google Workspace`.
fn is_same_name(a: &str, b: &str) -> bool {
    letters(a).next().is_some() && letters(a).eq(letters(b))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase())
}

/// True if `parser` is in the list, ignoring case as rules do.
fn is_among(parsers: &[String], parser: &str) -> bool {
    parsers.iter().any(|of| of.eq_ignore_ascii_case(parser))
}

/// Parsers that a rule requires: one of them must recognize an event for the rule to match.
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

#[cfg(test)]
mod tests {
    use countersign_query::Parsers;

    use crate::pack::Sources;

    #[test]
    fn a_logsource_can_name_every_parser() {
        for parser in Parsers::built_in().names() {
            let product = parser.to_lowercase().replace(' ', "_");
            let mut sources = Sources::default();
            sources.add(
                "r.yml",
                &format!("title: A rule\nid: r\nlogsource: {{product: '{product}'}}\ndetection: {{a: {{n: 1}}, condition: a}}\n"),
            );
            let pack = sources.build("test").unwrap_or_else(|errors| panic!("{errors:?}"));
            assert!(pack.rules()[0].source.names(parser), "{parser}");
        }
    }
}
