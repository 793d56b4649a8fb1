//! The set of parsers: built-in ones and additional files.

use core::fmt;
use std::sync::{Arc, OnceLock};

use countersign::hash::Hash;
#[cfg(feature = "explain")]
use countersign::time::Time;

#[cfg(feature = "category")]
use super::category_rules::CategoryRules;
use super::definition::Definition;
use super::error::{ParserError, ensure, message};
use super::own::parse_own;
use super::parsed::{Parts, Read};
use super::path::Top;
use super::spelling::Spelling;
use crate::field::Short;
use crate::names::Names;
use crate::value::Value;

/// The built-in parsers, in the order they are tried. If shapes overlap, the narrower one comes first. Our own shape
/// precedes all others, so that content within our events can't pass for another product's.
pub(super) static BUILT_IN: &[(&str, &str)] = &[
    ("countersign.json", include_str!(concat!(env!("OUT_DIR"), "/countersign.json"))),
    ("cloudtrail.json", include_str!(concat!(env!("OUT_DIR"), "/cloudtrail.json"))),
    ("google-cloud.json", include_str!(concat!(env!("OUT_DIR"), "/google-cloud.json"))),
    ("entra-sign-in.json", include_str!(concat!(env!("OUT_DIR"), "/entra-sign-in.json"))),
    ("entra-audit.json", include_str!(concat!(env!("OUT_DIR"), "/entra-audit.json"))),
    ("microsoft-365.json", include_str!(concat!(env!("OUT_DIR"), "/microsoft-365.json"))),
    ("microsoft-defender.json", include_str!(concat!(env!("OUT_DIR"), "/microsoft-defender.json"))),
    ("azure-activity.json", include_str!(concat!(env!("OUT_DIR"), "/azure-activity.json"))),
    ("okta.json", include_str!(concat!(env!("OUT_DIR"), "/okta.json"))),
    ("auth0.json", include_str!(concat!(env!("OUT_DIR"), "/auth0.json"))),
    ("slack.json", include_str!(concat!(env!("OUT_DIR"), "/slack.json"))),
    ("tailscale.json", include_str!(concat!(env!("OUT_DIR"), "/tailscale.json"))),
    ("workos.json", include_str!(concat!(env!("OUT_DIR"), "/workos.json"))),
    ("retraced.json", include_str!(concat!(env!("OUT_DIR"), "/retraced.json"))),
    ("github.json", include_str!(concat!(env!("OUT_DIR"), "/github.json"))),
    ("github-webhook.json", include_str!(concat!(env!("OUT_DIR"), "/github-webhook.json"))),
    ("google-workspace.json", include_str!(concat!(env!("OUT_DIR"), "/google-workspace.json"))),
    ("kubernetes.json", include_str!(concat!(env!("OUT_DIR"), "/kubernetes.json"))),
    ("cloudflare.json", include_str!(concat!(env!("OUT_DIR"), "/cloudflare.json"))),
    ("teleport.json", include_str!(concat!(env!("OUT_DIR"), "/teleport.json"))),
    ("1password.json", include_str!(concat!(env!("OUT_DIR"), "/1password.json"))),
    ("duo.json", include_str!(concat!(env!("OUT_DIR"), "/duo.json"))),
    ("onelogin.json", include_str!(concat!(env!("OUT_DIR"), "/onelogin.json"))),
    ("jumpcloud.json", include_str!(concat!(env!("OUT_DIR"), "/jumpcloud.json"))),
    ("gitlab.json", include_str!(concat!(env!("OUT_DIR"), "/gitlab.json"))),
    ("box.json", include_str!(concat!(env!("OUT_DIR"), "/box.json"))),
    ("dropbox.json", include_str!(concat!(env!("OUT_DIR"), "/dropbox.json"))),
    ("zoom.json", include_str!(concat!(env!("OUT_DIR"), "/zoom.json"))),
    ("salesforce.json", include_str!(concat!(env!("OUT_DIR"), "/salesforce.json"))),
    ("snowflake.json", include_str!(concat!(env!("OUT_DIR"), "/snowflake.json"))),
    ("databricks.json", include_str!(concat!(env!("OUT_DIR"), "/databricks.json"))),
    ("atlassian.json", include_str!(concat!(env!("OUT_DIR"), "/atlassian.json"))),
    ("notion.json", include_str!(concat!(env!("OUT_DIR"), "/notion.json"))),
    ("zendesk.json", include_str!(concat!(env!("OUT_DIR"), "/zendesk.json"))),
    ("docusign.json", include_str!(concat!(env!("OUT_DIR"), "/docusign.json"))),
    ("anthropic.json", include_str!(concat!(env!("OUT_DIR"), "/anthropic.json"))),
    ("asana.json", include_str!(concat!(env!("OUT_DIR"), "/asana.json"))),
    ("aws-bedrock.json", include_str!(concat!(env!("OUT_DIR"), "/aws-bedrock.json"))),
    ("aws-waf.json", include_str!(concat!(env!("OUT_DIR"), "/aws-waf.json"))),
    ("axonius.json", include_str!(concat!(env!("OUT_DIR"), "/axonius.json"))),
    ("carbon-black.json", include_str!(concat!(env!("OUT_DIR"), "/carbon-black.json"))),
    ("crowdstrike.json", include_str!(concat!(env!("OUT_DIR"), "/crowdstrike.json"))),
    ("cyberark.json", include_str!(concat!(env!("OUT_DIR"), "/cyberark.json"))),
    ("elasticsearch.json", include_str!(concat!(env!("OUT_DIR"), "/elasticsearch.json"))),
    ("fastly.json", include_str!(concat!(env!("OUT_DIR"), "/fastly.json"))),
    ("figma.json", include_str!(concat!(env!("OUT_DIR"), "/figma.json"))),
    ("guardduty.json", include_str!(concat!(env!("OUT_DIR"), "/guardduty.json"))),
    ("heroku.json", include_str!(concat!(env!("OUT_DIR"), "/heroku.json"))),
    ("keycloak.json", include_str!(concat!(env!("OUT_DIR"), "/keycloak.json"))),
    ("linear.json", include_str!(concat!(env!("OUT_DIR"), "/linear.json"))),
    ("mongodb.json", include_str!(concat!(env!("OUT_DIR"), "/mongodb.json"))),
    ("netskope.json", include_str!(concat!(env!("OUT_DIR"), "/netskope.json"))),
    ("openai.json", include_str!(concat!(env!("OUT_DIR"), "/openai.json"))),
    ("orca.json", include_str!(concat!(env!("OUT_DIR"), "/orca.json"))),
    ("osquery.json", include_str!(concat!(env!("OUT_DIR"), "/osquery.json"))),
    ("pagerduty.json", include_str!(concat!(env!("OUT_DIR"), "/pagerduty.json"))),
    ("panther.json", include_str!(concat!(env!("OUT_DIR"), "/panther.json"))),
    ("proofpoint.json", include_str!(concat!(env!("OUT_DIR"), "/proofpoint.json"))),
    ("push-security.json", include_str!(concat!(env!("OUT_DIR"), "/push-security.json"))),
    ("sentinelone.json", include_str!(concat!(env!("OUT_DIR"), "/sentinelone.json"))),
    ("sentry.json", include_str!(concat!(env!("OUT_DIR"), "/sentry.json"))),
    ("snyk.json", include_str!(concat!(env!("OUT_DIR"), "/snyk.json"))),
    ("sublime.json", include_str!(concat!(env!("OUT_DIR"), "/sublime.json"))),
    ("thinkst-canary.json", include_str!(concat!(env!("OUT_DIR"), "/thinkst-canary.json"))),
    ("tines.json", include_str!(concat!(env!("OUT_DIR"), "/tines.json"))),
    ("tracebit.json", include_str!(concat!(env!("OUT_DIR"), "/tracebit.json"))),
    ("twilio.json", include_str!(concat!(env!("OUT_DIR"), "/twilio.json"))),
    ("umbrella.json", include_str!(concat!(env!("OUT_DIR"), "/umbrella.json"))),
    ("upwind.json", include_str!(concat!(env!("OUT_DIR"), "/upwind.json"))),
    ("vault.json", include_str!(concat!(env!("OUT_DIR"), "/vault.json"))),
    ("wiz.json", include_str!(concat!(env!("OUT_DIR"), "/wiz.json"))),
    ("zscaler.json", include_str!(concat!(env!("OUT_DIR"), "/zscaler.json"))),
    ("ocsf.json", include_str!(concat!(env!("OUT_DIR"), "/ocsf.json"))),
    ("ecs.json", include_str!(concat!(env!("OUT_DIR"), "/ecs.json"))),
    ("opentelemetry.json", include_str!(concat!(env!("OUT_DIR"), "/opentelemetry.json"))),
];

/// Maximum number of parsers.
pub(super) const MAX_PARSERS: usize = 256;

/// A set of parsers, in the order they are tried.
#[derive(Clone)]
pub struct Parsers {
    pub(super) list: Arc<[Definition]>,
    pub(super) names: Arc<Names>,
    digest: Hash,
    /// True if the first parser is the one for our own shape, which has a faster implementation.
    begin_with_own: bool,
}

/// An empty set, which parses no events.
impl Default for Parsers {
    fn default() -> Self {
        Self { list: Arc::default(), names: Arc::default(), digest: Hash::digest(&[]), begin_with_own: false }
    }
}

impl fmt::Debug for Parsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Parsers {
    /// Returns the built-in parsers.
    ///
    /// # Panics
    /// Never: the tests read every file.
    pub fn built_in() -> Self {
        static PARSED: OnceLock<Parsers> = OnceLock::new();
        // Doesn't use `with`, so that programs without other parsers don't contain the code for merging them.
        PARSED
            .get_or_init(|| match parse(BUILT_IN.iter().copied(), Self::default().digest) {
                Ok((list, digest)) => Self { begin_with_own: true, ..Self::new(assign(list), digest) },
                Err(why) => unreachable!("{why:?}"),
            })
            .clone()
    }

    /// Returns these parsers preceded by others, each given by its file name (for errors) and its text. A parser
    /// replaces one with the same name.
    ///
    /// # Errors
    /// If a file is not a valid parser as described in `docs/parsers.md`, or if two files define the same name.
    #[cfg(feature = "explain")]
    pub fn with<'t>(
        &self,
        others: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, ParserError> {
        let (mut list, digest) = parse(others, self.digest)?;
        let others = list.len();
        for definition in self.list.iter() {
            if list[..others].iter().all(|other| other.parsed_as != definition.parsed_as) {
                list.push(definition.clone());
            }
        }
        #[cfg(feature = "category")]
        for definition in &list[..others] {
            let is_known = |name: &str| list.iter().any(|other| other.parsed_as == name);
            ensure(definition.category.referred().all(is_known), || {
                let problem = message!("a rule of {:?} refers to an unknown parser", definition.parsed_as);
                ParserError::new("category", problem, "name an existing parser in `of`")
            })?;
        }
        Ok(Self::new(list, digest))
    }

    /// Returns a digest of the parser files. If it differs, events may be parsed differently.
    pub fn digest(&self) -> Hash {
        self.digest
    }

    fn new(mut list: Vec<Definition>, digest: Hash) -> Self {
        let mut names = Names::default();
        for definition in &mut list {
            definition.number_roots(&mut names);
        }
        for definition in &mut list {
            definition.share_prefixes(&mut names);
        }
        Self { list: list.into(), names: Arc::new(names), digest, begin_with_own: false }
    }

    /// Iterates over the parsers' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|definition| definition.parsed_as.as_str())
    }

    /// Iterates over the parsers: each one's name, the paths in a record at which it looks for events (`within`), and the place
    /// where the source itself has them.
    pub fn places(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>, &str)> {
        self.list.iter().map(|definition| {
            let paths = definition.within.iter().map(|outer| outer.text.as_str());
            (definition.parsed_as.as_str(), paths, definition.place.as_str())
        })
    }

    /// Describes how the values of a short name are assembled. Returns `None` if that isn't possible, or if they don't
    /// come from the event.
    pub fn spelling(&self, short: Short) -> Option<Spelling> {
        let mut spelling = Spelling::default();
        self.list.iter().all(|definition| definition.spell(short, &mut spelling)).then_some(spelling)
    }

    /// Parses an event with the first parser that fits its shape.
    pub fn parse<'a>(&'a self, event: &Value<'a>) -> Option<Read<'a>> {
        self.parse_parts(event, Parts::ALL)
    }

    /// Returns the time that an event states without an offset from UTC, as if it were in UTC. `None` if its parser
    /// understands the time ([`Read::is_time_unclear`]), or if no parser fits.
    #[cfg(feature = "explain")]
    pub fn local_time(&self, event: &Value<'_>) -> Option<Time> {
        let read = self.parse_parts(event, Parts::NONE).filter(|read| read.is_time_unclear)?;
        let definition = self.list.iter().find(|definition| definition.parsed_as == read.parsed_as)?;
        definition.local_time(&Top::new(*event, &self.names))
    }

    /// Like [`Parsers::parse`], but only the selected parts. Other fields stay empty.
    pub fn parse_parts<'a>(&'a self, event: &Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let read = self.read(event, parts)?;
        #[cfg(feature = "category")]
        if parts.has(Parts::CATEGORY) {
            let categories = self.categories(event, &read);
            return Some(Read { categories, ..read });
        }
        Some(read)
    }

    /// Parses an event, except for its categories.
    fn read<'a>(&'a self, event: &Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let others = usize::from(self.begin_with_own && parts == Parts::ALL);
        if others > 0
            && let Some(read) = parse_own(event)
        {
            return Some(read);
        }
        let top = Top::new(*event, &self.names);
        let mut fitting = self.list[others..].iter().filter(|definition| definition.may_fit(top.roots()));
        fitting.find_map(|definition| definition.read(&top, parts))
    }
}

/// Adds the built-in category rules, which the build script keeps apart from the files: most programs never parse them.
#[cfg(feature = "category")]
fn assign(mut list: Vec<Definition>) -> Vec<Definition> {
    static RULES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/categories.rs"));
    for (definition, (file, _)) in list.iter_mut().zip(BUILT_IN) {
        if let Some((_, rules)) = RULES.iter().find(|(name, _)| name == file) {
            definition.category = CategoryRules::built_in(rules);
        }
    }
    list
}

#[cfg(not(feature = "category"))]
fn assign(list: Vec<Definition>) -> Vec<Definition> {
    list
}

/// Parses files and adds them to a digest. Each must define another name.
fn parse<'t>(
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
    mut digest: Hash,
) -> Result<(Vec<Definition>, Hash), ParserError> {
    let mut list: Vec<Definition> = Vec::new();
    for (file, text) in files {
        digest = Hash::digest(&[&digest.0, text.as_bytes()]);
        let definition = Definition::parse(text).map_err(|why| why.within(file))?;
        ensure(list.iter().all(|other| other.parsed_as != definition.parsed_as), || {
            let problem = message!("another parser is also named {:?}", definition.parsed_as);
            ParserError::new("as", problem, "give each parser its own name in `as`").within(file)
        })?;
        ensure(list.len() < MAX_PARSERS, || {
            let problem = message!("there are more than {MAX_PARSERS} parsers");
            ParserError::new("", problem, "remove those that you don't need").within(file)
        })?;
        list.push(definition);
    }
    Ok((list, digest))
}
