//! Tests of the storage of tenant logs, which share one database.
//!
//! Each tenant log is compared with an ordinary log that gets the same submissions. All logs get submissions with the
//! same origin and nonces, so the logs have chains, key notes, and keys in common.

use std::path::Path;

use countersign::checkpoint::Checkpoint;
use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::ChainId;
use countersign::log::{Evidence, Limits, PendingBatch, Rules, Submission};
use countersign::merkle::{PendingTree, Tile, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::State;
use countersign::time::Time;
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::store::{Batch, CommitError, Erasure, Published, Reader, Store, StoreError};
use countersign_log::tables::LogKeys;
use countersign_log::tenants::CreationError;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::slots::slot_of;
use countersign_log::tenants::store::{TenantGrowth, TenantStore, TickBatch};
use countersign_log::tenants::tenant::{Tenant, TenantNumber};
use countersign_log_server::{backup, sqlite};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

const ORIGIN: &str = "log.example";

fn emitter_key() -> SignerKey {
    SignerKey::from_seed("example.com/e", [7; 32]).unwrap()
}

/// A chain that grows in one log.
struct Emitter(Recorder);

impl Emitter {
    fn new(nonce: u8) -> Self {
        let key = emitter_key();
        let mut recorder =
            Recorder::open(ORIGIN, key.verifier_key().clone(), Time::MIN, &[nonce; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        Self(recorder)
    }

    fn chain(&self) -> ChainId {
        self.0.chain().unwrap()
    }

    /// Records events, and returns the new lines of the chain.
    fn lines(&mut self, events: u8) -> String {
        let event = Event::parse(br#"{"action":"a"}"#, &Redaction::none()).unwrap();
        for salt in 0..events {
            self.0.record(&event, Time::MIN, &[salt; 16]).unwrap();
        }
        self.0.flush();
        if self.0.to_sign().is_some() {
            self.0.sign_with(&emitter_key()).unwrap();
        }
        self.0.drain()
    }
}

fn submission(lines: &str) -> Submission {
    Submission::parse(lines.as_bytes(), &Limits::default()).unwrap()
}

/// Returns a key note, with its hash in a log.
fn note(number: u8) -> (String, Hash) {
    let key = SignerKey::from_seed("example.com/e", [number; 32]).unwrap();
    let revoke = Statement::Revoke { key: key.verifier_key().clone(), since: None };
    let line = serde_json::json!({ "note": KeyNote::sign(ORIGIN, &[revoke], &key).unwrap() }).to_string();
    let mut growth = PendingBatch::new(0);
    let mut empty = TempStore::new();
    growth
        .submit(&Rules::new(ORIGIN, None), empty.store.writer.state(), &submission(&line), Time::MAX)
        .unwrap();
    empty.commit(&growth);
    (line, growth.leaves()[0].hash)
}

/// An ordinary log in a folder of its own.
struct TempStore {
    _folder: TempDir,
    store: Store,
}

impl TempStore {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = sqlite::open(folder.path(), ORIGIN).unwrap();
        Self { _folder: folder, store }
    }

    fn commit(&mut self, growth: &PendingBatch) {
        let tree = tree(&self.store.writer.edge().unwrap(), growth);
        let batch = Batch { growth, tree: &tree, publish: None, erasures: &[], signed_size: None };
        self.store.writer.commit(&batch).unwrap();
    }
}

fn tree(edge: &countersign::merkle::CompactRange, growth: &PendingBatch) -> PendingTree {
    let mut tree = PendingTree::new(edge);
    let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
    tree.extend(&hashes);
    tree
}

/// Returns the root hash of a tree without entries.
fn empty_root() -> Hash {
    Hash::digest(&[])
}

fn head(tenant: &Tenant) -> SlotHead {
    SlotHead { id: tenant.id, number: tenant.number, size: 0, root: empty_root(), state: State::Live }
}

struct Scene {
    folder: TempDir,
    store: TenantStore,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        sqlite::create_with_tenants(folder.path(), ORIGIN, 8).unwrap();
        let store = sqlite::open_tenants(folder.path(), ORIGIN).unwrap();
        Self { folder, store }
    }

    fn reopen(&mut self) {
        self.store = sqlite::open_tenants(self.folder.path(), ORIGIN).unwrap();
    }

    fn add(&self, name: &str) -> Tenant {
        add(self.folder.path(), name, Box::new(secure_random)).unwrap()
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join(sqlite::FILE)).unwrap()
    }

    fn head(&self, number: TenantNumber) -> SlotHead {
        self.store.writer.heads().unwrap().into_iter().find(|head| head.number == number).unwrap()
    }

    /// Prepares a tenant log's growth by these lines, as its head becomes.
    fn growth(&self, number: TenantNumber, lines: &str) -> Growth {
        let (writer, before) = (&self.store.writer, self.head(number));
        let mut batch = PendingBatch::new(before.size);
        let rules = Rules::new(ORIGIN, None);
        batch.submit(&rules, &*writer.state(number), &submission(lines), Time::MAX).unwrap();
        let tree = tree(&writer.edge_of(number, before.size).unwrap(), &batch);
        let head = SlotHead { size: batch.size(), root: tree.edge().root().unwrap(), ..before };
        Growth { batch, tree, head }
    }

    /// Commits a tick with this growth. The entry of the root log says how many logs grew.
    fn tick(&mut self, growth: &[Growth], new: &[SlotHead]) -> Result<(), CommitError> {
        let entry = format!("tick {} {}", self.store.writer.size(), growth.len());
        let mut root_tree = PendingTree::new(&self.store.writer.edge().unwrap());
        root_tree.extend(&[leaf_hash(entry.as_bytes())]);
        let logs: Vec<_> = growth.iter().map(Growth::as_log).collect();
        let heads: Vec<_> = growth.iter().map(|growth| growth.head).chain(new.iter().copied()).collect();
        let edge = root_tree.edge();
        let size = edge.end();
        let key = SignerKey::from_seed(ORIGIN, [8; 32]).unwrap();
        let note = Checkpoint::new(ORIGIN, size, edge.root().unwrap()).unwrap().sign(&key).unwrap();
        self.store.writer.commit_tick(&TickBatch {
            entry: entry.as_bytes(),
            root_tree: &root_tree,
            depth: 9,
            logs: &logs,
            heads: &heads,
            anchor: None,
            publish: Some(&Published { size, note, at: Time::MIN, witnessed: true }),
            signed_size: Some(size),
        })
    }
}

struct Growth {
    batch: PendingBatch,
    tree: PendingTree,
    head: SlotHead,
}

impl Growth {
    /// Every growth from entry 100 on records an erasure.
    fn as_log(&self) -> TenantGrowth<'_> {
        let base = self.batch.base();
        let erasures: &[u64] = if base >= 100 { &[100] } else { &[] };
        TenantGrowth { number: self.head.number, growth: &self.batch, tree: &self.tree, erasures }
    }
}

fn add(folder: &Path, name: &str, mut random: Random) -> Result<Tenant, CreationError> {
    sqlite::add_tenant(folder, name, &mut random, Time::MIN)
}

/// Returns IDs that begin with these bytes, in a cycle.
fn ids(first: &'static [[u8; 2]]) -> Random {
    let mut first = first.iter().cycle();
    Box::new(move || {
        let mut id = [0xaa; 16];
        id[..2].copy_from_slice(first.next().unwrap());
        Ok(id)
    })
}

/// Returns all rows of a database.
fn rows(database: &Connection) -> Vec<(String, Vec<Vec<Value>>)> {
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows_of = |table: &str| {
        let mut select = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let rows = select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    };
    tables.into_iter().map(|table| (table.clone(), rows_of(&table))).collect()
}

/// Checks that a tenant log's reader returns what that of an ordinary log returns.
fn compare(tenant: &dyn Reader, ordinary: &dyn Reader, chains: &[ChainId], notes: &[Hash]) {
    let size = ordinary.size().unwrap();
    assert_eq!(tenant.size().unwrap(), size);
    assert_eq!(tenant.leaves(0..size).unwrap(), ordinary.leaves(0..size).unwrap());
    assert_eq!(tenant.leaves_with_events(0..size).unwrap(), ordinary.leaves_with_events(0..size).unwrap());
    assert!(tenant.leaves(0..size + 1).is_err() && tenant.leaf_hash(size).is_err());
    for index in 0..size {
        assert_eq!(tenant.leaf_hash(index).unwrap(), ordinary.leaf_hash(index).unwrap());
    }
    for (level, index) in (0..3).flat_map(|level| (0..4).map(move |index| (level, index))) {
        let tile = Tile::of_size(level, index, size).unwrap_or(Tile { level, index, width: 1 });
        assert_eq!(tenant.tile(tile).unwrap(), ordinary.tile(tile).unwrap(), "{tile:?}");
    }
    for range in [0..u64::MAX, 0..size, 1..size / 2, size / 2..size] {
        assert_eq!(tenant.notes(range.clone()).unwrap(), ordinary.notes(range).unwrap());
    }
    for chain in chains {
        assert_eq!(tenant.key_of(chain).unwrap(), ordinary.key_of(chain).unwrap());
        for seq in 0..=size {
            assert_eq!(tenant.index_of(chain, seq).unwrap(), ordinary.index_of(chain, seq).unwrap());
        }
    }
    for hash in notes {
        assert_eq!(tenant.has_note(hash).unwrap(), ordinary.has_note(hash).unwrap());
    }
    for number in 0..8 {
        let key = SignerKey::from_seed("example.com/e", [number; 32]).unwrap();
        let key = key.verifier_key();
        assert_eq!(tenant.life(key).unwrap(), ordinary.life(key).unwrap());
    }
    assert!(tenant.published().unwrap().is_none() && tenant.seen_first().unwrap().is_none());
    assert!(tenant.checkpoints(0..u64::MAX).unwrap().is_empty());
}

#[test]
fn each_log_is_as_in_a_database_of_its_own() {
    let mut scene = Scene::new();
    let tenants = ["acme", "globex"].map(|name| scene.add(name));
    let notes = [note(1), note(2)];
    scene.tick(&[], &tenants.each_ref().map(head)).unwrap();
    let mut ordinary = [TempStore::new(), TempStore::new()];
    let mut emitters = [(); 2].map(|()| [1, 2, 3].map(Emitter::new));
    let chains = emitters[0].each_ref().map(Emitter::chain);
    assert_eq!(chains, emitters[1].each_ref().map(Emitter::chain));
    for tick in 0..30_usize {
        let mut growth = Vec::new();
        for (at, tenant) in tenants.iter().enumerate() {
            // The second log grows more slowly and gets its key notes later.
            if at == 1 && tick % 3 > 0 {
                continue;
            }
            let note =
                [3, 6].iter().position(|after| tick == after + at * 6).map(|position| &notes[position].0);
            let mut lines = note.map_or(String::new(), |note| format!("{note}\n"));
            for (number, emitter) in emitters[at].iter_mut().enumerate() {
                if (tick + number) % 2 == 0 {
                    lines += &emitter.lines(10);
                }
            }
            let grown = scene.growth(tenant.number, &lines);
            // The other store's state accepts the same entries.
            let writer = &ordinary[at].store.writer;
            let mut same = PendingBatch::new(writer.size());
            same.submit(&Rules::new(ORIGIN, None), writer.state(), &submission(&lines), Time::MAX).unwrap();
            assert!(
                same.leaves().iter().map(|leaf| &leaf.text).eq(grown
                    .batch
                    .leaves()
                    .iter()
                    .map(|leaf| &leaf.text))
            );
            ordinary[at].commit(&same);
            growth.push(grown);
        }
        scene.tick(&growth, &[]).unwrap();
        if tick % 7 == 5 {
            scene.reopen();
        }
    }
    let hashes = notes.map(|(_, hash)| hash);
    for (tenant, ordinary) in tenants.iter().zip(&ordinary) {
        let size = ordinary.store.writer.size();
        assert_eq!(scene.head(tenant.number).size, size);
        assert_eq!(
            scene.store.writer.edge_of(tenant.number, size).unwrap(),
            ordinary.store.writer.edge().unwrap()
        );
        compare(&*scene.store.readers.log(tenant.number), &*ordinary.store.reader, &chains, &hashes);
        let state = scene.store.writer.state(tenant.number);
        for chain in &chains {
            let other = ordinary.store.writer.state();
            assert_eq!(format!("{:?}", state.chain(chain)), format!("{:?}", other.chain(chain)));
            assert_eq!(format!("{:?}", state.link(chain, 9)), format!("{:?}", other.link(chain, 9)));
        }
        for hash in &hashes {
            assert_eq!(state.note(hash).unwrap(), ordinary.store.writer.state().note(hash).unwrap());
        }
    }
    assert!(ordinary[0].store.writer.size() > 256 && ordinary[1].store.writer.size() > 100);
    assert_eq!(scene.store.writer.latest_link().unwrap(), Some(Time::MIN));

    let root = scene.store.readers.root();
    assert_eq!((root.size().unwrap(), scene.store.writer.size()), (31, 31));
    let entries = root.leaves(0..31).unwrap();
    assert_eq!(
        (&entries[0][..], &entries[1][..], &entries[2][..]),
        (&b"tick 0 0"[..], &b"tick 1 2"[..], &b"tick 2 1"[..])
    );
    assert_eq!(root.published().unwrap().map(|published| published.size), Some(31));
    assert_eq!(scene.store.writer.signed_size().unwrap(), Some(31));
    assert_eq!(scene.store.writer.depth().unwrap(), 9);
    countersign_log::self_check::check(&*root).unwrap();

    // A backup has all logs.
    let restored = TempDir::new().unwrap();
    let made = backup::make(scene.folder.path(), &restored.path().join(sqlite::FILE), Time::MIN).unwrap();
    assert_eq!(made.size, 31);
    let restored = sqlite::open_tenants(restored.path(), ORIGIN).unwrap();
    for (tenant, ordinary) in tenants.iter().zip(&ordinary) {
        compare(&*restored.readers.log(tenant.number), &*ordinary.store.reader, &chains, &hashes);
    }
    assert_eq!(restored.writer.heads().unwrap(), scene.store.writer.heads().unwrap());
}

#[test]
fn erasures_and_evidence_belong_to_one_log() {
    let mut scene = Scene::new();
    let tenants = ["acme", "globex"].map(|name| scene.add(name));
    let [acme, globex] = tenants.each_ref().map(|tenant| tenant.number);
    scene.tick(&[], &tenants.each_ref().map(head)).unwrap();
    let mut emitter = Emitter::new(1);
    let chain = emitter.chain();
    let first = emitter.lines(120);
    for lines in [first, emitter.lines(10)] {
        let growth = [acme, globex].map(|number| scene.growth(number, &lines));
        scene.tick(&growth, &[]).unwrap();
    }
    let readers = [acme, globex].map(|number| scene.store.readers.log(number));
    let unfinished = Erasure { record: 100, done: None };
    for reader in &readers {
        assert_eq!(reader.erasures(None, 9).unwrap(), [unfinished]);
        assert_eq!(reader.erasures(Some(100), 9).unwrap(), []);
        assert_eq!(reader.unfinished_erasures().unwrap(), [100]);
    }
    let events = readers[0].leaves_with_events(0..120).unwrap();
    let writer = &mut scene.store.writer;
    assert_eq!(writer.erase(acme, &[5, 6, 1 << 32]).unwrap(), 2);
    writer.finish_erasure(acme, 100, Time::MIN).unwrap();
    assert!(readers[0].unfinished_erasures().unwrap().is_empty());
    assert_eq!(readers[0].erasures(None, 9).unwrap(), [Erasure { done: Some(Time::MIN), ..unfinished }]);
    assert_ne!(readers[0].leaves_with_events(5..6).unwrap(), events[5..6]);
    assert_eq!(readers[1].leaves_with_events(0..120).unwrap(), events);
    assert_eq!(readers[1].unfinished_erasures().unwrap(), [100]);

    let evidence = |index| Evidence { chain, seq: 3, index, refused: vec!["one".into(), "two".into()] };
    writer.keep_evidence(acme, &evidence(Some(4)), Time::MIN).unwrap();
    writer.keep_evidence(globex, &evidence(None), Time::MIN).unwrap();
    writer.keep_evidence(globex, &evidence(None), Time::MIN).unwrap();
    assert_eq!(readers[0].evidence().unwrap(), [(Time::MIN, evidence(Some(4)))]);
    assert_eq!(readers[1].evidence().unwrap(), [(Time::MIN, evidence(None))]);
    assert!(scene.store.readers.root().evidence().unwrap().is_empty());
}

#[test]
fn failed_tick_leaves_nothing_behind() {
    let mut scene = Scene::new();
    let tenants = ["acme", "globex"].map(|name| scene.add(name));
    scene.tick(&[], &tenants.each_ref().map(head)).unwrap();
    let lines = Emitter::new(1).lines(120);
    let growth = tenants.each_ref().map(|tenant| scene.growth(tenant.number, &lines));
    scene.tick(&growth, &[]).unwrap();
    let late = scene.add("initech");
    let mut lines = Emitter::new(2).lines(9);
    lines = format!("{}\n{lines}", note(3).0);
    let growth = tenants.each_ref().map(|tenant| scene.growth(tenant.number, &lines));
    let database = scene.database();
    let before = rows(&database);
    // A table that refuses rows ends the transaction at another statement each time.
    let tables = "leaves events tiles chains runs notes lives erasures tenant_heads signed checkpoints";
    for table in tables.split(' ') {
        let fail =
            format!("CREATE TRIGGER fail BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END");
        database.execute_batch(&fail).unwrap();
        assert!(scene.tick(&growth, &[head(&late)]).is_err(), "{table}");
        database.execute_batch("DROP TRIGGER fail").unwrap();
        assert_eq!(rows(&database), before, "{table}");
        assert_eq!(scene.store.writer.size(), 2);
    }
    // The second log's growth fails too if it isn't based on its present entries.
    let mut wrong = tenants.each_ref().map(|tenant| scene.growth(tenant.number, &lines));
    wrong[1].batch = PendingBatch::new(5);
    let rules = Rules::new(ORIGIN, None);
    let state = scene.store.writer.state(tenants[1].number);
    wrong[1].batch.submit(&rules, &*state, &submission(&lines), Time::MAX).unwrap();
    drop(state);
    assert!(scene.tick(&wrong, &[]).is_err());
    assert_eq!(rows(&database), before);
    scene.tick(&growth, &[head(&late)]).unwrap();
    assert_eq!(scene.store.writer.size(), 3);
    assert_eq!(scene.head(tenants[0].number), growth[0].head);
}

#[test]
fn tenants_are_created_once_and_appear_at_a_tick() {
    let mut scene = Scene::new();
    let acme = scene.add("acme");
    assert_eq!((acme.number.get(), acme.since, acme.state), (1, None, State::Live));
    assert_eq!(scene.add("acme"), acme);
    assert_eq!(scene.store.writer.heads().unwrap(), []);
    let globex = scene.add("globex");
    assert_eq!(scene.store.writer.tenants(0).unwrap(), [acme.clone(), globex.clone()]);
    assert_eq!(scene.store.writer.tenants(1).unwrap(), std::slice::from_ref(&globex));

    scene.tick(&[], &[]).unwrap();
    scene.tick(&[], &[head(&acme)]).unwrap();
    scene.tick(&[], &[head(&acme), head(&globex)]).unwrap();
    let ended = SlotHead { state: State::Ended, ..head(&globex) };
    scene.tick(&[], &[ended]).unwrap();
    scene.reopen();
    let (first, second) =
        (Tenant { since: Some(1), ..acme }, Tenant { since: Some(2), state: State::Ended, ..globex });
    let readers = &scene.store.readers;
    assert_eq!(readers.find(&first.id).unwrap(), Some(first.clone()));
    assert_eq!(readers.find(&[0; 16]).unwrap(), None);
    assert_eq!(readers.find_name("globex").unwrap(), Some(second.clone()));
    assert_eq!(readers.find_name("Globex").unwrap(), None);
    assert_eq!(readers.tenants(0, 1).unwrap(), std::slice::from_ref(&first));
    assert_eq!(readers.tenants(1, 9).unwrap(), std::slice::from_ref(&second));
    assert_eq!(scene.add("acme"), first);
    assert_eq!(scene.store.writer.heads().unwrap(), [head(&first), ended]);

    for name in ["", "a\nb", &"x".repeat(256)] {
        let error = add(scene.folder.path(), name, Box::new(secure_random)).unwrap_err();
        assert!(matches!(error, CreationError::Name), "{error}");
    }
}

#[test]
fn new_tenants_have_free_slots() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    for slot in 0..224_u8 {
        let mut id = [0; 16];
        id[0] = slot;
        let row = (u32::from(slot) + 1, id, format!("tenant {slot}"));
        scene
            .database()
            .execute("INSERT INTO tenants VALUES (?, ?, ?, 0, NULL, 0, NULL, NULL, NULL)", row)
            .unwrap();
    }
    // With 225 tenants, the directory has 512 slots. Those of existing tenants begin with an even slot number.
    let created = add(folder, "new", ids(&[[0, 0], [3, 0x7f], [3, 0x80]])).unwrap();
    assert_eq!((created.number.get(), slot_of(&created.id, 9)), (225, 7));
    let created = add(folder, "newer", ids(&[[3, 0xff], [0xff, 0xff]])).unwrap();
    assert_eq!((created.number.get(), slot_of(&created.id, 9)), (226, 511));
    let error = add(folder, "newest", ids(&[[0xff, 0xff], [0, 1]])).unwrap_err();
    assert!(matches!(error, CreationError::Random(_)), "{error}");
    assert_eq!(scene.store.writer.tenants(224).unwrap().len(), 2);
}

#[test]
fn numbers_and_indexes_have_maxima() {
    let mut scene = Scene::new();
    let (last, max) = (TenantNumber::new(TenantNumber::MAX.get() - 1).unwrap(), TenantNumber::MAX);
    let row = (last.get(), [1_u8; 16]);
    scene
        .database()
        .execute("INSERT INTO tenants VALUES (?, ?, 'last', 0, NULL, 0, NULL, NULL, NULL)", row)
        .unwrap();
    let tenant = scene.add("max");
    assert_eq!(tenant.number, max);
    let error = add(scene.folder.path(), "more", Box::new(secure_random)).unwrap_err();
    assert!(matches!(error, CreationError::Full), "{error}");
    assert_eq!(error.to_string(), "this log server has had its maximum number of tenants, 2097151");
    scene.add("last");

    // Both logs have room for two more entries. The hashes of the earlier ones are zeros.
    let size = (1_u64 << 32) - 2;
    let heads: Vec<_> = (scene.store.writer.tenants(0).unwrap().iter())
        .map(|tenant| SlotHead { size, ..head(tenant) })
        .collect();
    for (head, level) in heads.iter().flat_map(|head| (0..4_u8).map(move |level| (head, level))) {
        let subtrees = size >> (8 * level);
        let key = LogKeys::tenant(head.number).tile(level, subtrees / 256);
        let row = (key, vec![0; (subtrees % 256) as usize * 32]);
        scene.database().execute("INSERT INTO tiles VALUES (?, ?)", row).unwrap();
    }
    scene.tick(&[], &heads).unwrap();
    let mut lines = Emitter::new(1).lines(1);
    while lines.lines().count() > 2 {
        lines.truncate(lines.trim_end().rfind('\n').unwrap() + 1);
    }
    assert_eq!(lines.lines().count(), 2);
    let growth = [last, max].map(|number| scene.growth(number, &lines));
    scene.tick(&growth, &[]).unwrap();
    for number in [last, max] {
        let reader = scene.store.readers.log(number);
        assert_eq!(reader.size().unwrap(), 1 << 32);
        let leaves = reader.leaves(size..size + 2).unwrap();
        assert_eq!(leaves, lines_as_leaves(&growth[0].batch));
        assert_eq!(reader.leaf_hash(size + 1).unwrap(), leaf_hash(&leaves[1]));
        assert!(reader.leaf_hash(size + 2).is_err() && reader.leaves(size..size + 3).is_err());
        assert_eq!(reader.tile(Tile { level: 0, index: 1 << 28, width: 1 }).unwrap(), None);
        assert_eq!(
            scene.head(number).root,
            scene.store.writer.edge_of(number, 1 << 32).unwrap().root().unwrap()
        );
    }
    // No log has room for a further entry.
    let growth = [scene.growth(last, &Emitter::new(2).lines(1))];
    let before = rows(&scene.database());
    let error = scene.tick(&growth, &[]).unwrap_err();
    assert!(error.to_string().contains("2^32"), "{error}");
    assert_eq!(rows(&scene.database()), before);
}

fn lines_as_leaves(batch: &PendingBatch) -> Vec<Vec<u8>> {
    batch.leaves().iter().map(|leaf| leaf.text.clone().into_bytes()).collect()
}

#[test]
fn a_folder_has_either_an_ordinary_log_or_tenant_logs() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    let why = "this folder contains a root log with tenant logs instead of an ordinary log";
    let refused = |error: Option<StoreError>, why: &str| {
        let error = error.expect("an error");
        assert!(matches!(error, StoreError::Damaged(_)) && error.to_string().contains(why), "{error}");
    };
    refused(sqlite::open(folder, ORIGIN).err(), why);
    refused(sqlite::open_reader(folder).err(), why);
    refused(sqlite::create_with_tenants(folder, ORIGIN, 8).err(), "already contains a log");
    refused(sqlite::open_tenants(folder, "other.example").err(), "instead of \"other.example\"");
    assert!(sqlite::has_tenants(folder).unwrap());
    assert_eq!(sqlite::open_tenant_readers(folder).unwrap().0, ORIGIN);

    let ordinary = TempDir::new().unwrap();
    assert!(!sqlite::has_tenants(ordinary.path()).unwrap());
    assert!(sqlite::open_tenants(ordinary.path(), ORIGIN).is_err());
    assert!(!ordinary.path().join(sqlite::FILE).exists());
    drop(sqlite::open(ordinary.path(), ORIGIN).unwrap());
    let why = "does not contain a root log with tenant logs";
    refused(sqlite::open_tenants(ordinary.path(), ORIGIN).err(), why);
    refused(sqlite::open_tenant_readers(ordinary.path()).err(), why);
    refused(sqlite::create_with_tenants(ordinary.path(), ORIGIN, 8).err(), "already contains a log");
    assert!(add(ordinary.path(), "acme", Box::new(secure_random)).unwrap_err().to_string().contains(why));
    assert!(!sqlite::has_tenants(ordinary.path()).unwrap());
    assert!(sqlite::open(ordinary.path(), ORIGIN).is_ok());
}
