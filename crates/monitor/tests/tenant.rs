//! Tests a monitor with an in-memory tenant log, whose heads a root log proves.

use std::sync::Mutex;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{Bundle, CompactRange, PendingTree, Tile, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{Anchor, Head, HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_client::Source;
use countersign_errors::EngineError;
use countersign_monitor::{Monitor, MonitorState};

const ROOT: &str = "log.example/audit";
const ORIGIN: &str = "log.example/audit/t/8f000000000000000000000000000001";

fn key() -> SignerKey {
    SignerKey::from_seed(ROOT, [1; 32]).unwrap()
}

fn origin() -> TenantOrigin {
    TenantOrigin::parse(ORIGIN).unwrap()
}

/// A tenant log with fewer entries than a tile holds, and its root log.
#[derive(Default)]
struct World {
    entries: Vec<String>,
    root_log: Vec<String>,
    head: Option<HeadProof>,
}

impl World {
    fn set(&mut self, entries: usize, text: &str) {
        self.entries = (0..entries).map(|nth| format!("{text} {nth}")).collect();
    }

    fn root(&self) -> Hash {
        let mut tree = CompactRange::new();
        self.entries.iter().for_each(|entry| tree.append(leaf_hash(entry.as_bytes())));
        tree.root().unwrap()
    }

    /// Makes the next tick, `seconds` after the one before.
    fn tick(&mut self, seconds: i64) {
        let time = self.head.as_ref().map_or(1_700_000_000_000, |head| head.anchor.time.millis());
        let time = Time::from_millis(time + seconds * 1000).unwrap();
        let (size, root) = (self.entries.len() as u64, self.root());
        let head = Head { origin: origin(), size, root, state: State::Live };
        let siblings = vec![Hash([7; 32]); 8];
        let tick = self.root_log.len() as u64;
        let mut anchor = Anchor { head, salt: [3; 16], time, siblings, tick, hashes: Vec::new() };
        self.root_log.push(anchor.entry().to_string());
        let hashes: Vec<_> = self.root_log.iter().map(|entry| leaf_hash(entry.as_bytes())).collect();
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&hashes);
        anchor.hashes = inclusion_proof(tick, tick + 1, &tree).unwrap();
        let checkpoint = Checkpoint::new(ROOT, tick + 1, tree.root()).unwrap().sign(&key()).unwrap();
        self.head = Some(HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&checkpoint).unwrap() });
    }

    fn file(&self, path: &str) -> Option<Vec<u8>> {
        if path == "head" {
            return Some(self.head.as_ref()?.to_string().into_bytes());
        }
        if let Ok(bundle) = Bundle::parse(path) {
            return Some(Bundle::encode(self.entries.get(..bundle.width as usize)?).unwrap());
        }
        let tile = Tile::parse(path).ok().filter(|tile| tile.level == 0)?;
        let hashed = self.entries.get(..tile.width as usize)?.iter();
        Some(hashed.flat_map(|entry| leaf_hash(entry.as_bytes()).0).collect())
    }
}

struct Log(Mutex<World>);

impl Source for Log {
    fn name(&self) -> String {
        "memory/".into()
    }

    fn readers(&self) -> usize {
        1
    }

    fn read(&self, path: &str, _max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.lock().unwrap().file(path))
    }
}

/// A log and what its monitor remembers.
struct Scene {
    log: Log,
    state: MonitorState,
}

impl Scene {
    /// Starts with three entries, which the monitor has checked.
    fn new() -> Self {
        let mut scene = Self { log: Log(Mutex::default()), state: MonitorState::default() };
        scene.change(|world| {
            world.set(3, "entry");
            world.tick(1);
        });
        assert_eq!(scene.check(), (vec![], false));
        scene
    }

    fn change(&mut self, change: impl FnOnce(&mut World)) {
        change(&mut self.log.0.lock().unwrap());
    }

    /// Checks once, after the state was written and read again. Returns the new codes except `entry.opaque`, and
    /// whether one of them is fatal.
    fn check(&mut self) -> (Vec<&'static str>, bool) {
        self.check_with(&format!("log {}\n", key().verifier_key()))
    }

    fn check_with(&mut self, trust: &str) -> (Vec<&'static str>, bool) {
        self.check_also(trust, &[])
    }

    /// Checks once, and compares the log with these other places.
    fn check_also(&mut self, trust: &str, also: &[Box<dyn Source>]) -> (Vec<&'static str>, bool) {
        self.state = MonitorState::parse(&self.state.to_text(ORIGIN), ORIGIN).unwrap();
        let trust = Trust::parse(trust.as_bytes()).unwrap();
        let monitor = Monitor::new(ORIGIN, &trust, &self.log, &()).also(also);
        let checked = monitor.check(&mut self.state, |_, _, _| Ok::<_, EngineError>(())).unwrap();
        let (findings, now) = checked.expect("nothing stops it");
        let changes = self.state.update(&findings, ORIGIN, now, false);
        let codes = changes.new.iter().map(|finding| finding.kind.code);
        (codes.filter(|code| *code != "entry.opaque").collect(), findings.is_fatal())
    }
}

#[test]
fn a_log_that_grows_has_no_findings() {
    let mut scene = Scene::new();
    scene.change(|world| world.tick(1));
    assert_eq!(scene.check(), (vec![], false), "no new entries");
    scene.change(|world| {
        world.tick(1);
        world.set(5, "entry");
        world.tick(10);
    });
    assert_eq!(scene.check(), (vec![], false));
    assert_eq!((scene.state.read_entries(), scene.state.pin().unwrap().checkpoint.size), (5, 5));
    assert!(scene.state.pin().unwrap().head().is_some());
}

#[test]
fn a_rewritten_log_is_noticed_although_no_anchor_came_between() {
    let mut scene = Scene::new();
    scene.change(|world| {
        world.set(4, "other");
        world.tick(1);
    });
    assert_eq!(scene.check(), (vec!["append_only.split_view"], true));
    let mut scene = Scene::new();
    scene.change(|world| {
        world.set(2, "entry");
        world.tick(1);
    });
    assert_eq!(scene.check(), (vec!["head.order"], true), "shorter");
}

#[test]
fn two_states_of_one_tick_are_a_split_view() {
    let mut scene = Scene::new();
    scene.change(|world| {
        world.root_log.pop();
        world.set(4, "entry");
        world.tick(0);
    });
    assert_eq!(scene.check(), (vec!["head.split"], true));
}

#[test]
fn two_root_logs_of_one_tick_at_two_places_are_a_split_view() {
    let mut scene = Scene::new();
    scene.change(|world| world.tick(1));
    // A root log with another first entry contains these entries at the same tick and time.
    let other = |first: &str| {
        let mut world = World { root_log: vec![first.to_owned()], ..World::default() };
        world.set(3, "entry");
        world.tick(2);
        [Box::new(Log(Mutex::new(world))) as Box<dyn Source>]
    };
    let same = scene.log.0.lock().unwrap().root_log[0].clone();
    let trust = format!("log {}\n", key().verifier_key());
    assert_eq!(scene.check_also(&trust, &other(&same)), (vec![], false));
    assert_eq!(scene.check_also(&trust, &other("another")), (vec!["head.split"], true));
}

#[test]
fn ticks_closer_than_a_second_are_out_of_order() {
    let mut scene = Scene::new();
    scene.change(|world| world.tick(0));
    assert_eq!(scene.check(), (vec!["head.order"], true));
}

#[test]
fn an_invalid_head_changes_nothing() {
    type Change = fn(&mut HeadProof);
    let changes: [(Change, &str); 3] = [
        (|head| head.anchor.salt = [4; 16], "head.path"),
        (|head| head.anchor.head.size = 9, "head.path"),
        (|head| head.anchor.head.origin = TenantOrigin::new(ROOT, [9; 16]).unwrap(), "log.origin"),
    ];
    for (change, code) in changes {
        let mut scene = Scene::new();
        let before = scene.state.to_text(ORIGIN);
        scene.change(|world| {
            world.tick(1);
            change(world.head.as_mut().unwrap());
        });
        assert_eq!(scene.check(), (vec![code], false));
        let pin = MonitorState::parse(&before, ORIGIN).unwrap().pin().cloned();
        assert_eq!(scene.state.pin(), pin.as_ref());
    }
}

#[test]
fn an_old_head_is_not_accepted_with_a_new_checkpoint() {
    let mut scene = Scene::new();
    scene.change(|world| {
        let old = world.head.clone().unwrap();
        world.set(4, "entry");
        world.tick(1);
        let new = world.head.as_ref().unwrap().checkpoint.clone();
        world.head = Some(HeadProof { checkpoint: new, ..old });
    });
    assert_eq!(scene.check(), (vec!["head.path"], false));
}

#[test]
fn a_log_must_not_be_older_than_the_trust_file_says() {
    let mut scene = Scene::new();
    let trust = |tick: u64| format!("log {}\norigin {ORIGIN} {tick}\n", key().verifier_key());
    assert_eq!(scene.check_with(&trust(0)), (vec![], false));
    assert_eq!(scene.check_with(&trust(5)), (vec!["append_only.rollback"], false));
}

#[test]
fn an_older_head_of_the_same_entries_does_not_replace_the_newest() {
    let mut scene = Scene::new();
    let old = scene.log.0.lock().unwrap().head.clone();
    scene.change(|world| world.tick(1));
    assert_eq!(scene.check(), (vec![], false));
    scene.change(|world| world.head = old);
    assert_eq!(scene.check(), (vec![], false));
    assert_eq!(scene.state.pin().unwrap().head().unwrap().anchor.tick, 1);
}
