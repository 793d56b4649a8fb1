//! Tests of the interpretation of a witness's responses.

use countersign::checkpoint::Checkpoint;
use countersign::merkle::empty_root;
use countersign::note::SignerKey;
use countersign::witness::SIZE_CONTENT_TYPE;

use super::*;

/// Starts an exchange about a checkpoint of five entries, for a witness that cosigned `old_size` of them.
fn exchange(old_size: u64) -> WitnessExchange {
    let log = SignerKey::from_seed("log.example", [1; 32]).unwrap();
    let witness = SignerKey::witness_from_seed("w.example", [2; 32]).unwrap();
    let checkpoint = Checkpoint::new("log.example", 5, empty_root()).unwrap();
    let note = checkpoint.sign(&log).unwrap();
    WitnessExchange::new(witness.verifier_key(), &Unwitnessed { checkpoint, note, latest: None }, old_size)
        .unwrap()
}

/// Returns the clock of a log before any witness stated a time.
fn clock() -> Timekeeper {
    Timekeeper::new(std::sync::Arc::new(|| Time::MIN), std::sync::Arc::new(|| Duration::ZERO))
}

fn conflict(exchange: &mut WitnessExchange, size: &str) -> Result<Option<String>, NoCosignature> {
    exchange.process(409, Some(SIZE_CONTENT_TYPE), format!("{size}\n").as_bytes(), &clock())
}

fn cause(result: Result<Option<String>, NoCosignature>) -> Option<(Cause, Option<u64>)> {
    match result {
        Err(NoCosignature::Contradicts(contradiction)) => Some((contradiction.cause(), contradiction.size())),
        _ => None,
    }
}

#[test]
fn only_a_larger_size_contradicts() {
    assert_eq!(cause(conflict(&mut exchange(0), "6")), Some((Cause::Rollback, Some(6))));
    let mut behind = exchange(5);
    assert!(matches!(conflict(&mut behind, "3"), Ok(None)));
    assert_eq!(behind.old_size, 3);
    assert_eq!(cause(conflict(&mut exchange(0), "06")), None);
    assert_eq!(cause(exchange(0).process(409, None, b"6\n", &clock())), None);
}

#[test]
fn another_tree_contradicts() {
    let result = exchange(3).process(422, Some("text/plain"), b"no", &clock());
    assert_eq!(cause(result), Some((Cause::SplitView, None)));
    // Some witnesses report it with 409 and the size that the request started from.
    let mut same = exchange(0);
    assert!(matches!(conflict(&mut same, "5"), Ok(None)));
    assert_eq!(cause(conflict(&mut same, "5")), Some((Cause::SplitView, Some(5))));
    for status in [400, 403, 404, 500, 503] {
        assert_eq!(cause(exchange(0).process(status, None, b"no", &clock())), None);
    }
}
