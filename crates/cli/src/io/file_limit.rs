//! The number of files that the process may have open.

/// Files that a process has open besides those that it counts.
#[cfg(unix)]
const OTHER_FILES: u64 = 256;

/// Raises the limit for this number of files. If the system doesn't allow that many, opening one fails later.
pub(crate) fn raise(files: u64) {
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(files.saturating_add(OTHER_FILES));
    #[cfg(not(unix))]
    let _ = files;
}
