//! Rejected clients. Anyone can send anything, so the log lines and metrics about them are bounded.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign::log::{RefusalKind, SubmissionError};
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use strum::{IntoStaticStr, VariantArray};

use crate::stopwatch::Stopwatch;

/// The minimum time between two log lines about the same reason.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a client was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The log knows neither the key nor the chain, or there is no such log.
    Unknown,
    /// The log knows the key, but the key may not write this entry, or did not sign it.
    Unsigned,
    /// The first line is not an entry, or the body's chunked encoding is malformed.
    Malformed,
    /// The body is too large, decompresses to too much, or is blank.
    TooLarge,
    /// The body arrived too slowly.
    Slow,
    /// The server had no memory left for the body.
    Memory,
    /// The client's address had too many connections or requests.
    Address,
    /// The server had too many connections.
    Connections,
}

impl Reason {
    /// Classifies the refusal of a submission without any admitted entry.
    pub(crate) fn from_refusal(refusal: &SubmissionError) -> Self {
        match refusal.kind {
            RefusalKind::Malformed => Self::Malformed,
            RefusalKind::TooLarge | RefusalKind::TooMany => Self::TooLarge,
            RefusalKind::Unauthorized
            | RefusalKind::Gap { .. }
            | RefusalKind::Fork(_)
            | RefusalKind::Early { .. } => Self::Unknown,
        }
    }

    /// Returns the name in metrics and logs.
    pub(crate) fn word(self) -> &'static str {
        self.into()
    }
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.word())
    }
}

/// A rate limiter for log lines about each reason.
#[derive(Default)]
pub(crate) struct ReportLimiter([Mutex<ReasonState>; Reason::VARIANTS.len()]);

/// The time of the last report, and the number of rejections since.
#[derive(Default)]
struct ReasonState {
    last: Option<Stopwatch>,
    since: u64,
}

impl ReportLimiter {
    /// Counts a rejection. Returns the number since the last report if a report is due.
    pub(crate) fn count(&self, reason: Reason) -> Option<u64> {
        let mut state = self.0[reason as usize].lock().unwrap_or_else(PoisonError::into_inner);
        state.since += 1;
        if state
            .last
            .as_ref()
            .is_some_and(|last| last.elapsed().is_none_or(|passed| passed < REPORT_INTERVAL))
        {
            return None;
        }
        state.last = Some(Stopwatch::start());
        Some(std::mem::take(&mut state.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_reported_once() {
        let limiter = ReportLimiter::default();
        assert_eq!(limiter.count(Reason::Unknown), Some(1));
        // A second may pass during the loop.
        let reports = (0..1_000).filter_map(|_| limiter.count(Reason::Unknown)).count();
        assert!(reports < 100, "{reports}");
        assert_eq!(limiter.count(Reason::Slow), Some(1));
    }
}
