//! What a parser says of an event: who, what, when, on what, from where and with which outcome.

use std::borrow::Cow;

use countersign::canonical::write_string;
use countersign::time::Time;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::envelope::Envelope;
use crate::value::Value;

/// What an event says, by a parser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<'a> {
    /// The parser's name, `as` in JSON: `CloudTrail`.
    pub parsed_as: Cow<'a, str>,
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
const MAX_ALSO: usize = 16;

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
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "lowercase")]
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
    #[strum(serialize = "not stated")]
    NotStated,
}

impl Outcome {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The one that an event states by this word.
    pub(super) fn stated(word: &str) -> Option<Self> {
        word.parse().ok().filter(|outcome| *outcome != Self::NotStated)
    }
}

/// Which parts of a parser are wanted. Its name and the time are always read.
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
        let Self { parsed_as, time, action, also, actor, target, address, outcome, reason, envelope } = self;
        Read {
            parsed_as: Cow::Owned(parsed_as.into_owned()),
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
            parsed_as: text(json, "as")?,
            time: time.transpose().ok()?,
            action: text(json, "action"),
            also: list(json),
            actor: party("actor").unwrap_or_default(),
            target: party("target").unwrap_or_default(),
            address: text(json, "address"),
            outcome: outcome.parse().ok()?,
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
        text("as", Some(&self.parsed_as), out);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_outcomes_are_stable() {
        let words = ["success", "failure", "denied", "unknown", "not stated"];
        assert!(Outcome::ALL.iter().map(|outcome| outcome.as_str()).eq(words));
        assert_eq!(Outcome::stated("denied"), Some(Outcome::Denied));
        assert_eq!(Outcome::stated("not stated"), None);
    }
}
