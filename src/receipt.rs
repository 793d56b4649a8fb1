//! Receipts in any of their forms: proofs that an entry is in a log, for offline verification.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::merkle::leaf_hash;
//! use countersign::note::SignerKey;
//! use countersign::proof::Proof;
//! use countersign::receipt::AnyReceipt;
//! use countersign::trust::Trust;
//!
//! let log = SignerKey::from_seed("log.example/audit", [1; 32])?;
//! let checkpoint = Checkpoint::new("log.example/audit", 1, leaf_hash(b"entry"))?.sign(&log)?;
//! let checkpoint = SignedCheckpoint::parse(&checkpoint)?;
//! let receipt = Proof { extra: None, index: 0, hashes: vec![], checkpoint }.to_string();
//!
//! let trust = Trust::default().with_log(log.verifier_key().clone())?;
//! let receipt = AnyReceipt::parse(receipt.as_bytes())?;
//! assert!(receipt.judge(b"entry", None, &trust).is_ok());
//! assert!(receipt.judge(b"another entry", None, &trust).is_err());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

use crate::cose;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::proof::Proof;
use crate::tenant;
use crate::trust::Trust;
use crate::verdict::Verdict;

/// A receipt in any of its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyReceipt {
    /// A C2SP tlog-proof.
    Log(Proof),
    /// The receipt of a tenant log (SPEC section 16.8).
    TenantLog(tenant::Receipt),
    /// A COSE receipt (SPEC section 18).
    Cose(cose::Receipt),
}

impl AnyReceipt {
    /// Parses a receipt. Verifies nothing.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if it has none of the forms; those of each form's parser.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if cose::Receipt::is_receipt(bytes) {
            return cose::Receipt::parse(bytes).map(Self::Cose);
        }
        let text = core::str::from_utf8(bytes)
            .map_err(|_| Error::new(Code::Proof, "the receipt is not UTF-8 text"))?;
        if tenant::Receipt::is_receipt(text) {
            return tenant::Receipt::parse(text).map(Self::TenantLog);
        }
        Proof::parse(text).map(Self::Log)
    }

    /// Returns the log's origin. `None` if a COSE receipt doesn't state it.
    pub fn origin(&self) -> Option<&str> {
        match self {
            Self::Log(proof) => Some(&proof.checkpoint.checkpoint.origin),
            Self::TenantLog(receipt) => Some(receipt.head().origin.as_str()),
            Self::Cose(receipt) => receipt.origin(),
        }
    }

    /// Returns the entry's index.
    pub const fn index(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.index,
            Self::TenantLog(receipt) => receipt.index,
            Self::Cose(receipt) => receipt.index(),
        }
    }

    /// Returns the number of entries of the log.
    pub const fn size(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.checkpoint.checkpoint.size,
            Self::TenantLog(receipt) => receipt.head().size,
            Self::Cose(receipt) => receipt.size(),
        }
    }

    /// True if the log signed the entry's index. A COSE receipt may state one that it didn't sign.
    pub const fn is_index_signed(&self) -> bool {
        match self {
            Self::Log(_) | Self::TenantLog(_) => true,
            Self::Cose(receipt) => receipt.is_index_signed(),
        }
    }

    /// Returns the root of the log's tree. A COSE receipt has it only together with its entry.
    pub fn root(&self, entry: &[u8], verdict: Verdict) -> Option<Hash> {
        match self {
            Self::Log(proof) => Some(proof.checkpoint.checkpoint.root),
            Self::TenantLog(receipt) => Some(receipt.head().root),
            Self::Cose(receipt) => receipt.root(entry).filter(|_| verdict != Verdict::Altered),
        }
    }

    /// Checks that the entry is in a trusted log that the reader expects. `expected` is the log's origin. If the trust file
    /// has `origin` lines, one of them must name the log in any case.
    ///
    /// # Errors
    ///
    /// The verdict and the error: those of [`Proof::judge`], [`tenant::Receipt::judge`], and [`cose::Receipt::judge`].
    pub fn judge(&self, entry: &[u8], expected: Option<&str>, trust: &Trust) -> Result<(), (Verdict, Error)> {
        match self {
            Self::Log(proof) => proof.judge(entry, expected, trust),
            Self::TenantLog(receipt) => receipt.judge(entry, expected, trust),
            Self::Cose(receipt) => receipt.judge(entry, expected, trust),
        }
    }
}
