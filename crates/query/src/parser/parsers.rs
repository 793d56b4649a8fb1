//! The parsers that are known: those that come with this crate, and others beside them.

use core::fmt;
use std::sync::{Arc, OnceLock};

use countersign::hash::Hash;

#[cfg(feature = "category")]
use super::category::Assigned;
use super::definition::Definition;
use super::error::{ParserError, ensure, told};
use super::own::parse_own;
use super::parsed::{Parts, Read};
use super::path::Top;
use super::spelling::Spelling;
use crate::field::Short;
use crate::names::Names;
use crate::value::Value;

/// The files that come with this crate, in the order in which they are tried. Where shapes overlap, the narrower
/// comes first; our own before all, so that nothing within an event of it has it read as another.
pub(super) static BUILT_IN: [(&str, &str); 22] = [
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
    ("ocsf.json", include_str!(concat!(env!("OUT_DIR"), "/ocsf.json"))),
    ("ecs.json", include_str!(concat!(env!("OUT_DIR"), "/ecs.json"))),
    ("opentelemetry.json", include_str!(concat!(env!("OUT_DIR"), "/opentelemetry.json"))),
];

/// The most parsers that are taken.
pub(super) const MOST: usize = 256;

/// The parsers that are known, in the order in which they are tried.
#[derive(Clone)]
pub struct Parsers {
    pub(super) list: Arc<[Definition]>,
    pub(super) names: Arc<Names>,
    digest: Hash,
    /// Whether the first of them is that of our own shape, which code reads in less time.
    begin_with_own: bool,
}

/// None: events are what their members say.
impl Default for Parsers {
    fn default() -> Self {
        Self { list: Arc::default(), names: Arc::default(), digest: Hash::of(&[]), begin_with_own: false }
    }
}

impl fmt::Debug for Parsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Parsers {
    /// Those that come with this crate.
    ///
    /// # Panics
    /// Never: the tests read every file.
    pub fn built_in() -> Self {
        static READ: OnceLock<Parsers> = OnceLock::new();
        // By the files alone, so that a program which takes no others has nothing to copy parsers with.
        READ.get_or_init(|| match parse(BUILT_IN, Self::default().digest) {
            Ok((list, digest)) => Self { begin_with_own: true, ..Self::of(assign(list), digest) },
            Err(why) => unreachable!("{why:?}"),
        })
        .clone()
    }

    /// These, and before them others: for each the name of its file, for errors, and its text. One that is called
    /// like one of these takes its place.
    ///
    /// # Errors
    /// Where a file is no parser as `docs/parsers.md` has it, or two of the others have one name.
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
                let problem = told!("{:?} refers to a parser that isn't there", definition.parsed_as);
                ParserError::new("category", problem, "name one of the other parsers in `of`")
            })?;
        }
        Ok(Self::of(list, digest))
    }

    /// Which parsers these are: another digest tells that events may read otherwise.
    pub fn digest(&self) -> Hash {
        self.digest
    }

    fn of(mut list: Vec<Definition>, digest: Hash) -> Self {
        let mut names = Names::default();
        for definition in &mut list {
            definition.number_roots(&mut names);
        }
        for definition in &mut list {
            definition.share_begins(&mut names);
        }
        Self { list: list.into(), names: Arc::new(names), digest, begin_with_own: false }
    }

    /// What they are called, in their order.
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

    /// How the texts that a short name stands for are put together. None where that cannot be told, or where they are
    /// not of the event.
    pub fn spelling(&self, short: Short) -> Option<Spelling> {
        let mut spelling = Spelling::default();
        self.list.iter().all(|definition| definition.spell(short, &mut spelling)).then_some(spelling)
    }

    /// What an event says, by the first parser that its shape fits.
    pub fn parse<'a>(&'a self, event: &Value<'a>) -> Option<Read<'a>> {
        self.parse_parts(event, Parts::ALL)
    }

    /// The same, as far as it is wanted: what is not is as if the event said nothing of it.
    pub fn parse_parts<'a>(&'a self, event: &Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let others = usize::from(self.begin_with_own && parts == Parts::ALL);
        if others > 0
            && let Some(read) = parse_own(event)
        {
            return Some(read);
        }
        let top = Top::of(*event, &self.names);
        let mut fitting = self.list[others..].iter().filter(|definition| definition.may_fit(top.roots()));
        fitting.find_map(|definition| definition.read(&top, parts))
    }
}

/// Adds the built-in category rules, which the build script keeps apart from the files: most programs never parse them.
#[cfg(feature = "category")]
fn assign(mut list: Vec<Definition>) -> Vec<Definition> {
    static RULES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/categories.rs"));
    for (definition, (file, _)) in list.iter_mut().zip(BUILT_IN) {
        if let Some((_, rules)) = RULES.iter().find(|(name, _)| *name == file) {
            definition.category = Assigned::BuiltIn(rules);
        }
    }
    list
}

#[cfg(not(feature = "category"))]
fn assign(list: Vec<Definition>) -> Vec<Definition> {
    list
}

/// Parses files, each of which has a name of its own, and adds them to a digest.
fn parse<'t>(
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
    mut digest: Hash,
) -> Result<(Vec<Definition>, Hash), ParserError> {
    let mut list: Vec<Definition> = Vec::new();
    for (file, text) in files {
        digest = Hash::of(&[&digest.0, text.as_bytes()]);
        let definition = Definition::parse(text).map_err(|why| why.within(file))?;
        ensure(list.iter().all(|other| other.parsed_as != definition.parsed_as), || {
            let problem = told!("there is another parser as {:?}", definition.parsed_as);
            ParserError::new("as", problem, "give each its own name").within(file)
        })?;
        ensure(list.len() < MOST, || {
            let problem = told!("this is one reading more than {MOST}");
            ParserError::new("", problem, "keep those that you need").within(file)
        })?;
        list.push(definition);
    }
    Ok((list, digest))
}
