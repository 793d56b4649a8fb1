//! The program's exit statuses (SPEC section 9).

use std::process::ExitCode;

use countersign::verify::Verdict;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// The exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// The input verified, or the command succeeded.
    Success = 0,
    /// The input was altered or is broken.
    Broken = 1,
    /// The input or the arguments can't be used.
    Unusable = 2,
    /// The input is signed by a key that the user doesn't trust.
    Untrusted = 3,
    /// The input is unchanged, but may be only part of the log.
    Partial = 4,
    /// The input was not checked, or not completely.
    NotChecked = 5,
    /// Something that `--fail-on` or a policy forbids was found.
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
    fn verdicts_map_to_the_specified_statuses() {
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
    fn statuses_convert_to_and_from_numbers() {
        for (number, status) in (0..).zip(ExitStatus::VARIANTS.iter().copied()) {
            assert_eq!((u8::from(status), ExitStatus::try_from(number)), (number, Ok(status)));
        }
        assert!(ExitStatus::try_from(7).is_err());
    }
}
