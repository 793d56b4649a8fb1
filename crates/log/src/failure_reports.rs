//! Log lines about failures. A failure repeats with every request and every tick, so each cause gets one line a minute,
//! which counts the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::part::Part;
use crate::stopwatch::Stopwatch;

/// The minimum time between two log lines about the same cause.
const REPORT_INTERVAL: Duration = Duration::from_mins(1);
/// The maximum number of causes that are counted separately.
const MAX_CAUSES: usize = 64;

/// The cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureCause {
    /// The operations that fail, such as `requests`.
    pub what: &'static str,
    /// The code of the error.
    pub code: String,
    /// The part that failed.
    pub part: Part,
}

impl FailureCause {
    /// Counts the causes that are too many to be counted separately.
    fn other() -> Self {
        Self { what: "other", code: String::new(), part: Part::Server }
    }
}

/// A rate limiter for log lines about failures.
pub struct FailureReports {
    started: Stopwatch,
    causes: Mutex<BTreeMap<FailureCause, CauseState>>,
}

/// The time of the last line, and the number of failures since.
#[derive(Default)]
struct CauseState {
    last: Option<Duration>,
    since: u64,
}

impl CauseState {
    fn is_due(&self, now: Duration) -> bool {
        self.last.is_none_or(|last| now.saturating_sub(last) >= REPORT_INTERVAL)
    }
}

impl Default for FailureReports {
    fn default() -> Self {
        Self { started: Stopwatch::start(), causes: Mutex::default() }
    }
}

impl FailureReports {
    /// Counts a failure. Returns the number of failures since the last line, with this one, if a line is due. Without a
    /// monotonic clock (in WebAssembly), each failure gets a line.
    pub fn count(&self, cause: FailureCause) -> Option<u64> {
        self.started.elapsed().map_or(Some(1), |now| self.count_at(cause, now))
    }

    fn count_at(&self, cause: FailureCause, now: Duration) -> Option<u64> {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        if !causes.contains_key(&cause) && causes.len() >= MAX_CAUSES {
            causes.retain(|_, state| !state.is_due(now));
        }
        let is_full = !causes.contains_key(&cause) && causes.len() >= MAX_CAUSES;
        let state = causes.entry(if is_full { FailureCause::other() } else { cause }).or_default();
        state.since += 1;
        if !state.is_due(now) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(code: &str) -> FailureCause {
        FailureCause { what: "requests", code: code.to_owned(), part: Part::Disk }
    }

    #[test]
    fn each_cause_gets_one_line_a_minute() {
        let reports = FailureReports::default();
        let mut lines = Vec::new();
        // Two causes fail ten times a second, for 100 seconds.
        for failure in 0..1_000 {
            let now = Duration::from_millis(failure * 100);
            for code in ["server.unavailable", "log.rollback"] {
                lines.extend(reports.count_at(cause(code), now).map(|times| (code, times)));
            }
        }
        let expected = [
            ("server.unavailable", 1),
            ("log.rollback", 1),
            ("server.unavailable", 600),
            ("log.rollback", 600),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn number_of_causes_is_bounded() {
        let reports = FailureReports::default();
        let count = |second: u64| {
            let lines = |number: u64| {
                reports.count_at(cause(&number.to_string()), Duration::from_secs(second)).is_some()
            };
            (0..10_000).filter(|number| lines(*number)).count()
        };
        assert_eq!(count(0), MAX_CAUSES + 1, "the others share a line");
        assert_eq!(count(59), 0);
        assert!(count(60) <= MAX_CAUSES + 1);
        assert!(reports.causes.lock().unwrap().len() <= MAX_CAUSES + 1);
    }
}
