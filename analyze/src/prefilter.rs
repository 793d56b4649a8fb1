//! Which of a few rules an event could make fire, told by the bigrams of its values. Of many rules
//! [`Candidates`](crate::candidates::Candidates) finds them sooner.

use crate::bigrams::Bigrams;
use crate::condition::Condition;
use crate::fields::{Fields, Found, Id};
use crate::rule::Detection;
use crate::selection::{Item, Selection};

/// An event that a rule fires for has a value in one of these fields that has the bigrams beside it.
type Needs = Vec<(Id, Bigrams)>;

/// What the rules need that are not asked of every event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefilter {
    /// By field: the bigrams that a value has for which a rule may fire, and the rule.
    needs: Vec<(Id, Vec<(Bigrams, usize)>)>,
    /// A bit for each rule that is asked of every event.
    always: Vec<u64>,
}

impl Prefilter {
    /// Of rules in the order of their numbers.
    pub(crate) fn of<'d>(rules: impl ExactSizeIterator<Item = &'d Detection>, fields: &Fields) -> Self {
        let mut prefilter = Self { needs: Vec::new(), always: vec![0; rules.len().div_ceil(64)] };
        for (number, detection) in rules.enumerate() {
            let Some(needs) = of_condition(&detection.condition, detection, fields) else {
                prefilter.always[number / 64] |= 1 << (number % 64);
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

    /// The rules that this event could make fire, ascending.
    pub(crate) fn find(&self, found: &Found<'_>) -> impl Iterator<Item = usize> + use<> {
        let mut is_in = self.always.clone();
        for (field, rules) in &self.needs {
            for leaf in found.values(*field) {
                let whole = leaf.bigrams();
                for (_, rule) in rules.iter().filter(|(bigrams, _)| whole.may_hold(*bigrams)) {
                    is_in[rule / 64] |= 1 << (rule % 64);
                }
            }
        }
        is_in.into_iter().enumerate().flat_map(|(nth, mut bits)| {
            core::iter::from_fn(move || {
                let rule = (bits != 0).then(|| nth * 64 + bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(rule)
            })
        })
    }
}

/// Of several that an event must have all, those that the fewest events have, roughly.
fn best(each: impl Iterator<Item = Option<Needs>>) -> Option<Needs> {
    each.flatten().max_by_key(|needs| needs.iter().map(|(_, bigrams)| bigrams.strength()).min())
}

/// Of several of which an event must have one.
fn any(mut each: impl Iterator<Item = Option<Needs>>) -> Option<Needs> {
    each.try_fold(Needs::new(), |mut all, one| {
        all.extend(one?);
        Some(all)
    })
}

fn of_condition(condition: &Condition, detection: &Detection, fields: &Fields) -> Option<Needs> {
    let selection = |nth: &usize| of_selection(&detection.selections[*nth].1, fields);
    match condition {
        Condition::Selection(nth) => selection(nth),
        Condition::Not(_) => None,
        Condition::All(all) => best(all.iter().map(|one| of_condition(one, detection, fields))),
        Condition::Any(each) => any(each.iter().map(|one| of_condition(one, detection, fields))),
        Condition::Several(_, numbers) => any(numbers.iter().map(selection)),
    }
}

fn of_selection(selection: &Selection, fields: &Fields) -> Option<Needs> {
    match selection {
        Selection::All(items) => best(items.iter().map(|item| of_item(item, fields))),
        Selection::Any(selections) => any(selections.iter().map(|selection| of_selection(selection, fields))),
    }
}

fn of_item(item: &Item, fields: &Fields) -> Option<Needs> {
    // What is derived takes longer to make than the rule to ask.
    let field = item.field.filter(|field| !fields.name(*field).starts_with("derived."))?;
    let mut tests = item.tests.iter().map(|test| Some(vec![(field, test.bigrams()?)]));
    if item.all { best(tests) } else { any(&mut tests) }
}
