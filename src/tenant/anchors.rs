//! The ticks with which every reader compares a tenant log (SPEC section 16.5).

use crate::integer;

/// The series of anchors: the distance between anchors, in ticks, and the number of newest anchors that count.
const SERIES: [(u64, u64); 3] = [(1 << 12, 24), (1 << 17, 32), (1 << 21, 256)];

/// True if the head of this tick is an anchor of later heads.
pub(super) const fn is_anchor(tick: u64) -> bool {
    (tick + 1).is_multiple_of(SERIES[0].0)
}

/// Returns the ticks whose heads are the anchors of a head at `tick`, in ascending order: at most 312.
///
/// ```
/// use countersign::tenant::required_anchors;
///
/// assert!(required_anchors(4095).is_empty());
/// assert_eq!(required_anchors(9000), [4095, 8191]);
/// ```
pub fn required_anchors(tick: u64) -> Vec<u64> {
    let mut anchors = Vec::new();
    let mut finer = SERIES.iter().rev().skip(1);
    for (distance, count) in SERIES.iter().rev() {
        // From the first anchor of the next series on, that one has all of these.
        let end =
            finer.next().map_or(u64::MAX, |(distance, count)| first(tick, *distance, *count) * distance);
        let multiples = first(tick, *distance, *count)..=last(tick, *distance);
        anchors.extend(multiples.map(|multiple| multiple * distance).take_while(|size| *size < end));
    }
    for size in &mut anchors {
        *size -= 1;
    }
    anchors
}

/// Returns the number of times that the root log's size was a multiple of `distance` before this tick.
fn last(tick: u64, distance: u64) -> u64 {
    tick.min(integer::MAX) / distance
}

/// Returns the first of the newest `count` multiples of `distance`.
fn first(tick: u64, distance: u64, count: u64) -> u64 {
    (last(tick, distance) + 1).saturating_sub(count).max(1)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::collections::BTreeSet;

    use super::*;

    /// Returns the anchors of SPEC section 16.5, selected from all ticks below the head's.
    fn anchors_by_definition(tick: u64) -> Vec<u64> {
        let newest = |distance: u64, count: usize| {
            let ticks = (1_u64..).map(|multiple| multiple * distance - 1);
            let all: Vec<u64> = ticks.take_while(|anchor| *anchor < tick).collect();
            all[all.len().saturating_sub(count)..].to_vec()
        };
        let all = [newest(1 << 12, 24), newest(1 << 17, 32), newest(1 << 21, 256)].concat();
        all.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }

    #[test]
    fn anchors_match_their_definition() {
        let ticks = [
            0,
            4095,
            4096,
            24 << 12,
            25 << 12,
            (33 << 17) + 5,
            257 << 21,
            (300 << 21) - 1,
            (300 << 21) + 12_345,
        ];
        for tick in ticks {
            assert_eq!(required_anchors(tick), anchors_by_definition(tick), "{tick}");
        }
    }

    #[test]
    fn anchors_are_at_fixed_ticks_before_the_head() {
        assert!(required_anchors(0).is_empty() && required_anchors(4095).is_empty());
        assert_eq!(required_anchors(4096), [4095]);
        let anchors = required_anchors(1 << 18);
        // Those of the first series are the newest 24; the older one is of the second series.
        assert_eq!((anchors.len(), anchors[0], anchors[1]), (25, (1 << 17) - 1, (1 << 18) - 23 * 4096 - 1));
        for tick in [1 << 22, (1 << 30) + 12_345, integer::MAX] {
            let anchors = required_anchors(tick);
            assert!(anchors.len() <= 24 + 32 + 256 && anchors.is_sorted());
            assert!(anchors.iter().all(|anchor| *anchor < tick && is_anchor(*anchor)));
        }
    }
}
