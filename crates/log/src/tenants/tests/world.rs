//! A root log with tenant logs in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use countersign::checkpoint::Checkpoint;
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer as LineWriter;
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::ChainId;
use countersign::log::{Evidence, KeyLookup, Life, Limits, Submission};
use countersign::merkle::{CompactRange, TILE_WIDTH, Tile, empty_root, leaf_hash};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::tenant::{DirectoryEntry, Head, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use tokio::sync::watch;

use crate::export::Exporter;
use crate::store::{
    CheckpointReader, EntryReader, Erasure, ErasureReader, ForkReader, Published, StoreError, StoredEvent,
    StoredLeaf,
};
use crate::tenants::anchors::{PastHead, is_anchor};
use crate::tenants::directory::TickDirectory;
use crate::tenants::heads::{HeadShards, SlotHead};
use crate::tenants::published::{PublishedTick, TenantTicks};
use crate::tenants::reader::TenantReader;
use crate::tenants::secret::TickSecret;
use crate::tenants::store::HeadHistory;
use crate::tenants::tenant::{TenantId, TenantNumber};

pub const ROOT: &str = "log.example";
const EMITTER: &str = "example.com/app";
const DEPTH: u8 = 8;

/// The entries of one log.
#[derive(Default)]
pub struct MemoryLog {
    entries: RwLock<Vec<StoredLeaf>>,
    hashes: RwLock<Vec<Hash>>,
    /// The roots of complete tiles of entries.
    tiles: RwLock<Vec<Hash>>,
    checkpoints: RwLock<Vec<Published>>,
    /// True if no tile can be read.
    is_unavailable: AtomicBool,
}

impl MemoryLog {
    /// Makes each reading of a tile fail.
    pub fn make_unavailable(&self) {
        self.is_unavailable.store(true, Ordering::Relaxed);
    }

    pub fn push(&self, leaf: &str, event: StoredEvent) {
        self.entries.write().unwrap().push(StoredLeaf { leaf: leaf.as_bytes().to_vec(), event });
        let mut hashes = self.hashes.write().unwrap();
        hashes.push(leaf_hash(leaf.as_bytes()));
        let full = hashes.len() / 256 * 256;
        if full == hashes.len() {
            let mut tile = CompactRange::new();
            tile.extend(&hashes[full - 256..]);
            self.tiles.write().unwrap().extend(tile.root());
        }
    }

    /// Replaces an entry, as no log may.
    pub fn replace(&self, index: usize, leaf: &str) {
        self.entries.write().unwrap()[index].leaf = leaf.as_bytes().to_vec();
        self.hashes.write().unwrap()[index] = leaf_hash(leaf.as_bytes());
        assert!(self.tiles.read().unwrap().is_empty(), "the tile has the hash of another entry");
    }

    pub fn root(&self) -> Hash {
        self.root_of(0..self.size().unwrap()).unwrap_or_else(empty_root)
    }

    fn root_of(&self, range: Range<u64>) -> Option<Hash> {
        let mut tree = CompactRange::new();
        let (hashes, tiles) = (self.hashes.read().unwrap(), self.tiles.read().unwrap());
        let (mut start, end) = (range.start as usize, range.end as usize);
        while start.is_multiple_of(256) && start + 256 <= end {
            tree.append_subtree(8, tiles[start / 256]).unwrap();
            start += 256;
        }
        tree.extend(&hashes[start..end]);
        tree.root()
    }
}

impl EntryReader for MemoryLog {
    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.entries.read().unwrap().len() as u64)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        if self.is_unavailable.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("reading a tile", "the database is busy"));
        }
        let leaves = TILE_WIDTH.pow(tile.level.into());
        let first = tile.index * TILE_WIDTH;
        if (first + u64::from(tile.width)) * leaves > self.size()? {
            return Ok(None);
        }
        let roots = (first..first + u64::from(tile.width))
            .filter_map(|place| self.root_of(place * leaves..(place + 1) * leaves));
        Ok(Some(roots.flat_map(|root| root.0).collect()))
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        Ok(leaf_hash(&self.leaves(index..index + 1)?[0]))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(self.leaves_with_events(range)?.into_iter().map(|entry| entry.leaf).collect())
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        Ok(self.entries.read().unwrap()[range.start as usize..range.end as usize].to_vec())
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        let entries = self.entries.read().unwrap();
        let is_wanted =
            |entry: &StoredLeaf| entry.link().is_some_and(|link| link.chain() == *chain && link.seq() == seq);
        Ok(entries.iter().position(is_wanted).map(|index| index as u64))
    }

    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError> {
        let entries = self.entries.read().unwrap();
        let is_note = |index: &u64| entries[*index as usize].leaf.starts_with(b"countersign/v1 keys\n");
        Ok(leaves.filter(is_note).collect())
    }
}

impl CheckpointReader for MemoryLog {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        Ok(None)
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        let checkpoints = self.checkpoints.read().unwrap();
        Ok(checkpoints.iter().filter(|it| sizes.contains(&it.size)).cloned().collect())
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        Ok(None)
    }
}

impl ForkReader for MemoryLog {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        Ok(Vec::new())
    }
}

impl ErasureReader for MemoryLog {
    fn erasures(&self, _: Option<u64>, _: u64) -> Result<Vec<Erasure>, StoreError> {
        Ok(Vec::new())
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }
}

impl KeyLookup for MemoryLog {
    type Error = StoreError;

    fn key_of(&self, _: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        Ok(None)
    }

    fn life(&self, _: &VerifierKey) -> Result<Life, StoreError> {
        Ok(Life::default())
    }

    fn has_note(&self, _: &Hash) -> Result<bool, StoreError> {
        Ok(false)
    }
}

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn witness_key() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

/// A tenant log with one recorder.
pub struct TenantLog {
    pub origin: TenantOrigin,
    pub entries: Arc<MemoryLog>,
    /// The first tick with its head.
    since: u64,
    recorder: Recorder,
    recorded: u64,
}

/// A root log with a witness, and tenant logs.
pub struct World {
    pub root: Arc<MemoryLog>,
    pub logs: Vec<TenantLog>,
    heads: HeadShards,
    announce: watch::Sender<Option<Arc<PublishedTick>>>,
    past: Arc<Past>,
    /// The length of an hour, in milliseconds.
    pub hour_ms: i64,
    /// The last witnessed tick, with its hour.
    hour: Option<(i64, Arc<PublishedTick>)>,
}

/// The stored directories.
#[derive(Default)]
pub struct Past {
    anchors: RwLock<BTreeMap<u64, Arc<TickDirectory>>>,
    kept: RwLock<BTreeMap<u64, Arc<TickDirectory>>>,
}

/// The heads of one log in these directories.
struct History {
    past: Arc<Past>,
    id: TenantId,
}

impl History {
    fn head(&self, directory: &TickDirectory) -> Option<PastHead> {
        let (Head { size, state, .. }, salt, siblings) = directory.prove(&self.id)?;
        Some(PastHead { tick: directory.tick(), size, state, salt, siblings })
    }
}

impl HeadHistory for History {
    fn anchor(&self, tick: u64) -> Result<Option<PastHead>, StoreError> {
        Ok(self.past.anchors.read().unwrap().get(&tick).and_then(|directory| self.head(directory)))
    }

    fn kept_heads(&self, sizes: Range<u64>) -> Result<Vec<PastHead>, StoreError> {
        let kept = self.past.kept.read().unwrap();
        let mut heads: Vec<PastHead> = kept.values().filter_map(|directory| self.head(directory)).collect();
        heads.dedup_by_key(|head| head.size);
        Ok(heads.into_iter().filter(|head| head.size > 0 && sizes.contains(&head.size)).collect())
    }
}

impl World {
    /// Creates this number of tenant logs, before the first tick.
    pub fn new(logs: u8) -> Self {
        Self::starting_at(0, logs)
    }

    /// Returns a world with the entries of this root log, and without tenant logs.
    pub fn copy_root_log(&self) -> Self {
        let world = Self::new(0);
        world.root.entries.write().unwrap().clone_from(&self.root.entries.read().unwrap());
        world.root.hashes.write().unwrap().clone_from(&self.root.hashes.read().unwrap());
        world.root.tiles.write().unwrap().clone_from(&self.root.tiles.read().unwrap());
        world
    }

    /// Creates this number of tenant logs, before a tick. There was none in the ticks before.
    pub fn starting_at(tick: u64, logs: u8) -> Self {
        let mut world = Self {
            root: Arc::default(),
            logs: Vec::new(),
            heads: HeadShards::new(DEPTH).unwrap(),
            announce: watch::Sender::default(),
            past: Arc::default(),
            hour_ms: 3_600_000,
            hour: None,
        };
        world.skip_to(tick);
        for number in 0..logs {
            world.create(number);
        }
        world
    }

    /// Makes ticks up to this one, of which only anchors have the logs' heads. None of them is published.
    pub fn skip_to(&mut self, end: u64) {
        for tick in self.root.size().unwrap()..end {
            if is_anchor(tick) && !self.logs.is_empty() {
                self.tick_with(false, false);
                continue;
            }
            let hash = Hash::digest(&[&tick.to_be_bytes()]);
            let entry = DirectoryEntry { time: self.now(), hash };
            self.root.push(&entry.to_string(), StoredEvent::None);
        }
    }

    /// Creates a tenant log, whose first head is in the next tick.
    pub fn create(&mut self, number: u8) {
        let origin = TenantOrigin::new(ROOT, [0x40 + number; 16]).unwrap();
        let key = key(EMITTER, 3);
        let verifier_key = key.verifier_key().clone();
        let mut recorder = Recorder::open(origin.as_str(), verifier_key, self.now(), &[number; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        let since = self.root.size().unwrap();
        self.logs.push(TenantLog { origin, entries: Arc::default(), since, recorder, recorded: 0 });
    }

    /// Returns the time of the next tick: there is one a second.
    pub fn now(&self) -> Time {
        let start: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
        Time::from_millis(start.millis() + 1000 * self.root.size().unwrap().cast_signed()).unwrap()
    }

    /// Adds events to a tenant log.
    pub fn record(&mut self, log: usize, events: u64) {
        let now = self.now();
        let log = &mut self.logs[log];
        for _ in 0..events {
            log.recorded += 1;
            let number = log.recorded;
            let event = format!("{{\"action\":\"event.{}\",\"n\":{number}}}", number % 3);
            let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
            let mut salt = [0; 16];
            salt[..8].copy_from_slice(&number.to_be_bytes());
            log.recorder.record(&event, now, &salt).unwrap();
        }
        log.recorder.flush();
        log.recorder.sign_with(&key(EMITTER, 3)).unwrap();
        let lines = log.recorder.drain();
        if !lines.is_empty() {
            log.submit(&lines);
        }
    }

    /// Adds a key note to a tenant log.
    pub fn grant(&mut self, log: usize) {
        let other = key("example.com/other", 5).verifier_key().clone();
        let grant = Statement::Grant { key: other, from: None, until: None };
        let log = &self.logs[log];
        let mut writer = LineWriter::new();
        writer.note(&KeyNote::sign(log.origin.as_str(), &[grant], &key("example.com", 4)).unwrap());
        log.submit(writer.as_str());
    }

    /// Publishes the next tick.
    pub fn tick(&mut self) {
        self.tick_with(true, true);
    }

    /// Makes the next tick, and publishes it or not, with the witness's cosignature or without.
    pub fn tick_with(&mut self, is_published: bool, is_witnessed: bool) {
        let (tick, time) = (self.root.size().unwrap(), self.now());
        let heads = self.logs.iter().zip(1..).map(|(log, number)| SlotHead {
            id: log.origin.id(),
            number: TenantNumber::new(number).unwrap(),
            size: log.entries.size().unwrap(),
            root: log.entries.root(),
            state: State::Live,
        });
        self.heads = self.heads.with(heads).unwrap();
        let secret = TickSecret::from_bytes(Hash::digest(&[&tick.to_be_bytes()]).0);
        let directory = TickDirectory::build(secret, ROOT, tick, time, self.heads.clone()).unwrap();
        let directory = Arc::new(directory);
        if is_anchor(tick) {
            self.past.anchors.write().unwrap().insert(tick, directory.clone());
        }
        self.root.push(&directory.entry().to_string(), StoredEvent::None);
        let checkpoint = Checkpoint::new(ROOT, tick + 1, self.root.root()).unwrap();
        if !is_published {
            return;
        }
        let seconds = time.millis().cast_unsigned() / 1000;
        let mut note = checkpoint.sign(&key(ROOT, 1)).unwrap();
        if is_witnessed {
            note += &checkpoint.cosign(&witness_key(), seconds).unwrap();
        }
        let published = Published { size: tick + 1, note, at: time, witnessed: is_witnessed };
        let tick = Arc::new(PublishedTick::new(Arc::new(published), directory));
        let hour = time.millis() / self.hour_ms;
        if let Some((before, last)) = &self.hour
            && *before != hour
        {
            let directory = last.directory.clone();
            self.past.kept.write().unwrap().insert(directory.tick(), directory);
            self.root.checkpoints.write().unwrap().push((*last.checkpoint).clone());
        }
        if is_witnessed {
            self.hour = Some((hour, tick.clone()));
        }
        self.announce.send_replace(Some(tick));
    }

    pub fn newest(&self) -> Arc<PublishedTick> {
        self.announce.borrow().clone().unwrap()
    }

    pub fn ticks(&self, id: TenantId) -> TenantTicks {
        TenantTicks::new(self.announce.subscribe(), id)
    }

    pub fn reader(&self, log: usize) -> Arc<TenantReader> {
        let log = &self.logs[log];
        let ticks = self.ticks(log.origin.id());
        let history = History { past: self.past.clone(), id: log.origin.id() };
        Arc::new(TenantReader::new(log.entries.clone(), self.root.clone(), ticks, Arc::new(history)))
    }

    pub fn exporter(&self, log: usize) -> Exporter {
        let reader = self.reader(log);
        let origin = self.logs[log].origin.as_str();
        Exporter::new(reader.clone(), origin, Some(self.trust(log))).with_newest(reader)
    }

    /// Returns the trust file of a tenant log's reader.
    pub fn trust(&self, log: usize) -> Trust {
        let text = format!(
            "log {}\nwitness w {}\nquorum w\nemitter {}\nissuer {}\norigin {} {}\n",
            key(ROOT, 1).verifier_key(),
            witness_key().verifier_key(),
            key(EMITTER, 3).verifier_key(),
            key("example.com", 4).verifier_key(),
            self.logs[log].origin,
            self.logs[log].since,
        );
        Trust::parse(text.as_bytes()).unwrap()
    }
}

impl TenantLog {
    fn submit(&self, lines: &str) {
        for entry in Submission::parse(lines.as_bytes(), &Limits::default()).unwrap().entries() {
            let event = entry.leaf.event().cloned().map_or(StoredEvent::None, StoredEvent::Here);
            self.entries.push(&entry.leaf.text, event);
        }
    }
}
