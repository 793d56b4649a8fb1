//! Tests of a witness server: its responses over HTTP, its state, and its limits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, consistency_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::witness::{MAX_BYTES, Request, SIZE_CONTENT_TYPE};
use countersign_log_server::server::Bounds;
use countersign_log_server::witness::{
    CheckpointGuard, Config, GuardRefusal, MemoryError, RunningWitness, StateDb, WitnessStartError, serve,
    serve_guarded,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ORIGIN: &str = "log.example/audit";
const NOW: u64 = 1_795_154_400;

fn log() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

fn config(state: &Path) -> Config {
    Config {
        keys: vec![Box::new(witness())],
        logs: vec![log().verifier_key().clone()],
        state: state.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        bounds: Bounds::default(),
        clock: Arc::new(|| NOW),
        steady: Arc::new(|| Duration::ZERO),
        stated_time: None,
    }
}

/// The log's entries, which are numbers.
struct Leaves;

impl Leaves {
    fn root(begin: u64, end: u64) -> Hash {
        let mut tree = CompactRange::new();
        (begin..end).for_each(|n| tree.append(leaf_hash(&n.to_be_bytes())));
        tree.root().unwrap()
    }
}

impl HashReader for Leaves {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
        Ok(subtrees.iter().map(|tree| Self::root(tree.index, tree.index + (1 << tree.level))).collect())
    }
}

fn request(old: u64, new: u64) -> String {
    let checkpoint = Checkpoint::new(ORIGIN, new, Leaves::root(0, new)).unwrap().sign(&log()).unwrap();
    let proof = consistency_proof(old, new, &Leaves).unwrap();
    let checkpoint = SignedCheckpoint::parse(&checkpoint).unwrap();
    Request { old_size: old, proof, checkpoint }.to_string()
}

struct Answer {
    status: u16,
    headers: String,
    body: String,
}

async fn send(address: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{head}Host: witness\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // A client whose request is rejected early may be disconnected.
    let _ = stream.write_all(body).await;
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, headers: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn post(address: SocketAddr, body: &str) -> Answer {
    let head = format!("POST /add-checkpoint HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    send(address, &head, body.as_bytes()).await
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &format!("GET {path} HTTP/1.1\r\n"), b"").await
}

fn hex_of(origin: &str) -> String {
    let Hash(bytes) = Hash::digest(&[origin.as_bytes()]);
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

async fn start(state: &Path) -> RunningWitness {
    serve(config(state)).await.unwrap()
}

/// Counts the checkpoints that it is asked about, and refuses those of more than nine entries.
struct CountingGuard(Arc<AtomicU64>);

impl CheckpointGuard for CountingGuard {
    fn check(&self, checkpoint: &SignedCheckpoint) -> Result<(), GuardRefusal> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let refusal = GuardRefusal { status: 403, message: "too many entries".into() };
        if checkpoint.checkpoint.size > 9 { Err(refusal) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_guard_is_asked_once_about_each_signed_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::<AtomicU64>::default();
    let guard = Box::new(CountingGuard(asked.clone()));
    let serving = serve_guarded(config(&folder.path().join("state")), Some(guard)).await.unwrap();
    let at = serving.address().tcp().unwrap();
    assert_eq!(post(at, &request(0, 9)).await.status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let refused = post(at, &request(9, 300)).await;
    assert_eq!((refused.status, &*refused.body), (403, "too many entries\n"));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let other = SignerKey::from_seed(ORIGIN, [3; 32]).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, 9, Leaves::root(0, 9)).unwrap().sign(&other).unwrap();
    let checkpoint = SignedCheckpoint::parse(&checkpoint).unwrap();
    let unsigned = Request { old_size: 9, proof: Vec::new(), checkpoint }.to_string();
    assert_eq!(post(at, &unsigned).await.status, 403);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "anyone can send a checkpoint without the log's signature");
    serving.stop().await;
}

#[tokio::test]
async fn cosigns_a_growing_log_and_serves_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let serving = start(&folder.path().join("state")).await;
    let at = serving.address().tcp().unwrap();
    let path = format!("/{}/checkpoint", hex_of(ORIGIN));
    assert_eq!(get(at, &path).await.status, 404);
    for (old, new) in [(0, 1), (1, 1), (1, 9), (9, 300)] {
        let body = request(old, new);
        let answer = post(at, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.headers.contains("content-type: text/plain"));
        let note = body.split_once("\n\n").unwrap().1.to_owned() + &answer.body;
        let cosigned = SignedCheckpoint::parse(&note).unwrap();
        assert_eq!(
            cosigned.cosignatures([witness().verifier_key()]).times(),
            [(0, Time::from_seconds(NOW).unwrap())]
        );
        let seen = get(at, &path).await;
        assert_eq!((seen.status, seen.body), (200, note));
        assert!(seen.headers.contains("cache-control: public, max-age=5"));
    }
    assert_eq!(get(at, "/healthz").await.status, 200);
    for path in [
        "/",
        "/checkpoint",
        "/x/checkpoint",
        &path.to_uppercase(),
        &format!("/{}/checkpoint", hex_of("other")),
    ] {
        assert_eq!(get(at, path).await.status, 404, "{path}");
    }
    assert_eq!(get(at, "/add-checkpoint").await.status, 405);
    serving.stop().await;
}

#[tokio::test]
async fn rejected_requests_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let serving = start(&folder.path().join("state")).await;
    let at = serving.address().tcp().unwrap();
    assert_eq!(post(at, &request(0, 9)).await.status, 200);
    let root = Leaves::root(0, 9).to_string();
    let forged = |old: &str, size: u64, root: Hash| {
        let note = Checkpoint::new(ORIGIN, size, root).unwrap().sign(&log()).unwrap();
        format!("old {old}\n\n{note}")
    };
    let cases = [
        (400, "old x\n".to_owned()),
        (400, request(9, 12).replacen("old 9", "old 13", 1)),
        (403, request(9, 12).replacen(&format!("— {ORIGIN} "), "— log.example/other ", 1)),
        (403, request(9, 12).replacen("\n12\n", "\n13\n", 1)),
        (404, request(9, 12).replace(ORIGIN, "log.example/other")),
        (409, request(0, 12)),
        (409, request(8, 12)),
        (422, forged("9", 9, leaf_hash(b"another"))),
        (422, forged("9", 12, leaf_hash(b"another"))),
    ];
    for (status, body) in cases {
        let answer = post(at, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        if status == 409 {
            assert_eq!(answer.body, "9\n");
            assert!(answer.headers.contains(&format!("content-type: {SIZE_CONTENT_TYPE}")));
        }
        let seen = get(at, &format!("/{}/checkpoint", hex_of(ORIGIN))).await;
        assert!(seen.body.contains(&root), "the state is unchanged");
    }
    assert_eq!(post(at, &"x".repeat(MAX_BYTES + 1)).await.status, 413);
    assert_eq!(post(at, &request(9, 12)).await.status, 200);
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigns_one_of_several_racing_histories() {
    let folder = tempfile::tempdir().unwrap();
    let serving = start(&folder.path().join("state")).await;
    let at = serving.address().tcp().unwrap();
    let race = (0..20_u64).map(|n| {
        let note = Checkpoint::new(ORIGIN, 1 + n % 5, leaf_hash(&[n as u8])).unwrap().sign(&log()).unwrap();
        tokio::spawn(async move { post(at, &format!("old 0\n\n{note}")).await })
    });
    let mut cosigned = Vec::new();
    for answer in race.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        match answer.status {
            200 => cosigned.push(answer.body),
            status => assert_eq!(status, 409),
        }
    }
    assert_eq!(cosigned.len(), 1);
    assert!(get(at, &format!("/{}/checkpoint", hex_of(ORIGIN))).await.body.ends_with(&cosigned[0]));
    serving.stop().await;
}

#[tokio::test]
async fn state_survives_restarts_and_is_exclusive() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let serving = start(&state).await;
    assert_eq!(post(serving.address().tcp().unwrap(), &request(0, 9)).await.status, 200);
    let second = serve(config(&state)).await;
    assert!(matches!(second, Err(WitnessStartError::Memory(MemoryError::InUse))));
    serving.stop().await;
    let serving = start(&state).await;
    let answer = post(serving.address().tcp().unwrap(), &request(0, 12)).await;
    assert_eq!((answer.status, answer.body.as_str()), (409, "9\n"));
    assert_eq!(post(serving.address().tcp().unwrap(), &request(9, 12)).await.status, 200);
    serving.stop().await;
    assert!(!StateDb::open(&state).unwrap().is_empty().unwrap());
}

#[tokio::test]
async fn state_is_complete_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let (state, copied) = (folder.path().join("state"), folder.path().join("copied"));
    // An earlier witness left this state when it was killed.
    let before = rusqlite::Connection::open(&state).unwrap();
    before.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(before);
    let serving = start(&state).await;
    assert_eq!(post(serving.address().tcp().unwrap(), &request(0, 9)).await.status, 200);
    std::fs::copy(&state, &copied).unwrap();
    let copy = start(&copied).await;
    let answer = post(copy.address().tcp().unwrap(), &request(0, 9)).await;
    assert_eq!((answer.status, answer.body.as_str()), (409, "9\n"));
    copy.stop().await;
    serving.stop().await;
}

#[tokio::test]
async fn rejects_and_keeps_foreign_files() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::write(&other, "a file of someone else's, long enough to be no SQLite file at all\n".repeat(20))
        .unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(StateDb::open(&other), Err(MemoryError::Foreign)));
    assert_eq!(std::fs::read(&other).unwrap(), before);
    assert!(matches!(StateDb::open(folder.path()), Err(MemoryError::Unavailable(_))));
    assert!(matches!(StateDb::open(&folder.path().join("missing/state")), Err(MemoryError::Unavailable(_))));
}

#[tokio::test]
async fn rejects_keys_that_are_missing_repeated_or_of_the_wrong_type() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let none = Config { keys: Vec::new(), ..config(&state) };
    assert!(matches!(serve(none).await, Err(WitnessStartError::Key(_))));
    let twice = Config { keys: vec![Box::new(witness()), Box::new(witness())], ..config(&state) };
    assert!(matches!(serve(twice).await, Err(WitnessStartError::Key(_))));
    let wrong = Config { keys: vec![Box::new(log())], ..config(&state) };
    assert!(matches!(serve(wrong).await, Err(WitnessStartError::Key(_))));
    let wrong = Config { logs: vec![witness().verifier_key().clone()], ..config(&state) };
    assert!(matches!(serve(wrong).await, Err(WitnessStartError::Key(_))));
}

#[tokio::test]
async fn implausible_clock_cosigns_and_records_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(0));
    let clock = {
        let now = now.clone();
        Arc::new(move || now.load(Ordering::SeqCst))
    };
    let serving = serve(Config { clock, ..config(&folder.path().join("state")) }).await.unwrap();
    let answer = post(serving.address().tcp().unwrap(), &request(0, 9)).await;
    assert!(answer.status == 503 && answer.headers.contains("retry-after: 5"));
    now.store(NOW, Ordering::SeqCst);
    assert_eq!(
        post(serving.address().tcp().unwrap(), &request(0, 9)).await.status,
        200,
        "the rejected request left no trace"
    );
    serving.stop().await;
}

#[tokio::test]
async fn jumping_clock_cosigns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (now, passed) = (Arc::new(AtomicU64::new(NOW)), Arc::new(AtomicU64::new(0)));
    let config = || {
        let (now, passed) = (now.clone(), passed.clone());
        Config {
            clock: Arc::new(move || now.load(Ordering::SeqCst)),
            steady: Arc::new(move || Duration::from_secs(passed.load(Ordering::SeqCst))),
            ..config(&folder.path().join("state"))
        }
    };
    let year = 365 * 86_400;
    let set = |seconds: u64| now.store(seconds, Ordering::SeqCst);
    let serving = serve(config()).await.unwrap();
    let at = serving.address().tcp().unwrap();
    assert_eq!(post(at, &request(0, 9)).await.status, 200);
    for wrong in [NOW - 54 * year, NOW - 1_000, NOW + 1_000, NOW + 7_900 * year] {
        set(wrong);
        let answer = post(at, &request(9, 10)).await;
        assert_eq!(answer.status, 503, "{wrong}");
        assert!(answer.body.starts_with("witness.clock: the witness's clock shows "), "{}", answer.body);
        assert!(answer.headers.contains("retry-after: 5"));
        assert_eq!(get(at, "/healthz").await.status, 503);
    }
    // The clock's error wasn't recorded, so the witness continues once the clock is right.
    set(NOW + 50);
    passed.store(60, Ordering::SeqCst);
    assert_eq!(get(at, "/healthz").await.status, 200);
    assert_eq!(post(at, &request(9, 10)).await.status, 200);
    serving.stop().await;

    // A new process knows the last cosignature.
    for (wrong, stated) in [(NOW - 100, None), (NOW + 9 * 86_400, None), (NOW + 9 * 86_400, Some(NOW))] {
        set(wrong);
        let serving = serve(Config { stated_time: stated, ..config() }).await.unwrap();
        let answer = post(serving.address().tcp().unwrap(), &request(10, 11)).await;
        assert_eq!(answer.status, 503, "{wrong} {stated:?}");
        serving.stop().await;
    }
    let serving = serve(Config { stated_time: Some(NOW + 9 * 86_400), ..config() }).await.unwrap();
    assert_eq!(post(serving.address().tcp().unwrap(), &request(10, 11)).await.status, 200);
    serving.stop().await;
}

#[tokio::test]
async fn disconnects_slow_clients_and_serves_others() {
    let folder = tempfile::tempdir().unwrap();
    let short = Duration::from_secs(2);
    let bounds = Bounds { head: short, silence: short, body: short * 2, ..Bounds::default() };
    let serving = serve(Config { bounds, ..config(&folder.path().join("state")) }).await.unwrap();
    let at = serving.address().tcp().unwrap();
    let mut head = TcpStream::connect(at).await.unwrap();
    head.write_all(b"POST /add-checkpoint HTTP/1.1\r\nHost:").await.unwrap();
    let mut body = TcpStream::connect(at).await.unwrap();
    body.write_all(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold")
        .await
        .unwrap();
    assert_eq!(post(at, &request(0, 9)).await.status, 200);
    let mut rest = String::new();
    let _ = head.read_to_string(&mut rest).await;
    rest.clear();
    let _ = body.read_to_string(&mut rest).await;
    assert!(!rest.contains(" 200 "), "{rest}");
    serving.stop().await;
}
