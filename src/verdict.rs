//! The verdict on an export (SPEC section 9).

use crate::words::words;

words! {
    /// The overall result of verification. Only the verifier computes it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verdict {
        /// Recorded data was changed.
        Altered = "altered",
        /// Entries are missing, repeated, out of order, not allowed, or not as expected.
        Broken = "broken",
        /// The input was not checked to its end.
        NotChecked = "not_checked",
        /// Consistent in itself, but the signer is not trusted.
        Untrusted = "untrusted",
        /// Intact, but not proven to be complete.
        Partial = "partial",
        /// Unaltered, in order, complete, and signed by trusted keys.
        Verified = "verified",
    }
}

impl Verdict {
    /// Returns the exit status of a program that verifies.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Altered | Self::Broken => 1,
            Self::Untrusted => 3,
            Self::Partial => 4,
            Self::NotChecked => 5,
        }
    }
}
