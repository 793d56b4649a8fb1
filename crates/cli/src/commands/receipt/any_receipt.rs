//! A receipt in any of its forms.

use countersign::cose;
use countersign::hash::Hash;
use countersign::proof::Proof;
use countersign::tenant::Receipt;
use countersign::trust::Trust;
use countersign::verify::Verdict;
use countersign::{Code, Error};

/// A receipt in any of its forms.
pub(super) enum AnyReceipt {
    Log(Proof),
    TenantLog(Receipt),
    Cose(cose::Receipt),
}

impl AnyReceipt {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if cose::Receipt::is_receipt(bytes) {
            return cose::Receipt::parse(bytes).map(Self::Cose);
        }
        let text =
            str::from_utf8(bytes).map_err(|_| Error::new(Code::Proof, "the receipt is not UTF-8 text"))?;
        if Receipt::is_receipt(text) {
            return Receipt::parse(text).map(Self::TenantLog);
        }
        Proof::parse(text).map(Self::Log)
    }

    /// Returns the log's origin. `None` if a COSE receipt doesn't state it.
    pub(super) fn origin(&self) -> Option<&str> {
        match self {
            Self::Log(proof) => Some(&proof.checkpoint.checkpoint.origin),
            Self::TenantLog(receipt) => Some(receipt.head().origin.as_str()),
            Self::Cose(receipt) => receipt.origin(),
        }
    }

    pub(super) const fn index(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.index,
            Self::TenantLog(receipt) => receipt.index,
            Self::Cose(receipt) => receipt.index(),
        }
    }

    pub(super) const fn size(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.checkpoint.checkpoint.size,
            Self::TenantLog(receipt) => receipt.head().size,
            Self::Cose(receipt) => receipt.size(),
        }
    }

    /// Returns the root of the log's tree. That of a COSE receipt follows from the entry; `None` if its proof is
    /// malformed.
    pub(super) fn root(&self, entry: &[u8]) -> Option<Hash> {
        match self {
            Self::Log(proof) => Some(proof.checkpoint.checkpoint.root),
            Self::TenantLog(receipt) => Some(receipt.head().root),
            Self::Cose(receipt) => receipt.root(entry),
        }
    }

    pub(super) fn judge(
        &self,
        entry: &[u8],
        expected: Option<&str>,
        trust: &Trust,
    ) -> Result<(), (Verdict, Error)> {
        match self {
            Self::Log(proof) => {
                proof.judge(entry, trust)?;
                let found = &proof.checkpoint.checkpoint.origin;
                match expected {
                    Some(expected) if expected != found => {
                        let why = format!("the receipt is for the log {found:?}, not for {expected:?}");
                        Err((Verdict::Broken, Error::new(Code::Proof, why)))
                    }
                    _ => Ok(()),
                }
            }
            Self::TenantLog(receipt) => receipt.judge(entry, expected, trust),
            Self::Cose(receipt) => receipt.judge(entry, expected, trust),
        }
    }
}
