//! Where other people's vectors are. They are not part of this project: they lie in
//! `../shared/vectors/third-party`, and where that folder is missing, as on a user's machine, the
//! tests that need it say so and do nothing. Where `CI` is set they must run.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder or file of that path below the vectors, or `None` where there are none.
pub(crate) fn find(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/third-party");
    if root.is_dir() {
        return Some(root.join(path));
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", root.display());
    eprintln!("skipped: there is no {}", root.display());
    None
}

/// The text of that file, or `None` where there are no vectors.
pub(crate) fn text(path: &str) -> Option<String> {
    let path = find(path)?;
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The JSON of that file, or `None` where there are no vectors.
pub(crate) fn json(path: &str) -> Option<Value> {
    text(path).map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}
