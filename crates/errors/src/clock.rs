//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::time::Time;

use crate::EngineError;

/// Returns the current time by the system's clock.
///
/// # Errors
/// If the clock shows a time before 1970 or after the year 9999.
pub fn now() -> Result<Time, EngineError> {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_millis());
    millis.and_then(|millis| Time::from_millis(i64::try_from(millis).ok()?)).ok_or_else(|| {
        EngineError::new(
            "time.invalid",
            "the system's clock is outside the years 1970 to 9999",
            "correct the system's clock",
        )
    })
}
