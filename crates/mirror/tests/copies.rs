//! Copies of logs that are honest, and of logs and sources that aren't.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{Bundle, CompactRange, TILE_WIDTH, Tile, leaf_hash};
use countersign::note::{MlDsaKey, SignerKey};
use countersign_client::{Folder, Source};
use countersign_errors::EngineError;
use countersign_mirror::{LogCopy, MirrorError, PullObserver, PullOutcome, pull};

const ORIGIN: &str = "log.example/audit";

fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

fn mirror_key() -> SignerKey {
    SignerKey::witness_from_seed("mirror.example", [2; 32]).unwrap()
}

/// A log's files in memory, which a test can change.
#[derive(Default)]
struct Files(Mutex<BTreeMap<String, Vec<u8>>>);

impl Files {
    /// Creates a log of these entries.
    fn new(entries: &[Vec<u8>]) -> Self {
        let files = Self::default();
        files.publish(entries);
        files
    }

    /// Replaces the log by one of these entries.
    fn publish(&self, entries: &[Vec<u8>]) {
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let root = |first: u64, end: u64| {
            let mut tree = CompactRange::new();
            tree.extend(&hashes[usize::try_from(first).unwrap()..usize::try_from(end).unwrap()]);
            tree.root().unwrap()
        };
        let size = entries.len() as u64;
        for tile in Tile::grown(0, size) {
            let span = TILE_WIDTH.pow(tile.level.into());
            let first = tile.index * TILE_WIDTH;
            let roots = (first..first + u64::from(tile.width)).map(|n| root(n * span, (n + 1) * span).0);
            self.set(&tile.path(), roots.flatten().collect());
        }
        for bundle in Bundle::grown(0, size) {
            let first = usize::try_from(bundle.index * TILE_WIDTH).unwrap();
            let entries = &entries[first..first + usize::from(bundle.width)];
            self.set(&bundle.path(), Bundle::encode(entries).unwrap());
        }
        let checkpoint = Checkpoint::new(ORIGIN, size, root(0, size)).unwrap();
        self.set("checkpoint", checkpoint.sign(&log_key()).unwrap().into_bytes());
    }

    fn set(&self, path: &str, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(path.into(), bytes);
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.0.lock().unwrap().get_mut(path).unwrap());
    }
}

impl Source for Files {
    fn name(&self) -> String {
        "memory/".into()
    }

    fn readers(&self) -> usize {
        3
    }

    fn read(&self, path: &str, _: usize) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.lock().unwrap().get(path).cloned())
    }
}

fn entries(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    range.map(|n| format!("entry {n}").into_bytes()).collect()
}

/// Opens the copy in a folder, with a cosigner whose clock shows 1,800,000,000.
fn open(folder: &Path) -> LogCopy {
    let keys = vec![log_key().verifier_key().clone()];
    LogCopy::open(folder, keys, Some(Box::new(mirror_key())), Arc::new(|| 1_800_000_000)).unwrap()
}

/// Returns all files of a copy except its checkpoint.
fn files(copy: &LogCopy) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    collect(copy.public(), copy.public(), &mut all);
    all.remove("checkpoint");
    all
}

#[test]
fn a_copy_has_the_log_s_files_and_a_cosigned_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::default();
    for size in [1, 255, 256, 257, 700, 700, 1_024, 66_000] {
        let fresh = Files::new(&entries(0..size));
        *source.0.lock().unwrap() = fresh.0.into_inner().unwrap();
        let before = copy.status().next;
        let added = u64::from(size) - before;
        assert_eq!(pull(&copy, &source, &()).unwrap(), PullOutcome::Complete { size: size.into(), added });
        let mut log = source.0.lock().unwrap().clone();
        log.remove("checkpoint");
        let copied = files(&copy);
        for (path, bytes) in &log {
            assert!(copied.get(path) == Some(bytes), "{size} {path}");
        }
        // Partial tiles remain until they are full.
        let full = |path: &&String| !path.contains(".p/");
        assert_eq!(copied.keys().filter(full).count(), log.keys().filter(full).count(), "{size}");
        let own = Folder::open(copy.public()).unwrap().checkpoint().unwrap();
        assert_eq!(own.checkpoint.size, u64::from(size));
        assert!(own.is_signed_by(log_key().verifier_key()));
        assert_eq!(own.cosignatures([mirror_key().verifier_key()]).verified.len(), 1);
    }
    let copied = files(&copy);
    assert!(copied.keys().filter(|path| path.contains(".p/")).count() <= 4, "{:?}", copied.keys());
}

#[test]
fn a_copy_can_be_copied() {
    let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (first, second) = (open(first.path()), open(second.path()));
    pull(&first, &Files::new(&entries(0..1_000)), &()).unwrap();
    pull(&second, &Folder::open(first.public()).unwrap(), &()).unwrap();
    assert_eq!(files(&first), files(&second));
}

#[test]
fn an_altered_entry_is_not_stored_and_the_next_pull_continues() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::new(&entries(0..1_000));
    let flip = |bytes: &mut Vec<u8>| bytes[10] ^= 1;
    source.change("tile/entries/002", flip);
    let error = pull(&copy, &source, &()).unwrap_err();
    assert!(matches!(&error, MirrorError::Altered(path) if path == "tile/entries/002"), "{error}");
    assert_eq!((copy.status().next, copy.status().published), (512, None));
    assert!(!copy.public().join("tile/entries/002").exists());
    // A hash that fits the altered entry doesn't help.
    let altered = source.read("tile/entries/002", 0).unwrap().unwrap();
    let bundle = Bundle { index: 2, width: 256 };
    let hash = leaf_hash(bundle.decode(&altered).unwrap()[0]);
    source.change("tile/0/002", |tile| tile[..32].copy_from_slice(&hash.0));
    assert!(pull(&copy, &source, &()).is_err());
    source.publish(&entries(0..1_000));
    assert_eq!(pull(&copy, &source, &()).unwrap(), PullOutcome::Complete { size: 1_000, added: 488 });
}

/// A lie's name, its change to a log's files, and the code of the error.
type Lie<'l> = (&'static str, Box<dyn Fn(&Files) + 'l>, &'static str);

#[test]
fn lies_about_bundles_and_tiles_are_not_stored() {
    let other: Vec<Vec<u8>> = (0..1_000).map(|n| format!("other {n}").into_bytes()).collect();
    let other = Files::new(&other);
    let of_other = |path: &str| other.read(path, 0).unwrap().unwrap();
    let lies: Vec<Lie<'_>> = vec![
        (
            "truncated bundle",
            Box::new(|log| log.change("tile/entries/001", |b| b.truncate(700))),
            "mirror.malformed",
        ),
        ("longer bundle", Box::new(|log| log.change("tile/entries/001", |b| b.push(0))), "mirror.malformed"),
        (
            "other log's bundle",
            Box::new(|log| log.set("tile/entries/001", of_other("tile/entries/001"))),
            "mirror.altered",
        ),
        (
            "other log's upper tile",
            Box::new(|log| log.set("tile/1/000.p/3", of_other("tile/1/000.p/3"))),
            "mirror.altered",
        ),
        (
            "missing bundle",
            Box::new(|log| _ = log.0.lock().unwrap().remove("tile/entries/001")),
            "mirror.missing",
        ),
        ("short tile", Box::new(|log| log.change("tile/1/000.p/3", |b| b.truncate(64))), "mirror.malformed"),
        (
            "swapped bundles",
            Box::new(|log| log.set("tile/entries/001", log.read("tile/entries/000", 0).unwrap().unwrap())),
            "mirror.altered",
        ),
    ];
    for (name, lie, code) in lies {
        let folder = tempfile::tempdir().unwrap();
        let copy = open(folder.path());
        let source = Files::new(&entries(0..1_000));
        lie(&source);
        let error = pull(&copy, &source, &()).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert_eq!(copy.status().published, None, "{name}");
        assert!(!copy.public().join("checkpoint").exists(), "{name}");
        assert!(!copy.public().join("tile/entries/001").exists(), "{name}");
    }
}

#[test]
fn a_fork_is_kept_as_evidence_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::new(&entries(0..600));
    pull(&copy, &source, &()).unwrap();
    let before = files(&copy);
    let mut forked = entries(0..600);
    forked[300] = b"another".to_vec();
    let mut grown = forked.clone();
    grown.extend(entries(600..900));
    for (fork, size) in [(&forked, 600), (&grown, 900), (&forked[..400].to_vec(), 400)] {
        source.publish(fork);
        let error = pull(&copy, &source, &()).unwrap_err();
        assert!(matches!(error, MirrorError::Fork { kept: 600, seen } if seen == size), "{size}: {error}");
        assert_eq!((files(&copy), copy.status().next), (before.clone(), 600));
    }
    assert!(copy.status().is_forked);
    let evidence = fs::read_to_string(copy.evidence_path()).unwrap();
    let notes: Vec<&str> = evidence.split("\nlog.example").collect();
    assert_eq!(notes.len(), 2, "{evidence}");
    // The honest branch continues, and the evidence remains.
    source.publish(&entries(0..700));
    assert!(pull(&copy, &source, &()).is_ok());
    drop(copy);
    assert!(open(folder.path()).status().is_forked);
}

#[test]
fn the_branch_of_a_pull_that_ended_early_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::new(&entries(0..1_000));
    source.change("tile/entries/002", |bytes| bytes[10] ^= 1);
    assert!(pull(&copy, &source, &()).is_err());
    drop(copy);
    let copy = open(folder.path());
    assert_eq!(copy.status().pending, 1_000);
    let mut forked = entries(0..1_000);
    forked[900] = b"another".to_vec();
    source.publish(&forked);
    let error = pull(&copy, &source, &()).unwrap_err();
    assert!(matches!(error, MirrorError::Fork { kept: 1_000, seen: 1_000 }), "{error}");
}

#[test]
fn an_older_checkpoint_is_refused_but_is_no_fork() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::new(&entries(0..600));
    let old = source.read("checkpoint", 0).unwrap().unwrap();
    source.publish(&entries(0..900));
    pull(&copy, &source, &()).unwrap();
    source.set("checkpoint", old);
    let error = pull(&copy, &source, &()).unwrap_err();
    assert!(matches!(error, MirrorError::Behind { kept: 900, seen: 600 }), "{error}");
    assert!(!copy.status().is_forked);
}

#[test]
fn checkpoints_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    let source = Files::new(&entries(0..3));
    let note = String::from_utf8(source.read("checkpoint", 0).unwrap().unwrap()).unwrap();
    let stranger = SignerKey::from_seed(ORIGIN, [3; 32]).unwrap();
    let signed = SignedCheckpoint::parse(&note).unwrap();
    source.set("checkpoint", signed.checkpoint.sign(&stranger).unwrap().into_bytes());
    assert!(matches!(pull(&copy, &source, &()), Err(MirrorError::Unsigned)));
    let other = SignerKey::from_seed("other.example", [1; 32]).unwrap();
    let of_other = Checkpoint::new("other.example", 3, signed.checkpoint.root).unwrap();
    source.set("checkpoint", of_other.sign(&other).unwrap().into_bytes());
    assert!(matches!(pull(&copy, &source, &()), Err(MirrorError::OtherLog(_))));
    assert_eq!(copy.status().pending, 0);
}

/// Stops a pull after this many calls.
struct StopAfter(AtomicU64);

impl PullObserver for StopAfter {
    fn is_stopped(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

#[test]
fn a_crash_at_any_point_loses_nothing_that_was_verified() {
    let source = Files::new(&entries(0..3_000));
    let expected = {
        let folder = tempfile::tempdir().unwrap();
        let copy = open(folder.path());
        pull(&copy, &source, &()).unwrap();
        files(&copy)
    };
    let stops = Cell::new(0);
    let folder = tempfile::tempdir().unwrap();
    loop {
        // Dropping the copy without saving is what a crash does; torn files are what a power failure leaves.
        let copy = open(folder.path());
        let outcome = pull(&copy, &source, &StopAfter(AtomicU64::new(2))).unwrap();
        if let PullOutcome::Complete { .. } = outcome {
            assert_eq!(files(&copy), expected);
            break;
        }
        stops.set(stops.get() + 1);
        let next = copy.status().next;
        let torn = copy.public().join(Bundle { index: next / 256, width: 256 }.path());
        fs::write(&torn, b"torn").unwrap();
        fs::write(torn.with_file_name(".unfinished-1"), b"torn").unwrap();
        drop(copy);
        if stops.get() == 3 {
            pull(&open(folder.path()), &source, &()).unwrap();
        }
    }
    assert_eq!(stops.get(), 3);
}

#[test]
fn a_damaged_copy_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let copy = open(folder.path());
    pull(&copy, &Files::new(&entries(0..600)), &()).unwrap();
    let keys = || vec![log_key().verifier_key().clone()];
    let clock = || Arc::new(|| 1_800_000_000);
    assert!(matches!(LogCopy::open(folder.path(), keys(), None, clock()), Err(MirrorError::InUse)));
    let tile = copy.public().join("tile/0/001");
    drop(copy);
    let mut bytes = fs::read(&tile).unwrap();
    bytes[0] ^= 1;
    fs::write(&tile, bytes).unwrap();
    assert!(matches!(LogCopy::open(folder.path(), keys(), None, clock()), Err(MirrorError::Damaged(_))));
    fs::remove_file(&tile).unwrap();
    let opened = LogCopy::open(folder.path(), keys(), None, clock());
    assert!(matches!(opened, Err(MirrorError::Damaged(why)) if why == "tile/0/001 is missing"));
}

#[test]
fn a_clock_that_goes_back_cosigns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicU64::new(1_800_000_000));
    let clock = now.clone();
    let keys = vec![log_key().verifier_key().clone()];
    let clock = Arc::new(move || clock.load(Ordering::SeqCst));
    let copy = LogCopy::open(folder.path(), keys, Some(Box::new(mirror_key())), clock).unwrap();
    let source = Files::new(&entries(0..10));
    pull(&copy, &source, &()).unwrap();
    now.store(1_799_999_000, Ordering::SeqCst);
    source.publish(&entries(0..20));
    assert!(matches!(pull(&copy, &source, &()), Err(MirrorError::Clock(1_000))));
    now.store(1_799_999_990, Ordering::SeqCst);
    pull(&copy, &source, &()).unwrap();
    let own = Folder::open(copy.public()).unwrap().checkpoint().unwrap();
    let mirror = mirror_key();
    let cosigned = own.cosignatures([mirror.verifier_key()]);
    assert_eq!(cosigned.verified[0].time.millis(), 1_800_000_000_000);
}

#[test]
fn an_ml_dsa_key_cosigns_too() {
    let (folder, source) = (tempfile::tempdir().unwrap(), Files::new(&entries(0..300)));
    let key = MlDsaKey::from_seed("mirror.example", [9; 32]).unwrap();
    let verifier_key = key.verifier_key().clone();
    let keys = vec![log_key().verifier_key().clone()];
    let copy = LogCopy::open(folder.path(), keys, Some(Box::new(key)), Arc::new(|| 1_800_000_000)).unwrap();
    pull(&copy, &source, &()).unwrap();
    let own =
        SignedCheckpoint::parse(&fs::read_to_string(copy.public().join("checkpoint")).unwrap()).unwrap();
    assert_eq!(own.cosignatures([&verifier_key]).verified.len(), 1);
}
