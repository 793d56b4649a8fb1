//! Vectors of third parties. They are not part of this project: they are in `../shared/vectors/third-party`. If that
//! folder is missing, the tests that need it print a note and do nothing, unless `CI` is set.

use serde_json::Value;

use super::files;

/// Returns the path of a file or folder of the vectors, or `None` if they are missing.
pub(crate) fn find(path: &str) -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/third-party");
    if files::exists(root) {
        return Some(format!("{root}/{path}"));
    }
    assert!(!files::is_ci(), "{root} is missing");
    eprintln!("skipped: there is no {root}");
    None
}

/// Returns the text of a file, or `None` if the vectors are missing.
pub(crate) fn text(path: &str) -> Option<String> {
    find(path).map(|path| files::text(&path))
}

/// Returns the JSON of a file, or `None` if the vectors are missing.
pub(crate) fn json(path: &str) -> Option<Value> {
    text(path).map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}
