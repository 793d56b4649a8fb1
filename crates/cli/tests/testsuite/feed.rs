//! Feeds of verified events and findings: formats with public validators, destinations with servers.
#![cfg(unix)]

mod destinations;
mod formats;
mod https;
mod integrity;
mod kills;
mod rsyslog;

use crate::common::Place;

/// Returns the output of a feed of `audit.ndjson`.
fn fed(place: &Place, more: &[&str]) -> Vec<String> {
    let args = [&["feed", "audit.ndjson", "--trust", "trust.txt"], more].concat();
    let output = place.run(&args).success().get_output().stdout.clone();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}
