//! The check `range`: every entry of a range is present.

use super::FindingCode;
use super::finding::{Findings, Place};
use super::report::Check;
use crate::phrases::{self, say};

/// The end of a range that is open.
const OPEN: u64 = u64::MAX;

/// A range of entries that the export claims to contain or the reader expects.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) begin: u64,
    /// [`OPEN`] if the range extends to the end of the export.
    pub(super) end: u64,
    /// The first skip that overlaps the range, and the first entry of the range that it omits.
    skip: Option<(Place, u64)>,
    withheld: bool,
    shown_outside: bool,
    /// True if an omitted entry may revoke the key of a link in the range.
    may_be_revoked: bool,
}

impl Range {
    pub(super) fn new((begin, end): (u64, u64)) -> Self {
        Self { begin, end, skip: None, withheld: false, shown_outside: false, may_be_revoked: false }
    }

    /// Creates a range that a header claims.
    pub(super) fn claimed((begin, end): (u64, Option<u64>)) -> Self {
        Self::new((begin, end.unwrap_or(OPEN)))
    }

    pub(super) fn skip(&mut self, from: u64, to: u64, place: Place) {
        if self.skip.is_none() && from < self.end && self.begin < to && self.begin < self.end {
            self.skip = Some((place, self.begin.max(from)));
        }
    }

    /// Records an event link with or without its event.
    #[inline]
    pub(super) fn event(&mut self, index: u64, shown: bool) {
        let within = self.has(index);
        self.shown_outside |= shown && !within;
        self.withheld |= !shown && within;
    }

    /// Records a link whose key may be revoked by an entry that the export omits, if it omits any.
    #[inline]
    pub(super) fn revocable_link(&mut self, index: u64) {
        self.may_be_revoked |= self.has(index);
    }

    fn has(&self, index: u64) -> bool {
        self.begin <= index && index < self.end
    }

    /// True if an omitted entry may revoke the key of a link in the range.
    pub(super) fn may_be_revoked(&self) -> bool {
        self.may_be_revoked
    }

    /// True if every shown event lies in the range and no event in the range is withheld.
    pub(super) fn is_what_is_shown(&self) -> bool {
        !self.withheld && !self.shown_outside
    }

    /// Returns the range's bounds if the export ends at `position`, or `None` if the range has not begun there.
    pub(super) fn up_to(&self, position: u64) -> Option<[u64; 2]> {
        let end = if self.end == OPEN { position } else { self.end };
        (self.begin < end).then_some([self.begin, end])
    }

    /// Returns the finding's place and the first missing entry, if there is evidence that entries are missing.
    pub(super) fn contradicted(&self, position: u64, last: Place) -> Option<(Place, u64)> {
        let is_cut = self.end != OPEN && position < self.end;
        self.skip.or_else(|| is_cut.then_some((last, position.max(self.begin))))
    }
}

/// Runs the check for the range that the export claims.
pub(super) fn check(
    range: Option<&Range>,
    position: u64,
    last: Place,
    tree_passes: bool,
    findings: &mut Findings,
) -> Check {
    let Some(range) = range else { return Check::new(0, 0, Some(phrases::REASON_NO_RANGE)) };
    if let Some((place, first)) = range.contradicted(position, last) {
        let message =
            say!("range.missing", "entries that the export claims are missing, from {first} on", first);
        findings.add(FindingCode::RangeMissing, place, message);
        return Check::new(1, 1, None);
    }
    let reason = (!tree_passes).then_some(phrases::REASON_UNTRUSTED_PLACES);
    Check::new(u64::from(tree_passes), 0, reason)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_range_is_exactly_what_is_shown_if_no_event_is_outside_or_withheld_inside() {
        let shows = |events: &[(u64, bool)]| {
            let mut range = Range::new((2, 4));
            for (index, shown) in events {
                range.event(*index, *shown);
            }
            range.is_what_is_shown()
        };
        assert!(shows(&[(2, true), (3, true)]));
        assert!(shows(&[(1, false), (2, true), (4, false)]));
        // A later event does not undo an earlier violation.
        assert!(!shows(&[(1, true), (4, true)]) && !shows(&[(2, false), (3, false)]));
        for (index, shown) in [(1, true), (4, true), (2, false), (3, false)] {
            assert!(!shows(&[(index, shown), (3, true), (4, false)]), "{index} {shown}");
        }
    }

    #[test]
    fn only_keys_of_links_in_the_range_may_be_revoked() {
        let may_be_revoked = |indexes: &[u64]| {
            let mut range = Range::new((2, 4));
            for index in indexes {
                range.revocable_link(*index);
            }
            range.may_be_revoked()
        };
        assert!(!may_be_revoked(&[0, 1, 4, 9]));
        assert!(may_be_revoked(&[2]) && may_be_revoked(&[3]) && may_be_revoked(&[1, 3, 9]));
    }

    #[test]
    fn a_skip_contradicts_a_range_that_it_overlaps() {
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
    fn an_open_range_ends_with_the_export() {
        let mut range = Range::claimed((2, None));
        assert_eq!(
            [1, 2, 3, 9].map(|position| range.up_to(position)),
            [None, None, Some([2, 3]), Some([2, 9])]
        );
        range.skip(0, 2, Place::line(3));
        // A range that has not begun misses nothing.
        assert!([0, 2, 9].into_iter().all(|position| range.contradicted(position, Place::line(9)).is_none()));
        range.event(7, true);
        assert!(range.is_what_is_shown());
        range.skip(8, 16, Place::line(7));
        assert_eq!(range.contradicted(16, Place::line(9)), Some((Place::line(7), 8)));
        range.event(1, true);
        assert!(!range.is_what_is_shown());
    }
}
