//! Tests a monitor with an in-memory tenant log, whose heads a root log proves.

use std::sync::Mutex;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{
    Bundle, CompactRange, PendingTree, Tile, consistency_proof, inclusion_proof, leaf_hash,
};
use countersign::note::SignerKey;
use countersign::tenant::{Anchor, Head, HeadProof, Since, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_client::Source;
use countersign_errors::EngineError;
use countersign_monitor::{Monitor, MonitorState};
use serde_json::{Map, Value, json};

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
    /// The anchors so far, without hashes.
    anchors: Vec<Anchor>,
    /// True if answers lack anchors.
    hides_anchors: bool,
}

impl World {
    fn set(&mut self, entries: usize, text: &str) {
        self.entries = (0..entries).map(|nth| format!("{text} {nth}")).collect();
    }

    /// Makes ticks up to this one, whose directories have other logs.
    fn skip_to(&mut self, tick: usize) {
        self.root_log.resize(tick, "another directory".into());
    }

    fn root_tree(&self) -> PendingTree {
        tree(&self.root_log)
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
        if (tick + 1).is_multiple_of(1 << 12) {
            self.anchors.push(anchor.clone());
        }
        let tree = self.root_tree();
        anchor.hashes = inclusion_proof(tick, tick + 1, &tree).unwrap();
        let checkpoint = Checkpoint::new(ROOT, tick + 1, tree.root()).unwrap().sign(&key()).unwrap();
        self.head = Some(HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&checkpoint).unwrap() });
    }

    /// Returns the answer to a reader with this head.
    fn answer(&self, since: Since) -> Option<Vec<u8>> {
        let head = self.head.as_ref()?;
        let (size, root_size) = (head.head().size, head.checkpoint.checkpoint.size);
        let (entries, root_tree) = (tree(&self.entries), self.root_tree());
        let mut before = since.size;
        let mut grow = |size: u64| {
            let old = std::mem::replace(&mut before, size).min(size);
            let size = size.min(self.entries.len() as u64);
            texts(&consistency_proof(old.min(size), size, &entries).unwrap())
        };
        let ticks = since.anchors(head.anchor.tick);
        let shown = self.anchors.iter().filter(|anchor| ticks.contains(&anchor.tick) && !self.hides_anchors);
        let anchors: Vec<Value> = shown
            .map(|anchor| {
                let hashes = inclusion_proof(anchor.tick, root_size, &root_tree).unwrap();
                let anchor = Anchor { hashes, ..anchor.clone() };
                json!({ "anchor": anchor.to_string(), "consistency": grow(anchor.head.size) })
            })
            .collect();
        let proof = head.to_string();
        let (lines, root) = proof.split_once("\n\n")?;
        let log = json!({ "head": format!("{lines}\n"), "anchors": anchors, "consistency": grow(size) });
        let mut logs = Map::new();
        logs.insert(head.head().origin.to_string(), log);
        Some(json!({ "root": root, "logs": logs }).to_string().into_bytes())
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

fn tree(entries: &[String]) -> PendingTree {
    let mut tree = PendingTree::new(&CompactRange::new());
    tree.extend(&entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect::<Vec<_>>());
    tree
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
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

    fn ask(&self, path: &str, query: &[(&str, &str)], _: usize) -> Result<Option<Vec<u8>>, EngineError> {
        let [("since", since)] = query else { panic!("unexpected query: {query:?}") };
        assert_eq!(path, "head");
        Ok(self.0.lock().unwrap().answer(Since::parse(since).unwrap()))
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
        self.state = MonitorState::parse(&self.state.to_text(ORIGIN).unwrap(), ORIGIN).unwrap();
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
        let before = scene.state.to_text(ORIGIN).unwrap();
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
    assert_eq!(scene.check(), (vec!["append_only.behind"], false));
    assert_eq!(scene.state.pin().unwrap().head().unwrap().anchor.tick, 1);
}

/// A log at tick 4100, whose anchor at tick 4095 has this many entries of a history.
fn after_an_anchor(entries: usize, history: &str) -> impl FnOnce(&mut World) {
    move |world| {
        let now = world.entries.clone();
        world.set(entries, history);
        world.skip_to(4095);
        world.tick(4095);
        world.entries = now;
        world.skip_to(4100);
        world.tick(10);
    }
}

#[test]
fn anchors_since_the_newest_head_are_compared() {
    let mut scene = Scene::new();
    scene.change(after_an_anchor(3, "entry"));
    assert_eq!(scene.check(), (vec![], false));
    assert_eq!(scene.state.pin().unwrap().head().unwrap().anchor.tick, 4100);
    // Another number of entries, other entries, and more entries than the head has.
    for (entries, history, code) in [
        (2, "entry", "append_only.split_view"),
        (3, "other", "append_only.split_view"),
        (4, "other", "append_only.split_view"),
    ] {
        let mut scene = Scene::new();
        scene.change(after_an_anchor(entries, history));
        assert_eq!(scene.check(), (vec![code], true), "{entries} {history}");
        assert!(scene.state.two_histories().is_some());
        assert_eq!(scene.state.pin().unwrap().head().unwrap().anchor.tick, 0);
    }
}

#[test]
fn a_monitor_without_a_head_compares_the_newest_anchor() {
    let start = |entries, history| {
        let mut scene = Scene { log: Log(Mutex::default()), state: MonitorState::default() };
        scene.change(|world| {
            world.set(3, "entry");
            after_an_anchor(entries, history)(world);
        });
        scene.check()
    };
    assert_eq!(start(2, "entry"), (vec![], false));
    // Nothing that was signed contradicts the head, but the log's tiles do.
    assert_eq!(start(2, "other"), (vec!["append_only.split_view"], true));
}

#[test]
fn a_log_that_hides_anchors_is_not_accepted() {
    let mut scene = Scene::new();
    scene.change(after_an_anchor(3, "other"));
    scene.change(|world| world.hides_anchors = true);
    assert_eq!(scene.check(), (vec!["append_only.anchor"], false));
    assert_eq!(scene.state.pin().unwrap().head().unwrap().anchor.tick, 0);
}
