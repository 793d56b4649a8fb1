//! The words that sum up what verifying found (SPEC section 9).

use strum::{EnumString, IntoStaticStr};

/// The one answer to "can this be believed?", computed by the verifier and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "verify", derive(serde::Serialize), serde(into = "&'static str"))]
pub enum Verdict {
    /// Something here is not what was recorded.
    Altered,
    /// Something is missing, repeated, out of order, not allowed or not what was expected.
    Broken,
    /// Not checked to the end.
    NotChecked,
    /// Consistent in itself, but the signer is not confirmed.
    Unconfirmed,
    /// Intact, not shown to be complete.
    Partial,
    /// Unaltered, in order, signed by trusted keys, complete.
    Verified,
}

impl Verdict {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What has this word.
    pub fn parse(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Verdict {
    /// The status with which a program that verifies exits.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Altered | Self::Broken => 1,
            Self::Unconfirmed => 3,
            Self::Partial => 4,
            Self::NotChecked => 5,
        }
    }
}
