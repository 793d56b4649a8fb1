//! What a log keeps as evidence: forks of chains that it refused, and what stopped it.

use countersign::log::Evidence;
use countersign::time::Time;
use serde_json::json;

/// What says of a fork what it is.
const FORK: &str = "fork/v1";

/// All of it as NDJSON: what stopped the log, then refused forks, each the oldest first.
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
