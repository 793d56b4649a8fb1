//! Uploads to a mirror, right and wrong ones, over HTTP.

#[path = "../../log-server/tests/testsuite/alerts/promtool.rs"]
mod promtool;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, consistency_proof, leaf_hash};
use countersign::note::{SignatureLine, SignerKey};
use countersign::witness::Request;
use countersign_client::{Folder, Source as _};
use countersign_log::mirroring::{MirrorInfo, UploadHead, package_proof, push_package};
use countersign_log_server::server::Bounds;
use countersign_mirror::{Config, LogCopy, PullMetrics, RunningMirror, pull, serve};
use flate2::Compression;
use flate2::write::GzEncoder;
use promtool::{Case, Scrape, Scrapes, Steps};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ORIGIN: &str = "log.example/audit";

fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

fn mirror_key() -> SignerKey {
    SignerKey::witness_from_seed("mirror.example", [2; 32]).unwrap()
}

fn witness_key() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [3; 32]).unwrap()
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

/// A log in memory.
struct Log {
    entries: Vec<Vec<u8>>,
    tree: PendingTree,
}

impl Log {
    fn new(name: &str, size: u64) -> Self {
        let entries: Vec<Vec<u8>> = (0..size).map(|n| format!("{name} {n}").into_bytes()).collect();
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>());
        Self { entries, tree }
    }

    fn checkpoint(&self, size: u64) -> SignedCheckpoint {
        let mut tree = CompactRange::new();
        tree.extend(&self.entries[..place(size)].iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>());
        let checkpoint = Checkpoint::new(ORIGIN, size, tree.root().unwrap()).unwrap();
        SignedCheckpoint::parse(&checkpoint.sign(&log_key()).unwrap()).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> String {
        let proof = consistency_proof(old, new, &self.tree).unwrap();
        Request { old_size: old, proof, checkpoint: self.checkpoint(new) }.to_string()
    }

    /// Returns an upload of the entries in this range, with at most `packages` packages.
    fn upload(&self, start: u64, end: u64, packages: usize) -> Vec<u8> {
        self.upload_with(start, end, packages, |_, _| {})
    }

    fn upload_with(
        &self,
        start: u64,
        end: u64,
        packages: usize,
        change: impl Fn(&mut Vec<Vec<u8>>, &mut Vec<Hash>),
    ) -> Vec<u8> {
        let head = UploadHead { origin: ORIGIN.into(), start, end, ticket: Vec::new() };
        let mut upload = head.encode().unwrap();
        for package in head.packages().take(packages) {
            let mut entries = self.entries[place(package.start)..place(package.end)].to_vec();
            let mut proof = package_proof(package.bundle, end, &self.tree).unwrap();
            change(&mut entries, &mut proof);
            push_package(&mut upload, &entries, &proof);
        }
        upload
    }
}

/// A mirror that only gets uploads.
struct Mirror {
    _folder: TempDir,
    copy: Arc<LogCopy>,
    pulls: Arc<PullMetrics>,
    runtime: Runtime,
    running: Option<RunningMirror>,
    address: String,
}

impl Mirror {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = vec![log_key().verifier_key().clone()];
        let copy =
            LogCopy::open(folder.path(), keys, Some(Box::new(mirror_key())), Arc::new(|| 1_800_000_000))
                .unwrap();
        let copy = Arc::new(copy.with_witnesses(vec![witness_key().verifier_key().clone()]));
        let pulls = Arc::new(PullMetrics::default());
        let runtime = Runtime::new().unwrap();
        let config = Config {
            copy: copy.clone(),
            listen: "127.0.0.1:0".parse().unwrap(),
            bounds: Bounds::default(),
            pulls: pulls.clone(),
        };
        let running = runtime.block_on(serve(config)).unwrap();
        let address = running.address().to_string();
        Self { _folder: folder, copy, pulls, runtime, running: Some(running), address }
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // An error is answered before the whole body has arrived.
        let _ = stream.write_all(body);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn scrape(&self) -> Scrape {
        Scrape { text: Some(self.ask("GET", "/metrics", "", b"").1), now: 0.0 }
    }

    fn add_checkpoint(&self, request: &str) -> (u16, String) {
        self.ask("POST", "/add-checkpoint", "", request.as_bytes())
    }

    fn add_entries(&self, upload: &[u8]) -> (u16, String) {
        self.ask("POST", "/add-entries", "Content-Type: application/octet-stream\r\n", upload)
    }

    /// Asserts that an upload is answered with this status and state.
    fn assert_info(&self, upload: &[u8], status: u16, pending: u64, next: u64) {
        let (answered, body) = self.add_entries(upload);
        assert_eq!(answered, status, "{body}");
        let info = MirrorInfo { pending, next, ticket: Vec::new() };
        assert_eq!(MirrorInfo::parse(body.as_bytes()), Some(info), "{body}");
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

/// Asserts that these lines are the mirror's cosignature on a checkpoint.
fn assert_cosigned(checkpoint: &SignedCheckpoint, lines: &str) {
    let signed = SignedCheckpoint::parse(&format!("{checkpoint}{lines}")).unwrap();
    assert_eq!(signed.cosignatures([mirror_key().verifier_key()]).verified.len(), 1, "{lines}");
}

#[test]
fn entries_are_uploaded_in_parts_and_then_cosigned() {
    let (mirror, log) = (Mirror::start(), Log::new("entry", 1_000));
    assert_eq!(mirror.add_entries(&log.upload(0, 700, 9)).0, 422, "there is no checkpoint");
    assert_eq!(mirror.add_checkpoint(&log.request(0, 700)), (200, String::new()));
    mirror.assert_info(&log.upload(700, 700, 0), 409, 700, 0);
    mirror.assert_info(&log.upload(0, 700, 1), 202, 700, 256);
    mirror.assert_info(&log.upload(600, 700, 9), 409, 700, 256);
    // A later package that is cut off doesn't matter.
    let mut cut = log.upload(256, 700, 2);
    cut.truncate(cut.len() - 1);
    mirror.assert_info(&cut, 202, 700, 512);
    assert_eq!(mirror.copy.status().published, None);
    let name = mirror.copy.public().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(mirror.ask("GET", &format!("/{name}/checkpoint"), "", b"").0, 404);
    let (status, lines) = mirror.add_entries(&log.upload(512, 700, 9));
    assert_eq!(status, 200, "{lines}");
    assert_cosigned(&log.checkpoint(700), &lines);
    // It can be repeated, and sent without entries.
    assert_eq!(mirror.add_entries(&log.upload(512, 700, 9)), (200, lines.clone()));
    assert_eq!(mirror.add_entries(&log.upload(700, 700, 0)), (200, lines));

    // An upload starts within a bundle, compressed. The encoding's name is case-insensitive.
    assert_eq!(mirror.add_checkpoint(&log.request(700, 1_000)).0, 200);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&log.upload(700, 1_000, 9)).unwrap();
    let (status, lines) =
        mirror.ask("POST", "/add-entries", "Content-Encoding: GZip\r\n", &encoder.finish().unwrap());
    assert_eq!(status, 200, "{lines}");
    assert_cosigned(&log.checkpoint(1_000), &lines);
    mirror.assert_info(&log.upload(0, 700, 0), 409, 1_000, 1_000);
    let (status, note) = mirror.ask("GET", &format!("/{name}/checkpoint"), "", b"");
    assert_eq!((status, note), (200, format!("{}{lines}", log.checkpoint(1_000))));
    assert_eq!(mirror.ask("POST", "/add-entries", "Content-Encoding: br\r\n", b"").0, 415);
}

#[test]
fn entries_that_are_not_in_the_tree_are_refused() {
    let (mirror, log, other) = (Mirror::start(), Log::new("entry", 700), Log::new("other", 700));
    assert_eq!(mirror.add_checkpoint(&log.request(0, 700)).0, 200);
    let wrong = [
        log.upload_with(0, 700, 1, |entries, _| entries[7].push(b'x')),
        log.upload_with(0, 700, 1, |entries, _| entries.swap(1, 2)),
        log.upload_with(0, 700, 1, |_, proof| proof[0].0[0] ^= 1),
        log.upload_with(0, 700, 1, |_, proof| _ = proof.pop()),
        log.upload_with(0, 700, 1, |_, proof| proof.push(Hash([0; 32]))),
        other.upload(0, 700, 9),
    ];
    for upload in wrong {
        let (status, said) = mirror.add_entries(&upload);
        assert_eq!((status, mirror.copy.status().next), (422, 0), "{said}");
    }
    // A wrong package after a right one: the right one is kept.
    let mut mixed = log.upload(0, 700, 1);
    let head = log.upload(256, 700, 0).len();
    mixed.extend_from_slice(&other.upload(256, 700, 1)[head..]);
    assert_eq!(mirror.add_entries(&mixed).0, 422);
    assert_eq!(mirror.copy.status().next, 256);
    assert_eq!(mirror.copy.status().published, None);
}

#[test]
fn malformed_uploads_are_refused() {
    let (mirror, log) = (Mirror::start(), Log::new("entry", 700));
    assert_eq!(mirror.add_checkpoint(&log.request(0, 700)).0, 200);
    let upload = log.upload(0, 700, 1);
    for length in [0, 1, 10, 30, upload.len() - 1] {
        assert_eq!(mirror.add_entries(&upload[..length]).0, 400, "{length}");
    }
    let head = |origin: &str, start, end| {
        UploadHead { origin: origin.into(), start, end, ticket: vec![1, 2] }.encode().unwrap()
    };
    assert_eq!(mirror.add_entries(&head(ORIGIN, 5, 4)).0, 400);
    assert_eq!(mirror.add_entries(&head("other.example", 0, 700)).0, 404);
    mirror.assert_info(&head(ORIGIN, 0, 699), 409, 700, 0);
    mirror.assert_info(&head(ORIGIN, 0, u64::MAX), 409, 700, 0);
    let long = log.upload_with(0, 700, 1, |_, proof| proof.resize(64, Hash([0; 32])));
    assert_eq!(mirror.add_entries(&long).0, 400);
    assert_eq!(mirror.ask("POST", "/add-entries", "Content-Encoding: gzip\r\n", &upload).0, 400);
    assert_eq!(mirror.copy.status().next, 0);
}

#[test]
fn checkpoints_that_contradict_the_pending_one_are_refused() {
    let (mirror, log, other) = (Mirror::start(), Log::new("entry", 900), Log::new("other", 900));
    assert_eq!(mirror.add_checkpoint("old 0\n").0, 400);
    let unsigned = log.request(0, 700).replace("— log.example/audit ", "— log.example/other ");
    assert_eq!(mirror.add_checkpoint(&unsigned).0, 403);
    assert_eq!(mirror.add_checkpoint(&log.request(0, 700)).0, 200);
    assert_eq!(mirror.add_checkpoint(&log.request(0, 700)), (409, "700\n".into()));
    assert_eq!(mirror.add_checkpoint(&other.request(700, 900)).0, 422);
    assert!(!mirror.copy.status().is_forked, "the proof shows nothing");
    assert_eq!(mirror.ask("GET", "/healthz", "", b"").0, 200);
    let fork = Request { old_size: 700, proof: vec![], checkpoint: other.checkpoint(700) }.to_string();
    assert_eq!(mirror.add_checkpoint(&fork).0, 422);
    assert!(mirror.copy.status().is_forked);
    assert_eq!(mirror.ask("GET", "/healthz", "", b"").0, 503);
    assert!(mirror.ask("GET", "/metrics", "", b"").1.contains("countersign_mirror_forked 1\n"));
    // The first branch continues.
    assert_eq!(mirror.add_checkpoint(&log.request(700, 900)).0, 200);
    assert_eq!(mirror.add_entries(&log.upload(0, 900, 9)).0, 200);
    assert_eq!(mirror.copy.status().published, Some(900));
}

#[test]
fn an_upload_adds_and_replaces_no_cosignature_by_an_invalid_one() {
    let (mirror, log) = (Mirror::start(), Log::new("entry", 3));
    let folder = Folder::open(mirror.copy.public()).unwrap();
    let upload = |lines: &str| {
        let checkpoint = SignedCheckpoint::parse(&format!("{}{lines}", log.checkpoint(3))).unwrap();
        let old_size = mirror.copy.status().pending;
        let proof = consistency_proof(old_size, 3, &log.tree).unwrap();
        assert_eq!(mirror.add_checkpoint(&Request { old_size, proof, checkpoint }.to_string()).0, 200);
        assert_eq!(mirror.add_entries(&log.upload(mirror.copy.status().next, 3, 1)).0, 200);
        folder.checkpoint().unwrap()
    };
    let cosignature = log.checkpoint(3).cosign(&witness_key(), 1_800_000_000).unwrap();
    let published = upload(&cosignature);
    assert_eq!(published.cosignatures([witness_key().verifier_key()]).verified.len(), 1);
    let stranger = SignerKey::witness_from_seed("stranger.example", [4; 32]).unwrap();
    let of_stranger = log.checkpoint(3).cosign(&stranger, 1_800_000_000).unwrap();
    let forged = SignatureLine::new(witness_key().verifier_key(), &[7; 72]);
    assert_eq!(upload(&format!("{forged}{of_stranger}")), published);
}

/// A mirror that gets another checkpoint of the same size.
fn forked() -> Scrapes {
    let (mirror, log, other) = (Mirror::start(), Log::new("entry", 7), Log::new("other", 7));
    assert_eq!(mirror.add_checkpoint(&log.request(0, 7)).0, 200);
    let before = mirror.scrape();
    let fork = Request { old_size: 7, proof: vec![], checkpoint: other.checkpoint(7) }.to_string();
    assert_eq!(mirror.add_checkpoint(&fork).0, 422);
    Scrapes { before, during: mirror.scrape(), later: None, after: None }
}

/// A mirror whose log is not there, and then is.
fn pulls_failing() -> Scrapes {
    let (mirror, folder) = (Mirror::start(), tempfile::tempdir().unwrap());
    let before = mirror.scrape();
    let pulled = |from: &Path| {
        mirror.pulls.count(&pull(&mirror.copy, &Folder::open(from).unwrap(), &()));
        mirror.scrape()
    };
    let during = pulled(folder.path());
    let log = Mirror::start();
    let entries = Log::new("entry", 7);
    assert_eq!(log.add_checkpoint(&entries.request(0, 7)).0, 200);
    assert_eq!(log.add_entries(&entries.upload(0, 7, 1)).0, 200);
    Scrapes { before, during, later: None, after: Some(pulled(log.copy.public())) }
}

#[test]
fn each_alert_of_a_mirror_is_fired_by_its_fault_and_by_no_other() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alerts.yml").canonicalize().unwrap();
    let case = |name: &str, alerts, scrapes| Case { name: name.to_owned(), alerts, scrapes };
    let cases = [
        case("two histories", &["CountersignMirrorForked"] as &[_], forked()),
        case("the log is not there", &["CountersignMirrorPullsFailing"], pulls_failing()),
    ];
    let lines = cases.iter().filter_map(|case| case.scrapes.during.text.as_deref()).flat_map(str::lines);
    let names = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    let used: BTreeSet<String> = names.map(ToOwned::to_owned).collect();
    promtool::check(&rules, &cases, &used, Steps { minutes: 1, before: 60, during: 60, after: 30 });
}
