//! The terms of an event, and those that a question asks for.
//!
//! For each way in which an event can match there is a term that it then has. A term is a hash: the index need not say
//! what it is about, and when two are alike by chance a page is looked at in vain.

use std::collections::HashSet;
use std::fmt::Write as _;

use countersign::hash::Hash;
use countersign::link::ChainId;
use serde_json::Value;

use crate::filter::{Action, Filter, SUCCESS, each_text, find, text, words};

/// 48 bits: among ten million terms one in thirty million is there by chance.
type Term = [u8; 6];

/// The terms of one page.
#[derive(Debug, Default)]
pub(super) struct Terms(HashSet<Term>);

impl Terms {
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
        self.0.insert(term(field, value));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The terms as a row of the index.
    pub(super) fn to_row(&self) -> String {
        let mut row = String::with_capacity(self.0.len() * 13);
        for term in &self.0 {
            write_hex(*term, &mut row);
            row.push(' ');
        }
        row
    }
}

/// Every value at that path.
fn visit(value: &Value, path: &str, each: &mut dyn FnMut(&Value)) {
    find(value, path, &mut |value| {
        each(value);
        false
    });
}

fn term(field: &str, value: &str) -> Term {
    let Hash(hash) = Hash::of(&[field.as_bytes(), &[0], value.as_bytes()]);
    std::array::from_fn(|place| hash[place])
}

fn write_hex(term: Term, out: &mut String) {
    for byte in term {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// What to ask FTS5 for; none where the terms cannot tell.
pub(super) fn question(filter: &Filter) -> Option<String> {
    let Filter { actor, action, target, outcome, tenant, since: _, until: _, chain, words, members: _ } =
        filter;
    let fields = [("actor", actor), ("target", target), ("outcome", outcome), ("tenant", tenant)];
    let mut asked: Vec<Term> =
        fields.iter().filter_map(|(field, value)| Some(term(field, value.as_ref()?))).collect();
    match action {
        Some(Action::Exactly(action)) => asked.push(term("action", action)),
        Some(Action::Below(prefix)) => asked.push(term("action.*", prefix)),
        None => {}
    }
    asked.extend(chain.map(|chain| term("chain", &chain.to_string())));
    asked.extend(words.iter().map(|word| term("word", word)));
    (!asked.is_empty()).then(|| all_of(&asked))
}

/// What to ask FTS5 for to find a tenant's events.
pub(super) fn of_tenant(tenant: &str) -> String {
    all_of(&[term("tenant", tenant)])
}

fn all_of(terms: &[Term]) -> String {
    let mut question = String::new();
    for (place, term) in terms.iter().enumerate() {
        question.push_str(if place > 0 { " AND \"" } else { "\"" });
        write_hex(*term, &mut question);
        question.push('"');
    }
    question
}
