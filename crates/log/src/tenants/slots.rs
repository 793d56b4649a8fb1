//! Slots of tenant logs in a directory, and IDs of new tenants (SPEC sections 16.1 and 16.2).

use countersign::tenant::MAX_DEPTH;

use super::error::CreationError;
use super::tenant::TenantId;
use crate::own_chain::Random;
use crate::store::StoreError;
use crate::submission::SubmitError;

/// Maximum number of IDs drawn for one tenant. If 7 of 8 slots are used, the probability that all are taken is below
/// 2^-192, so more draws only mean that the random source repeats itself.
const MAX_DRAWS: usize = 1000;

/// Returns the slot of the tenant log with this ID: the first `depth` bits of the ID, at most 32.
pub fn slot_of(id: &TenantId, depth: u8) -> u32 {
    let [a, b, c, d, ..] = *id;
    u32::from_be_bytes([a, b, c, d]).checked_shr(32 - u32::from(depth.min(32))).unwrap_or(0)
}

/// True if `count` tenant logs use more than 7 of 8 slots, so that the directory needs a greater depth.
const fn is_crowded(count: u64, depth: u8) -> bool {
    count.saturating_mul(8) > 7 << depth
}

/// Returns the depth that a directory of `count` tenant logs needs: `depth`, or the least greater one at which it isn't
/// crowded, at most [`MAX_DEPTH`].
///
/// For a new tenant, pass the number of tenant logs with the new one.
pub fn required_depth(count: u64, depth: u8) -> u8 {
    (depth..MAX_DEPTH).find(|depth| !is_crowded(count, *depth)).unwrap_or(MAX_DEPTH)
}

/// Draws the ID of a new tenant: the first one whose slot isn't taken at this depth.
///
/// # Errors
/// [`CreationError::Random`] if the random source fails, or returns only IDs of taken slots; the error of `is_taken`.
pub fn draw_id(
    random: &mut Random,
    is_taken: impl Fn(u32) -> Result<bool, StoreError>,
    depth: u8,
) -> Result<TenantId, CreationError> {
    for _ in 0..MAX_DRAWS {
        let id = random().map_err(CreationError::Random)?;
        if !is_taken(slot_of(&id, depth))? {
            return Ok(id);
        }
    }
    let message = format!("no slot is free after {MAX_DRAWS} random tenant IDs");
    Err(CreationError::Random(SubmitError::Unavailable(message.into())))
}

#[cfg(test)]
mod tests {
    use countersign::tenant::{MIN_DEPTH, TenantOrigin};
    use proptest::prelude::*;

    use super::*;

    fn sequence(first_bytes: &'static [u8]) -> Random {
        let mut first_bytes = first_bytes.iter().cycle();
        Box::new(move || {
            let mut id = [1; 16];
            id[0] = *first_bytes.next().expect("a cycle doesn't end");
            Ok(id)
        })
    }

    proptest! {
        #[test]
        fn slots_are_those_of_origins(id: TenantId, depth in MIN_DEPTH..=MAX_DEPTH) {
            let origin = TenantOrigin::new("log.example", id).expect("an origin");
            prop_assert_eq!(slot_of(&id, depth), origin.slot(depth));
        }
    }

    #[test]
    fn the_depth_grows_before_more_than_7_of_8_slots_are_used() {
        assert!(!is_crowded(224, 8) && is_crowded(225, 8));
        assert_eq!(
            [0, 224, 225, 448, 449, 896, 897].map(|count| required_depth(count, 8)),
            [8, 8, 9, 9, 10, 10, 11]
        );
        assert_eq!(required_depth(5, 10), 10);
        assert_eq!(required_depth(u64::MAX, 8), MAX_DEPTH);
        assert_eq!(required_depth(100_000, 10), 17);
    }

    #[test]
    fn an_id_is_drawn_until_its_slot_is_free() {
        let is_taken = |slot| Ok(slot != 0x30);
        let id = draw_id(&mut sequence(&[0x10, 0x20, 0x30, 0x40]), is_taken, 8).unwrap();
        assert_eq!(slot_of(&id, 8), 0x30);
        assert!(matches!(draw_id(&mut sequence(&[0x10]), is_taken, 8), Err(CreationError::Random(_))));
        let fails = |_| Err(StoreError::unavailable("reading", "no database"));
        assert!(matches!(draw_id(&mut sequence(&[0x10]), fails, 8), Err(CreationError::Store(_))));
    }
}
