//! Sample data: an event and its record.
#![allow(dead_code, reason = "each test file uses a part of it")]

use countersign::hash::Hash;
use countersign::link::{ChainId, LinkAttestation};
use countersign_feeds::{Event, Format, Log, Record};
use countersign_query::Parsers;
use serde_json::{Value, json};

pub const LOG: Log<'_> = Log { origin: "log.example/audit", size: 9, root: Hash([7; 32]) };

/// Returns an event in countersign's own format without an outcome.
pub fn event() -> Value {
    json!({
        "action": "job.delete", "actor": {"id": "u_1", "name": "Ada", "type": "user"},
        "target": {"id": "7", "type": "job"}, "context": {"ip": "198.51.100.24"},
    })
}

/// Returns the hashes and signature of the event's link.
pub fn attestation() -> LinkAttestation {
    LinkAttestation { hash: Hash([2; 32]), prev: Hash([1; 32]), signature: Some(Box::new([3; 64])) }
}

pub fn record(format: Format, text: &str) -> Record {
    let event = Event {
        leaf: 4,
        chain: ChainId([1; 16]),
        seq: 2,
        recorded: "2026-11-20T06:01:02.345Z".parse().unwrap(),
        signer: "example.com/app+3b1b2c6e+AQ==",
        signer_trust: "trusted",
        attestation: Some(&attestation()),
        text,
    };
    format.event(&LOG, &event, &Parsers::built_in())
}
