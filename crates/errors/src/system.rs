//! Errors of the system, explained.

use std::fmt::Write as _;
use std::io;

/// Returns the stable code of an error of the system, and a hint. `doing` is the operation that failed:
/// `read`, `write`, or `make`.
pub fn explain(doing: &str, error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound if doing == "write" => {
            ("io.not_found", "check the path; its folder must exist")
        }
        io::ErrorKind::NotFound => ("io.not_found", "check the path"),
        io::ErrorKind::PermissionDenied => {
            ("io.permission", "check the permissions of the file and its folder")
        }
        io::ErrorKind::IsADirectory => ("io.is_directory", "use the path of a file, not of a folder"),
        io::ErrorKind::NotADirectory => ("io.not_directory", "check the path; a part of it is not a folder"),
        io::ErrorKind::AlreadyExists if doing == "make" => {
            ("io.exists", "use another path; there is a file where the folder should be")
        }
        io::ErrorKind::AlreadyExists => ("io.exists", "choose another name, or remove it first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("io.full", "free some space, then run it again; no partial file was left behind")
        }
        io::ErrorKind::FileTooLarge => (
            "io.too_large",
            "use another file system or raise the file size limit; no partial file was left behind",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            ("io.read_only", "mount its file system with write access, or use another path")
        }
        _ => ("io.failed", "check the file and its file system; the system reports nothing more"),
    }
}

/// Returns the text of an error, and the texts of its sources that it doesn't repeat.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(inner) = reason {
        let words = inner.to_string();
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        reason = inner.source();
    }
    text
}
