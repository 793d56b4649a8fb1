//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::time::Time;
use countersign_diagnostic::Diagnostic;

/// Returns what the system's clock shows.
///
/// # Errors
/// If that is before 1970 or after the year 9999.
pub fn now() -> Result<Time, Diagnostic> {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_millis());
    millis.and_then(|millis| Time::from_millis(i64::try_from(millis).ok()?)).ok_or_else(|| {
        Diagnostic::new("time.invalid", "the system's clock is out of bounds", "set the clock")
    })
}
