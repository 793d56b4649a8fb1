//! The program's exit statuses (SPEC section 9).

use std::process::ExitCode;

use countersign::verify::Verdict;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// Verified, or done.
    Success = 0,
    /// The input is altered or broken.
    Broken = 1,
    /// The input or the arguments can't be used.
    Unusable = 2,
    /// Signed by a key that the reader doesn't trust.
    Untrusted = 3,
    /// Unchanged, but maybe only part of the log.
    Partial = 4,
    /// Not checked, or not to the end.
    NotChecked = 5,
    /// Something was found that `--fail-on` or a policy forbids.
    Forbidden = 6,
}

impl From<Verdict> for ExitStatus {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Verified => Self::Success,
            Verdict::Altered | Verdict::Broken => Self::Broken,
            Verdict::Untrusted => Self::Untrusted,
            Verdict::Partial => Self::Partial,
            Verdict::NotChecked => Self::NotChecked,
        }
    }
}

impl From<ExitStatus> for u8 {
    fn from(status: ExitStatus) -> Self {
        status as Self
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(u8::from(status))
    }
}

impl TryFrom<u8> for ExitStatus {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        let status = Self::VARIANTS.iter().copied().find(|status| u8::from(*status) == number);
        status.ok_or_else(|| format!("{number} is not an exit status"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_have_the_statuses_of_the_specification() {
        for verdict in [
            Verdict::Altered,
            Verdict::Broken,
            Verdict::NotChecked,
            Verdict::Untrusted,
            Verdict::Partial,
            Verdict::Verified,
        ] {
            assert_eq!(u8::from(ExitStatus::from(verdict)), verdict.exit_status(), "{verdict:?}");
        }
    }

    #[test]
    fn statuses_follow_from_their_numbers() {
        for (number, status) in (0..).zip(ExitStatus::VARIANTS.iter().copied()) {
            assert_eq!((u8::from(status), ExitStatus::try_from(number)), (number, Ok(status)));
        }
        assert!(ExitStatus::try_from(7).is_err());
    }
}
