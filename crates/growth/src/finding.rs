//! Findings about the growth of tenant logs.

use std::fmt;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::tenant::{Anchor, Head, HeadError, HeadProof};
use countersign::verify::Severity;
use countersign_log::tenants::tenant::TenantId;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $severity:ident $hint:literal;)+) => {
        /// The kind of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GrowthCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl GrowthCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the stable code.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Returns the severity. Only errors keep a witness from cosigning later ticks.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)+
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
    /// Entries of a tenant log were rewritten between two ticks, or the log server can't prove the contrary.
    Rewritten "growth.rewritten" Error
        "keep the heads as evidence, and ask the log operator: entries of this tenant's log were changed or removed after they were signed";
    /// A tenant log has fewer entries than at an earlier tick.
    Shortened "growth.shortened" Error
        "keep the heads as evidence, and ask the log operator: this tenant's log was truncated, or restored from a backup";
    /// A tenant log that ended or moved is live again, or grew, or is back after its slot was freed.
    Reopened "growth.reopened" Error
        "keep the heads as evidence, and ask the log operator: a log that ended or moved must not change, and its ID must not be used again";
    /// A tenant log is missing at a tick, although it hadn't ended, or had ended too recently.
    Dropped "growth.dropped" Error
        "keep the head as evidence, and ask the log operator: a tenant's log must not disappear before it has ended";
    /// A signed directory isn't that of the heads that the log server shows.
    Directory "growth.directory" Error
        "keep the checkpoint as evidence, and ask the log operator: the log server shows other heads here than those it signed";
    /// Two signed checkpoints of the root log contradict each other.
    Split "growth.split" Error
        "keep both checkpoints as evidence, and publish them: the root log's key signed two histories";
    /// The log server can't prove at present that a tenant log only grew.
    Unproven "growth.unproven" Warning
        "ask the log operator to repair this tenant's log: until the log server proves its growth, no tick is cosigned";
    /// Ticks were not checked, or not completely.
    Skipped "growth.skipped" Warning
        "keep the monitor running: a change that was made and undone within these ticks isn't noticed";
    /// The log server's ticks can't be read.
    Unread "growth.unread" Warning
        "check the URL, the token, and that the log server runs: nothing was checked";
    /// The witness has checked its first tick.
    Began "growth.began" Info
        "publish this tick: readers write it in the `growth` line of their trust files";
}

impl GrowthCode {
    /// Returns the code with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// A claim that settles a finding if the log server proves it later. A finding without one rests on signatures alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recheck {
    /// The root log of this size, as the log server shows it, has this root.
    Root {
        /// The number of ticks.
        size: u64,
        /// The root hash of a signed checkpoint.
        root: Hash,
    },
    /// The entries of a head are the first entries of a later one.
    Growth {
        /// The tenant log.
        id: TenantId,
        /// The size and the root hash of the earlier head.
        before: (u64, Hash),
        /// The size and the root hash of the later head.
        after: (u64, Hash),
    },
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
    /// The last head of the tenant log that passed, if the finding is about one.
    pub before: Option<Head>,
    /// The head that contradicts it.
    pub after: Option<Head>,
    /// The proof of `before` in its tick's directory, if that tick's secret is still in memory.
    pub proof_before: Option<Anchor>,
    /// The proof of `after` in the tick's directory.
    pub proof_after: Option<Anchor>,
    /// The claim that settles it.
    pub recheck: Option<Recheck>,
}

impl GrowthFinding {
    pub(crate) fn new(code: GrowthCode, tick: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            tick,
            message: message.into(),
            before: None,
            after: None,
            proof_before: None,
            proof_after: None,
            recheck: None,
        }
    }

    /// Creates the finding that a signed checkpoint doesn't end with the directory of the heads shown at its last tick.
    pub fn directory(checkpoint: &SignedCheckpoint, message: impl Into<String>) -> Self {
        let (size, root) = (checkpoint.checkpoint.size, checkpoint.checkpoint.root);
        let recheck = Some(Recheck::Root { size, root });
        Self { recheck, ..Self::new(GrowthCode::Directory, size.saturating_sub(1), message) }
    }

    /// Creates the finding that two signed checkpoints contradict each other, of which `size` is the smaller size.
    pub fn split(size: u64) -> Self {
        let message = format!("two signed checkpoints have different root hashes of the first {size} ticks");
        Self::new(GrowthCode::Split, size.saturating_sub(1), message)
    }

    /// Returns the evidence: a head proof for each head that a checkpoint contains, perhaps in an earlier directory than its
    /// last one, and other heads alone. `before` is the checkpoint that was checked last, and `after` the one that is checked
    /// now, which is part of the evidence too unless a head proof contains it.
    pub fn evidence(&self, before: Option<&SignedCheckpoint>, after: &SignedCheckpoint) -> Vec<String> {
        let mut evidence = Vec::new();
        let mut has_checkpoint = false;
        for (head, anchor) in [(&self.before, &self.proof_before), (&self.after, &self.proof_after)] {
            let prove_with = |checkpoint: &SignedCheckpoint| head_proof(anchor.as_ref()?, checkpoint);
            if let Some(proof) = prove_with(after) {
                has_checkpoint = true;
                evidence.push(proof.to_string());
            } else if let Some(proof) = before.and_then(prove_with) {
                evidence.push(proof.to_string());
            } else {
                evidence.extend(head.as_ref().map(describe));
            }
        }
        if self.code == GrowthCode::Split {
            evidence.extend(before.map(ToString::to_string));
        }
        if !has_checkpoint {
            evidence.push(after.to_string());
        }
        evidence
    }
}

/// Returns the head proof that ends in the checkpoint, if the checkpoint contains the head.
fn head_proof(anchor: &Anchor, checkpoint: &SignedCheckpoint) -> Option<HeadProof> {
    let proof = HeadProof { anchor: anchor.clone(), checkpoint: checkpoint.clone() };
    matches!(proof.check(), Ok(()) | Err(HeadError::NotLast)).then_some(proof)
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
