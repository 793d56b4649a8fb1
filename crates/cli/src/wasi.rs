//! The program in WebAssembly (WASI), as the npm package runs it: the whole file system is one folder, and the host passes
//! the folders that WASI has no notion of.

use std::path::{Path, PathBuf};

/// The variable with the current folder.
const CURRENT_FOLDER: &str = "PWD";
/// The variable with the folder for temporary files.
const TEMPORARY_FOLDER: &str = "TMPDIR";

/// Enters the host's current folder, and sets the folder for temporary files.
pub(crate) fn enter() {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(current) = folder(CURRENT_FOLDER) {
        // If this fails, each path that is relative fails with a message of its own.
        let _ = std::env::set_current_dir(current);
    }
    let temporary = folder(TEMPORARY_FOLDER);
    let _ = tempfile::env::override_temp_dir(temporary.as_deref().unwrap_or(Path::new("/tmp")));
}
