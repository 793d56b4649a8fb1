//! Rejected clients: anybody can send anything, so what is logged and counted of them is bounded.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign::log::{Kind, SubmissionError};
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use strum::{IntoStaticStr, VariantArray};

use crate::metrics::Stopwatch;

/// How often it is told of one kind at most.
const SELDOM: Duration = Duration::from_secs(1);

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The log knows neither key nor chain.
    Unknown,
    /// The log knows the key, which may not write this and did not sign it.
    Unsigned,
    /// The first line is none that a log takes, or the body's chunks are none of HTTP's.
    Malformed,
    /// The body is too large, unpacks to too much, or is blank.
    TooLarge,
    /// The body came too slowly.
    Slow,
    /// There was no memory for the body.
    Memory,
    /// There were too many connections, or requests, from one address.
    Address,
    /// There were too many connections.
    Connections,
}

impl Reason {
    /// Why a submission was refused, of which nothing was admitted.
    pub(crate) fn of(refusal: &SubmissionError) -> Self {
        match refusal.kind {
            Kind::Malformed => Self::Malformed,
            Kind::TooLarge | Kind::TooMany => Self::TooLarge,
            Kind::Unauthorized | Kind::Gap { .. } | Kind::Fork(_) | Kind::Early { .. } => Self::Unknown,
        }
    }

    /// As metrics and logs name it.
    pub(crate) fn word(self) -> &'static str {
        self.into()
    }
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.word())
    }
}

/// Tells of each reason once in a while.
#[derive(Default)]
pub(crate) struct Seldom([Mutex<Told>; Reason::VARIANTS.len()]);

/// When it was told last, and how often it was so since.
#[derive(Default)]
struct Told {
    last: Option<Stopwatch>,
    since: u64,
}

impl Seldom {
    /// How often it was so since it was told last, where it is to be told now.
    pub(crate) fn tell(&self, reason: Reason) -> Option<u64> {
        let mut told = self.0[reason as usize].lock().unwrap_or_else(PoisonError::into_inner);
        told.since += 1;
        if told.last.as_ref().is_some_and(|last| last.elapsed().is_none_or(|passed| passed < SELDOM)) {
            return None;
        }
        told.last = Some(Stopwatch::start());
        Some(std::mem::take(&mut told.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_of_once() {
        let seldom = Seldom::default();
        assert_eq!(seldom.tell(Reason::Unknown), Some(1));
        // A second may pass on the way.
        let told = (0..1_000).filter_map(|_| seldom.tell(Reason::Unknown)).count();
        assert!(told < 100, "{told}");
        assert_eq!(seldom.tell(Reason::Slow), Some(1));
    }
}
