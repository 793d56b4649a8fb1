//! The terms of an event, and those that a question asks for.
//!
//! For each way in which an event can match there is a term that it then has. A term is keyed with the index's
//! [`Secret`]: the index does not say what it is about, and when two are alike by chance a page is looked at in vain.

use std::collections::HashSet;

use countersign::link::ChainId;
use serde_json::Value;

use super::secret::Secret;
use crate::filter::{Action, Filter, SUCCESS, each_text, find, text, words};

/// 64 bits: among ten million terms one in a million million is there by chance.
pub(super) type Term = [u8; 8];

/// The terms of one page.
pub(super) struct Terms<'s> {
    secret: &'s Secret,
    terms: HashSet<Term>,
}

impl<'s> Terms<'s> {
    pub(super) fn new(secret: &'s Secret) -> Self {
        Self { secret, terms: HashSet::new() }
    }

    /// A link of that chain is here.
    pub(super) fn link(&mut self, chain: ChainId) {
        self.add("chain", &chain.to_string());
    }

    /// This event is here.
    pub(super) fn event(&mut self, event: &Value) {
        self.scalars("actor", event, "actor.id");
        self.scalars("tenant", event, "tenant");
        visit(event, "action", &mut |action| {
            let Some(action) = text(action) else { return };
            self.add("action", &action);
            for (dot, _) in action.match_indices('.') {
                self.add("action.*", &action[..dot]);
            }
        });
        visit(event, "target", &mut |target| self.target(target));
        let mut has_outcome = false;
        visit(event, "outcome", &mut |outcome| {
            has_outcome = true;
            if let Some(outcome) = text(outcome) {
                self.add("outcome", &outcome);
            }
        });
        if !has_outcome {
            self.add("outcome", SUCCESS);
        }
        each_text(event, &mut |text| {
            for word in words(text) {
                self.add("word", &word);
            }
        });
    }

    fn scalars(&mut self, field: &str, event: &Value, path: &str) {
        visit(event, path, &mut |value| {
            if let Some(text) = text(value) {
                self.add(field, &text);
            }
        });
    }

    fn target(&mut self, target: &Value) {
        visit(target, "id", &mut |id| {
            let Some(id) = text(id) else { return };
            self.add("target", &id);
            visit(target, "type", &mut |of_type| {
                if let Some(of_type) = text(of_type) {
                    self.add("target", &format!("{of_type}:{id}"));
                }
            });
        });
    }

    fn add(&mut self, field: &str, value: &str) {
        self.terms.insert(self.secret.term(field, value));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    /// The terms.
    pub(super) fn into_terms(self) -> HashSet<Term> {
        self.terms
    }
}

/// Every value at that path.
fn visit(value: &Value, path: &str, each: &mut dyn FnMut(&Value)) {
    find(value, path, &mut |value| {
        each(value);
        false
    });
}

/// The terms that a page has on which an event or link fulfils these conditions; none where terms cannot tell.
pub(super) fn question(secret: &Secret, filter: &Filter) -> Vec<Term> {
    let Filter { actor, action, target, outcome, tenant, since: _, until: _, chain, words, members: _ } =
        filter;
    let fields = [("actor", actor), ("target", target), ("outcome", outcome), ("tenant", tenant)];
    let mut asked: Vec<Term> =
        fields.iter().filter_map(|(field, value)| Some(secret.term(field, value.as_ref()?))).collect();
    match action {
        Some(Action::Exactly(action)) => asked.push(secret.term("action", action)),
        Some(Action::Below(prefix)) => asked.push(secret.term("action.*", prefix)),
        None => {}
    }
    asked.extend(chain.map(|chain| secret.term("chain", &chain.to_string())));
    asked.extend(words.iter().map(|word| secret.term("word", word)));
    asked
}
