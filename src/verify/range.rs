//! The check `range`: is every leaf of a range here?

use super::FindingCode;
use super::finding::{Findings, Place};
use super::report::Check;
use crate::phrases::{self, say};

/// The end of a range without one.
const OPEN: u64 = u64::MAX;

/// A range of leaves that the export claims, or the reader expects, to be here.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) begin: u64,
    /// [`OPEN`] where it goes on for as long as the export does.
    pub(super) end: u64,
    /// The first skip that falls within it, and the first leaf of the range that it stands for.
    skip: Option<(Place, u64)>,
    withheld: bool,
    shown_outside: bool,
}

impl Range {
    pub(super) fn new((begin, end): (u64, u64)) -> Self {
        Self { begin, end, skip: None, withheld: false, shown_outside: false }
    }

    /// One that a header claims.
    pub(super) fn claimed((begin, end): (u64, Option<u64>)) -> Self {
        Self::new((begin, end.unwrap_or(OPEN)))
    }

    pub(super) fn skip(&mut self, from: u64, to: u64, place: Place) {
        if self.skip.is_none() && from < self.end && self.begin < to && self.begin < self.end {
            self.skip = Some((place, self.begin.max(from)));
        }
    }

    /// An event link whose event is shown, or not.
    #[inline]
    pub(super) fn event(&mut self, index: u64, shown: bool) {
        let within = self.begin <= index && index < self.end;
        self.shown_outside |= shown && !within;
        self.withheld |= !shown && within;
    }

    /// Every event shown lies in the range, and none in the range is withheld.
    pub(super) fn is_what_is_shown(&self) -> bool {
        !self.withheld && !self.shown_outside
    }

    /// The leaves that it comes to where the export ends at that position; none where they have not begun.
    pub(super) fn up_to(&self, position: u64) -> Option<[u64; 2]> {
        let end = if self.end == OPEN { position } else { self.end };
        (self.begin < end).then_some([self.begin, end])
    }

    /// The place of the finding, and the first leaf that is missing, where something shows that not every leaf is here.
    pub(super) fn contradicted(&self, position: u64, last: Place) -> Option<(Place, u64)> {
        let is_cut = self.end != OPEN && position < self.end;
        self.skip.or_else(|| is_cut.then_some((last, position.max(self.begin))))
    }
}

/// The check over the range that the export claims.
pub(super) fn check(
    range: Option<&Range>,
    position: u64,
    last: Place,
    tree_passes: bool,
    findings: &mut Findings,
) -> Check {
    let Some(range) = range else { return Check::of(0, 0, Some(phrases::REASON_NO_RANGE)) };
    if let Some((place, first)) = range.contradicted(position, last) {
        let message =
            say!("range.missing", "entries that the export claims are missing, from {first} on", first);
        findings.add(FindingCode::RangeMissing, place, message);
        return Check::of(1, 1, None);
    }
    let reason = (!tree_passes).then_some(phrases::REASON_UNTRUSTED_PLACES);
    Check::of(u64::from(tree_passes), 0, reason)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_range_is_what_is_shown_when_no_event_is_outside_and_none_within_withheld() {
        let shows = |events: &[(u64, bool)]| {
            let mut range = Range::new((2, 4));
            for (index, shown) in events {
                range.event(*index, *shown);
            }
            range.is_what_is_shown()
        };
        assert!(shows(&[(2, true), (3, true)]));
        assert!(shows(&[(1, false), (2, true), (4, false)]));
        // What one event has shown, another does not take back.
        assert!(!shows(&[(1, true), (4, true)]) && !shows(&[(2, false), (3, false)]));
        for (index, shown) in [(1, true), (4, true), (2, false), (3, false)] {
            assert!(!shows(&[(index, shown), (3, true), (4, false)]), "{index} {shown}");
        }
    }

    #[test]
    fn a_skip_contradicts_a_range_that_it_reaches_into() {
        let first_missing = |from, to| {
            let mut range = Range::new((2, 4));
            range.skip(from, to, Place::line(7));
            range.contradicted(8, Place::line(9)).map(|(place, first)| {
                assert_eq!(place, Place::line(7));
                first
            })
        };
        for (from, to, first) in [(0, 3, 2), (2, 3, 2), (3, 4, 3), (3, 8, 3), (0, 8, 2)] {
            assert_eq!(first_missing(from, to), Some(first), "{from} {to}");
        }
        for (from, to) in [(0, 2), (1, 2), (4, 5), (4, 8)] {
            assert_eq!(first_missing(from, to), None, "{from} {to}");
        }
        let range = Range::new((2, 4));
        for (position, first) in [(0, Some(2)), (2, Some(2)), (3, Some(3)), (4, None)] {
            let cut = range.contradicted(position, Place::line(9));
            assert_eq!(cut, first.map(|first| (Place::line(9), first)), "{position}");
        }
        let mut nothing = Range::new((3, 3));
        nothing.skip(0, 8, Place::line(7));
        assert!(nothing.contradicted(8, Place::line(9)).is_none());
    }

    #[test]
    fn a_range_without_end_ends_with_the_export() {
        let mut range = Range::claimed((2, None));
        assert_eq!(
            [1, 2, 3, 9].map(|position| range.up_to(position)),
            [None, None, Some([2, 3]), Some([2, 9])]
        );
        range.skip(0, 2, Place::line(3));
        // What has not begun is not missed.
        assert!([0, 2, 9].into_iter().all(|position| range.contradicted(position, Place::line(9)).is_none()));
        range.event(7, true);
        assert!(range.is_what_is_shown());
        range.skip(8, 16, Place::line(7));
        assert_eq!(range.contradicted(16, Place::line(9)), Some((Place::line(7), 8)));
        range.event(1, true);
        assert!(!range.is_what_is_shown());
    }
}
