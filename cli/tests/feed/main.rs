//! Feeding verified events and findings on: each format by others' validators, each sink by a receiver.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod formats;
mod https;
mod kills;
mod rsyslog;
#[path = "../common/serving.rs"]
mod serving;
mod sinks;

use std::path::{Path, PathBuf};

use common::Place;

/// A folder of other people's vectors.
fn third_party(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/third-party").join(path);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    eprintln!("skipped: {} is missing", path.display());
    None
}

/// What a feed of `audit.ndjson` prints.
fn fed(place: &Place, more: &[&str]) -> Vec<String> {
    let args = [&["feed", "audit.ndjson", "--trust", "trust.txt"], more].concat();
    let output = place.run(&args).success().get_output().stdout.clone();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}
