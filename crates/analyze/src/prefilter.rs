//! A prefilter for few rules: finds the rules that an event could match by the bigrams of its values. For
//! many rules, [`Candidates`](crate::candidates::Candidates) is faster.

use crate::bigrams::Bigrams;
use crate::detection::{Detection, Item, Required, required};
use crate::fields::{FieldValues, Fields, Id};
use crate::rule_set::RuleSet;

/// Requirements of a rule: an event that matches has, in one of these fields, a value with the bigrams
/// given for it.
type Needs = Vec<(Id, Bigrams)>;

/// The requirements of all rules, indexed by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefilter {
    /// For each field: the bigrams that a rule requires in a value, and the rule's number.
    needs: Vec<(Id, Vec<(Bigrams, usize)>)>,
    /// The rules without requirements, which are evaluated for every event.
    always: RuleSet,
}

impl Prefilter {
    /// Builds the prefilter. Rules are numbered in their order.
    pub(crate) fn new<'d>(rules: impl ExactSizeIterator<Item = &'d Detection>, fields: &Fields) -> Self {
        let mut prefilter = Self { needs: Vec::new(), always: RuleSet::new(rules.len()) };
        for (number, detection) in rules.enumerate() {
            let Some(needs) = required(detection, &|item| of_item(item, fields)) else {
                prefilter.always.add(number);
                continue;
            };
            for (field, bigrams) in needs {
                match prefilter.needs.iter_mut().find(|(of, _)| *of == field) {
                    Some((_, rules)) => rules.push((bigrams, number)),
                    None => prefilter.needs.push((field, vec![(bigrams, number)])),
                }
            }
        }
        prefilter
    }

    /// Returns the rules that this event could match, ascending.
    pub(crate) fn find(&self, found: &FieldValues<'_>) -> impl Iterator<Item = usize> + use<> {
        let mut rules_left = self.always.clone();
        for (field, rules) in &self.needs {
            for leaf in found.values(*field) {
                let whole = leaf.bigrams();
                for (_, rule) in rules.iter().filter(|(bigrams, _)| whole.may_hold(*bigrams)) {
                    rules_left.add(*rule);
                }
            }
        }
        rules_left.numbers()
    }
}

impl Required for Needs {
    fn best(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self> {
        let mut best: Option<(u32, Self)> = None;
        for needs in each.flatten() {
            let strength = needs.iter().map(|(_, bigrams)| bigrams.strength()).min().unwrap_or(0);
            if best.as_ref().is_none_or(|(most, _)| strength >= *most) {
                best = Some((strength, needs));
            }
        }
        best.map(|(_, needs)| needs)
    }

    fn or(mut self, other: Self) -> Self {
        self.extend(other);
        self
    }
}

fn of_item(item: &Item, fields: &Fields) -> Option<Needs> {
    // Deriving a field takes longer than evaluating the rule.
    let field = item.field.filter(|field| !fields.name(*field).starts_with("derived."))?;
    if item.differs {
        return Some(vec![(field, Bigrams::default())]);
    }
    let mut tests = item.tests.iter().map(|test| Some(vec![(field, test.bigrams()?)]));
    if item.all { Needs::best(&mut tests) } else { Needs::any(&mut tests) }
}
