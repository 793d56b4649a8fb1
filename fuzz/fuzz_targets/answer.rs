#![no_main]

use countersign::Code;
use countersign::hash::Hash;
use countersign::tenant::{Anchor, AnchorProof, HeadProof, NewestHead, Since};
use countersign::trust::Trust;
use countersign_delivery::{Answer, DeliveryError, LogServer, submit_note};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

/// The origin of the tenant log in the vectors.
const ORIGIN: &str = "log.example/t/acacacacacacacacacacacacacacacac";

/// An answer with the head that it is compared with, as in `tests/vectors/answers.json`.
#[derive(Deserialize)]
struct Vector {
    since: String,
    seen: Option<String>,
    head: String,
    anchors: Vec<VectorAnchor>,
    consistency: Vec<String>,
}

#[derive(Deserialize)]
struct VectorAnchor {
    anchor: String,
    consistency: Vec<String>,
}

/// A log server with one answer.
struct Server<'b>(&'b [u8]);

impl LogServer for Server<'_> {
    type Error = DeliveryError;

    fn submit(&mut self, _: &str, _: Option<Since>) -> Result<Answer, DeliveryError> {
        Ok(Answer { status: 200, retry_after: None, body: self.0.to_vec() })
    }
}

fuzz_target!(|body: &[u8]| {
    let trust = Trust::default();
    assert!(submit_note(&mut Server(body), "{}", "a note", ORIGIN, &trust).is_err(), "no key is trusted");
    if let Ok(vector) = serde_json::from_slice(body) {
        compare(&vector);
    }
});

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(Hash::from_base64).collect()
}

fn compare(vector: &Vector) -> Option<()> {
    let newest = match &vector.seen {
        Some(seen) => NewestHead::from(&HeadProof::parse(seen).ok()?),
        None => NewestHead::none(Since::parse(&vector.since)?.tick),
    };
    let head = HeadProof::parse(&vector.head).ok()?;
    let read = |it: &VectorAnchor| {
        let anchor = Anchor::parse(&it.anchor).ok()?;
        Some(AnchorProof { anchor, consistency: hashes(&it.consistency)? })
    };
    let mut anchors = vector.anchors.iter().map(read).collect::<Option<Vec<_>>>()?;
    let consistency = hashes(&vector.consistency)?;
    let compared = newest.compare(&head, &anchors, &consistency);
    for anchor in &mut anchors {
        anchor.consistency.clear();
    }
    // The consistency proofs are unsigned.
    let without_proofs = newest.compare(&head, &anchors, &[]);
    let is_rewritten = |compared: &Result<NewestHead, countersign::Error>| {
        compared.as_ref().is_err_and(|error| error.code == Code::Rewritten)
    };
    match &compared {
        Ok(next) => {
            assert_eq!(*next, NewestHead::from(&head));
            let (before, after) = (newest.since(), next.since());
            if vector.seen.is_some() {
                assert!(after.tick >= before.tick && after.size >= before.size, "the head never goes back");
            }
            assert!(!is_rewritten(&without_proofs), "a proof that is missing shows no second history");
        }
        Err(error) if error.code == Code::Rewritten => {
            assert!(is_rewritten(&without_proofs), "a proof makes no second history");
        }
        Err(error) => assert_eq!(error.code, Code::Proof),
    }
    Some(())
}
