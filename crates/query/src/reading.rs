//! Readings: how an event says who, what, when, on what, from where and with which outcome.
//!
//! A reading is chosen by an event's shape and applied after verification. What it gives is never signed, and is
//! never mixed with what was: it says by its name who read, as in "read as `CloudTrail`".
//!
//! Readings are files of JSON. Those of `crates/query/readings/` come with this crate, and anybody can add their own;
//! `docs/readings.md` describes the format.
//!
//! ```
//! use countersign_query::reading::{Outcome, Readings};
//! use countersign_query::value::Document;
//!
//! let readings = Readings::built_in().with([(
//!     "till.json",
//!     r#"{
//!         "as": "till",
//!         "doc": "The till writes a receipt only once the money is in.",
//!         "when": {"receipt": {"type": "string"}, "clerk": {"type": "string"}},
//!         "time": {"value": "at", "unit": "s"},
//!         "action": "=sale.close",
//!         "actor": {"id": "clerk"},
//!         "target": {"id": "receipt", "type": "=receipt"},
//!         "outcome": "=success"
//!     }"#,
//! )])?;
//! let event = Document::parse(r#"{"at":1700000000,"clerk":"c_7","receipt":"R-1"}"#).unwrap();
//! let read = readings.read(&event.root()).unwrap();
//! assert_eq!((&*read.read_as, read.actor.id.as_deref()), ("till", Some("c_7")));
//! assert_eq!(read.time.unwrap().to_string(), "2023-11-14T22:13:20.000Z");
//! assert_eq!(read.outcome, Outcome::Success);
//!
//! let nobodys = Document::parse(r#"{"a":1}"#).unwrap();
//! assert_eq!(readings.read(&nobodys.root()), None);
//! # Ok::<(), countersign_query::reading::Unusable>(())
//! ```

pub(crate) mod address;
#[cfg(feature = "category")]
mod category;
mod condition;
#[cfg_attr(not(feature = "explain"), allow(unreachable_code, reason = "nothing is unusable then"))]
mod definition;
mod own;
#[cfg_attr(not(feature = "explain"), allow(unreachable_code, reason = "nothing is unusable then"))]
mod path;
mod source;
mod spelling;
mod when;

use core::fmt;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::time::Time;

use crate::condition::Short;
use crate::envelope::Envelope;
use crate::names::Names;
use crate::value::Value;
#[cfg(not(feature = "explain"))]
use definition::Unusable;
use definition::{Definition, ensure, told};
use path::Top;

#[cfg(feature = "category")]
pub use category::{Categories, Category, Classifier};
#[cfg(feature = "explain")]
pub use definition::Unusable;
pub use own::read_own;
pub(crate) use path::Path;
pub use spelling::Spelling;

/// What an event says, by a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<'a> {
    /// The reading's name, `as` in JSON: `CloudTrail`.
    pub read_as: Cow<'a, str>,
    /// When it happened.
    pub time: Option<Time>,
    /// What was done.
    pub action: Option<Cow<'a, str>>,
    /// What else was done, where an event is the record of several actions: queries find them as they find the first.
    pub also: Vec<Cow<'a, str>>,
    /// Who did it.
    pub actor: Party<'a>,
    /// What it was done to.
    pub target: Party<'a>,
    /// The address from which it was done.
    pub address: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, in the source's own words: `AccessDenied`.
    pub reason: Option<Cow<'a, str>>,
    /// The place of the event in the record, if it isn't its source's usual one.
    pub envelope: Option<Envelope<'a>>,
}

/// Who did something, or what it was done to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party<'a> {
    /// Its identifier.
    pub id: Option<Cow<'a, str>>,
    /// Its name, for people.
    pub name: Option<Cow<'a, str>>,
    /// What it is: `user`, `service`, `bucket`.
    pub kind: Option<Cow<'a, str>>,
    /// Other texts by which a query finds it: a login, an e-mail address, an alias. If an event has several targets, also
    /// the identifiers and names of the others.
    pub also: Vec<Cow<'a, str>>,
}

/// The most texts of [`Party::also`].
pub(crate) const MAX_ALSO: usize = 16;

impl<'a> Party<'a> {
    /// Whether nothing is known of it.
    pub fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.kind.is_none() && self.also.is_empty()
    }

    /// Adds a text to [`Party::also`], unless the identifier, the name, or another such text says the same, or there are
    /// [`MAX_ALSO`] of them.
    pub(crate) fn add_also(&mut self, text: Cow<'a, str>) {
        let known = |other: &Cow<'_, str>| **other == *text;
        let is_known = self.id.iter().chain(&self.name).chain(&self.also).any(known);
        if !is_known && !text.is_empty() && self.also.len() < MAX_ALSO {
            self.also.push(text);
        }
    }
}

/// How something ended, as far as the event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The event says that it was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was refused.
    Denied,
    /// The event says that this is not known.
    Unknown,
    /// The event says nothing of it.
    #[default]
    NotStated,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Success, Self::Failure, Self::Denied, Self::Unknown, Self::NotStated];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::NotStated => "not stated",
        }
    }

    /// The one that an event states by this word.
    fn stated(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome != Self::NotStated && outcome.as_str() == word)
    }
}

/// Which parts of a reading are wanted. Its name and the time are always read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// [`Read::action`].
    pub const ACTION: Self = Self(1);
    /// [`Read::actor`].
    pub const ACTOR: Self = Self(2);
    /// [`Read::target`].
    pub const TARGET: Self = Self(4);
    /// [`Read::address`].
    pub const ADDRESS: Self = Self(8);
    /// [`Read::outcome`].
    pub const OUTCOME: Self = Self(16);
    /// [`Read::reason`].
    pub const REASON: Self = Self(32);
    /// [`Party::also`] of the parties that are wanted.
    pub const ALSO: Self = Self(64);
    /// All of them.
    pub const ALL: Self = Self(127);

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of these are wanted.
    pub const fn has(self, parts: Self) -> bool {
        self.0 & parts.0 == parts.0
    }
}

impl<'a> Read<'a> {
    /// The same, with all texts its own.
    fn into_owned(self) -> Read<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let list =
            |texts: Vec<Cow<'_, str>>| texts.into_iter().map(|text| Cow::Owned(text.into_owned())).collect();
        let party = |Party { id, name, kind, also }: Party<'_>| Party {
            id: owned(id),
            name: owned(name),
            kind: owned(kind),
            also: list(also),
        };
        let Self { read_as, time, action, also, actor, target, address, outcome, reason, envelope } = self;
        Read {
            read_as: Cow::Owned(read_as.into_owned()),
            time,
            action: owned(action),
            also: list(also),
            actor: party(actor),
            target: party(target),
            address: owned(address),
            outcome,
            reason: owned(reason),
            envelope: envelope.map(|Envelope { path, place }| Envelope {
                path: Cow::Owned(path.into_owned()),
                place: Cow::Owned(place.into_owned()),
            }),
        }
    }

    /// What [`Read::write_json`] wrote. None of anything else.
    pub fn of_json(json: Value<'a>) -> Option<Self> {
        let text = |of: Value<'a>, name| of.get(name).and_then(Value::string);
        let list = |of: Value<'a>| {
            of.get("also").map_or_else(Vec::new, |also| also.elements().filter_map(Value::string).collect())
        };
        let party = |name| {
            let party = json.get(name)?;
            let also = list(party);
            Some(Party { id: text(party, "id"), name: text(party, "name"), kind: text(party, "type"), also })
        };
        let outcome = text(json, "outcome")?;
        let time = text(json, "time").map(|time| Time::parse(time.as_bytes()).ok_or(()));
        Some(Self {
            read_as: text(json, "as")?,
            time: time.transpose().ok()?,
            action: text(json, "action"),
            also: list(json),
            actor: party("actor").unwrap_or_default(),
            target: party("target").unwrap_or_default(),
            address: text(json, "address"),
            outcome: Outcome::ALL.into_iter().find(|known| known.as_str() == outcome)?,
            reason: text(json, "reason"),
            envelope: text(json, "within")
                .map(|path| Envelope { path, place: text(json, "place").unwrap_or_default() }),
        })
    }

    /// Appends this as a JSON object on one line: `as` and `outcome` always, the others where they were found; of an
    /// event in an envelope, `within` is the path that leads to it, and `place` the one where its source has it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let text = |name: &str, value: Option<&str>, out: &mut Vec<u8>| {
            if let Some(value) = value {
                write_name(name, out);
                write_string(value, out);
            }
        };
        out.push(b'{');
        text("as", Some(&self.read_as), out);
        text("time", self.time.map(|time| time.to_string()).as_deref(), out);
        text("action", self.action.as_deref(), out);
        write_also(&self.also, out);
        for (name, party) in [("actor", &self.actor), ("target", &self.target)] {
            if !party.is_empty() {
                write_name(name, out);
                out.push(b'{');
                text("id", party.id.as_deref(), out);
                text("name", party.name.as_deref(), out);
                text("type", party.kind.as_deref(), out);
                write_also(&party.also, out);
                out.push(b'}');
            }
        }
        text("address", self.address.as_deref(), out);
        text("outcome", Some(self.outcome.as_str()), out);
        text("reason", self.reason.as_deref(), out);
        if let Some(Envelope { path, place }) = &self.envelope {
            text("within", Some(path), out);
            text("place", Some(&**place).filter(|place| !place.is_empty()), out);
        }
        out.push(b'}');
    }
}

/// Writes the member `also`, unless it has no texts.
fn write_also(texts: &[Cow<'_, str>], out: &mut Vec<u8>) {
    for (nth, text) in texts.iter().enumerate() {
        if nth == 0 {
            write_name("also", out);
        }
        out.push(if nth == 0 { b'[' } else { b',' });
        write_string(text, out);
    }
    if !texts.is_empty() {
        out.push(b']');
    }
}

/// Writes the name of a member of an object, after what is in it already.
fn write_name(name: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(name, out);
    out.push(b':');
}

/// The files that come with this crate, in the order in which they are tried. Where shapes overlap, the narrower
/// comes first; our own before all, so that nothing within an event of it has it read as another.
static BUILT_IN: [(&str, &str); 22] = [
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

/// The most readings that are taken.
const MOST: usize = 256;

/// The readings that are known, in the order in which they are tried.
#[derive(Clone)]
pub struct Readings {
    list: Arc<[Definition]>,
    names: Arc<Names>,
    digest: Hash,
    /// Whether the first of them is that of our own shape, which code reads in less time.
    begin_with_own: bool,
}

/// None: events are what their members say.
impl Default for Readings {
    fn default() -> Self {
        Self { list: Arc::default(), names: Arc::default(), digest: Hash::of(&[]), begin_with_own: false }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Readings {
    /// Those that come with this crate.
    ///
    /// # Panics
    /// Never: the tests read every file.
    pub fn built_in() -> Self {
        static READ: OnceLock<Readings> = OnceLock::new();
        // By the files alone, so that a program which takes no others has nothing to copy readings with.
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
    /// Where a file is no reading as `docs/readings.md` has it, or two of the others have one name.
    #[cfg(feature = "explain")]
    pub fn with<'t>(&self, others: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, Unusable> {
        let (mut list, digest) = parse(others, self.digest)?;
        let others = list.len();
        for definition in self.list.iter() {
            if list[..others].iter().all(|other| other.read_as != definition.read_as) {
                list.push(definition.clone());
            }
        }
        #[cfg(feature = "category")]
        for definition in &list[..others] {
            let is_known = |name: &str| list.iter().any(|other| other.read_as == name);
            ensure(definition.category.referred().all(is_known), || {
                let problem = told!("{:?} refers to a parser that isn't there", definition.read_as);
                Unusable::new("category", problem, "name one of the other parsers in `of`")
            })?;
        }
        Ok(Self::of(list, digest))
    }

    /// Which readings these are: another digest tells that events may read otherwise.
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
        self.list.iter().map(|definition| definition.read_as.as_str())
    }

    /// Iterates over the parsers: each one's name, the paths in a record at which it looks for events (`within`), and the place
    /// where the source itself has them.
    pub fn places(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>, &str)> {
        self.list.iter().map(|definition| {
            let paths = definition.within.iter().map(|outer| outer.text.as_str());
            (definition.read_as.as_str(), paths, definition.place.as_str())
        })
    }

    /// How the texts that a short name stands for are put together. None where that cannot be told, or where they are
    /// not of the event.
    pub fn spelling(&self, short: Short) -> Option<Spelling> {
        let mut spelling = Spelling::default();
        self.list.iter().all(|definition| definition.spell(short, &mut spelling)).then_some(spelling)
    }

    /// What an event says, by the first reading that its shape fits.
    pub fn read<'a>(&'a self, event: &Value<'a>) -> Option<Read<'a>> {
        self.read_parts(event, Parts::ALL)
    }

    /// The same, as far as it is wanted: what is not is as if the event said nothing of it.
    pub fn read_parts<'a>(&'a self, event: &Value<'a>, parts: Parts) -> Option<Read<'a>> {
        let others = usize::from(self.begin_with_own && parts == Parts::ALL);
        if others > 0
            && let Some(read) = read_own(event)
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
            definition.category = category::Assigned::BuiltIn(rules);
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
) -> Result<(Vec<Definition>, Hash), Unusable> {
    let mut list: Vec<Definition> = Vec::new();
    for (file, text) in files {
        digest = Hash::of(&[&digest.0, text.as_bytes()]);
        let definition = Definition::parse(text).map_err(|why| why.within(file))?;
        ensure(list.iter().all(|other| other.read_as != definition.read_as), || {
            let problem = told!("there is another reading as {:?}", definition.read_as);
            Unusable::new("as", problem, "give each its own name").within(file)
        })?;
        ensure(list.len() < MOST, || {
            let problem = told!("this is one reading more than {MOST}");
            Unusable::new("", problem, "keep those that you need").within(file)
        })?;
        list.push(definition);
    }
    Ok((list, digest))
}

#[cfg(test)]
mod tests;
