//! The fields that a parser extracts from an event.

use std::borrow::Cow;

use countersign::canonical::write_string;
use countersign::time::Time;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::category::{Categories, Category};
use super::promise::{PromisedFact, PromisedFacts};
use crate::envelope::Envelope;
use crate::field::Short;
use crate::value::Value;

/// The parsed fields of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<'a> {
    /// The parser's name, `as` in JSON: `CloudTrail`.
    pub parsed_as: Cow<'a, str>,
    /// The event's own time.
    pub time: Option<Time>,
    /// True if the event states a time that the parser doesn't understand, so that the time of recording counts.
    pub is_time_unclear: bool,
    /// The action, such as `StopLogging`.
    pub action: Option<Cow<'a, str>>,
    /// Additional actions, if the event records several. Queries match them like the first.
    pub also: Vec<Cow<'a, str>>,
    /// The party that acted.
    pub actor: Party<'a>,
    /// The party for whom the actor acted, if the event names another one.
    pub on_behalf_of: Party<'a>,
    /// The party or object acted on.
    pub target: Party<'a>,
    /// The address the action came from.
    pub address: Option<Cow<'a, str>>,
    /// The outcome of the action.
    pub outcome: Outcome,
    /// The reason for the outcome in the source's own words, such as `AccessDenied`.
    pub reason: Option<Cow<'a, str>>,
    /// The event's place in the record, if it isn't the source's usual one.
    pub envelope: Option<Envelope<'a>>,
    /// The kinds of the actions, by the parser's rules. Empty in builds without the feature `category`.
    pub categories: Categories,
    /// The facts that the parser promises for such an event, and that this one lacks.
    pub unread: PromisedFacts,
}

/// An actor, the party for whom it acted, or a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party<'a> {
    /// The identifier, such as `u_1`.
    pub id: Option<Cow<'a, str>>,
    /// The display name.
    pub name: Option<Cow<'a, str>>,
    /// The type: `user`, `service`, `bucket`.
    pub kind: Option<Cow<'a, str>>,
    /// Other strings that identify the party: a login, an email address, an alias. If an event has several targets,
    /// also the identifiers and names of the others. For the party for whom an agent acted, also the agents in between.
    pub also: Vec<Cow<'a, str>>,
}

/// Maximum number of strings in [`Party::also`].
pub(super) const MAX_ALSO: usize = 16;

impl<'a> Party<'a> {
    /// True if all fields are empty.
    pub fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.kind.is_none() && self.also.is_empty()
    }

    /// Adds a string to [`Party::also`], unless it is empty or known already, or the list has [`MAX_ALSO`] strings.
    pub(crate) fn add_also(&mut self, text: Cow<'a, str>) {
        let known = |other: &Cow<'_, str>| **other == *text;
        let is_known = self.id.iter().chain(&self.name).chain(&self.also).any(known);
        if !is_known && !text.is_empty() && self.also.len() < MAX_ALSO {
            self.also.push(text);
        }
    }
}

/// The outcome of an action, if the event states it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Outcome {
    /// The action succeeded.
    Success,
    /// The action was tried and failed.
    Failure,
    /// The action was denied.
    Denied,
    /// The event states that the outcome is unknown.
    Unknown,
    /// The event states no outcome.
    #[default]
    #[strum(serialize = "not stated")]
    NotStated,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the outcome's word, such as `success`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses the word for an outcome that an event can state.
    pub(super) fn parse_stated(word: &str) -> Option<Self> {
        word.parse().ok().filter(|outcome| *outcome != Self::NotStated)
    }
}

/// The fields to parse. The parser's name and the time are always included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u16);

impl Parts {
    /// No field.
    pub const NONE: Self = Self(0);
    /// The field [`Read::action`].
    pub const ACTION: Self = Self(1);
    /// The field [`Read::actor`].
    pub const ACTOR: Self = Self(2);
    /// The field [`Read::target`].
    pub const TARGET: Self = Self(4);
    /// The field [`Read::address`].
    pub const ADDRESS: Self = Self(8);
    /// The field [`Read::outcome`].
    pub const OUTCOME: Self = Self(16);
    /// The field [`Read::reason`].
    pub const REASON: Self = Self(32);
    /// The field [`Party::also`] of the selected parties.
    pub const ALSO: Self = Self(64);
    /// The field [`Read::on_behalf_of`].
    pub const ON_BEHALF_OF: Self = Self(128);
    /// The field [`Read::categories`], and the action.
    pub const CATEGORY: Self = Self(512).with(Self::ACTION);
    /// The field [`Read::unread`], and all that it depends on.
    pub const UNREAD: Self = Self(256)
        .with(Self::ACTION)
        .with(Self::ACTOR)
        .with(Self::TARGET)
        .with(Self::ADDRESS)
        .with(Self::OUTCOME);
    /// All fields.
    pub const ALL: Self = Self(1023);

    /// Returns the union of both sets.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// True if all of these fields are selected.
    pub const fn has(self, parts: Self) -> bool {
        self.0 & parts.0 == parts.0
    }
}

impl<'a> Read<'a> {
    /// Returns the party for a short name. `None` if that is no party.
    pub const fn party(&self, short: Short) -> Option<&Party<'a>> {
        match short {
            Short::Actor => Some(&self.actor),
            Short::For => Some(&self.on_behalf_of),
            Short::Target => Some(&self.target),
            _ => None,
        }
    }

    /// Copies all borrowed strings.
    pub(super) fn into_owned(self) -> Read<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let list =
            |texts: Vec<Cow<'_, str>>| texts.into_iter().map(|text| Cow::Owned(text.into_owned())).collect();
        let party = |Party { id, name, kind, also }: Party<'_>| Party {
            id: owned(id),
            name: owned(name),
            kind: owned(kind),
            also: list(also),
        };
        let Self {
            parsed_as,
            time,
            is_time_unclear,
            action,
            also,
            actor,
            on_behalf_of,
            target,
            address,
            outcome,
            reason,
            envelope,
            categories,
            unread,
        } = self;
        Read {
            parsed_as: Cow::Owned(parsed_as.into_owned()),
            time,
            is_time_unclear,
            action: owned(action),
            also: list(also),
            actor: party(actor),
            on_behalf_of: party(on_behalf_of),
            target: party(target),
            address: owned(address),
            outcome,
            reason: owned(reason),
            envelope: envelope.map(|Envelope { path, place }| Envelope {
                path: Cow::Owned(path.into_owned()),
                place: Cow::Owned(place.into_owned()),
            }),
            categories,
            unread,
        }
    }

    /// Parses the output of [`Read::write_json`]. Returns `None` for anything else.
    pub fn from_json(json: Value<'a>) -> Option<Self> {
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
            parsed_as: text(json, "as")?,
            time: time.transpose().ok()?,
            is_time_unclear: json.get("time_unclear").is_some(),
            action: text(json, "action"),
            also: list(json),
            actor: party("actor").unwrap_or_default(),
            on_behalf_of: party("on_behalf_of").unwrap_or_default(),
            target: party("target").unwrap_or_default(),
            address: text(json, "address"),
            outcome: outcome.parse().ok()?,
            reason: text(json, "reason"),
            envelope: text(json, "within")
                .map(|path| Envelope { path, place: text(json, "place").unwrap_or_default() }),
            categories: json.get("category").map_or_else(Categories::default, |categories| {
                categories.elements().filter_map(|word| Category::parse(&word.string()?)).collect()
            }),
            unread: json.get("unread").map_or_else(PromisedFacts::default, |unread| {
                unread.elements().filter_map(|fact| PromisedFact::parse(&fact.string()?)).collect()
            }),
        })
    }

    /// Appends the fields as a JSON object on one line. `as` and `outcome` are always present, others only if found, and
    /// `time_unclear` only if true. `unread` is present if a promised fact is missing.
    /// For an event in an envelope, `within` is the path to it, and `place` the path at which its source has it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let text = |name: &str, value: Option<&str>, out: &mut Vec<u8>| {
            if let Some(value) = value {
                write_name(name, out);
                write_string(value, out);
            }
        };
        out.push(b'{');
        text("as", Some(&self.parsed_as), out);
        text("time", self.time.map(|time| time.to_string()).as_deref(), out);
        if self.is_time_unclear {
            write_name("time_unclear", out);
            out.extend(b"true");
        }
        text("action", self.action.as_deref(), out);
        write_list("also", self.also.iter().map(|text| &**text), out);
        write_list("category", self.categories.iter().map(Category::as_str), out);
        for (name, party) in
            [("actor", &self.actor), ("on_behalf_of", &self.on_behalf_of), ("target", &self.target)]
        {
            if !party.is_empty() {
                write_name(name, out);
                out.push(b'{');
                text("id", party.id.as_deref(), out);
                text("name", party.name.as_deref(), out);
                text("type", party.kind.as_deref(), out);
                write_list("also", party.also.iter().map(|text| &**text), out);
                out.push(b'}');
            }
        }
        text("address", self.address.as_deref(), out);
        text("outcome", Some(self.outcome.as_str()), out);
        text("reason", self.reason.as_deref(), out);
        write_list("unread", self.unread.iter().map(PromisedFact::as_str), out);
        if let Some(Envelope { path, place }) = &self.envelope {
            text("within", Some(path), out);
            text("place", Some(&**place).filter(|place| !place.is_empty()), out);
        }
        out.push(b'}');
    }
}

/// Writes a list of strings, unless it is empty.
fn write_list<'t>(name: &str, texts: impl IntoIterator<Item = &'t str>, out: &mut Vec<u8>) {
    let mut is_open = false;
    for text in texts {
        if is_open {
            out.push(b',');
        } else {
            write_name(name, out);
            out.push(b'[');
        }
        is_open = true;
        write_string(text, out);
    }
    if is_open {
        out.push(b']');
    }
}

/// Writes a field name, after a comma if the object has other fields.
fn write_name(name: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(name, out);
    out.push(b':');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_outcomes_are_stable() {
        let words = ["success", "failure", "denied", "unknown", "not stated"];
        assert!(Outcome::ALL.iter().map(|outcome| outcome.as_str()).eq(words));
        assert_eq!(Outcome::parse_stated("denied"), Some(Outcome::Denied));
        assert_eq!(Outcome::parse_stated("not stated"), None);
    }
}
