//! Whether a detection holds of an event, and why.

use super::{Asks, Detection, Item, Matched};
use crate::baseline::{Fact, Groups};
use crate::bounded::bounded;
use crate::fields::{Found, Id};

impl Matched {
    /// Adds it to what else made the rule hold, once.
    pub(crate) fn add(field: Option<Id>, text: &str, to: &mut Vec<Self>) {
        let value = bounded(text);
        if !to.iter().any(|other| other.field == field && *other.value == *value) {
            to.push(Self { field, value: value.into() });
        }
    }
}

impl Asks {
    /// Whether it may hold where something is there of these.
    pub(crate) const fn may_hold(&self, there: Groups) -> bool {
        self.needs & !there == 0
    }

    /// True if it asks for more than how long an identity is known, and so compares with habits itself.
    pub(crate) fn is_of_habits(&self) -> bool {
        !self.facts.iter().all(|fact| matches!(fact, Fact::AgeDays | Fact::Learned))
    }

    /// Whether it is about chains that are silent, and not about events.
    pub(crate) fn is_of_silence(&self) -> bool {
        self.facts.contains(&Fact::SilentHours)
    }
}

impl Detection {
    /// Whether it holds as far as is known of its items.
    pub(crate) fn judge(&self, known: &dyn Fn(&Item) -> Option<bool>) -> Option<bool> {
        self.condition.judge(&self.selections, known)
    }

    /// Tells the items that it wants to hold.
    pub(crate) fn wanted(&self, tell: &mut dyn FnMut(&Item)) {
        self.condition.wanted(&mut |nth| self.selections[nth].1.each_item(tell));
    }

    /// Tells all items.
    pub(crate) fn each_item(&self, tell: &mut dyn FnMut(&Item)) {
        self.selections.iter().for_each(|(_, selection)| selection.each_item(tell));
    }

    pub(crate) fn holds(&self, found: &Found<'_>) -> bool {
        self.condition.holds(&self.selections, found)
    }

    /// The fields and values that made it hold, each once.
    pub(crate) fn reasons(&self, found: &Found<'_>) -> Vec<Matched> {
        let mut reasons = Vec::new();
        self.condition.holding(&self.selections, found, &mut |nth| {
            self.selections[nth].1.reasons(found, &mut |field, text| {
                Matched::add(field, text, &mut reasons);
            });
        });
        reasons
    }
}
