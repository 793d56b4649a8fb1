//! Assigns categories to the actions of events.

use super::category::Categories;
use super::category_rules::Rule;
use super::parsed::Read;
use super::parsers::Parsers;
use super::path::{Scope, Top};
use super::selection::Action;
use crate::value::Value;

/// The maximum length of an action that rules are applied to, in bytes. Longer actions have no category.
const MAX_ACTION_BYTES: usize = 1024;

impl Parsers {
    /// Calls `each` with every action of an event, and the categories of that action by the `category` fields of parsers:
    /// none if the parser has no rule for it. An event without an action has one call. `read` is the result of these
    /// parsers for the event.
    pub fn classify(
        &self,
        event: &Value<'_>,
        read: &Read<'_>,
        each: &mut dyn FnMut(Option<&str>, Categories),
    ) {
        let Some(definition) = self.list.iter().find(|definition| definition.parsed_as == read.parsed_as)
        else {
            return each(read.action.as_deref(), Categories::default());
        };
        let rules = definition.category.list();
        let mut classify = |scope: Option<&Scope<'_, '_>>| {
            let Some(action) = read.action.as_deref() else {
                return each(None, self.assigned(rules, None, scope));
            };
            for action in std::iter::once(action).chain(read.also.iter().map(|also| &**also)) {
                each(Some(action), self.assigned(rules, Some(action), scope));
            }
        };
        if rules.iter().all(|rule| rule.selection.when.any.is_empty()) {
            return classify(None);
        }
        let top = Top::new(*event, &self.names);
        if !definition.visit(&top, &mut |scope| classify(Some(scope))) {
            classify(None);
        }
    }

    /// Returns the categories of all actions of an event.
    pub(super) fn categories(&self, event: &Value<'_>, read: &Read<'_>) -> Categories {
        let mut all = Categories::default();
        self.classify(event, read, &mut |_, categories| all = all.union(categories));
        all
    }

    /// Returns the categories of an action.
    fn assigned(&self, rules: &[Rule], action: Option<&str>, scope: Option<&Scope<'_, '_>>) -> Categories {
        if action.is_some_and(|action| action.len() > MAX_ACTION_BYTES) {
            return Categories::default();
        }
        self.apply(rules, action.map(Action::new).as_ref(), scope, true)
    }

    fn apply(
        &self,
        rules: &[Rule],
        action: Option<&Action>,
        scope: Option<&Scope<'_, '_>>,
        may_refer: bool,
    ) -> Categories {
        let mut all = Categories::default();
        for rule in rules.iter().filter(|rule| rule.selection.includes(action, scope)) {
            all = all.union(rule.is);
            if let Some(of) = rule.of.as_deref().filter(|_| may_refer)
                && let Some(other) = self.list.iter().find(|other| other.parsed_as == of)
            {
                all = all.union(self.apply(other.category.list(), action, scope, false));
            }
            if rule.is_final {
                break;
            }
        }
        all
    }
}
