//! The check `log`: a log that the reader trusts signed the checkpoints.

use super::FindingCode::{LogOrigin, LogSignature, LogUnknown};
use super::finding::{Findings, Place};
use super::report::Check;
use super::summary::CheckpointEntry;
use crate::error::Quoted;
use crate::phrases::{self, say};

/// The checkpoints so far.
#[derive(Debug, Default)]
pub(super) struct LogCheck {
    items: u64,
    failed: u64,
    /// The last checkpoint, if no trusted log key signed it.
    unsigned: Option<Place>,
    any: bool,
}

impl LogCheck {
    pub(super) fn checkpoint(&mut self, checkpoint: &CheckpointEntry, place: Place, findings: &mut Findings) {
        self.any = true;
        self.unsigned = None;
        if let Some(origin) = &checkpoint.other_origin {
            self.items += 1;
            self.failed += 1;
            let log = Quoted(origin);
            findings.add(LogOrigin, place, say!("log.origin", "the checkpoint is of the log {log}", log));
        } else if let Some(valid) = checkpoint.log {
            self.items += 1;
            if !valid {
                self.failed += 1;
                let message = say!("log.signature", "the log's signature on the checkpoint is invalid");
                findings.add(LogSignature, place, message);
            }
        } else {
            self.unsigned = Some(place);
        }
    }

    /// True if no trusted log key signed the last checkpoint.
    pub(super) fn is_unknown(&self) -> bool {
        self.unsigned.is_some()
    }

    pub(super) fn check(&self, findings: &mut Findings) -> Check {
        if let Some(place) = self.unsigned {
            findings.add(LogUnknown, place, say!(phrases::LOG_UNKNOWN));
        }
        let none = (!self.any).then_some(phrases::REASON_NO_CHECKPOINT);
        let reason = none.or(self.unsigned.map(|_| phrases::LOG_UNKNOWN));
        Check::new(self.items, self.failed, reason)
    }
}
