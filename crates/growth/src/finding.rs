//! Findings about the growth of tenant logs.

use std::fmt;

use countersign::checkpoint::SignedCheckpoint;
use countersign::tenant::{Anchor, Head, HeadProof};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal Error $hint:literal;)+) => {
        /// The kind of a finding. All are errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GrowthCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl GrowthCode {
            /// Returns the stable code.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Returns what to do about the finding.
            pub const fn hint(self) -> &'static str {
                match self {
                    $(Self::$name => $hint,)+
                }
            }
        }
    };
}

codes! {
    /// Entries of a tenant log were rewritten between two ticks.
    Rewritten "growth.rewritten" Error
        "keep the heads as evidence, and ask the log operator: entries of this tenant's log were changed or removed after they were signed";
    /// A tenant log has fewer entries than at an earlier tick.
    Shortened "growth.shortened" Error
        "keep the heads as evidence, and ask the log operator: this tenant's log was truncated, or restored from a backup";
    /// A tenant log that ended or moved is live again, or grew.
    Reopened "growth.reopened" Error
        "keep the heads as evidence, and ask the log operator: a log that ended or moved must not change";
    /// A tenant log is missing at a tick, although it hadn't ended, or had ended too recently.
    Dropped "growth.dropped" Error
        "keep the head as evidence, and ask the log operator: a tenant's log must not disappear before it has ended";
    /// A signed directory isn't that of the heads that the log server shows.
    Directory "growth.directory" Error
        "keep the checkpoint as evidence, and ask the log operator: the log server shows other heads here than those it signed";
}

/// A problem of a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthFinding {
    /// The kind.
    pub code: GrowthCode,
    /// The tick.
    pub tick: u64,
    /// The message.
    pub message: String,
    /// The head of the tenant log that was checked last, if the finding is about one.
    pub before: Option<Head>,
    /// The head that contradicts it.
    pub after: Option<Head>,
    /// The proof of `before` in its tick's directory, if that tick's secret is still in memory.
    pub proof_before: Option<Anchor>,
    /// The proof of `after` in the tick's directory.
    pub proof_after: Option<Anchor>,
}

impl GrowthFinding {
    pub(crate) fn new(code: GrowthCode, tick: u64, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, tick, message, before: None, after: None, proof_before: None, proof_after: None }
    }

    /// True if the root log's key signed the contradicting head: the tick's directory contains it, and is the last entry
    /// of this checkpoint.
    pub fn is_signed(&self, checkpoint: &SignedCheckpoint) -> bool {
        self.proof_after.as_ref().is_some_and(|anchor| head_proof(anchor, Some(checkpoint)).is_some())
    }

    /// Returns the evidence: a head proof for each head that its checkpoint proves, and other heads alone. `before` is the
    /// checkpoint that was checked last, and `after` the one that is checked now, which is part of the evidence too if it
    /// doesn't prove the head that contradicts.
    pub fn evidence(&self, before: Option<&SignedCheckpoint>, after: &SignedCheckpoint) -> Vec<String> {
        let one = |head: &Option<Head>, proof: &Option<Anchor>, checkpoint: Option<&SignedCheckpoint>| {
            let proof = proof.as_ref().and_then(|anchor| head_proof(anchor, checkpoint));
            proof.map(|proof| proof.to_string()).or_else(|| head.as_ref().map(describe))
        };
        let mut evidence = Vec::new();
        evidence.extend(one(&self.before, &self.proof_before, before));
        evidence.extend(one(&self.after, &self.proof_after, Some(after)));
        if !self.is_signed(after) {
            evidence.push(after.to_string());
        }
        evidence
    }
}

/// Returns the head proof that ends in the checkpoint, if the checkpoint proves the head.
fn head_proof(anchor: &Anchor, checkpoint: Option<&SignedCheckpoint>) -> Option<HeadProof> {
    let proof = HeadProof { anchor: anchor.clone(), checkpoint: checkpoint?.clone() };
    proof.check().is_ok().then_some(proof)
}

/// Describes a head that no available checkpoint proves.
fn describe(head: &Head) -> String {
    let Head { origin, size, root, state } = head;
    format!("{origin}\n{size}\n{root}\n{}\n", state.as_str())
}

impl fmt::Display for GrowthFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}
