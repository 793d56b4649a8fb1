//! What an event must have for a rule to fire, as far as the rule's condition tells. What of an item is told, and what
//! is told of several, is up to who asks.

use super::{Condition, Detection, Item, Selection};

/// An event that a rule fires for has one of these at least.
pub(crate) trait Required: Default {
    /// Of several that an event must have all, those that the fewest events have, roughly.
    fn best(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self>;

    /// These or those.
    fn or(self, other: Self) -> Self;

    /// Of several of which an event must have one.
    fn any(each: &mut dyn Iterator<Item = Option<Self>>) -> Option<Self> {
        let mut all = Self::default();
        for one in each {
            all = all.or(one?);
        }
        Some(all)
    }
}

/// What an event must have for a detection to hold; `None` where that cannot be told.
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
