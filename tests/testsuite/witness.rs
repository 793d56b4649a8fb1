//! Requests to a witness, and its responses.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::Code;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, Subtree, consistency_proof, empty_root, leaf_hash, verify_consistency,
};
use countersign::note::{MlDsaKey, SignatureLine, SignerKey, VerifierKey, sign_note};
use countersign::time::Time;
use countersign::witness::{
    AddCheckpointResponse, CosignError, MAX_BYTES, MAX_PROOF, Request, SIZE_CONTENT_TYPE, TreeHead,
    check_add_checkpoint,
};
use proptest::prelude::*;

const ORIGIN: &str = "log.example/audit";
const NOW: u64 = 1_795_154_400;

fn log() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).expect("a name")
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name")
}

fn trusted() -> Vec<VerifierKey> {
    let other = SignerKey::from_seed("log.example/other", [3; 32]).expect("a name");
    vec![other.verifier_key().clone(), log().verifier_key().clone()]
}

/// The log's numbered leaves.
struct Leaves;

impl Leaves {
    fn root(begin: u64, end: u64) -> Hash {
        let mut tree = CompactRange::new();
        for n in begin..end {
            tree.append(leaf_hash(format!("leaf {n}").as_bytes()));
        }
        tree.root().expect("it begins at 0")
    }
}

impl HashReader for Leaves {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
        Ok(subtrees.iter().map(|tree| Self::root(tree.index, tree.index + (1 << tree.level))).collect())
    }
}

fn state(size: u64) -> TreeHead {
    TreeHead { size, root: Leaves::root(0, size) }
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint::new(ORIGIN, size, Leaves::root(0, size)).expect("a checkpoint")
}

fn signed(checkpoint: &Checkpoint) -> SignedCheckpoint {
    SignedCheckpoint::parse(&checkpoint.sign(&log()).expect("the log's key")).expect("a checkpoint")
}

fn request(old: u64, new: u64) -> Request {
    let proof = consistency_proof(old, new, &Leaves).unwrap_or_default();
    Request { old_size: old, proof, checkpoint: signed(&checkpoint(new)) }
}

/// Returns the refusal's code and status, or `None` if the checkpoint is accepted.
fn refusal(request: &Request, last: Option<TreeHead>) -> Option<(&'static str, u16)> {
    // Serialize and parse the request, as over the network.
    let request = Request::parse(request.to_string().as_bytes()).expect("a request");
    check_add_checkpoint(&request, &trusted(), last).err().map(|refusal| (refusal.code(), refusal.status()))
}

#[test]
fn extension_lines_that_no_signature_of_the_log_covers_are_refused() {
    let key = MlDsaKey::from_seed(ORIGIN, [4; 32]).expect("a name");
    let logs = [key.verifier_key().clone(), log().verifier_key().clone()];
    let (plain, extended) = (checkpoint(3).to_string(), format!("{}extension\n", checkpoint(3)));
    let line = checkpoint(3).cosign(&key, 0).expect("the log's key");
    let decide = |note: &str| {
        let checkpoint = SignedCheckpoint::parse_extended(note).expect("a checkpoint");
        let request = Request { old_size: 0, proof: vec![], checkpoint };
        check_add_checkpoint(&request, &logs, None).map(|_| ())
    };
    assert_eq!(decide(&format!("{plain}\n{line}")), Ok(()));
    let by_both = sign_note(&extended, &log()).expect("a text") + &line;
    assert_eq!(decide(&by_both), Ok(()));
    assert_eq!(decide(&format!("{extended}\n{line}")), Err(CosignError::Unsigned));
}

#[test]
fn a_growing_log_is_cosigned_at_every_step() {
    let mut last = None;
    for (old, new) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 7), (7, 8), (8, 13), (13, 13), (13, 40)] {
        let request = request(old, new);
        let logs = trusted();
        let accepted = check_add_checkpoint(&request, &logs, last)
            .unwrap_or_else(|refusal| panic!("{old} to {new}: {refusal}"));
        last = Some(accepted.tree_head());
        assert_eq!(last, Some(state(new)));
        let line = accepted.cosign(&witness(), NOW).expect("a witness's key");
        let keys = [witness().verifier_key().clone()];
        let Ok(AddCheckpointResponse::Cosigned(lines)) =
            AddCheckpointResponse::read(200, None, line.as_bytes(), &request.checkpoint, &keys)
        else {
            panic!("{line}");
        };
        assert_eq!(lines.len(), 1);
        // The note for monitors.
        let note = SignedCheckpoint::parse(&accepted.note(&line)).expect("a checkpoint");
        assert!(note.is_signed_by(log().verifier_key()));
        assert_eq!(
            note.cosignatures([witness().verifier_key()]).times(),
            [(0, Time::from_seconds(NOW).unwrap())]
        );
        assert!(accepted.cosign(&witness(), 0).is_err(), "a cosignature without a time");
        assert!(accepted.cosign(&log(), NOW).is_err(), "a log's key");
    }
}

#[test]
fn each_refusal_has_its_status() {
    assert_eq!(refusal(&request(3, 7), Some(state(3))), None);

    let mut other = request(0, 7);
    other.checkpoint.note.text = other.checkpoint.note.text.replace(ORIGIN, "log.example/unknown");
    assert_eq!(refusal(&other, None), Some(("witness.unknown_log", 404)));
    // C2SP has no requirements for origins: one that is not a name is unknown, not malformed.
    other.checkpoint.note.text =
        other.checkpoint.note.text.replace("log.example/unknown", "go.sum database tree");
    assert_eq!(refusal(&other, None), Some(("witness.unknown_log", 404)));

    let mut unsigned = request(0, 7);
    unsigned.checkpoint.note.signatures[0].id[0] ^= 1;
    assert_eq!(refusal(&unsigned, None), Some(("witness.unsigned", 403)));
    unsigned.checkpoint.note.signatures[0].id[0] ^= 1;
    unsigned.checkpoint.note.signatures[0].signature[9] ^= 1;
    assert_eq!(refusal(&unsigned, None), Some(("witness.signature", 403)));

    assert_eq!(refusal(&request(8, 7), Some(state(8))), Some(("witness.old_size", 400)));
    assert_eq!(refusal(&request(0, 7), Some(state(3))), Some(("witness.conflict", 409)));
    assert_eq!(refusal(&request(3, 7), None), Some(("witness.conflict", 409)));
    assert_eq!(refusal(&request(3, 7), Some(state(7))), Some(("witness.conflict", 409)));

    let empty = Checkpoint { root: leaf_hash(b"nothing"), ..checkpoint(0) };
    let empty = Request { old_size: 0, proof: vec![], checkpoint: signed(&empty) };
    assert_eq!(refusal(&empty, None), Some(("witness.empty_root", 422)));

    let mut proof = request(0, 7);
    proof.proof.push(empty_root());
    assert_eq!(refusal(&proof, None), Some(("witness.inconsistent", 422)), "a proof from size 0");
    let mut proof = request(7, 7);
    proof.proof.push(empty_root());
    assert_eq!(refusal(&proof, Some(state(7))), Some(("witness.inconsistent", 422)), "a proof of no growth");
    for at in 0..request(3, 7).proof.len() {
        let mut proof = request(3, 7);
        proof.proof[at].0[0] ^= 1;
        assert_eq!(refusal(&proof, Some(state(3))), Some(("witness.inconsistent", 422)));
        let mut proof = request(3, 7);
        proof.proof.remove(at);
        assert_eq!(refusal(&proof, Some(state(3))), Some(("witness.inconsistent", 422)));
    }

    let rewritten = TreeHead { root: leaf_hash(b"another"), ..state(7) };
    assert_eq!(refusal(&request(7, 7), Some(rewritten)), Some(("witness.split_view", 422)));
    let rewritten = TreeHead { root: leaf_hash(b"another"), ..state(3) };
    assert_eq!(refusal(&request(3, 7), Some(rewritten)), Some(("witness.inconsistent", 422)));
}

#[test]
fn a_conflict_contains_the_size() {
    let refusal = check_add_checkpoint(&request(0, 7), &trusted(), Some(state(3))).expect_err("another size");
    assert_eq!((refusal.body().as_str(), refusal.content_type()), ("3\n", SIZE_CONTENT_TYPE));
    let read = |status, kind, body: &str| {
        AddCheckpointResponse::read(status, kind, body.as_bytes(), &signed(&checkpoint(7)), &[])
    };
    assert_eq!(read(409, Some(SIZE_CONTENT_TYPE), "3\n"), Ok(AddCheckpointResponse::Conflict { size: 3 }));
    for (kind, body) in [
        (None, "3\n"),
        (Some("text/plain"), "3\n"),
        (Some(SIZE_CONTENT_TYPE), "3"),
        (Some(SIZE_CONTENT_TYPE), "03\n"),
        (Some(SIZE_CONTENT_TYPE), "-3\n"),
        (Some(SIZE_CONTENT_TYPE), "3\n3\n"),
        (Some(SIZE_CONTENT_TYPE), "9007199254740992\n"),
        (Some(SIZE_CONTENT_TYPE), ""),
    ] {
        assert_eq!(read(409, kind, body).map_err(|error| error.code), Err(Code::Witness), "{body:?}");
    }
    assert_eq!(read(503, None, "busy"), Ok(AddCheckpointResponse::Refused { status: 503 }));
    let other = CosignError::UnknownLog;
    assert!(other.body().starts_with("witness.unknown_log: ") && other.body().ends_with('\n'));
}

#[test]
fn signature_lines_of_other_keys_are_ignored() {
    let last = signed(&checkpoint(7));
    let line = last.cosign(&witness(), NOW).expect("a witness's key");
    let stranger = SignerKey::witness_from_seed("stranger.example", [9; 32]).expect("a name");
    let strange = last.cosign(&stranger, NOW).expect("a witness's key");
    let longer = SignatureLine { name: "witness.example".into(), id: [6; 4], signature: vec![1; 2_428] };
    let keys = [witness().verifier_key().clone(), log().verifier_key().clone()];
    let read = |body: &str| AddCheckpointResponse::read(200, None, body.as_bytes(), &last, &keys);
    let Ok(AddCheckpointResponse::Cosigned(lines)) = read(&format!("{strange}{longer}{line}")) else {
        panic!("one is known")
    };
    assert!(lines.len() == 1 && lines[0].is_of(witness().verifier_key()));

    let timeless = last.cosign(&witness(), 0).expect("a witness's key");
    let other = signed(&checkpoint(8)).cosign(&witness(), NOW).expect("a witness's key");
    let twice = format!("{line}{line}");
    let more = format!("more\n\n{line}");
    for body in ["", "\n", &strange, &timeless, &other, &twice, line.trim_end(), &more, &format!("{line}\n")]
    {
        assert_eq!(read(body).map_err(|error| error.code), Err(Code::Witness), "{body:?}");
    }
    assert!(AddCheckpointResponse::read(200, None, &vec![b'\n'; MAX_BYTES + 1], &last, &keys).is_err());
    assert!(AddCheckpointResponse::read(200, None, b"\xff\n", &last, &keys).is_err());
}

#[test]
fn extension_lines_are_signed_verbatim() {
    let text = format!("{}an extension line\n", checkpoint(1));
    let note = sign_note(&text, &log()).expect("a text");
    let body = format!("old 0\n\n{note}");
    let request = Request::parse(body.as_bytes()).expect("a request");
    assert_eq!(request.to_string(), body);
    let logs = trusted();
    let accepted = check_add_checkpoint(&request, &logs, None).expect("it is signed");
    let line = accepted.cosign(&witness(), NOW).expect("a witness's key");
    let kept = SignedCheckpoint::parse_extended(&accepted.note(&line)).expect("a checkpoint");
    assert_eq!(kept.note.text, text);
    assert_eq!(
        kept.cosignatures([witness().verifier_key()]).times(),
        [(0, Time::from_seconds(NOW).unwrap())]
    );
}

#[test]
fn malformed_requests_are_rejected_with_the_line() {
    let good = request(3, 7).to_string();
    assert_eq!(Request::parse(good.as_bytes()), Ok(request(3, 7)));
    let hash = format!("{}\n", empty_root());
    let with_proof = |count| format!("old 0\n{}\n{}", hash.repeat(count), signed(&checkpoint(7)));
    assert_eq!(Request::parse(with_proof(MAX_PROOF).as_bytes()).map(|read| read.proof.len()), Ok(MAX_PROOF));
    let lines = request(3, 7).proof.len() as u64;
    let cases = [
        (with_proof(MAX_PROOF + 1), Some(65)),
        (good.replacen("old 3", "old 03", 1), Some(1)),
        (good.replacen("old 3", "old +3", 1), Some(1)),
        (good.replacen("old 3", "old  3", 1), Some(1)),
        (good.replacen("old 3", "old", 1), Some(1)),
        (good.replacen("old 3", "Old 3", 1), Some(1)),
        (good.replacen("old 3", "old 9007199254740992", 1), Some(1)),
        (good.replacen("old 3", "old 18446744073709551616", 1), Some(1)),
        (good.replacen("=\n", "\n", 1), Some(2)),
        (good.replacen("\n7\n", "\n07\n", 1), Some(2 + lines + 2)),
        (good.trim_end().to_owned(), None),
        (good.clone() + "\n", None),
        (good.replace("\n\n", "\n"), None),
        (good.replace('\n', "\r\n"), None),
        (String::new(), None),
        ("old 3\n\n".to_owned(), None),
        (format!("{good}{}", "x".repeat(MAX_BYTES)), None),
    ];
    for (body, line) in cases {
        let Err(CosignError::Malformed(error)) = Request::parse(body.as_bytes()) else { panic!("{body:?}") };
        assert_eq!(error.line, line, "{body:?}");
        assert_eq!(CosignError::Malformed(error).status(), 400);
    }
    assert!(Request::parse(b"old 0\n\n\xff").is_err());
}

proptest! {
    /// The accepted checkpoints form one growing history, whatever the order of requests.
    #[test]
    fn no_order_of_requests_forks_a_log(steps in prop::collection::vec((0_u64..20, 0_u64..20, any::<bool>()), 1..30)) {
        let logs = trusted();
        let mut last: Option<TreeHead> = None;
        for (old, new, honest) in steps {
            let mut request = request(old, new);
            if !honest {
                let root = leaf_hash(b"another history");
                request.checkpoint = signed(&Checkpoint { root, ..checkpoint(new) });
            }
            if let Ok(accepted) = check_add_checkpoint(&request, &logs, last) {
                let state = accepted.tree_head();
                if let Some(before) = last {
                    prop_assert!(before.size <= state.size);
                    let proof = &request.proof;
                    prop_assert!(
                        verify_consistency(before.size, state.size, &before.root, &state.root, proof).is_ok()
                    );
                }
                last = Some(state);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_none(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(read) = Request::parse(&body) {
            prop_assert_eq!(read.to_string().into_bytes(), body);
        }
    }
}

#[test]
fn requests_and_responses_are_limited_in_size() {
    let padded = |length: usize| {
        let text = format!("{}{}\n", checkpoint(1), "x".repeat(length));
        format!("old 0\n\n{}", sign_note(&text, &log()).expect("a text"))
    };
    let room = MAX_BYTES - padded(1).len() + 1;
    assert!(Request::parse(padded(room).as_bytes()).is_ok());
    assert_eq!(
        Request::parse(padded(room + 1).as_bytes()).map_err(|error| error.code()),
        Err("witness.malformed")
    );
    let read =
        |length| AddCheckpointResponse::read(500, None, &vec![0; length], &signed(&checkpoint(7)), &[]);
    assert_eq!(read(MAX_BYTES), Ok(AddCheckpointResponse::Refused { status: 500 }));
    assert_eq!(read(MAX_BYTES + 1).map_err(|error| error.code), Err(Code::Witness));
}
