//! Time windows granted to a key (SPEC section 5).

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{parse_bound, write_bound};
use crate::error::{Code, Error};
use crate::time::Time;

/// A half-open time window. `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment in the window.
    pub from: Option<Time>,
    /// The first moment after the window.
    pub until: Option<Time>,
}

impl Window {
    /// Returns the bounds in milliseconds since the epoch.
    pub(crate) fn span(self) -> (i64, i64) {
        (self.from.map_or(i64::MIN, Time::millis), self.until.map_or(i64::MAX, Time::millis))
    }
}

/// The validity of a key at a moment, given some windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// At least one window contains the moment.
    Within,
    /// No window contains the moment, and at least one ended at or before it.
    Expired,
    /// No window contains the moment, and none ended before it.
    NotYetValid,
}

/// The windows granted to a key, in the order of their grants.
///
/// A chain is judged by the windows granted before it, so queries take the number of windows to consider. Adding a
/// window and querying take logarithmic time: a key may have as many windows as an export has lines.
///
/// The text form, for storage, has one window per line: `from until`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows(Arc<WindowIndex>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct WindowIndex {
    windows: Vec<Window>,
    /// For each window, the least and the greatest end among it and all earlier windows.
    ends: Vec<(i64, i64)>,
    /// The union of all windows, with adjacent ones joined, each with the number of one of them.
    joined: Spans,
    /// The union of all windows, split by the earliest window that contains each moment.
    first: Spans,
}

/// Spans by their start, each with its end and the number of a window.
type Spans = BTreeMap<i64, (i64, usize)>;

impl WindowIndex {
    /// Adds a window. `None` adds an empty one, which keeps the numbers of later windows.
    fn add(&mut self, span: Option<(i64, i64)>) {
        let number = self.ends.len();
        let (least, greatest) = self.ends.last().copied().unwrap_or((i64::MAX, i64::MIN));
        let Some((from, until)) = span else { return self.ends.push((least, greatest)) };
        self.ends.push((least.min(until), greatest.max(until)));
        // Fill each gap that the window covers and join each span that it touches, from right to left.
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
    /// Parses the text form.
    ///
    /// # Errors
    /// [`Code::Time`] if a line is not a window.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let window = |line: &str| {
            let (from, until) = line.split_once(' ')?;
            Some(Window { from: parse_bound(from.as_bytes())?, until: parse_bound(until.as_bytes())? })
        };
        let mut windows = Self::default();
        for line in text.lines() {
            windows.push(
                window(line).ok_or_else(|| {
                    Error::new(Code::Time, "a window is not of the form \"<from> <until>\"")
                })?,
            );
        }
        Ok(windows)
    }

    /// Returns the number of windows.
    pub fn len(&self) -> usize {
        self.0.windows.len()
    }

    /// True if there is no window.
    pub fn is_empty(&self) -> bool {
        self.0.windows.is_empty()
    }

    /// Appends a window.
    pub fn push(&mut self, window: Window) {
        let kept = Arc::make_mut(&mut self.0);
        kept.windows.push(window);
        kept.add(Some(window.span()));
    }

    /// Returns the validity of a moment under the first `count` windows.
    pub fn validity(&self, count: usize, time: Time) -> Validity {
        self.validity_at(count, time.millis())
    }

    /// Like [`validity`](Self::validity), for a moment in milliseconds since the epoch.
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

    /// Returns the windows in the order of their grants.
    pub fn iter(&self) -> impl Iterator<Item = Window> {
        self.0.windows.iter().copied()
    }

    /// Returns the window granted last.
    pub(crate) fn last(&self) -> Option<Window> {
        self.0.windows.last().copied()
    }

    /// Returns the latest end of the first `count` windows, in milliseconds since the epoch; `None` if one has no
    /// end.
    pub(crate) fn last_end(&self, count: usize) -> Option<i64> {
        self.end(count).map(|(_, greatest)| greatest).filter(|greatest| *greatest != i64::MAX)
    }

    /// Returns a copy in which the void windows contain no moment. Numbers don't change.
    pub(crate) fn without(&self, void: impl Fn(usize) -> bool) -> Self {
        let mut kept = WindowIndex { windows: self.0.windows.clone(), ..WindowIndex::default() };
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

    /// The rule of SPEC section 5, implemented literally.
    fn reference_validity(windows: &[Window], at: i64) -> Validity {
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
        fn the_first_windows_act_as_if_there_were_no_others(granted in windows()) {
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
                    prop_assert_eq!(all.validity(count, time(at)), reference_validity(&first, at));
                    prop_assert_eq!(without.validity(count, time(at)), reference_validity(&good, at));
                }
                let last = first.iter().map(|window| window.span().1).max();
                prop_assert_eq!(all.last_end(count), last.filter(|end| *end != i64::MAX));
            }
            prop_assert_eq!(Windows::parse(&all.to_string()).unwrap(), all);
        }
    }
}
