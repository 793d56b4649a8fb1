//! Void grants: grants whose issuers the trust file revokes (SPEC section 5).

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Included};

use super::attested::Attested;
use crate::keys::{Validity, Window, Windows};
use crate::time::Time;
use crate::tolerance::LATE;

/// A grant whose signers are all revoked by the trust file. It is void unless a checkpoint that covers it existed
/// before `since`, the latest of their revocations.
#[derive(Clone, Copy, Debug)]
struct Voidable {
    number: usize,
    index: u64,
    since: Option<Time>,
}

/// The grants of a key that may be void.
#[derive(Debug, Default)]
pub(super) struct VoidableGrants {
    grants: Vec<Voidable>,
    /// All bounds of the key's windows, if there is such a grant. Between two successive bounds, validity doesn't
    /// change.
    bounds: BTreeSet<i64>,
}

/// The times of a chain's good links, in milliseconds since the epoch: one representative for each interval between
/// window bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments(BTreeSet<i64>);

/// The void grants of a key, known at the end of the export.
#[derive(Debug)]
pub(super) struct VoidedWindows {
    /// The number of the first void grant.
    first: usize,
    others: Windows,
}

impl Voidable {
    fn is_void(&self, attested: &Attested) -> bool {
        let before = |existed_by| self.since.is_some_and(|since| existed_by < since);
        !attested.existed_by(self.index).is_some_and(before)
    }
}

impl VoidableGrants {
    /// Records the key's latest window, granted by the leaf at `index`. `since` is the latest revocation of its
    /// signers if all are revoked.
    pub(super) fn granted(&mut self, windows: &Windows, index: u64, since: Option<Option<Time>>) {
        let bounds = |window: Window| <[i64; 2]>::from(window.span());
        if let Some(since) = since {
            if self.grants.is_empty() {
                self.bounds.extend(windows.iter().flat_map(bounds));
            }
            self.grants.push(Voidable { number: windows.len() - 1, index, since });
        }
        if let (false, Some(last)) = (self.grants.is_empty(), windows.last()) {
            self.bounds.extend(bounds(last));
        }
    }

    /// True if one of the first `count` grants may be void.
    pub(super) fn are_among(&self, count: usize) -> bool {
        self.grants.first().is_some_and(|grant| grant.number < count)
    }

    /// Records the time of a link that did not fail.
    pub(super) fn note(&self, time: Time, moments: &mut Moments) {
        let (time, moments) = (time.millis(), &mut moments.0);
        let together =
            |before: i64, after: i64| self.bounds.range((Excluded(before), Included(after))).next().is_none();
        if !moments.range(..=time).next_back().is_some_and(|before| together(*before, time))
            && !moments.range(time..).next().is_some_and(|after| together(time, *after))
        {
            moments.insert(time);
        }
    }

    /// Returns the void grants, if any.
    pub(super) fn void(&self, windows: &Windows, attested: &Attested) -> Option<VoidedWindows> {
        let mut void = self.grants.iter().filter(|grant| grant.is_void(attested)).map(|grant| grant.number);
        let first = void.next()?;
        // Ascending, for the binary search.
        let void: Vec<usize> = [first].into_iter().chain(void).collect();
        Some(VoidedWindows { first, others: windows.without(|number| void.binary_search(&number).is_ok()) })
    }
}

impl VoidedWindows {
    /// True if the void grants make a chain suspect that was opened after `count` grants and whose last good link has
    /// index `last`.
    pub(super) fn suspect(
        &self,
        count: usize,
        moments: &Moments,
        last: u64,
        quorum: Option<&Attested>,
    ) -> bool {
        let within = |moment: &i64| self.others.validity_at(count, *moment) == Validity::Within;
        let deadline = self.others.last_end(count).map(|end| end.saturating_add(LATE));
        let late = quorum
            .is_some_and(|attested| deadline.is_some_and(|deadline| attested.size_by(deadline) <= last));
        self.first < count && (late || !moments.0.iter().all(within))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;

    use super::*;
    use crate::trust::Times;

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).unwrap()
    }

    #[derive(Clone, Debug)]
    struct Grant {
        window: Window,
        since: Option<Option<Time>>,
    }

    fn grants() -> impl Strategy<Value = Vec<Grant>> {
        let since = proptest::option::of(proptest::option::weighted(0.9, (0..40_i64).prop_map(time)));
        let grant = (0..40_i64, 1..20_i64, since).prop_map(|(from, length, since)| Grant {
            window: Window { from: Some(time(from)), until: Some(time(from + length)) },
            since,
        });
        proptest::collection::vec(grant, 1..8)
    }

    /// The rule of SPEC section 5, implemented literally. The grants are the log's first leaves.
    fn reference_suspect(
        grants: &[Grant],
        times: &[Time],
        last: u64,
        attested: &Attested,
        quorum: bool,
    ) -> bool {
        let is_void = |(index, grant): &(u64, &Grant)| {
            grant.since.is_some_and(|since| {
                attested.existed_by(*index).zip(since).is_none_or(|(existed_by, since)| existed_by >= since)
            })
        };
        let (void, good): (Vec<_>, Vec<_>) = (0..).zip(grants).partition(is_void);
        let good: Vec<Window> = good.iter().map(|(_, grant)| grant.window).collect();
        let within =
            |time: &Time| good.iter().any(|window| window.from <= Some(*time) && Some(*time) < window.until);
        let late = good.iter().filter_map(|window| window.until).max().is_some_and(|until| {
            attested.existed_by(last).is_none_or(|by| by.millis() > until.millis() + LATE)
        });
        !void.is_empty() && (!times.iter().all(within) || (quorum && late))
    }

    #[test]
    fn a_checkpoint_attests_only_the_leaves_below_its_size() {
        let (mut windows, mut voidable) = (Windows::default(), VoidableGrants::default());
        for (number, since) in [(0, Some(None)), (1, None)] {
            windows.push(Window { from: None, until: Some(time(10)) });
            voidable.granted(&windows, number, since);
        }
        let mut attested = Attested::default();
        attested.add(5, Times { existed_by: time(0), seen_at: time(0) });
        let void = voidable.void(&windows, &attested).expect("the first grant is void");
        let suspect = |last| void.suspect(2, &Moments::default(), last, Some(&attested));
        assert_eq!([4, 5].map(suspect), [false, true]);
    }

    #[test]
    fn a_grant_is_good_if_it_existed_before_its_issuer_was_revoked() {
        let is_void = |existed_by: i64| {
            let (mut windows, mut voidable) = (Windows::default(), VoidableGrants::default());
            windows.push(Window { from: None, until: None });
            voidable.granted(&windows, 0, Some(Some(time(10))));
            let mut attested = Attested::default();
            attested.add(1, Times { existed_by: time(existed_by), seen_at: time(existed_by) });
            voidable.void(&windows, &attested).is_some()
        };
        assert_eq!([9, 10, 11].map(is_void), [false, true, true]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_chain_is_suspect_if_the_good_grants_do_not_cover_its_times(
            granted in grants(),
            count in 0..8_usize,
            times in proptest::collection::vec(0..60_i64, 1..12),
            checkpoints in proptest::collection::vec((0..20_u64, 0..2 * LATE), 0..4),
            near in any::<bool>(),
            quorum in any::<bool>(),
        ) {
            let count = count % granted.len() + 1;
            let times: Vec<Time> = times.into_iter().map(time).collect();
            let (mut windows, mut voidable) = (Windows::default(), VoidableGrants::default());
            let mut moments = Moments::default();
            for (number, grant) in granted.iter().enumerate() {
                windows.push(grant.window);
                voidable.granted(&windows, number as u64, grant.since);
                // Links also occur between grants that come after their chain's open link.
                if number + 1 >= count && voidable.are_among(count) {
                    times.iter().skip(number % 2).step_by(2).for_each(|time| voidable.note(*time, &mut moments));
                }
            }
            if voidable.are_among(count) {
                for time in &times {
                    voidable.note(*time, &mut moments);
                }
            }
            let last = granted.len() as u64;
            let mut attested = Attested::default();
            let mut sizes = checkpoints;
            sizes.sort_unstable();
            for (size, existed_by) in sizes {
                let existed_by = time(if near { existed_by % 60 } else { existed_by });
                attested.add(size, Times { existed_by, seen_at: existed_by });
            }
            let void = voidable.void(&windows, &attested);
            let found =
                void.is_some_and(|void| void.suspect(count, &moments, last, quorum.then_some(&attested)));
            prop_assert_eq!(found, reference_suspect(&granted[..count], &times, last, &attested, quorum));
        }
    }
}
