//! Errors of the system, explained.

use std::fmt::Write as _;
use std::io;

/// Returns the stable code of an error of the system, and a hint. `doing` is what failed: `read`, `write` or `make`.
pub fn explain(doing: &str, error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound if doing == "write" => {
            ("io.not_found", "check the path: the folder that it is to be in must be there")
        }
        io::ErrorKind::NotFound => ("io.not_found", "check the path"),
        io::ErrorKind::PermissionDenied => ("io.permission", "check who may read or write it"),
        io::ErrorKind::IsADirectory => ("io.is_directory", "give a file, not a directory"),
        io::ErrorKind::NotADirectory => {
            ("io.not_directory", "check the path: a part of it is not a directory")
        }
        io::ErrorKind::AlreadyExists if doing == "make" => {
            ("io.exists", "a folder is to be there, and something else is: give another path")
        }
        io::ErrorKind::AlreadyExists => ("io.exists", "choose another name, or remove it first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("io.full", "free some space, then run it again: no partial file was left behind")
        }
        io::ErrorKind::FileTooLarge => {
            ("io.too_large", "files of this size are not allowed here; no partial file was left behind")
        }
        io::ErrorKind::ReadOnlyFilesystem => (
            "io.read_only",
            "its file system can't be written to: mount it so that it can, or give another path",
        ),
        _ => ("io.failed", "the system gave no other reason"),
    }
}

/// Returns the words of an error, and those of its reasons that it does not repeat.
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
