//! The check `format`: is every line well formed?

use super::FindingCode;

/// Whether a finding of this code is a malformed line.
pub(super) fn is_malformed(code: FindingCode) -> bool {
    use FindingCode as Code;
    matches!(
        code,
        Code::FormatLine
            | Code::FormatLink
            | Code::FormatNote
            | Code::FormatCheckpoint
            | Code::FormatEntrySize
            | Code::FormatTruncated
    )
}
