//! Requirements of rules: what an event must have for a rule to match, derived from the rule's condition.
//! Callers define the requirements of an item and how they are combined.

use super::{Condition, Detection, Item, Selection};

/// Requirements of a rule: an event that matches meets at least one of them.
pub(crate) trait Required: Default {
    /// Returns the most selective of several requirements that an event must all meet.
    fn best(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self>;

    /// Combines two requirements into one that an event meets if it meets either.
    fn or(self, other: Self) -> Self;

    /// Combines several requirements into one that an event meets if it meets any; `None` if one is unknown.
    fn any(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self> {
        let mut all = Self::default();
        for one in each {
            all = all.or(one?);
        }
        Some(all)
    }
}

/// Returns the requirements of a detection; `None` if none are known.
pub(crate) fn required<R: Required>(
    detection: &Detection,
    of_item: &impl Fn(&Item) -> Option<R>,
) -> Option<R> {
    of_condition(&detection.condition, detection, of_item)
}

fn of_condition<R: Required>(
    condition: &Condition,
    detection: &Detection,
    of_item: &impl Fn(&Item) -> Option<R>,
) -> Option<R> {
    let selection = |nth: &usize| of_selection(&detection.selections[*nth].1, of_item);
    match condition {
        Condition::Selection(nth) => selection(nth),
        Condition::Not(_) => None,
        Condition::All(all) => R::best(&mut all.iter().map(|one| of_condition(one, detection, of_item))),
        Condition::Any(any) => R::any(&mut any.iter().map(|one| of_condition(one, detection, of_item))),
        Condition::Several(_, numbers) => R::any(&mut numbers.iter().map(selection)),
    }
}

fn of_selection<R: Required>(selection: &Selection, of_item: &impl Fn(&Item) -> Option<R>) -> Option<R> {
    match selection {
        Selection::All(items) => R::best(&mut items.iter().map(of_item)),
        Selection::Any(selections) => R::any(&mut selections.iter().map(|one| of_selection(one, of_item))),
    }
}
