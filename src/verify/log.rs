//! The check `log`: a log that the reader trusts signed the checkpoints.

use super::FindingCode::{LogOrigin, LogSignature, LogUnknown, LogUnnamed};
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
    /// True if the last head is an item that passed.
    is_last_head_valid: bool,
    any: bool,
}

impl LogCheck {
    /// Processes a checkpoint, or a head without an error.
    pub(super) fn checkpoint(&mut self, checkpoint: &CheckpointEntry, place: Place, findings: &mut Findings) {
        self.any = true;
        self.unsigned = None;
        if checkpoint.head.is_some() {
            self.is_last_head_valid = checkpoint.log == Some(true);
        }
        if let Some(origin) = &checkpoint.other_origin {
            self.failed_item();
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

    /// Processes a head with an error.
    pub(super) fn failed_head(&mut self) {
        self.any = true;
        (self.unsigned, self.is_last_head_valid) = (None, false);
        self.failed_item();
    }

    /// Counts a failed item: a head or an anchor with an error, or a checkpoint of another log.
    pub(super) fn failed_item(&mut self) {
        self.items += 1;
        self.failed += 1;
    }

    /// True if no trusted log key signed the last checkpoint.
    pub(super) fn is_unknown(&self) -> bool {
        self.unsigned.is_some()
    }

    /// Runs the check. `unnamed` is the place of the last head if the export is of a tenant log and the reader named
    /// no expected log.
    pub(super) fn check(&self, unnamed: Option<Place>, findings: &mut Findings) -> Check {
        if let Some(place) = self.unsigned {
            findings.add(LogUnknown, place, say!(phrases::LOG_UNKNOWN));
        }
        if let Some(place) = unnamed {
            findings.add(LogUnnamed, place, say!(phrases::LOG_UNNAMED));
        }
        let none = (!self.any).then_some(phrases::REASON_NO_CHECKPOINT);
        let reason = none.or(self.unsigned.map(|_| phrases::LOG_UNKNOWN));
        let reason = reason.or(unnamed.map(|_| phrases::LOG_UNNAMED));
        let without_answer = unnamed.is_some() && self.is_last_head_valid;
        Check::new(self.items - u64::from(without_answer), self.failed, reason)
    }
}
