//! The rules by which a parser assigns categories to actions.

use std::sync::{Arc, OnceLock};

use super::category::Categories;
use super::definition::rules;
use super::error::ParseResult;
use super::selection::Selection;
use crate::value::Document;

/// A rule of a parser's `category` field.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) is: Categories,
    /// The events that the rule applies to.
    pub(super) selection: Selection,
    /// The name of another parser whose rules also apply. That parser's own references aren't followed.
    pub(super) of: Option<String>,
    /// True if no later rule is tried once this one has applied.
    pub(super) is_final: bool,
}

/// The category rules of a parser.
#[derive(Clone, Debug, Default)]
pub(super) struct CategoryRules {
    /// Those of a built-in parser, as JSON: parsed only if a category is asked for.
    built_in: &'static str,
    parsed: OnceLock<Arc<[Rule]>>,
}

impl CategoryRules {
    /// Creates the rules of a built-in parser.
    pub(super) fn built_in(json: &'static str) -> Self {
        Self { built_in: json, parsed: OnceLock::new() }
    }

    /// Creates the rules of a parser file.
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self { built_in: "", parsed: OnceLock::from(Arc::from(rules)) }
    }

    /// Returns the rules.
    ///
    /// # Panics
    /// Never: the tests parse the rules of every built-in parser.
    pub(super) fn list(&self) -> &[Rule] {
        self.parsed.get_or_init(|| match parse(self.built_in) {
            Ok(rules) => rules.into(),
            Err(why) => unreachable!("{why:?}"),
        })
    }

    /// The parsers that the rules of a parser file refer to.
    #[cfg(feature = "explain")]
    pub(super) fn referred(&self) -> impl Iterator<Item = &str> {
        let rules = if self.built_in.is_empty() { self.list() } else { &[] };
        rules.iter().filter_map(|rule| rule.of.as_deref())
    }
}

fn parse(json: &str) -> ParseResult<Vec<Rule>> {
    Document::parse(json).map_or_else(|| Ok(Vec::new()), |document| rules(document.root()))
}
