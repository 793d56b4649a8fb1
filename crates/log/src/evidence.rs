//! The evidence that a log keeps: rejected forks of chains, and stops of the log.

use countersign::log::Evidence;
use countersign::time::Time;
use serde_json::json;

/// The format version of the evidence of a fork.
const FORK: &str = "fork/v1";

/// Returns all evidence as NDJSON: first stops, then rejected forks, each oldest first.
pub fn lines(stops: Vec<String>, forks: Vec<(Time, Evidence)>) -> String {
    let forks = forks.into_iter().map(|(at, Evidence { chain, seq, index, refused })| {
        json!({
            "countersign": FORK,
            "at": at.to_string(),
            "code": "log.fork",
            "chain": chain.to_string(),
            "seq": seq,
            "index": index,
            "refused": refused,
        })
        .to_string()
    });
    stops.into_iter().chain(forks).map(|line| line + "\n").collect()
}
