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

    /// Returns the root of the log's tree. A COSE receipt has it only together with its entry.
    pub(super) fn root(&self, entry: &[u8], verdict: Verdict) -> Option<Hash> {
        match self {
            Self::Log(proof) => Some(proof.checkpoint.checkpoint.root),
            Self::TenantLog(receipt) => Some(receipt.head().root),
            Self::Cose(receipt) => receipt.root(entry).filter(|_| verdict != Verdict::Altered),
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
                    Some(wanted) if wanted != found => {
                        let why = format!("the receipt is for the log {found:?}, not for {wanted:?}");
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
