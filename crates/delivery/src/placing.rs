//! Sends a key note for all tenant logs of a root log.

use std::collections::{BTreeMap, BTreeSet};

use countersign::trust::Trust;
use countersign::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::{Answer, Proofs};
use crate::delivery::server_error;
use crate::error::DeliveryError;

/// The maximum number of responses that list tenant logs.
const MAX_PAGES: usize = 8_192;

/// A response with the tenant logs that have a key note.
#[derive(Deserialize)]
struct Page {
    /// The tlog-proof of the directory, which the heads of all logs share.
    root: Option<String>,
    logs: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    missing: Vec<String>,
    next: Option<String>,
}

/// Places a key note in all tenant logs that need it, and verifies a receipt of each log that the log server lists. Returns
/// their number.
///
/// `send` sends the request for the logs after the tenant with an ID. The log server answers 202 until all logs have the
/// note: `wait` then waits before the request is repeated, and returns false to give up.
///
/// # Errors
///
/// If the log server rejects the note, or doesn't prove that each log has it.
pub fn place_note<E: From<DeliveryError>>(
    send: &mut dyn FnMut(Option<&str>) -> Result<Answer, E>,
    wait: &mut dyn FnMut() -> bool,
    note: &str,
    trust: &Trust,
) -> Result<usize, E> {
    let (mut proven, mut missing) = (BTreeSet::new(), BTreeSet::new());
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let answer = loop {
            let answer = send(after.as_deref())?;
            if answer.status != 202 {
                break answer;
            }
            if !wait() {
                let why = "the log server has not placed the key note in all tenant logs in time";
                let hint = "run the command again: the log server continues where it was";
                return Err(unproven(why.to_owned(), hint).into());
            }
        };
        if answer.status != 200 {
            return Err(server_error(&answer).into());
        }
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|_| unproven("the response doesn't list tenant logs".into(), UNPROVEN))?;
        for (origin, log) in page.logs {
            let invalid = |error| DeliveryError::Unproven { error, hint: UNPROVEN };
            verify(&origin, log, page.root.as_deref(), note, trust).map_err(invalid)?;
            proven.insert(origin);
        }
        missing.extend(page.missing);
        after = page.next;
        if after.is_none() {
            return placed(&proven, &missing).map_err(Into::into);
        }
    }
    let why = format!("the list of tenant logs has more than {MAX_PAGES} pages");
    let hint = "ask the log operator: a root log can't have this many tenant logs";
    Err(unproven(why, hint).into())
}

/// Returns the number of logs that have the key note. Fails if the log server lists others that lack it.
fn placed(proven: &BTreeSet<String>, missing: &BTreeSet<String>) -> Result<usize, DeliveryError> {
    if let Some(first) = missing.first() {
        let (count, first) = (missing.len(), first.chars().take(255).collect::<String>());
        let why = format!("tenant logs ({count}) don't have the key note, the first of them {first:?}");
        let hint = "repair the stopped logs, and run the command again; until then, add a revoke line to the trust files";
        return Err(unproven(why, hint));
    }
    Ok(proven.len())
}

const UNPROVEN: &str = "check the root log's public key and the quorum; the log server claims that tenant logs have the statement, but its proofs don't verify";

fn unproven(why: String, hint: &'static str) -> DeliveryError {
    DeliveryError::Unproven { error: Error::new(Code::Proof, why), hint }
}

/// Verifies the receipt of a key note in one tenant log.
fn verify(
    origin: &str,
    log: Map<String, Value>,
    root: Option<&str>,
    note: &str,
    trust: &Trust,
) -> Result<(), Error> {
    let proof = Proofs::of_tenant_log(origin, log, root)?.note()?.ok_or_else(|| {
        Error::new(Code::Proof, format!("the response has no receipt of the log {origin:?}"))
    })?;
    proof.verify(note.as_bytes(), origin, trust)
}

#[cfg(test)]
mod tests {
    use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
    use countersign::hash::Hash;
    use countersign::merkle::leaf_hash;
    use countersign::note::SignerKey;
    use countersign::tenant::{Anchor, Head, HeadProof, State, TenantOrigin};
    use countersign::time::Time;
    use serde_json::json;

    use super::*;

    const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";
    const NOTE: &str = "a key note";

    fn root_key() -> SignerKey {
        SignerKey::from_seed("log.example", [1; 32]).expect("a name")
    }

    /// Returns a response in which this log has one entry, with other fields changed by `change`.
    fn response(origin: &str, entry: &str, change: &dyn Fn(&mut Value)) -> Answer {
        let log = TenantOrigin::parse(origin).expect("a tenant's origin");
        let head = Head { origin: log, size: 1, root: leaf_hash(entry.as_bytes()), state: State::Live };
        let siblings = vec![Hash([5; 32]); 10];
        let anchor = Anchor { head, salt: [4; 16], time: Time::MIN, siblings, tick: 0, hashes: Vec::new() };
        let directory = leaf_hash(anchor.entry().to_string().as_bytes());
        let checkpoint = Checkpoint::new("log.example", 1, directory).expect("a checkpoint");
        let checkpoint =
            SignedCheckpoint::parse(&checkpoint.sign(&root_key()).expect("its key")).expect("one");
        let proof = HeadProof { anchor, checkpoint }.to_string();
        let (head, root) = proof.split_once("\n\n").expect("an empty line");
        let log = json!({ "head": format!("{head}\n"), "notes": [{ "index": 0, "hashes": [] }] });
        let mut body = json!({ "root": root, "logs": { origin: log }, "missing": [] });
        change(&mut body);
        Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() }
    }

    /// Places the note with these responses. Returns the result, the values of `after`, and the number of waits.
    fn place(responses: Vec<Answer>) -> (Result<usize, DeliveryError>, Vec<Option<String>>, usize) {
        let trust = Trust::default().with_log(root_key().verifier_key().clone()).expect("a log's key");
        let (mut responses, mut requests, mut waits) = (responses.into_iter(), Vec::new(), 0);
        let mut send = |after: Option<&str>| {
            requests.push(after.map(str::to_owned));
            Ok(responses.next().expect("no more requests"))
        };
        let mut wait = || {
            waits += 1;
            waits < 3
        };
        let result = place_note(&mut send, &mut wait, NOTE, &trust);
        (result, requests, waits)
    }

    fn later() -> Answer {
        Answer { status: 202, body: b"{}".to_vec(), ..Answer::default() }
    }

    #[test]
    fn every_listed_log_must_prove_the_note() {
        let other = ORIGIN.replace("8f", "9f");
        let first = response(&other, NOTE, &|body| body["next"] = "9f".into());
        let (result, requests, waits) = place(vec![later(), first, later(), response(ORIGIN, NOTE, &|_| ())]);
        assert_eq!((result.expect("receipts"), waits), (2, 2));
        let after = Some("9f".to_owned());
        assert_eq!(requests, [None, None, after.clone(), after]);
        let none = json!({ "logs": {}, "missing": [] });
        let none = Answer { status: 200, body: none.to_string().into_bytes(), ..Answer::default() };
        assert_eq!(place(vec![none]).0.expect("no log needs it"), 0);
    }

    #[test]
    fn anything_else_is_an_error() {
        let fails = |responses: Vec<Answer>| place(responses).0.expect_err("an error").to_string();
        let changed = |change: &dyn Fn(&mut Value)| fails(vec![response(ORIGIN, NOTE, change)]);
        fails(vec![response(ORIGIN, "another note", &|_| ())]);
        changed(&|body| body["logs"][ORIGIN]["notes"][0]["index"] = 1.into());
        assert!(changed(&|body| body["logs"][ORIGIN]["notes"] = json!([])).contains("no receipt"));
        assert!(changed(&|body| body["root"] = Value::Null).contains("no field `root`"));
        // The receipt of another log.
        changed(&|body| {
            let log = body["logs"][ORIGIN].take();
            body["logs"] = json!({ ORIGIN.replace("8f", "9f"): log });
        });
        assert!(
            changed(&|body| body["missing"] = json!(["log.example/t/x"])).contains("tenant logs (1) don't")
        );
        assert!(fails(vec![later(), later(), later()]).contains("in time"));
        let none = json!({ "logs": {}, "next": "9f" }).to_string();
        let none = Answer { status: 200, body: none.into_bytes(), ..Answer::default() };
        assert!(fails(vec![none; MAX_PAGES]).contains("more than 8192 pages"));
        assert!(fails(vec![Answer { status: 200, ..Answer::default() }]).contains("doesn't list"));
        let refused = json!({ "error": { "code": "log.unauthorized", "message": "no issuer" } }).to_string();
        let refused = Answer { status: 403, body: refused.into_bytes(), ..Answer::default() };
        assert_eq!(place(vec![refused]).0.expect_err("an error").code(), "log.unauthorized");
    }
}
