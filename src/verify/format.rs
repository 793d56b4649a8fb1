//! The check `format`: every line is well formed.

use super::FindingCode;

/// True if a finding with this code is about a malformed line.
pub(super) fn is_malformed(code: FindingCode) -> bool {
    use FindingCode as Code;
    matches!(
        code,
        Code::FormatLine
            | Code::FormatLink
            | Code::FormatNote
            | Code::FormatCheckpoint
            | Code::FormatEntrySize
            | Code::FormatHead
            | Code::FormatTruncated
    )
}
