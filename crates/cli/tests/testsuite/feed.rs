//! Feeding verified events and findings on: each format by others' validators, each sink by a receiver.
#![cfg(unix)]

mod destinations;
mod formats;
mod https;
mod kills;
mod rsyslog;

use crate::common::Place;

/// What a feed of `audit.ndjson` prints.
fn fed(place: &Place, more: &[&str]) -> Vec<String> {
    let args = [&["feed", "audit.ndjson", "--trust", "trust.txt"], more].concat();
    let output = place.run(&args).success().get_output().stdout.clone();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}
