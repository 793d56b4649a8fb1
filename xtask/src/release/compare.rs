//! Comparison of two builds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::stamp::sha256;

/// Returns an error with the names of the files that differ.
pub(super) fn equal(first: &Path, second: &Path) -> Result<()> {
    let (first, second) = (files(first)?, files(second)?);
    let names = first.keys().chain(second.keys());
    let mut differ: Vec<&str> =
        names.filter(|name| first.get(*name) != second.get(*name)).map(String::as_str).collect();
    differ.sort_unstable();
    differ.dedup();
    if differ.is_empty() {
        return Ok(());
    }
    bail!("two builds of the same commit differ in {}", differ.join(", "))
}

/// Returns the SHA-256 of each file in a folder, by name.
fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), sha256(&fs::read(entry.path())?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::equal;
    use std::fs;

    #[test]
    fn errors_name_the_differing_files() {
        let folder = std::env::temp_dir().join(format!("countersign-compare-{}", std::process::id()));
        let [first, second] = ["a", "b"].map(|name| folder.join(name));
        for one in [&first, &second] {
            fs::create_dir_all(one).unwrap();
            fs::write(one.join("same"), "same").unwrap();
        }
        assert!(equal(&first, &second).is_ok());
        fs::write(first.join("changed"), "1").unwrap();
        fs::write(second.join("changed"), "2").unwrap();
        fs::write(second.join("only"), "").unwrap();
        let error = equal(&first, &second).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(error, "two builds of the same commit differ in changed, only");
    }
}
