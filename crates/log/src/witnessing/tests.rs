//! What a witness's answers are taken for.

use countersign::checkpoint::Checkpoint;
use countersign::merkle::empty_root;
use countersign::note::SignerKey;
use countersign::witness::SIZE_CONTENT_TYPE;

use super::*;

/// A witness that was asked for a checkpoint of five leaves, from so many on.
fn asking(old_size: u64) -> Asking {
    let log = SignerKey::from_seed("log.example", [1; 32]).unwrap();
    let witness = SignerKey::witness_from_seed("w.example", [2; 32]).unwrap();
    let checkpoint = Checkpoint::new("log.example", 5, empty_root()).unwrap();
    let note = checkpoint.sign(&log).unwrap();
    Asking::new(witness.verifier_key(), &Unwitnessed { checkpoint, note, latest: None }, old_size).unwrap()
}

/// The clock of a log that heard no witness.
fn clock() -> Timekeeper {
    Timekeeper::new(std::sync::Arc::new(|| Time::MIN), std::sync::Arc::new(|| Duration::ZERO))
}

fn conflict(asking: &mut Asking, size: &str) -> Result<Option<String>, NoCosignature> {
    asking.answered(409, Some(SIZE_CONTENT_TYPE), format!("{size}\n").as_bytes(), &clock())
}

fn cause(answered: Result<Option<String>, NoCosignature>) -> Option<(Cause, Option<u64>)> {
    match answered {
        Err(NoCosignature::Contradicts(contradiction)) => Some((contradiction.cause(), contradiction.size())),
        _ => None,
    }
}

#[test]
fn a_witness_with_a_larger_size_contradicts_and_one_with_a_smaller_does_not() {
    assert_eq!(cause(conflict(&mut asking(0), "6")), Some((Cause::Rollback, Some(6))));
    let mut behind = asking(5);
    assert!(matches!(conflict(&mut behind, "3"), Ok(None)));
    assert_eq!(behind.old_size, 3);
    assert_eq!(cause(conflict(&mut asking(0), "06")), None);
    assert_eq!(cause(asking(0).answered(409, None, b"6\n", &clock())), None);
}

#[test]
fn a_witness_of_another_tree_contradicts() {
    let answered = asking(3).answered(422, Some("text/plain"), b"no", &clock());
    assert_eq!(cause(answered), Some((Cause::SplitView, None)));
    // Some say so by 409, with the size that they were asked from.
    let mut same = asking(0);
    assert!(matches!(conflict(&mut same, "5"), Ok(None)));
    assert_eq!(cause(conflict(&mut same, "5")), Some((Cause::SplitView, Some(5))));
    for status in [400, 403, 404, 500, 503] {
        assert_eq!(cause(asking(0).answered(status, None, b"no", &clock())), None);
    }
}
