//! How far clocks may be apart (SPEC section 6): by one rule a log takes links, attaches cosignatures, and a verifier
//! finds that a link is of the future. So what a log accepts verifies.
//!
//! A link may be [`FUTURE`] later than what its checkpoint existed by. A log spends 2 minutes of that on emitters'
//! clocks ([`EMITTER`]) and 2 on its own, held against its witnesses' ([`WITNESS`]). The rest is room for cosignatures
//! being whole seconds and for a clock that is set meanwhile.

use crate::time::{DAY, Time};

/// How much later than a checkpoint existed by a link may be that it is the first to hold, in milliseconds
/// (`time.future`).
pub const FUTURE: i64 = 5 * MINUTE;
/// How far a link's time may be ahead of the clock of the log that takes it, in milliseconds.
pub const EMITTER: i64 = 2 * MINUTE;
/// How far a log's clock and a witness's may be apart, either way, in milliseconds.
pub const WITNESS: i64 = 2 * MINUTE;
/// How late a link may reach the log (`time.late`), and how long after its last window a key's links may be attested
/// (`key.late`), in milliseconds.
pub const LATE: i64 = DAY;
/// How long before a moment by which witnesses have to attest a link a log ceases to take it, in milliseconds: what its
/// clock and theirs may be apart, and time for them to answer.
pub const SETTLE: i64 = 5 * MINUTE;

const MINUTE: i64 = 60_000;
/// A cosignature's time is rounded down to whole seconds.
const ROUNDING: i64 = 1000;

const _: () = assert!(EMITTER + WITNESS + ROUNDING < FUTURE && WITNESS + ROUNDING < SETTLE);

/// Whether a link of that time is of the future of a checkpoint that existed by then.
pub fn is_future(link: Time, existed_by: Time) -> bool {
    after(link, existed_by) > FUTURE
}

/// For how many milliseconds a log whose clock shows `now` does not take a link of that time yet; none where it may be
/// taken.
pub fn early(link: Time, now: Time) -> Option<u64> {
    u64::try_from(after(link, now) - EMITTER).ok().filter(|millis| *millis > 0)
}

/// Whether a log's clock and a witness's agree. Both as they were at one moment.
pub fn agree(log: Time, witness: Time) -> bool {
    after(log, witness).abs() <= WITNESS
}

/// Whether it is too late, by the log's clock, to have a link attested before that moment.
pub fn is_too_late(now: Time, moment: i64) -> bool {
    now.millis().saturating_add(SETTLE) >= moment
}

/// By how many milliseconds one time is after another. Times are of the years 0000 to 9999: the difference never
/// overflows.
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
    fn each_limit_is_still_within() {
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
    fn the_first_and_the_last_moment_are_times_like_others() {
        assert!(is_future(Time::MAX, Time::MIN) && !is_future(Time::MIN, Time::MAX));
        assert!(early(Time::MAX, Time::MIN).is_some() && early(Time::MAX, Time::MAX).is_none());
        assert!(!agree(Time::MIN, Time::MAX) && agree(Time::MIN, Time::MIN));
        assert!(is_too_late(Time::MAX, i64::MAX - 1) == (Time::MAX.millis() + SETTLE >= i64::MAX - 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a log takes is not of the future of a witness whose clock agrees with the log's, whole seconds and
        /// all, as long as the log's clock is not set back by more than the room that is left.
        #[test]
        fn what_a_log_takes_verifies(
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
