//! Conditions on single elements of an array (Sigma's proposal for arrays, SEP #212).

use countersign_query::value::Value;

use super::field::named;
use super::{Condition, Detection, Elements, Item, Matched, Selection};
use crate::error::{AnalyzeError, explain};
use crate::fields::{Fields, Id};
use crate::path::Quantifier;
use crate::tree::{Member, Node, Value as Written};

/// The maximum number of nested arrays in conditions.
const MAX_DEPTH: u8 = 8;

impl Elements {
    /// Compiles a condition on the elements of `array`: on each as a whole if `rest` is empty, otherwise on
    /// the values that the path `rest` leads to in each.
    pub(crate) fn compile(
        member: &Member,
        array: &str,
        quantifier: Quantifier,
        (rest, modifiers): (&str, Option<&str>),
        fields: &mut Fields,
    ) -> Result<Self, AnalyzeError> {
        let fault =
            |code, problem: String, hint: &str| Err(AnalyzeError::new(code, member.line, problem, hint));
        let mut within = fields.of_elements();
        if within.depth > MAX_DEPTH {
            return fault(
                "rule.deep",
                explain!("the condition is on more than {MAX_DEPTH} nested arrays"),
                "nest fewer quantifiers",
            );
        }
        let is_map = |node: &Node| matches!(node.value, Written::Map(_));
        let is_block = rest.is_empty() && member.node.items().iter().any(is_map);
        if is_block && modifiers.is_some() {
            let problem = explain!("modifiers after brackets are for values, but a map follows");
            return fault("rule.modifier", problem, "move the modifiers to the names in the map");
        }
        let detection = if is_block && member.node.get("condition").is_some() {
            Detection::compile(&member.node, &mut within)?
        } else {
            let selection = if is_block {
                Selection::compile(&member.node, &mut within)?
            } else {
                let field = if rest.is_empty() { "." } else { rest };
                let name =
                    modifiers.map_or_else(|| field.to_owned(), |modifiers| [field, "|", modifiers].concat());
                let item = Item::compile(&Member { name, ..member.clone() }, &mut within)?;
                Selection::All(vec![item])
            };
            Detection {
                selections: vec![(String::new(), selection)],
                condition: Condition::Selection(0),
                asks: None,
            }
        };
        let mut names = Vec::new();
        for nth in 0..within.len() as Id {
            let name = match within.name(nth) {
                "." => array.to_owned(),
                name => [array, ".", name].concat(),
            };
            names.push(named(name, member.line, fields)?);
        }
        Ok(Self { quantifier, fields: within, names, detection })
    }

    /// True if it holds for an array without elements.
    pub(crate) const fn holds_of_none(&self) -> bool {
        matches!(self.quantifier, Quantifier::None | Quantifier::AllOrEmpty)
    }

    pub(crate) fn holds<'v>(&self, mut elements: impl Iterator<Item = Value<'v>>) -> bool {
        let holds = |element| self.detection.holds(&self.fields.find_in(element));
        match self.quantifier {
            Quantifier::Any => elements.any(holds),
            Quantifier::None => !elements.any(holds),
            Quantifier::AllOrEmpty => elements.all(holds),
            Quantifier::All => {
                let mut elements = elements.peekable();
                elements.peek().is_some() && elements.all(holds)
            }
        }
    }

    /// Visits the fields and values of the first element for which the condition holds, unless it must hold
    /// for none.
    pub(crate) fn reasons<'v>(
        &self,
        elements: impl Iterator<Item = Value<'v>>,
        visit: &mut dyn FnMut(Option<Id>, &str),
    ) {
        if self.quantifier == Quantifier::None {
            return;
        }
        for element in elements {
            let found = self.fields.find_in(element);
            if self.detection.holds(&found) {
                for Matched { field, value } in self.detection.reasons(&found) {
                    visit(field.and_then(|field| self.names.get(field as usize)).copied(), &value);
                }
                return;
            }
        }
    }
}
