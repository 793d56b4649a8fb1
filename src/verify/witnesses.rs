//! The check `witnesses`: the witnesses that the reader requires cosigned the last checkpoint.

use super::FindingCode::{WitnessQuorum, WitnessSignature};
use super::finding::{Findings, Place};
use super::report::Check;
use super::summary::CheckpointEntry;
use crate::phrases::{self, say};
use crate::trust::Trust;

/// The checkpoints so far.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    failed: u64,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    place: Place,
    invalid: bool,
    /// The names of witnesses in the trust file that did not cosign.
    missing: String,
    quorum_met: bool,
}

impl Witnesses {
    pub(super) fn checkpoint(
        &mut self,
        checkpoint: &CheckpointEntry,
        place: Place,
        trust: &Trust,
        findings: &mut Findings,
    ) {
        let invalid = checkpoint.bad_cosignature;
        if invalid {
            let message = say!("witness.signature", "a cosignature of a trusted witness is invalid");
            findings.add(WitnessSignature, place, message);
        }
        if let Some(before) = self.last.take() {
            self.failed += u64::from(before.invalid);
        }
        let cosigned = |witness| checkpoint.cosignatures.iter().any(|(by, _)| *by == witness);
        let quorum_met = checkpoint.other_origin.is_none() && trust.quorum_met(&cosigned);
        let mut missing = String::new();
        for (witness, key) in trust.witnesses().enumerate() {
            if !cosigned(witness) {
                if !missing.is_empty() {
                    missing.push_str(", ");
                }
                missing.push_str(key.name());
            }
        }
        self.last = Some(Last { place, invalid, missing, quorum_met });
    }

    pub(super) fn check(&self, trust: &Trust, findings: &mut Findings) -> Check {
        let (mut items, mut failed) = (self.failed, self.failed);
        let no_quorum = !trust.has_quorum();
        if let Some(last) = &self.last {
            items += u64::from(!no_quorum || last.invalid);
            failed += u64::from(last.invalid || (!no_quorum && !last.quorum_met));
            if !no_quorum && !last.quorum_met {
                let (number, names) = (trust.witnesses().len(), last.missing.as_str());
                let message = say!(
                    "witness.quorum",
                    "too few of your {number} witnesses cosigned the last checkpoint; missing: {names}",
                    number,
                    names
                );
                findings.add(WitnessQuorum, last.place, message);
            }
        }
        let not_required = no_quorum.then_some(phrases::REASON_NO_WITNESSES);
        let reason = not_required.or(self.last.is_none().then_some(phrases::REASON_NO_CHECKPOINT));
        Check::new(items, failed, reason)
    }
}
