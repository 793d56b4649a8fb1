//! Readings: how an event says who, what, when, on what, from where and with which outcome.
//!
//! A reading is chosen by an event's shape and applied after verification. What it gives is never signed.

use std::borrow::Cow;

use countersign::time::Time;

use crate::value::Value;

/// What an event says, by a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read<'a> {
    /// The reading's name, `as` in JSON: `CloudTrail`.
    pub read_as: Cow<'a, str>,
    /// When it happened.
    pub time: Option<Time>,
    /// What was done.
    pub action: Option<Cow<'a, str>>,
    /// Who did it.
    pub actor: Party<'a>,
    /// What it was done to.
    pub target: Party<'a>,
    /// The address from which it was done.
    pub address: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Outcome,
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
}

/// How something ended, as far as the event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// The readings that are known, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct Readings {}

impl Readings {
    /// Those that come with this crate.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// What an event says, by the first reading that its shape fits.
    pub fn read<'a>(&'a self, event: &Value<'a>) -> Option<Read<'a>> {
        own(*event)
    }
}

/// An event of our own shape (SPEC section 12).
fn own(event: Value<'_>) -> Option<Read<'_>> {
    let text = |path: &str| event.at(path).and_then(Value::string);
    let party = |member: &str| {
        let text = |name: &str| event.get(member).and_then(|party| party.get(name)).and_then(Value::text);
        Party { id: text("id"), name: text("name"), kind: text("type") }
    };
    Some(Read {
        read_as: "countersign".into(),
        action: Some(text("action")?),
        time: text("occurred_at").and_then(|time| Time::parse(time.as_bytes())),
        actor: party("actor"),
        target: party("target"),
        address: text("context.ip"),
        outcome: match text("outcome").as_deref() {
            Some("success") => Outcome::Success,
            Some("failure") => Outcome::Failure,
            Some("denied") => Outcome::Denied,
            Some("unknown") => Outcome::Unknown,
            _ => Outcome::NotStated,
        },
    })
}
