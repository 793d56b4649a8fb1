//! Evaluation of detections, and the reasons of matches.

use super::{Asks, Detection, Item, Matched};
use crate::baseline::{Fact, Groups};
use crate::bounded::bounded;
use crate::fields::{FieldValues, Id};

impl Matched {
    /// Adds the match to `to`, unless it is already there.
    pub(crate) fn add(field: Option<Id>, text: &str, to: &mut Vec<Self>) {
        let value = bounded(text);
        if !to.iter().any(|other| other.field == field && *other.value == *value) {
            to.push(Self { field, value: value.into() });
        }
    }
}

impl Asks {
    /// False if the rule can't hold for an event that has only these groups of facts.
    pub(crate) const fn may_hold(&self, there: Groups) -> bool {
        self.needs & !there == 0
    }

    /// True if the rule tests more than an identity's age. Such a rule accounts for habits itself.
    pub(crate) fn is_of_habits(&self) -> bool {
        !self.facts.iter().all(|fact| matches!(fact, Fact::AgeDays | Fact::Learned))
    }

    /// True if it is about silent chains instead of events.
    pub(crate) fn is_of_silence(&self) -> bool {
        self.facts.contains(&Fact::SilentHours)
    }
}

impl Detection {
    /// Evaluates the detection with partially known items; `None` if the result depends on unknown ones.
    pub(crate) fn judge(&self, known: &dyn Fn(&Item) -> Option<bool>) -> Option<bool> {
        self.condition.judge(&self.selections, known)
    }

    /// Visits the items that the detection wants to hold.
    pub(crate) fn visit_wanted(&self, visit: &mut dyn FnMut(&Item)) {
        self.condition.visit_wanted(&mut |nth| self.selections[nth].1.visit_items(visit));
    }

    /// Visits all items.
    pub(crate) fn visit_items(&self, visit: &mut dyn FnMut(&Item)) {
        self.selections.iter().for_each(|(_, selection)| selection.visit_items(visit));
    }

    pub(crate) fn holds(&self, found: &FieldValues<'_>) -> bool {
        self.condition.holds(&self.selections, found)
    }

    /// Returns the fields and values that made it hold, without repeats.
    pub(crate) fn reasons(&self, found: &FieldValues<'_>) -> Vec<Matched> {
        let mut reasons = Vec::new();
        self.condition.visit_holding(&self.selections, found, &mut |nth| {
            self.selections[nth].1.reasons(found, &mut |field, text| {
                Matched::add(field, text, &mut reasons);
            });
        });
        reasons
    }
}
