//! The columns of a row that bind its event to the chain: those of OCSF's object `attestation`, as in feed records.

use countersign::hash::Hash;
use countersign::link::{ChainId, EventLink};
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign_parquet::Value;

/// The name of the bytes that are hashed and signed.
const SERIALIZATION: &str = "countersign/v1 link";

/// The values of an event's attestation.
pub(super) struct Attestation<'a> {
    pub(super) link: &'a EventLink,
    /// The leaf hash of the link.
    hash: Hash,
    signer: &'a VerifierKey,
}

impl<'a> Attestation<'a> {
    /// Creates the attestation of a link, from its text too.
    pub(super) fn new(link: &'a EventLink, text: &str, signer: &'a VerifierKey) -> Self {
        Self { link, hash: leaf_hash(text.as_bytes()), signer }
    }

    /// Returns the value in the column with this path below `attestation_list`.
    pub(super) fn value(&self, path: &str) -> Option<Value> {
        let link = self.link;
        // The link before the first event opens the chain, and is not an event.
        let previous = (link.seq > 1).then_some(());
        match path.split_once('.') {
            None => Some(text(&match path {
                "uid" => uid(link.chain, link.seq),
                "authority_uid" => self.signer.name().to_owned(),
                "chain_uid" => link.chain.to_string(),
                _ => return None,
            })),
            Some(("fingerprint", field)) => fingerprint(field, &self.hash),
            Some(("prev_event", "uid")) => previous.map(|()| text(&uid(link.chain, link.seq - 1))),
            Some(("prev_event", path)) => {
                previous.and_then(|()| fingerprint(path.strip_prefix("fingerprint.")?, &link.prev))
            }
            Some(("signatures", field)) => link.signature.and_then(|_| signature(field, link)),
            Some(_) => None,
        }
    }
}

fn uid(chain: ChainId, seq: u64) -> String {
    format!("{chain}/{seq}")
}

fn fingerprint(field: &str, hash: &Hash) -> Option<Value> {
    Some(match field {
        "algorithm" => text("SHA-256"),
        "algorithm_id" => Value::Integer(3),
        "encoding" => text("Base64"),
        "encoding_id" => Value::Integer(2),
        "serialization" => text(SERIALIZATION),
        "serialization_id" => Value::Integer(99),
        "value" => text(&hash.to_string()),
        _ => return None,
    })
}

fn signature(field: &str, link: &EventLink) -> Option<Value> {
    Some(match field {
        "algorithm" => text("Ed25519"),
        "algorithm_id" | "serialization_id" => Value::Integer(99),
        "created_time" => Value::Integer(link.time.millis()),
        "serialization" => text(SERIALIZATION),
        "state" => text("Valid"),
        "state_id" => Value::Integer(1),
        _ => return None,
    })
}

fn text(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}
