//! Allowed clock differences (SPEC section 6). Logs use them to accept links and cosignatures, and verifiers to
//! detect links from the future, so everything that a log accepts also verifies.
//!
//! A link may be dated up to [`FUTURE`] after the time by which its checkpoint existed. A log spends 2
//! minutes of that on emitters' clocks ([`EMITTER`]) and 2 on the difference between its own clock and its
//! witnesses' ([`WITNESS`]). The rest covers the rounding of cosignatures to whole seconds and clock
//! adjustments in between.

use crate::time::{DAY, Time};

/// Maximum time, in milliseconds, by which a link may be dated after the time by which its first checkpoint
/// existed (`time.future`).
pub const FUTURE: i64 = 5 * MINUTE;
/// Maximum time, in milliseconds, by which a link may be ahead of the clock of the log that accepts it.
pub const EMITTER: i64 = 2 * MINUTE;
/// Maximum difference between a log's clock and a witness's in either direction, in milliseconds.
pub const WITNESS: i64 = 2 * MINUTE;
/// Maximum delay until a link reaches the log (`time.late`), and until a key's links are attested after its last
/// window (`key.late`), in milliseconds.
pub const LATE: i64 = DAY;
/// Margin before the deadline by which witnesses must attest a link, in milliseconds. A log stops accepting
/// such links this long before the deadline, to allow for clock differences and for the witnesses' response
/// time.
pub const SETTLE: i64 = 5 * MINUTE;

const MINUTE: i64 = 60_000;
/// Cosignature times are rounded down to whole seconds.
const ROUNDING: i64 = 1000;

const _: () = assert!(EMITTER + WITNESS + ROUNDING < FUTURE && WITNESS + ROUNDING < SETTLE);

/// True if a link is dated too long after `existed_by`, the time by which its checkpoint existed.
pub fn is_future(link: Time, existed_by: Time) -> bool {
    after(link, existed_by) > FUTURE
}

/// Returns the milliseconds until a log whose clock shows `now` accepts a link of that time, or `None` if it accepts
/// it already.
pub fn early(link: Time, now: Time) -> Option<u64> {
    u64::try_from(after(link, now) - EMITTER).ok().filter(|millis| *millis > 0)
}

/// True if a log's clock and a witness's agree. The times are what both clocks show at the same moment.
pub fn agree(log: Time, witness: Time) -> bool {
    after(log, witness).abs() <= WITNESS
}

/// True if, by the log's clock, a link can no longer be attested before `moment` (milliseconds since the epoch).
pub fn is_too_late(now: Time, moment: i64) -> bool {
    now.millis().saturating_add(SETTLE) >= moment
}

/// Returns `time - other` in milliseconds. Cannot overflow: times are in the years 0000 to 9999.
const fn after(time: Time, other: Time) -> i64 {
    time.millis() - other.millis()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;

    use super::*;

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).expect("a year from 0000 to 9999")
    }

    #[test]
    fn limits_are_inclusive() {
        let now = time(1_000_000_000_000);
        let at = |millis| time(now.millis() + millis);
        assert_eq!([FUTURE, FUTURE + 1].map(|ahead| is_future(at(ahead), now)), [false, true]);
        let earlies = [-DAY, 0, EMITTER, EMITTER + 1, EMITTER + 90_000].map(|ahead| early(at(ahead), now));
        assert_eq!(earlies, [None, None, None, Some(1), Some(90_000)]);
        let apart = [-WITNESS - 1, -WITNESS, 0, WITNESS, WITNESS + 1].map(|apart| agree(at(apart), now));
        assert_eq!(apart, [false, true, true, true, false]);
        let moments = [SETTLE + 1, SETTLE, 0, -DAY].map(|left| is_too_late(now, now.millis() + left));
        assert_eq!(moments, [false, true, true, true]);
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        assert!(is_future(Time::MAX, Time::MIN) && !is_future(Time::MIN, Time::MAX));
        assert!(early(Time::MAX, Time::MIN).is_some() && early(Time::MAX, Time::MAX).is_none());
        assert!(!agree(Time::MIN, Time::MAX) && agree(Time::MIN, Time::MIN));
        assert!(is_too_late(Time::MAX, i64::MAX - 1) == (Time::MAX.millis() + SETTLE >= i64::MAX - 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A link that a log accepts is never too far in the future for a witness whose clock agrees with the
        /// log's, even with rounding to whole seconds and with the log's clock set back by the remaining
        /// margin.
        #[test]
        fn accepted_links_verify(
            now in 0..253_402_300_000_000_i64,
            ahead in -DAY..EMITTER + 10_000,
            apart in -WITNESS - 10_000..WITNESS + 10_000,
            until in -50_000..DAY,
        ) {
            let (taken, cosigned) = (time(now), time(now + until));
            let link = time((now + ahead).max(0));
            let witness = Time::from_seconds((cosigned.millis() + apart).max(0).cast_unsigned() / 1000).unwrap();
            if early(link, taken).is_none() && agree(cosigned, witness) {
                prop_assert!(!is_future(link, witness));
            }
        }
    }
}
