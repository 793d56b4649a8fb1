//! Detections (Sigma 2.1, "Detection"): the selections of a rule, and the condition that joins them.

mod compile;
mod condition;
mod elements;
mod evaluate;
mod field;
mod modifiers;
mod required;
mod selection;

use countersign_query::matcher::Network;
#[cfg(feature = "re")]
use regex_lite::Regex;

use crate::baseline::{Fact, Groups};
use crate::bigrams::Bigrams;
use crate::fields::{Fields, Id};
use crate::path::Quantifier;
use crate::wildcard::Wildcard;

pub(crate) use field::field;
pub(crate) use required::{Required, required};

/// The maximum number of selections that a rule's conditions may name, counting repeats, because each is
/// evaluated for every event.
pub(crate) const MAX_NAMED: usize = 65_536;

/// A rule's selections and the condition that joins them.
#[derive(Clone, Debug)]
pub(crate) struct Detection {
    pub(crate) selections: Vec<(String, Selection)>,
    pub(crate) condition: Condition,
    /// The baseline facts that the rule tests, if any.
    pub(crate) asks: Option<Asks>,
}

/// The baseline facts that a rule tests.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) facts: Vec<Fact>,
    /// True if the rule has no other conditions.
    pub(crate) is_alone: bool,
    /// The groups that must all be present for the rule to hold.
    needs: Groups,
}

/// A condition on selections, which it names by number.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Selection(usize),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    /// At least this many of these selections.
    Several(usize, Vec<usize>),
}

/// A test that an event passes to be selected.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    /// All of these items hold.
    All(Vec<Item>),
    /// At least one of these selections holds.
    Any(Vec<Self>),
}

/// A field, and the tests of its values.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// None for keywords: any name or value of the event.
    pub(crate) field: Option<Id>,
    /// True if all tests must hold, each for any of the values; false if one is enough.
    pub(crate) all: bool,
    /// True if the field must be there and none of the tests may hold (`neq`).
    pub(crate) differs: bool,
    pub(crate) tests: Vec<Test>,
    /// The baseline fact that the item tests, if any.
    pub(crate) fact: Option<Fact>,
    /// The item's number in the rule.
    pub(crate) nth: usize,
}

/// A test of a value.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// A pattern, and bigrams that every match contains: a value that lacks one is rejected early.
    Text(Wildcard, Bigrams),
    Number(Compare, f64),
    Bool(bool),
    Null,
    Exists(bool),
    Network(Network),
    /// Equal to, or containing, a value of another field.
    Field(Id, Part),
    /// A regular expression, and bigrams that every match contains.
    #[cfg(feature = "re")]
    Regex(Regex, Bigrams),
    /// A condition on the elements of an array.
    Elements(Box<Elements>),
}

/// Comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The part of a string that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Begin,
    End,
    Any,
}

/// A condition on the elements of an array.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    quantifier: Quantifier,
    /// The fields of an element, and the names that findings give them.
    fields: Fields,
    names: Vec<Id>,
    detection: Detection,
}

/// A field and the value that made a rule match. Without a field, the rule tested any text of the event.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Matched {
    pub(crate) field: Option<Id>,
    /// The value, shortened as in findings.
    pub(crate) value: Box<str>,
}
