//! Tests a monitor with an in-memory log whose history grows, is truncated, or is rewritten.

use std::sync::Mutex;

use countersign::checkpoint::Checkpoint;
use countersign::merkle::{Bundle, CompactRange, Tile, leaf_hash};
use countersign::note::SignerKey;
use countersign::trust::Trust;
use countersign_client::Source;
use countersign_errors::EngineError;
use countersign_monitor::{Findings, Monitor, MonitorObserver, MonitorState};

const ORIGIN: &str = "log.example/audit";

fn key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

/// A log with fewer entries than a tile holds.
struct Log(Mutex<Vec<String>>);

impl Log {
    fn new(entries: usize) -> Self {
        let log = Self(Mutex::default());
        log.set(entries, "entry");
        log
    }

    fn set(&self, entries: usize, text: &str) {
        *self.0.lock().unwrap() = (0..entries).map(|nth| format!("{text} {nth}")).collect();
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        let entries = self.0.lock().unwrap();
        if path == "checkpoint" {
            let mut tree = CompactRange::new();
            entries.iter().for_each(|entry| tree.append(leaf_hash(entry.as_bytes())));
            let checkpoint = Checkpoint::new(ORIGIN, entries.len() as u64, tree.root()?).unwrap();
            return Some(checkpoint.sign(&key()).unwrap().into_bytes());
        }
        if let Ok(bundle) = Bundle::parse(path) {
            return Some(Bundle::encode(entries.get(..bundle.width as usize)?).unwrap());
        }
        let tile = Tile::parse(path).ok().filter(|tile| tile.level == 0)?;
        let hashed = entries.get(..tile.width as usize)?.iter();
        Some(hashed.flat_map(|entry| leaf_hash(entry.as_bytes()).0).collect())
    }
}

impl Source for Log {
    fn name(&self) -> String {
        "memory/".into()
    }

    fn readers(&self) -> usize {
        1
    }

    fn read(&self, path: &str, _max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.file(path))
    }
}

/// Checks once. Returns the findings, the new codes except `entry.opaque`, and the findings that are over.
fn check(log: &Log, state: &mut MonitorState) -> (Findings, Vec<&'static str>, Vec<String>) {
    let trust = Trust::default().with_log(key().verifier_key().clone()).unwrap();
    let monitor = Monitor::new(ORIGIN, &trust, log, &());
    let checked = monitor.check(state, |_, _, _| Ok::<_, EngineError>(())).unwrap();
    let (findings, now) = checked.expect("nothing stops it");
    let changes = state.update(&findings, ORIGIN, now, false);
    let codes = changes.new.iter().map(|finding| finding.kind.code).filter(|code| *code != "entry.opaque");
    let (codes, over) = (codes.collect(), changes.over);
    (findings, codes, over)
}

#[test]
fn reads_each_entry_once_across_processes() {
    let log = Log::new(3);
    let mut state = MonitorState::default();
    let (findings, codes, _) = check(&log, &mut state);
    assert_eq!((findings.list().len(), codes.len()), (3, 0));
    assert_eq!((state.read_entries(), state.pin().unwrap().checkpoint.size), (3, 3));

    let mut state = MonitorState::parse(&state.to_text(ORIGIN).unwrap(), ORIGIN).unwrap();
    assert!(MonitorState::parse(&state.to_text(ORIGIN).unwrap(), "log.example/other").is_err());
    log.set(5, "entry");
    let (findings, codes, _) = check(&log, &mut state);
    let indexes: Vec<_> = findings.list().iter().map(|finding| finding.place.index).collect();
    assert_eq!((indexes, codes.len()), (vec![Some(3), Some(4)], 0));
}

#[test]
fn rewritten_history_is_fatal_and_has_both_checkpoints() {
    let log = Log::new(3);
    let mut state = MonitorState::default();
    check(&log, &mut state);
    log.set(4, "other");
    let (findings, codes, _) = check(&log, &mut state);
    assert!(findings.is_fatal());
    assert_eq!(codes, ["append_only.split_view"]);
    let evidence = &findings.list().last().unwrap().evidence;
    assert!(evidence.len() == 2 && evidence.iter().all(|checkpoint| checkpoint.starts_with(ORIGIN)));
    assert_eq!(state.pin().unwrap().checkpoint.size, 3, "only valid data changes the state");
}

#[test]
fn truncated_log_is_reported_at_its_begin_and_end() {
    let log = Log::new(5);
    let mut state = MonitorState::default();
    check(&log, &mut state);
    log.set(3, "entry");
    assert_eq!(check(&log, &mut state).1, ["append_only.rollback"]);
    let (findings, codes, over) = check(&log, &mut state);
    assert_eq!((findings.list().len(), codes.len(), over.len()), (1, 0, 0));
    log.set(6, "entry");
    let (_, codes, over) = check(&log, &mut state);
    assert_eq!((codes.len(), over), (0, vec!["append_only.rollback".to_owned()]));
}

struct Stopped;

impl MonitorObserver for Stopped {
    fn is_stopped(&self) -> bool {
        true
    }
}

#[test]
fn stopped_check_changes_nothing() {
    let (log, trust) = (Log::new(3), Trust::default().with_log(key().verifier_key().clone()).unwrap());
    let mut state = MonitorState::default();
    let monitor = Monitor::new(ORIGIN, &trust, &log, &Stopped);
    assert!(monitor.check(&mut state, |_, _, _| Ok::<_, EngineError>(())).unwrap().is_none());
    assert!(state.pin().is_none());
}
