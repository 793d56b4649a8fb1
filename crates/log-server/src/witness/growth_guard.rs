//! Lets a witness cosign only what a growth witness has checked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::checkpoint::SignedCheckpoint;

use super::growth::{GrowthError, GrowthFollower};
use super::growth_report::GrowthReport;
use super::{CheckpointGuard, GuardRefusal};

/// Lets a witness cosign only what a [`GrowthFollower`] has checked.
pub struct GrowthGuard {
    follower: Mutex<GrowthFollower>,
    wait: Duration,
    report: Box<dyn Fn(&GrowthReport) + Send + Sync>,
    has_findings: Arc<AtomicBool>,
}

impl GrowthGuard {
    /// Creates the guard. It waits for a tick's data for at most `wait`, and calls `report` for each report.
    pub fn new(
        follower: GrowthFollower,
        wait: Duration,
        report: impl Fn(&GrowthReport) + Send + Sync + 'static,
    ) -> Self {
        let has_findings = Arc::new(AtomicBool::new(!follower.open_findings().is_empty()));
        Self { follower: Mutex::new(follower), wait, report: Box::new(report), has_findings }
    }

    /// Returns a flag that is true while there are open findings.
    pub fn has_findings(&self) -> Arc<AtomicBool> {
        self.has_findings.clone()
    }
}

impl CheckpointGuard for GrowthGuard {
    fn check(&self, checkpoint: &SignedCheckpoint) -> Result<(), GuardRefusal> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = follower.catch_up(checkpoint, self.wait);
        follower.take_reports().iter().for_each(|report| (self.report)(report));
        self.has_findings.store(!follower.open_findings().is_empty(), Ordering::Relaxed);
        checked.map_err(|error| match error {
            GrowthError::Found(report) => GuardRefusal { status: 403, message: report.to_string() },
            GrowthError::Unavailable(_) | GrowthError::Unchecked(_) => {
                GuardRefusal { status: 503, message: format!("growth.unread: {error}") }
            }
            GrowthError::Unproven(_) => {
                GuardRefusal { status: 503, message: format!("growth.unproven: {error}") }
            }
            GrowthError::Memory(error) => {
                tracing::error!(%error, "the state of the growth witness can't be written");
                GuardRefusal { status: 503, message: "the witness failed with an internal error".to_owned() }
            }
        })
    }
}
