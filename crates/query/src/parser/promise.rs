//! Promises: the facts that a parser finds in every event of a kind.
//!
//! An event that a parser recognizes by its shape may still lack what matters: it has a kind that the parser's author
//! didn't know, or its fields have other names. A promise makes the difference visible. If it isn't kept, the event
//! counts as unread, and an analysis that found nothing isn't complete.

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::condition::Condition;
use super::parsed::{Outcome, Read};
use super::path::{Prefixes, Scope};
use super::selection::{Action, Selection};

/// A fact that a parser can promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum PromisedFact {
    /// The parser knows events of this kind, and not only their source. No parser file promises it.
    Kind,
    /// The party that acted.
    Actor,
    /// The party or object acted on.
    Target,
    /// The address that the action came from.
    Address,
    /// The outcome, even if it is `unknown`.
    Outcome,
}

impl PromisedFact {
    /// Returns the fact's word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a fact's word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// Parses the word of a fact that a parser file can promise.
    pub(super) fn parse_fact(word: &str) -> Option<Self> {
        Self::parse(word).filter(|fact| *fact != Self::Kind)
    }

    /// True if the parsed fields have the fact.
    fn is_in(self, read: &Read<'_>) -> bool {
        match self {
            Self::Kind => true,
            Self::Actor => !read.actor.is_empty(),
            Self::Target => !read.target.is_empty(),
            Self::Address => read.address.is_some(),
            Self::Outcome => read.outcome != Outcome::NotStated,
        }
    }
}

/// A set of facts: those that an event lacks, or that a parser promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromisedFacts(u8);

impl PromisedFacts {
    /// Returns the set of all facts.
    pub fn all() -> Self {
        PromisedFact::VARIANTS.iter().copied().collect()
    }

    /// True if the set is empty: every promise was kept.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if the fact is in the set.
    pub const fn has(self, fact: PromisedFact) -> bool {
        self.0 >> fact as u8 & 1 == 1
    }

    /// Returns the facts that are in this set, but not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the facts that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the set as bits, for storage.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns the set of [`PromisedFacts::bits`]. Ignores other bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Iterates over the facts.
    pub fn iter(self) -> impl Iterator<Item = PromisedFact> {
        PromisedFact::VARIANTS.iter().copied().filter(move |fact| self.has(*fact))
    }
}

impl PromisedFacts {
    /// Returns the facts that the parsed fields of an event have.
    pub fn found_in(read: &Read<'_>) -> Self {
        PromisedFact::VARIANTS.iter().copied().filter(|fact| fact.is_in(read)).collect()
    }
}

impl From<PromisedFact> for PromisedFacts {
    fn from(fact: PromisedFact) -> Self {
        Self(1 << fact as u8)
    }
}

impl FromIterator<PromisedFact> for PromisedFacts {
    fn from_iter<I: IntoIterator<Item = PromisedFact>>(facts: I) -> Self {
        Self(facts.into_iter().fold(0, |bits, fact| bits | 1 << fact as u8))
    }
}

/// The promises of a parser.
#[derive(Clone, Debug)]
pub(super) struct Promises {
    /// The events that the parser recognizes, but doesn't read: kinds that it doesn't know.
    pub(super) broad: Option<Condition>,
    pub(super) list: Vec<Promise>,
}

/// The facts that are in every event that is selected.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) facts: PromisedFacts,
    pub(super) selection: Selection,
}

impl Promises {
    /// Creates the promises of a parser file. One that says nothing about its events promises an actor in each.
    pub(super) fn new(broad: Option<Condition>, list: Option<Vec<Promise>>) -> Self {
        let an_actor = || Promise { facts: PromisedFact::Actor.into(), selection: Selection::default() };
        let list = list.unwrap_or_else(|| if broad.is_some() { Vec::new() } else { vec![an_actor()] });
        Self { broad, list }
    }

    pub(super) fn assign_numbers(&mut self, prefixes: &mut Prefixes) {
        let conditions =
            self.list.iter_mut().map(|promise| &mut promise.selection.when).chain(&mut self.broad);
        conditions.for_each(|condition| condition.assign_numbers(prefixes));
    }

    /// Returns the facts that are promised for all or some events.
    #[cfg(feature = "explain")]
    pub(super) fn facts(&self) -> PromisedFacts {
        self.list.iter().flat_map(|promise| promise.facts.iter()).collect()
    }

    /// Returns the promised facts that an event lacks.
    pub(super) fn unread(&self, read: &Read<'_>, scope: &Scope<'_, '_>) -> PromisedFacts {
        if self.broad.as_ref().is_some_and(|broad| broad.holds(scope)) {
            return PromisedFact::Kind.into();
        }
        let found = PromisedFacts::found_in(read);
        let mut open = self.list.iter().filter(|promise| !promise.facts.without(found).is_empty()).peekable();
        if open.peek().is_none() && found != PromisedFact::Kind.into() {
            return PromisedFacts::default();
        }
        let action = read.action.as_deref().map(Action::new);
        let unread: PromisedFacts = open
            .filter(|promise| promise.selection.includes(action.as_ref(), Some(scope)))
            .flat_map(|promise| promise.facts.without(found).iter())
            .collect();
        // An event in which nothing is found is of a kind that the parser doesn't know, unless it makes no promises at all.
        if unread.is_empty() && found == PromisedFact::Kind.into() && !self.list.is_empty() {
            return found;
        }
        unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stable() {
        let words = ["kind", "actor", "target", "address", "outcome"];
        assert!(PromisedFact::VARIANTS.iter().map(|fact| fact.as_str()).eq(words));
        assert_eq!(PromisedFact::parse_fact("kind"), None);
        assert_eq!(PromisedFact::parse_fact("actor"), Some(PromisedFact::Actor));
    }
}
