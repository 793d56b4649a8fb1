//! Slow suites that run only if a file that they depend on has changed since they passed.
//!
//! `passed.toml` records the hash of these files for each such suite, and its result. `cargo xtask test --record` writes
//! it, and `cargo xtask test` skips the suites whose files still have that hash. A suite that is named always runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::run;
use crate::stamp::sha256;
use crate::suites::Suite;
use crate::tools::Tools;

/// The path of the record.
const RECORD: &str = "xtask/passed.toml";
const HEADER: &str = "\
# Suites that passed, with the SHA-256 of the files that each depends on: `cargo xtask test --record` writes this.
# `cargo xtask test` skips a suite whose files haven't changed.
";

/// How a suite last passed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passed {
    /// The SHA-256 of the names and contents of the files that it depends on.
    files: String,
    /// The summary of its result, which says what it couldn't look at.
    pub(crate) result: String,
}

/// Returns how a suite passed with the files as they are now; `None` if it didn't, or always runs.
pub(crate) fn passed(tools: &Tools, suite: &Suite) -> Result<Option<Passed>> {
    let Some(files) = hash(tools, suite)? else { return Ok(None) };
    Ok(read(tools)?.remove(suite.name).filter(|passed| passed.files == files))
}

/// Records the results of suites that passed with the files of these hashes.
pub(crate) fn record(
    tools: &Tools,
    passed: impl Iterator<Item = (&'static Suite, String, String)>,
) -> Result<()> {
    let mut record = read(tools)?;
    record.extend(passed.map(|(suite, files, result)| (suite.name.to_owned(), Passed { files, result })));
    let text = HEADER.to_owned() + &toml::to_string(&record)?;
    fs::write(tools.path(RECORD), text).with_context(|| format!("cannot write {RECORD}"))
}

fn read(tools: &Tools) -> Result<BTreeMap<String, Passed>> {
    let text = fs::read_to_string(tools.path(RECORD)).with_context(|| format!("cannot read {RECORD}"))?;
    toml::from_str(&text).context(RECORD)
}

/// Returns the SHA-256 of the names and contents of the files that a suite depends on, except ignored files; `None` if
/// the suite always runs.
pub(crate) fn hash(tools: &Tools, suite: &Suite) -> Result<Option<String>> {
    if suite.inputs.is_empty() {
        return Ok(None);
    }
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "--"]).args(suite.inputs);
    let listed = run::output(list.current_dir(tools.path("")))?;
    let mut files: Vec<&str> = listed.lines().filter(|file| tools.path(file).exists()).collect();
    files.sort_unstable();
    files.dedup();
    let mut sums = String::new();
    for file in files {
        writeln!(sums, "{}  {file}", sha256(&fs::read(tools.path(file))?))?;
    }
    Ok(Some(sha256(sums.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::suites::SUITES;

    #[test]
    fn inputs_contain_all_crates_of_the_project_that_are_built() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (suite, lock) in [("oracle", "tests/oracle/Cargo.lock"), ("fuzz", "fuzz/Cargo.lock")] {
            let inputs = SUITES.iter().find(|one| one.name == suite).unwrap().inputs;
            let lock: toml::Table = fs::read_to_string(root.join(lock)).unwrap().parse().unwrap();
            let mut count = 0;
            for package in lock["package"].as_array().unwrap() {
                // Only packages of the project have no source.
                if package.get("source").is_some() {
                    continue;
                }
                let folder = match package["name"].as_str().unwrap() {
                    "countersign" => "src".to_owned(),
                    "countersign-oracle" => "tests/oracle".to_owned(),
                    "countersign-fuzz" | "ed25519-dalek" => "fuzz".to_owned(),
                    name => format!("crates/{}", name.strip_prefix("countersign-").unwrap()),
                };
                assert!(inputs.contains(&folder.as_str()), "{suite}: add {folder} to its inputs");
                count += 1;
            }
            assert!(count > 2 && inputs.contains(&"Cargo.toml"), "{suite}");
        }
    }
}
