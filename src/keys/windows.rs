//! The windows of time that grants open to a key (SPEC section 5).

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{parse_bound, write_bound};
use crate::error::{Code, Error};
use crate::time::Time;

/// From which moment up to, and not including, which: `None` for no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Option<Time>,
    /// The first moment after.
    pub until: Option<Time>,
}

impl Window {
    /// In milliseconds from the epoch.
    pub(crate) fn span(self) -> (i64, i64) {
        (self.from.map_or(i64::MIN, Time::millis), self.until.map_or(i64::MAX, Time::millis))
    }
}

/// Whether a key is valid at a moment, by some windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// One of them holds it.
    Within,
    /// None does, and one ended at or before it.
    Expired,
    /// None does, and none ended before.
    NotYetValid,
}

/// The windows granted to a key, in the order of their grants.
///
/// Whoever came before some of the grants asks about the first so many alone. Adding a window and asking take
/// logarithmic time, so that a key may have as many as an export has lines.
///
/// As text, as storage may keep it: `from until`, one window a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows(Arc<Kept>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    windows: Vec<Window>,
    /// The least and the greatest end of the windows up to each.
    ends: Vec<(i64, i64)>,
    /// All windows together, touching ones joined, each with the number of one of them.
    joined: Spans,
    /// The same, split by the first window that holds a moment.
    first: Spans,
}

/// From which moment up to which, and the number of a window.
type Spans = BTreeMap<i64, (i64, usize)>;

impl Kept {
    /// Adds a window; with `None` one that holds nothing, to keep the numbers of those after it.
    fn add(&mut self, span: Option<(i64, i64)>) {
        let number = self.ends.len();
        let (least, greatest) = self.ends.last().copied().unwrap_or((i64::MAX, i64::MIN));
        let Some((from, until)) = span else { return self.ends.push((least, greatest)) };
        self.ends.push((least.min(until), greatest.max(until)));
        // From right to left: each gap that the window fills, and each stretch that it joins.
        let (mut left, mut right) = (from, until);
        let mut gap = until;
        while let Some((&begin, &(end, _))) =
            self.joined.range(..=until).next_back().filter(|(_, (end, _))| *end >= from)
        {
            if end < gap {
                self.first.insert(end, (gap, number));
            }
            self.joined.remove(&begin);
            (left, right, gap) = (left.min(begin), right.max(end), begin);
        }
        if from < gap {
            self.first.insert(from, (gap, number));
        }
        self.joined.insert(left, (right, number));
    }
}

impl Windows {
    /// Reads what [`Windows`] shows as text.
    ///
    /// # Errors
    /// [`Code::Time`] where a line is no window.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let window = |line: &str| {
            let (from, until) = line.split_once(' ')?;
            Some(Window { from: parse_bound(from.as_bytes())?, until: parse_bound(until.as_bytes())? })
        };
        let mut windows = Self::default();
        for line in text.lines() {
            windows.push(window(line).ok_or_else(|| {
                Error::new(Code::Time, "a window is a time or -, a space, and a time or -")
            })?);
        }
        Ok(windows)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.windows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.windows.is_empty()
    }

    /// Adds a window.
    pub fn push(&mut self, window: Window) {
        let kept = Arc::make_mut(&mut self.0);
        kept.windows.push(window);
        kept.add(Some(window.span()));
    }

    /// Where a moment stands to the first `count` windows.
    pub fn validity(&self, count: usize, time: Time) -> Validity {
        self.validity_at(count, time.millis())
    }

    /// The same, of a moment in milliseconds from the epoch.
    pub(crate) fn validity_at(&self, count: usize, millis: i64) -> Validity {
        let holds = self.0.first.range(..=millis).next_back().filter(|(_, (until, _))| millis < *until);
        if holds.is_some_and(|(_, (_, number))| *number < count) {
            Validity::Within
        } else if self.end(count).is_some_and(|(least, _)| least <= millis) {
            Validity::Expired
        } else {
            Validity::NotYetValid
        }
    }

    fn end(&self, count: usize) -> Option<(i64, i64)> {
        count.checked_sub(1).and_then(|last| self.0.ends.get(last)).copied()
    }

    /// The windows, in the order of their grants.
    pub fn iter(&self) -> impl Iterator<Item = Window> {
        self.0.windows.iter().copied()
    }

    /// The window granted last.
    pub(crate) fn last(&self) -> Option<Window> {
        self.0.windows.last().copied()
    }

    /// The end of the last of the first `count` windows, in milliseconds from the epoch; none where one has no end.
    pub(crate) fn last_end(&self, count: usize) -> Option<i64> {
        self.end(count).map(|(_, greatest)| greatest).filter(|greatest| *greatest != i64::MAX)
    }

    /// The same windows under the same numbers, of which some hold nothing.
    pub(crate) fn without(&self, void: impl Fn(usize) -> bool) -> Self {
        let mut kept = Kept { windows: self.0.windows.clone(), ..Kept::default() };
        for (number, window) in self.iter().enumerate() {
            kept.add((!void(number)).then(|| window.span()));
        }
        Self(Arc::new(kept))
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut windows = self.0.windows.iter();
        windows
            .try_for_each(|window| writeln!(f, "{} {}", write_bound(window.from), write_bound(window.until)))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;

    use super::*;

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).unwrap()
    }

    /// The rule as SPEC section 5 says it.
    fn plainly(windows: &[Window], at: i64) -> Validity {
        let mut spans = windows.iter().map(|window| window.span());
        if spans.clone().any(|(from, until)| from <= at && at < until) {
            Validity::Within
        } else if spans.any(|(_, until)| until <= at) {
            Validity::Expired
        } else {
            Validity::NotYetValid
        }
    }

    fn windows() -> impl Strategy<Value = Vec<(Window, bool)>> {
        let window = (0..40_i64, 1..20_i64, 0..8_u8, proptest::bool::weighted(0.2)).prop_map(
            |(from, length, open, void)| {
                let bound = |bit: u8, millis| (open & 3 != bit).then(|| time(millis));
                (Window { from: bound(1, from), until: bound(2, from + length) }, void)
            },
        );
        proptest::collection::vec(window, 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_first_so_many_stand_as_if_there_were_no_others(granted in windows()) {
            let mut all = Windows::default();
            for (window, _) in &granted {
                all.push(*window);
            }
            let without = all.without(|number| granted[number].1);
            for count in 0..=granted.len() {
                let first: Vec<Window> = granted[..count].iter().map(|(window, _)| *window).collect();
                let good: Vec<Window> =
                    granted[..count].iter().filter(|(_, void)| !void).map(|(window, _)| *window).collect();
                for at in -2..65 {
                    prop_assert_eq!(all.validity(count, time(at)), plainly(&first, at));
                    prop_assert_eq!(without.validity(count, time(at)), plainly(&good, at));
                }
                let last = first.iter().map(|window| window.span().1).max();
                prop_assert_eq!(all.last_end(count), last.filter(|end| *end != i64::MAX));
            }
            prop_assert_eq!(Windows::parse(&all.to_string()).unwrap(), all);
        }
    }
}
