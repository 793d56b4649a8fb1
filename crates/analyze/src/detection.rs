//! What a rule looks for in an event (Sigma 2.1, "Detection"): selections, and the condition that joins them.

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

/// How many selections the conditions of a rule may name, each as often as it is named: each is looked at in each event.
pub(crate) const MAX_NAMED: usize = 65_536;

/// What a rule looks for in an event.
#[derive(Clone, Debug)]
pub(crate) struct Detection {
    pub(crate) selections: Vec<(String, Selection)>,
    pub(crate) condition: Condition,
    /// What it asks of baselines, where it asks anything.
    pub(crate) asks: Option<Asks>,
}

/// What a rule asks of baselines.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) facts: Vec<Fact>,
    /// Whether it asks for nothing else.
    pub(crate) is_alone: bool,
    /// Of these each must be there for it to hold.
    needs: Groups,
}

/// What must hold. A number is a selection's.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Selection(usize),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    /// So many of these selections at least.
    Several(usize, Vec<usize>),
}

/// What an event must be like to be selected.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    /// All of these.
    All(Vec<Item>),
    /// One of these.
    Any(Vec<Self>),
}

/// A field, and what it must be.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// None for keywords: any name or value of the event.
    pub(crate) field: Option<Id>,
    /// Whether all tests must hold, of any of the values each, and not only one.
    pub(crate) all: bool,
    /// True if the field must be there and none of the tests may hold (`neq`).
    pub(crate) differs: bool,
    pub(crate) tests: Vec<Test>,
    /// What of a baseline it asks for, where it does.
    pub(crate) fact: Option<Fact>,
    /// Its place among the rule's.
    pub(crate) nth: usize,
}

/// What a value must be.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// Like this, and the bigrams of whatever is: what lacks one is not, which is told sooner.
    Text(Wildcard, Bigrams),
    Number(Compare, f64),
    Bool(bool),
    Null,
    Exists(bool),
    Network(Network),
    /// Like a value of another field.
    Field(Id, Part),
    /// Matched by this, and the bigrams of whatever is.
    #[cfg(feature = "re")]
    Regex(Regex, Bigrams),
    /// An array, of whose elements this holds.
    Elements(Box<Elements>),
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Which part of a text is meant.
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

/// A field and the value that made a rule hold; without a field any text of the event counted.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Matched {
    pub(crate) field: Option<Id>,
    /// So much of it as is told.
    pub(crate) value: Box<str>,
}
