//! Habits: findings that recur for the same subject.
//!
//! A pack with `habits` reports one finding per rule, subject, and day. If a rule fired for a subject on
//! several recent days, that is its usual behavior, and its findings are lowered to the pack's level for
//! habits (SPEC section 13).

use countersign::hash::Hash;

use crate::baseline::{Ranked, Store};
use crate::indexed_heap::Rank;

/// The maximum number of pairs of a rule and a subject.
const MAX_HABITS: usize = 20_000;
/// The number of days before an event on which a habit can form.
const DAYS: u32 = 28;
/// The number of these days on which the rule must have fired.
pub(crate) const HABIT_DAYS: u32 = 2;
/// One bit for each of these days and for the day itself.
const MASK: u32 = (1 << (DAYS + 1)) - 1;

/// The days on which a rule fired for a subject.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Habit {
    /// The newest of the days, by number since 1970.
    newest: i32,
    /// The days: bit *n* is *n* days before the newest. Zero only before the first day.
    days: u32,
    /// The index after the newest event's entry.
    leaf: u64,
}

/// The pair that fired longest ago is evicted first.
impl Ranked for Habit {
    fn rank(&self) -> Rank {
        (0, self.leaf)
    }
}

/// All habits.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    of: Store<Habit>,
}

/// The history of a rule and a subject, when the rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recurrence {
    /// The rule already reported a finding on this day.
    Repeated,
    /// The number of the 28 days before on which the rule fired.
    Days(u32),
}

impl Default for Habits {
    fn default() -> Self {
        Self { of: Store::new(MAX_HABITS) }
    }
}

impl Habits {
    /// Records that a rule fires for a subject on a day, by number since 1970.
    pub(crate) fn note(&mut self, rule: &str, subject: &str, day: i32, leaf: u64) -> Recurrence {
        let (slot, _) = self.of.enter(&name(rule, subject), leaf);
        self.of.change(slot, |habit| {
            habit.leaf = leaf + 1;
            if habit.days == 0 {
                habit.newest = day;
            }
            let later = day.saturating_sub(habit.newest);
            if later > 0 {
                habit.days = habit.days.checked_shl(later.unsigned_abs()).unwrap_or(0) & MASK;
                habit.newest = day;
            }
            // Events can come late. A day that is too long ago is no longer remembered.
            let before = (-later).max(0).unsigned_abs();
            let Some(bit) = 1_u32.checked_shl(before).filter(|bit| bit & MASK != 0) else {
                return Recurrence::Days(0);
            };
            if habit.days & bit != 0 {
                return Recurrence::Repeated;
            }
            let earlier = habit.days & !(bit | (bit - 1));
            habit.days |= bit;
            Recurrence::Days(earlier.count_ones())
        })
    }

    #[cfg(feature = "snapshot")]
    pub(crate) fn store(&self) -> StoredHabits {
        let each = |slot| (self.of.name(slot).into(), self.of.get(slot).clone());
        let mut of: Vec<(Box<str>, Habit)> = self.of.slots().map(each).collect();
        of.sort_by(|(one, _), (other, _)| one.cmp(other));
        StoredHabits { of }
    }

    /// Restores a snapshot; `None` if a value is out of range.
    #[cfg(feature = "snapshot")]
    pub(crate) fn restore(StoredHabits { of }: StoredHabits) -> Option<Self> {
        let mut habits = Self::default();
        for (name, habit) in of {
            if name.len() != NAME_LENGTH
                || habit.days & 1 == 0
                || habit.days & !MASK != 0
                || habits.of.is_full()
            {
                return None;
            }
            habits.of.put(&name, habit)?;
        }
        Some(habits)
    }
}

/// Habits in a snapshot.
#[cfg(feature = "snapshot")]
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredHabits {
    of: Vec<(Box<str>, Habit)>,
}

/// The length of a name: a SHA-256 in base64 without padding.
#[cfg(feature = "snapshot")]
const NAME_LENGTH: usize = 43;

/// Returns a short name for a rule and a subject. Identities can be long, and there are many.
fn name(rule: &str, subject: &str) -> String {
    let mut name = Hash::digest(&[rule.as_bytes(), b"\n", subject.as_bytes()]).to_string();
    name.truncate(name.trim_end_matches('=').len());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use Recurrence::{Days, Repeated};

    #[test]
    fn counts_one_finding_a_day() {
        let mut habits = Habits::default();
        let mut note = |subject: &str, day| habits.note("rule", subject, day, 0);
        assert_eq!(
            [100, 100, 101, 101, 102, 103].map(|day| note("a", day)),
            [Days(0), Repeated, Days(1), Repeated, Days(2), Days(3)]
        );
        assert_eq!(note("b", 103), Days(0));
        assert_eq!(note("a", 128), Days(4), "28 days before day 128 begin on day 100");
        assert_eq!(note("a", 131), Days(2));
        assert_eq!(note("a", 400), Days(0));
    }

    #[test]
    fn late_events_count_for_their_own_day() {
        let mut habits = Habits::default();
        let mut note = |day| habits.note("rule", "a", day, 0);
        assert_eq!([110, 108, 108, 109].map(&mut note), [Days(0), Days(0), Repeated, Days(1)]);
        assert_eq!([20, 20].map(&mut note), [Days(0), Days(0)], "no day so long ago is remembered");
        assert_eq!(note(111), Days(3));
    }

    #[test]
    fn rules_and_subjects_are_separate() {
        let mut habits = Habits::default();
        assert_eq!(habits.note("rule", "a", 1, 0), Days(0));
        assert_eq!(habits.note("other", "a", 1, 0), Days(0));
        assert_eq!(habits.note("rule", "a", 1, 0), Repeated);
    }
}
