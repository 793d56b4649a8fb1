//! Where other people's vectors are. They are not part of this project: they lie in
//! `../shared/vectors/third-party`, and where that folder is missing, as on a user's machine, the
//! tests that need it say so and do nothing. Where `CI` is set they must run.

use serde_json::Value;

use super::files;

/// The path of the folder or file below the vectors, or `None` where there are none.
pub(crate) fn find(path: &str) -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/third-party");
    if files::exists(root) {
        return Some(format!("{root}/{path}"));
    }
    assert!(!files::is_ci(), "{root} is missing");
    eprintln!("skipped: there is no {root}");
    None
}

/// The text of that file, or `None` where there are no vectors.
pub(crate) fn text(path: &str) -> Option<String> {
    find(path).map(|path| files::text(&path))
}

/// The JSON of that file, or `None` where there are no vectors.
pub(crate) fn json(path: &str) -> Option<Value> {
    text(path).map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}
