//! The metrics of a mirror, in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::error::MirrorError;
use crate::log_copy::MirrorStatus;
use crate::pull::PullOutcome;

/// The results of pulls.
#[derive(Default)]
pub struct PullMetrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    complete: u64,
    failed: u64,
    /// The code of the last failure, until a pull succeeds.
    failure: Option<String>,
}

impl PullMetrics {
    /// Counts a pull.
    pub fn count(&self, result: &Result<PullOutcome, MirrorError>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(PullOutcome::Complete { .. }) => {
                counts.complete += 1;
                counts.failure = None;
            }
            Ok(PullOutcome::Stopped) => {}
            Err(error) => {
                counts.failed += 1;
                counts.failure = Some(error.code().to_owned());
            }
        }
    }

    /// Returns the metrics as text.
    pub(crate) fn write(&self, status: MirrorStatus) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing to a string does not fail.
            let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        let published = status.published.unwrap_or(0);
        metric("countersign_mirror_size", "gauge", "Entries up to the published checkpoint", published);
        metric(
            "countersign_mirror_next_entry",
            "gauge",
            "Index of the first entry that is not stored",
            status.next,
        );
        metric(
            "countersign_mirror_pending_size",
            "gauge",
            "Entries up to the newest accepted checkpoint",
            status.pending,
        );
        metric(
            "countersign_mirror_forked",
            "gauge",
            "1 if the log showed two histories",
            status.is_forked.into(),
        );
        metric("countersign_mirror_pulls_total", "counter", "Complete pulls", counts.complete);
        metric("countersign_mirror_pull_failures_total", "counter", "Failed pulls", counts.failed);
        if let Some(code) = &counts.failure {
            let name = "countersign_mirror_pull_failure";
            let help = "The reason why the last pull failed";
            let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name}{{code=\"{code}\"}} 1\n");
        }
        text
    }
}
