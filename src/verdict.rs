//! The words that sum up what verifying found (SPEC section 9).

use crate::words::words;

words! {
    /// The one answer to "can this be believed?", computed by the verifier and nowhere else.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verdict {
        /// Something here is not what was recorded.
        Altered = "altered",
        /// Something is missing, repeated, out of order, not allowed or not what was expected.
        Broken = "broken",
        /// Not checked to the end.
        NotChecked = "not_checked",
        /// Consistent in itself, but the signer is not confirmed.
        Untrusted = "untrusted",
        /// Intact, not shown to be complete.
        Partial = "partial",
        /// Unaltered, in order, signed by trusted keys, complete.
        Verified = "verified",
    }
}

impl Verdict {
    /// The status with which a program that verifies exits.
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
