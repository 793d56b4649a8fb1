//! The check `format`: is every line well formed?

use super::FindingCode;
use super::report::Check;

/// Whether a finding of this code is a malformed line.
pub(super) fn is_malformed(code: FindingCode) -> bool {
    use FindingCode as Code;
    matches!(
        code,
        Code::FormatLine
            | Code::FormatLink
            | Code::FormatNote
            | Code::FormatCheckpoint
            | Code::FormatLeafSize
            | Code::FormatTruncated
    )
}

/// `lines` that are not blank, of which so many are malformed.
pub(super) fn check(lines: u64, malformed: u64) -> Check {
    Check::of(lines, malformed, None)
}
