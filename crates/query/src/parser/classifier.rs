//! Assigns categories to the actions of events.

use std::sync::Arc;

use super::category::{Categories, CategoryRules, Rule};
use super::definition::{Definition, rules};
use super::error::ParseResult;
use super::parsed::Read;
use super::parsers::Parsers;
use super::path::{Scope, Top};
use crate::value::{Document, Value};

/// The maximum length of an action that rules are applied to, in bytes. Longer actions have no category.
const MAX_ACTION_BYTES: usize = 1024;

impl CategoryRules {
    fn rules(&self) -> ParseResult<Arc<[Rule]>> {
        match self {
            Self::Nothing => Ok(Arc::from([])),
            Self::Rules(rules) => Ok(Arc::clone(rules)),
            Self::BuiltIn(text) => {
                let document = Document::parse(text);
                document.as_ref().map_or_else(|| Ok(Vec::new()), |json| rules(json.root())).map(Arc::from)
            }
        }
    }
}

/// Assigns categories to events, by the `category` fields of parsers.
#[derive(Clone, Debug)]
pub struct Classifier {
    parsers: Parsers,
    /// The rules of each parser, and whether one of them has a condition on the event.
    rules: Vec<(Arc<[Rule]>, bool)>,
}

impl Parsers {
    /// Creates a classifier with the rules of these parsers.
    ///
    /// # Panics
    /// Never: the tests read the rules of every built-in parser, and a parser file is checked when it is parsed.
    pub fn classifier(&self) -> Classifier {
        let rules = self.list.iter().map(|definition| {
            let rules =
                definition.category.rules().unwrap_or_else(|why| panic!("{}: {why:?}", definition.parsed_as));
            let is_conditional = rules.iter().any(|rule| !rule.selection.when.any.is_empty());
            (rules, is_conditional)
        });
        Classifier { rules: rules.collect(), parsers: self.clone() }
    }
}

impl Classifier {
    /// Calls `each` with every action of an event, and the categories of that action: none if the parser has
    /// no rule for it. An event without an action has one call. `read` is the result of these parsers for the
    /// event.
    pub fn classify(
        &self,
        event: &Value<'_>,
        read: &Read<'_>,
        each: &mut dyn FnMut(Option<&str>, Categories),
    ) {
        let list = &self.parsers.list;
        let Some(nth) = list.iter().position(|definition| definition.parsed_as == read.parsed_as) else {
            return each(read.action.as_deref(), Categories::default());
        };
        let (rules, is_conditional) = &self.rules[nth];
        let mut classify = |scope: Option<&Scope<'_, '_>>| {
            let Some(action) = read.action.as_deref() else {
                return each(None, self.assigned(rules, None, scope));
            };
            for action in std::iter::once(action).chain(read.also.iter().map(|also| &**also)) {
                each(Some(action), self.assigned(rules, Some(action), scope));
            }
        };
        let definition: &Definition = &list[nth];
        if !*is_conditional {
            return classify(None);
        }
        let top = Top::new(*event, &self.parsers.names);
        if !definition.visit(&top, &mut |scope| classify(Some(scope))) {
            classify(None);
        }
    }

    /// Returns the categories of an action.
    fn assigned(&self, rules: &[Rule], action: Option<&str>, scope: Option<&Scope<'_, '_>>) -> Categories {
        if action.is_some_and(|action| action.len() > MAX_ACTION_BYTES) {
            return Categories::default();
        }
        let action = action.map(str::to_lowercase);
        self.apply(rules, action.as_deref(), scope, true)
    }

    fn apply(
        &self,
        rules: &[Rule],
        action: Option<&str>,
        scope: Option<&Scope<'_, '_>>,
        may_refer: bool,
    ) -> Categories {
        let mut all = Categories::default();
        for rule in rules.iter().filter(|rule| rule.selection.includes(action, scope)) {
            all = all.union(rule.is);
            if let Some(of) = rule.of.as_deref().filter(|_| may_refer)
                && let Some(nth) = self.parsers.list.iter().position(|other| other.parsed_as == of)
            {
                all = all.union(self.apply(&self.rules[nth].0, action, scope, false));
            }
            if rule.is_final {
                break;
            }
        }
        all
    }
}
