//! Compilation of detections.

use super::{Asks, Condition, Detection, Item, MAX_NAMED, Selection};
use crate::baseline::{Fact, Groups};
use crate::error::AnalyzeError;
use crate::fields::Fields;
use crate::tree::{Node, Value};

/// The maximum number of items of a rule on baselines: each is one bit in a pending match.
const MAX_ITEMS: usize = 128;

impl Detection {
    /// Compiles a detection. Conditions on baselines are collected later, by [`Self::ask`].
    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let Value::Map(members) = &node.value else {
            let hint = "write named selections, and `condition:`";
            return Err(AnalyzeError::new("rule.shape", node.line, "`detection` must be a map", hint));
        };
        let mut selections = Vec::new();
        for member in members.iter().filter(|member| member.name != "condition") {
            if member.name == "timeframe" {
                let hint = "count with a correlation instead: a separate rule with `correlation:`";
                let problem = "`timeframe` is only supported in Sigma before 2.0";
                return Err(AnalyzeError::new("rule.condition", member.line, problem, hint));
            }
            selections.push((member.name.clone(), Selection::compile(&member.node, fields)?));
        }
        let Some(condition) = node.get("condition") else {
            let hint = "add `condition:`, such as `condition: selection`";
            return Err(AnalyzeError::new("rule.missing", node.line, "`condition` is missing", hint));
        };
        let mut conditions = Vec::new();
        let names: Vec<&str> = selections.iter().map(|(name, _)| name.as_str()).collect();
        let mut left = MAX_NAMED;
        for item in condition.items() {
            let Some(text) = item.text() else {
                let hint = "write the condition as a string";
                return Err(AnalyzeError::new(
                    "rule.condition",
                    item.line,
                    "`condition` must be a string",
                    hint,
                ));
            };
            conditions.push(Condition::parse(text, item.line, &names, &mut left)?);
        }
        let condition = match conditions.len() {
            0 => {
                let hint = "add `condition:`, such as `condition: selection`";
                return Err(AnalyzeError::new("rule.missing", condition.line, "`condition` is empty", hint));
            }
            1 => conditions.remove(0),
            _ => Condition::Any(conditions),
        };
        Ok(Self { selections, condition, asks: None })
    }

    /// Collects the conditions on baselines, and checks that they can be evaluated.
    pub(crate) fn ask(mut self, line: u32) -> Result<Self, AnalyzeError> {
        let mut items = 0;
        self.selections.iter_mut().for_each(|(_, selection)| selection.number(&mut items));
        let (mut facts, mut is_alone) = (Vec::new(), true);
        self.visit_items(&mut |item| match item.fact {
            Some(fact) => facts.push(fact),
            None => is_alone = false,
        });
        if facts.is_empty() {
            return Ok(self);
        }
        let is_needed = |group: Groups| {
            let of_group = |item: &Item| item.fact.is_some_and(|fact| fact.group() == group);
            self.judge(&|item| of_group(item).then(|| !item.needs_field())) == Some(false)
        };
        let needs = facts.iter().map(|fact| fact.group()).filter(|group| is_needed(*group));
        let needs = needs.fold(0, |needs, group| needs | group);
        let asks = Asks { facts, is_alone, needs };
        let fault = |problem: &str, hint: &str| Err(AnalyzeError::new("rule.baseline", line, problem, hint));
        if items > MAX_ITEMS {
            return fault("a rule on baselines can have at most 128 items", "split it into several rules");
        }
        if asks.is_of_silence() && !asks.facts.iter().all(|fact| *fact == Fact::SilentHours)
            || asks.is_of_silence() && !is_alone
        {
            let hint = "remove all conditions except baseline.silent_hours";
            return fault("a rule on silent chains can have no conditions on events", hint);
        }
        self.asks = Some(asks);
        Ok(self)
    }
}
