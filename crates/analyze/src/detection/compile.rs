//! Makes a detection of what a rule says.

use super::{Asks, Condition, Detection, Item, MAX_NAMED, Selection};
use crate::baseline::{Fact, Groups};
use crate::error::AnalyzeError;
use crate::fields::Fields;
use crate::tree::{Node, Value};

/// The most items of a rule that asks for baselines: each is a bit of what is known of it.
const MAX_ITEMS: usize = 128;

impl Detection {
    /// What is asked of an event; of baselines [`Self::ask`] finds what it asks.
    pub(crate) fn compile(node: &Node, fields: &mut Fields) -> Result<Self, AnalyzeError> {
        let Value::Map(members) = &node.value else {
            let hint = "write selections by name, and `condition:`";
            return Err(AnalyzeError::new("rule.shape", node.line, "`detection` is not a map", hint));
        };
        let mut selections = Vec::new();
        for member in members.iter().filter(|member| member.name != "condition") {
            if member.name == "timeframe" {
                let hint = "count with a correlation: a rule of its own with `correlation:`";
                let problem = "`timeframe` belongs to Sigma before 2.0";
                return Err(AnalyzeError::new("rule.condition", member.line, problem, hint));
            }
            selections.push((member.name.clone(), Selection::compile(&member.node, fields)?));
        }
        let Some(condition) = node.get("condition") else {
            let hint = "add `condition:`, such as `condition: selection`";
            return Err(AnalyzeError::new("rule.missing", node.line, "`condition` is missing", hint));
        };
        let mut conditions = Vec::new();
        let mut left = MAX_NAMED;
        for item in condition.items() {
            let Some(text) = item.text() else {
                let hint = "write it as text";
                return Err(AnalyzeError::new("rule.condition", item.line, "`condition` is not text", hint));
            };
            conditions.push(Condition::parse(text, item.line, &selections, &mut left)?);
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

    /// Finds what it asks of baselines.
    pub(crate) fn ask(mut self, line: u32) -> Result<Self, AnalyzeError> {
        let mut items = 0;
        self.selections.iter_mut().for_each(|(_, selection)| selection.number(&mut items));
        let (mut facts, mut is_alone) = (Vec::new(), true);
        self.each_item(&mut |item| match item.fact {
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
            return fault("it asks for a baseline and has more than 128 items", "make several rules of it");
        }
        if asks.is_of_silence() && !asks.facts.iter().all(|fact| *fact == Fact::SilentHours)
            || asks.is_of_silence() && !is_alone
        {
            let hint = "ask for nothing but baseline.silent_hours";
            return fault("a chain that is silent has no event of which more could be asked", hint);
        }
        self.asks = Some(asks);
        Ok(self)
    }
}
