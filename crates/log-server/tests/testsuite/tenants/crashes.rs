//! Tests of the sequencer of a root log: it crashes or fails after each step of its commit protocol, and is started again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::log::{Evidence, Limits, Rules, Storage, Submission, SubmissionOutcome};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::sequencer::{Durable, Job};
use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};
use countersign_log::store::{
    CheckpointWriter, CommitError, Published, SignedHeadStore, StoreError, StoredEvent, StoredLeaf, TreeStore,
};
use countersign_log::submission::SubmitError;
use countersign_log::tables::LogKeys;
use countersign_log::tenants::growth::GrowthTicks;
use countersign_log::tenants::guard::HeadGuard;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::memory::{RememberedHead, TenantHeadMemory};
use countersign_log::tenants::requests::{Ending, StoredRequest};
use countersign_log::tenants::root_entries::RootEntryStore;
use countersign_log::tenants::root_notes::{RootNote, StoredRootNote};
use countersign_log::tenants::sequencer::TenantSequencer;
use countersign_log::tenants::stops::TenantStops;
use countersign_log::tenants::store::{KeptHead, TenantWriter, TickBatch};
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};
use countersign_log_server::sqlite;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::sequencing::{Running, SharedHeads};
use crate::common::server::ORIGIN;

/// The number of ticks of a scene, and of submissions to each tenant log.
const ROUNDS: usize = 5;

/// The place where the sequencer crashes or fails, in the order of its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    /// Step 1: no secret can be drawn.
    Secret,
    /// Step 1: the root log's entry can't be kept.
    RootEntry,
    /// Step 1: the root log's entry is kept, but the process ends before the next step.
    AfterRootEntry,
    /// Step 3: nothing is stored.
    Commit,
    /// Step 3: all is stored, but the process ends before the next step.
    AfterCommit,
    /// Step 4: the heads can't be remembered.
    Heads,
    /// Step 4: the checkpoint can't be remembered.
    Checkpoint,
    /// Step 4: the process ends before the checkpoint is remembered.
    Remember,
    /// Step 4: the checkpoint is remembered, but the process ends before it is announced.
    AfterRemember,
    /// Step 6: the process ends before the answers arrive.
    Answer,
}

const FAULTS: [Fault; 10] = [
    Fault::Secret,
    Fault::RootEntry,
    Fault::AfterRootEntry,
    Fault::Commit,
    Fault::AfterCommit,
    Fault::Heads,
    Fault::Checkpoint,
    Fault::Remember,
    Fault::AfterRemember,
    Fault::Answer,
];

impl Fault {
    /// True if the sequencer continues after it.
    fn is_survived(self) -> bool {
        matches!(self, Self::Secret | Self::RootEntry | Self::Commit | Self::Heads | Self::Checkpoint)
    }
}

type SharedFault = Arc<Mutex<Fault>>;

fn is(fault: &SharedFault, expected: Fault) -> bool {
    *fault.lock().unwrap() == expected
}

fn fails() -> StoreError {
    StoreError::disk("committing", "the disk is full")
}

/// A store that fails.
struct FailingStore {
    inner: Box<dyn TenantWriter>,
    fault: SharedFault,
}

impl TreeStore for FailingStore {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        self.inner.edge()
    }
}

impl CheckpointWriter for FailingStore {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.inner.publish(published)
    }
}

impl SignedHeadStore for FailingStore {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        self.inner.signed_size()
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.inner.forget_signed_size()
    }
}

impl TenantWriter for FailingStore {
    fn depth(&self) -> Result<u8, StoreError> {
        self.inner.depth()
    }

    fn tenants(&self, after: u32) -> Result<Vec<Tenant>, StoreError> {
        self.inner.tenants(after)
    }

    fn requests(&self) -> Result<Vec<StoredRequest>, StoreError> {
        self.inner.requests()
    }

    fn moved_to(&self, number: TenantNumber) -> Result<Option<String>, StoreError> {
        self.inner.moved_to(number)
    }

    fn heads(&self) -> Result<Vec<SlotHead>, StoreError> {
        self.inner.heads()
    }

    fn latest_link(&self) -> Result<Option<Time>, StoreError> {
        self.inner.latest_link()
    }

    fn size_of(&self, number: TenantNumber) -> Result<u64, StoreError> {
        self.inner.size_of(number)
    }

    fn edge_of(&self, number: TenantNumber, size: u64) -> Result<CompactRange, StoreError> {
        self.inner.edge_of(number, size)
    }

    fn state(&self, number: TenantNumber) -> Box<dyn Storage<Error = StoreError> + '_> {
        self.inner.state(number)
    }

    fn commit_tick(&mut self, tick: &TickBatch<'_>) -> Result<(), CommitError> {
        if is(&self.fault, Fault::Commit) {
            return Err(fails().into());
        }
        self.inner.commit_tick(tick)?;
        if is(&self.fault, Fault::AfterCommit) { Err(fails().into()) } else { Ok(()) }
    }

    fn root_notes(&self) -> Result<Vec<StoredRootNote>, StoreError> {
        self.inner.root_notes()
    }

    fn add_root_note(&mut self, note: &RootNote) -> Result<(), StoreError> {
        self.inner.add_root_note(note)
    }

    fn mark_placed(&mut self, hash: &Hash) -> Result<(), StoreError> {
        self.inner.mark_placed(hash)
    }

    fn has_key(&self, number: TenantNumber, key: &VerifierKey) -> Result<bool, StoreError> {
        self.inner.has_key(number, key)
    }

    fn tenants_with_key(
        &self,
        key: &VerifierKey,
        after: u32,
        max: u64,
    ) -> Result<Vec<(TenantNumber, TenantId)>, StoreError> {
        self.inner.tenants_with_key(key, after, max)
    }

    fn delete_anchors(&mut self, end: u64, except: &[u64]) -> Result<(), StoreError> {
        self.inner.delete_anchors(end, except)
    }

    fn unkept(&self) -> Result<Vec<TenantNumber>, StoreError> {
        self.inner.unkept()
    }

    fn keep_heads(&mut self, heads: &[KeptHead]) -> Result<(), StoreError> {
        self.inner.keep_heads(heads)
    }

    fn keep_evidence(
        &mut self,
        number: TenantNumber,
        evidence: &Evidence,
        at: Time,
    ) -> Result<(), StoreError> {
        self.inner.keep_evidence(number, evidence, at)
    }

    fn erase(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        self.inner.erase(number, entries)
    }

    fn finish_erasure(&mut self, number: TenantNumber, record: u64, at: Time) -> Result<(), StoreError> {
        self.inner.finish_erasure(number, record, at)
    }
}

/// A memory that outlives the sequencer.
struct Memory {
    newest: Option<SignedHead>,
    durable: Arc<Mutex<Option<SignedHead>>>,
    fault: SharedFault,
}

impl SignedHeadMemory for Memory {
    fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    fn durable(&self) -> Option<u64> {
        self.durable.lock().unwrap().as_ref().map(|head| head.size)
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        self.newest = Some(head.clone());
        if is(&self.fault, Fault::Remember) {
            return;
        }
        if is(&self.fault, Fault::Checkpoint) {
            return then(Err(fails()));
        }
        *self.durable.lock().unwrap() = Some(head);
        if !is(&self.fault, Fault::AfterRemember) {
            then(Ok(()));
        }
    }
}

/// A memory of heads that can fail.
struct FailingHeads {
    inner: SharedHeads,
    fault: SharedFault,
}

impl TenantHeadMemory for FailingHeads {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        self.inner.heads()
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        if is(&self.fault, Fault::Heads) {
            return Err(fails());
        }
        self.inner.remember(tick, heads)
    }
}

/// A copy of the root log's entries that outlives the sequencer.
#[derive(Clone, Default)]
struct RootEntries {
    kept: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
    fault: SharedFault,
}

impl RootEntryStore for RootEntries {
    fn end(&mut self) -> Result<u64, StoreError> {
        Ok(self.kept.lock().unwrap().last_key_value().map_or(0, |(tick, _)| tick + 1))
    }

    fn first_needed(&mut self, _: u64) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn entry(&mut self, tick: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kept.lock().unwrap().get(&tick).cloned())
    }

    fn keep_anchor(&mut self, _: u64, _: &[u8], _: u64, _: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }

    fn keep(&mut self, first: u64, entries: &[&[u8]]) -> Result<(), StoreError> {
        if is(&self.fault, Fault::RootEntry) {
            return Err(fails());
        }
        let kept = (first..).zip(entries.iter().map(|entry| entry.to_vec()));
        self.kept.lock().unwrap().extend(kept);
        if is(&self.fault, Fault::AfterRootEntry) { Err(fails()) } else { Ok(()) }
    }
}

struct Scene {
    heads: SharedHeads,
    root_entries: RootEntries,
    folder: TempDir,
    names: Vec<&'static str>,
    fault: SharedFault,
    remembered: Arc<Mutex<Option<SignedHead>>>,
    clock: Arc<AtomicI64>,
    growth: GrowthTicks,
    running: Option<Running>,
}

type Waiting = oneshot::Receiver<Result<Durable, SubmitError>>;

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        sqlite::create_with_tenants(folder.path(), ORIGIN, 8).unwrap();
        let names = vec!["acme", "umbrella", "silent"];
        for (at, name) in names.iter().enumerate() {
            add(folder.path(), name, at as u8);
        }
        let (fault, remembered, clock) = (SharedFault::default(), Arc::default(), Arc::default());
        let (heads, growth) = (SharedHeads::default(), GrowthTicks::default());
        let root_entries = RootEntries { fault: fault.clone(), ..RootEntries::default() };
        let mut scene =
            Self { heads, root_entries, folder, names, fault, remembered, clock, growth, running: None };
        scene.begin();
        scene
    }

    /// Starts the sequencer again, whatever it was doing.
    fn begin(&mut self) {
        self.running = None;
        *self.fault.lock().unwrap() = Fault::None;
        let memory = Memory {
            newest: self.remembered.lock().unwrap().clone(),
            durable: self.remembered.clone(),
            fault: self.fault.clone(),
        };
        let fault = self.fault.clone();
        let random: Random = Box::new(move || {
            if is(&fault, Fault::Secret) {
                return Err(SubmitError::Unavailable("no random numbers".into()));
            }
            secure_random()
        });
        let fault = self.fault.clone();
        let heads = FailingHeads { inner: self.heads.clone(), fault: fault.clone() };
        self.growth = GrowthTicks::default();
        let growth = self.growth.clone();
        let root_entries = self.root_entries.clone();
        let change = |sequencer: TenantSequencer| TenantSequencer {
            writer: Box::new(FailingStore { inner: sequencer.writer, fault }),
            guard: HeadGuard::new(Box::new(heads), TenantStops::default()),
            memory: Box::new(memory),
            random,
            growth,
            root_entries: Some(Box::new(root_entries)),
            ..sequencer
        };
        self.running = Some(Running::begin(self.folder.path(), None, &self.clock, &self.heads, change));
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Makes a tick with these submissions. Returns their answers.
    fn tick(
        &mut self,
        submissions: &[(usize, Submission)],
    ) -> Vec<Option<Result<SubmissionOutcome, SubmitError>>> {
        self.clock.fetch_add(1000, Ordering::SeqCst);
        let mut waiting: Vec<Waiting> = Vec::new();
        for (log, submission) in submissions {
            waiting.push(self.submit(*log, submission));
        }
        self.running().sequencer.work(TenantJob::Tick);
        let lost = is(&self.fault, Fault::Answer);
        let answer = |waiting: &mut Waiting| waiting.try_recv().ok().filter(|_| !lost);
        waiting.iter_mut().map(|waiting| Some(answer(waiting)?.map(|durable| durable.taken))).collect()
    }

    fn submit(&mut self, log: usize, submission: &Submission) -> Waiting {
        let tenant = self.tenant(log);
        let (reply, waiting) = oneshot::channel();
        let rules = Arc::new(Rules::new(origin(&tenant), None));
        let job = Job::Submit { submission: submission.clone(), reply };
        self.running().sequencer.work(TenantJob::Log { number: tenant.number, rules, job });
        waiting
    }

    fn tenant(&mut self, log: usize) -> Tenant {
        let name = self.names[log];
        self.running().readers.find_name(name).unwrap().unwrap()
    }

    /// Returns the published heads: size and root of each tenant log.
    fn heads(&mut self) -> BTreeMap<u32, (u64, Hash)> {
        let newest = self.running().ticks.borrow().clone().unwrap();
        newest.directory.heads().iter().map(|head| (head.number.get(), (head.size, head.root))).collect()
    }

    /// Checks that the newest tick proves the entries in the store.
    fn assert_proven(&mut self) {
        assert_eq!(self.running().signing.stopped(), None);
        let (running, names) = (self.running.as_ref().unwrap(), &self.names);
        let newest = running.ticks.borrow().clone().unwrap();
        let root = running.readers.root();
        assert_eq!(newest.checkpoint.size, root.size().unwrap());
        for name in names {
            let tenant = running.readers.find_name(name).unwrap().unwrap();
            let head = newest.head_proof(&tenant.id, &*root).unwrap().unwrap();
            assert_eq!(head.head().size, running.readers.log(tenant.number).size().unwrap());
        }
        // Whatever database is restored, the root log's entries are there.
        let remembered = self.remembered.lock().unwrap().clone().unwrap();
        let mut tree = CompactRange::new();
        for (tick, entry) in self.root_entries.kept.lock().unwrap().range(..remembered.size) {
            assert_eq!(*tick, tree.end());
            tree.append(leaf_hash(entry));
        }
        assert_eq!((tree.end(), tree.root()), (remembered.size, Some(remembered.root)));
    }
}

fn add(folder: &Path, name: &str, first: u8) {
    let mut random: Random = Box::new(move || {
        let mut id = [7; 16];
        id[0] = first;
        Ok(id)
    });
    sqlite::add_tenant(folder, name, &mut random, Time::MIN).unwrap();
}

fn origin(tenant: &Tenant) -> String {
    TenantOrigin::new(ORIGIN, tenant.id).unwrap().to_string()
}

/// The submissions of all rounds to two tenant logs: a chain each, which grows by three links a round.
fn submissions(scene: &mut Scene) -> Vec<Vec<(usize, Submission)>> {
    let mut rounds: Vec<Vec<(usize, Submission)>> = vec![Vec::new(); ROUNDS];
    for log in 0..2 {
        let key = SignerKey::from_seed("example.com/e", [7 + log as u8; 32]).unwrap();
        let origin = origin(&scene.tenant(log));
        let mut recorder = Recorder::open(&origin, key.verifier_key().clone(), Time::MIN, &[1; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        for round in &mut rounds {
            for text in 0..3 {
                let event = Event::parse(format!("{{\"text\":{text}}}").as_bytes(), &Redaction::none());
                recorder.record(&event.unwrap(), Time::MIN, &[0; 16]).unwrap();
            }
            recorder.flush();
            recorder.sign_with(&key).unwrap();
            round.push((log, Submission::parse(recorder.drain().as_bytes(), &Limits::default()).unwrap()));
        }
    }
    rounds
}

fn tips(outcome: &SubmissionOutcome) -> Vec<u64> {
    outcome.chains.values().map(|tip| tip.index).collect()
}

#[test]
fn crashes_lose_nothing_that_was_acknowledged() {
    let mut undisturbed = Scene::new();
    let rounds = submissions(&mut undisturbed);
    let mut expected = Vec::new();
    for round in &rounds {
        let answers = undisturbed.tick(round);
        expected.push(answers.into_iter().map(|answer| tips(&answer.unwrap().unwrap())).collect::<Vec<_>>());
    }
    let heads = undisturbed.heads();
    for fault in FAULTS {
        for failing in 0..ROUNDS {
            let mut scene = Scene::new();
            for (round, submissions) in rounds.iter().enumerate() {
                let context = format!("{fault:?} in round {failing}, now {round}");
                if round == failing {
                    let before = scene.heads();
                    scene.set_fault(fault);
                    if fault == Fault::Secret {
                        // The directory for this tick was prepared before. The fault hits the next one.
                        scene.tick(&[]);
                    }
                    for answer in scene.tick(submissions) {
                        assert!(!matches!(answer, Some(Ok(_))), "{context}: acknowledged");
                    }
                    if fault != Fault::Answer {
                        assert_eq!(scene.heads(), before, "{context}: announced");
                    }
                    if fault.is_survived() {
                        scene.set_fault(Fault::None);
                    } else {
                        scene.begin();
                    }
                    scene.running().sequencer.work(TenantJob::Tick);
                    scene.assert_proven();
                }
                let answers = scene.tick(submissions);
                let indexes: Vec<_> =
                    answers.into_iter().map(|answer| tips(&answer.unwrap().unwrap())).collect();
                assert_eq!(indexes, expected[round], "{context}");
                scene.assert_proven();
            }
            assert_eq!(scene.heads(), heads, "{fault:?} in round {failing}");
            scene.begin();
            assert_eq!(scene.heads(), heads, "{fault:?} in round {failing}, restarted");
        }
    }
}

#[test]
fn a_log_ends_in_one_tick_whatever_happens() {
    for fault in FAULTS {
        let mut scene = Scene::new();
        let rounds = submissions(&mut scene);
        scene.tick(&rounds[0]);
        let tenant = scene.tenant(0);
        scene.set_fault(fault);
        if fault == Fault::Secret {
            // The directory for this tick was prepared before. The fault hits the next one.
            scene.tick(&[]);
        }
        sqlite::end_tenants(scene.folder.path(), &["acme"], &Ending::End).unwrap();
        let answers = scene.tick(&rounds[1][..1]);
        assert!(!matches!(answers[0], Some(Ok(_))), "{fault:?}: acknowledged");
        if fault.is_survived() {
            scene.set_fault(Fault::None);
        } else {
            scene.begin();
        }
        scene.running().sequencer.work(TenantJob::Tick);
        for restarted in [false, true] {
            if restarted {
                scene.begin();
            }
            scene.assert_proven();
            let running = scene.running();
            let head = *running.ticks.borrow().as_ref().unwrap().directory.heads().find(&tenant.id).unwrap();
            assert_eq!(head.state, State::Ended, "{fault:?}");
            let reader = running.readers.log(tenant.number);
            let entries = reader.leaves_with_events(0..head.size).unwrap();
            let is_end = |entry: &StoredLeaf| matches!(&entry.event, StoredEvent::Here(event) if event.text.contains("\"action\":\"log.end\""));
            // The last event, before the end of its chain.
            let at: Vec<usize> =
                entries.iter().enumerate().filter(|(_, entry)| is_end(entry)).map(|(at, _)| at).collect();
            assert_eq!(at, [entries.len() - 2], "{fault:?}");
            let stored = running.readers.find(&tenant.id).unwrap().unwrap();
            assert_eq!(stored.state, State::Ended);
            // The log acknowledges again what it contains, and accepts nothing else.
            let answers = scene.tick(&[
                (0, rounds[0][0].1.clone()),
                (0, rounds[2][0].1.clone()),
                (1, rounds[1][1].1.clone()),
            ]);
            assert!(matches!(&answers[0], Some(Ok(_))), "{fault:?}: {answers:?}");
            assert!(
                matches!(&answers[1], Some(Err(SubmitError::Ended { moved_to: None }))),
                "{fault:?}: {answers:?}"
            );
            assert!(matches!(&answers[2], Some(Ok(_))), "{fault:?}: {answers:?}");
        }
    }
}

#[test]
fn growth_witnesses_see_a_log_as_new_after_a_failed_tick() {
    let mut scene = Scene::new();
    let (openings, mut random) = ([r#"{"text":"first"}"#.to_owned()], Box::new(secure_random) as Random);
    let folder = scene.folder.path();
    let tenant = sqlite::continue_as_tenant(folder, "new", &openings, None, &mut random, Time::MIN).unwrap();
    for fault in [Fault::Commit, Fault::None] {
        scene.set_fault(fault);
        scene.running().sequencer.work(TenantJob::Tick);
    }
    let tick = scene.growth.read(None, 0).snapshot.unwrap().tick;
    let mut changes = tick.changes.iter();
    let change = changes.find(|change| change.after.is_some_and(|head| head.id == tenant.id)).unwrap();
    assert_eq!((change.before, change.after.unwrap().size), (None, 2));
}

#[test]
fn a_failed_tick_leaves_no_trace_in_later_decisions() {
    let mut scene = Scene::new();
    let key = SignerKey::from_seed("example.com/e", [7; 32]).unwrap();
    let origin = origin(&scene.tenant(0));
    let chain = |text: &str| {
        let mut recorder = Recorder::open(&origin, key.verifier_key().clone(), Time::MIN, &[0; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        let event = Event::parse(format!("{{\"text\":\"{text}\"}}").as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, Time::MIN, &[0; 16]).unwrap();
        recorder.flush();
        recorder.sign_with(&key).unwrap();
        Submission::parse(recorder.drain().as_bytes(), &Limits::default()).unwrap()
    };
    let (one, other) = (chain("one"), chain("other"));
    scene.set_fault(Fault::Commit);
    for answer in scene.tick(&[(0, one.clone()), (0, other.clone())]) {
        // The second one is a fork only of what was not stored.
        assert!(matches!(answer, Some(Err(SubmitError::Unavailable(_)))));
    }
    let number = scene.tenant(0).number;
    let evidence = |scene: &mut Scene| scene.running().readers.log(number).evidence().unwrap();
    assert_eq!(evidence(&mut scene), []);
    scene.set_fault(Fault::None);
    let answers = scene.tick(&[(0, other), (0, one)]);
    assert!(matches!(&answers[0], Some(Ok(_))));
    assert!(matches!(&answers[1], Some(Err(SubmitError::Refused(_)))));
    let (_, evidence) = evidence(&mut scene).remove(0);
    assert_eq!((evidence.seq, evidence.index), (1, Some(1)));
}

#[test]
fn refused_submissions_use_up_little_room() {
    let mut scene = Scene::new();
    let rounds = submissions(&mut scene);
    let mut waiting = Vec::new();
    // A gap: the first links are missing.
    let (_, early) = &rounds[1][0];
    waiting.push(scene.submit(1, &rounds[0][1].1));
    for _ in 0..50_000 {
        waiting.push(scene.submit(1, early));
    }
    let mut accepted = scene.submit(0, &rounds[0][0].1);
    assert!(accepted.try_recv().is_err(), "it waits");
    scene.tick(&[]);
    assert!(accepted.try_recv().unwrap().is_ok());
    assert!(waiting.remove(0).try_recv().unwrap().is_ok());
    assert!(waiting.iter_mut().all(|waiting| waiting.try_recv().unwrap().is_err()));
}

#[test]
fn more_tenants_than_slots_at_this_depth_get_more_slots() {
    let mut scene = Scene::new();
    // A slot that another tenant has at this depth, as after a tenant left the directory.
    let database = Connection::open(scene.folder.path().join(sqlite::FILE)).unwrap();
    let mut id = [7_u8; 16];
    (id[0], id[1]) = (2, 0x87);
    let sql = "INSERT INTO tenants (number, id, name, created, state) VALUES (4, ?, 'late', 0, 0)";
    database.execute(sql, [id.as_slice()]).unwrap();
    scene.tick(&[]);
    scene.names.push("late");
    scene.assert_proven();
    assert_eq!(scene.running().ticks.borrow().as_ref().unwrap().directory.depth(), 9);
    scene.begin();
    scene.assert_proven();
}

#[test]
fn a_full_log_fails_alone() {
    let mut scene = Scene::new();
    let rounds = submissions(&mut scene);
    let number = scene.tenant(0).number;
    scene.running = None;
    // The log has room for two more entries. The hashes of the earlier ones are zeros.
    let size = (1_u64 << 32) - 2;
    let database = Connection::open(scene.folder.path().join(sqlite::FILE)).unwrap();
    let keys = LogKeys::tenant(number);
    for level in 0..4_u8 {
        let subtrees = size >> (8 * level);
        let row = (keys.tile(level, subtrees / 256), vec![0; (subtrees % 256) as usize * 32]);
        database.execute("INSERT INTO tiles VALUES (?, ?)", row).unwrap();
    }
    database.execute("INSERT INTO leaves VALUES (?, x'00')", [keys.entry(size - 1)]).unwrap();
    let edge =
        sqlite::open_tenants(scene.folder.path(), ORIGIN).unwrap().writer.edge_of(number, size).unwrap();
    let row = (size.cast_signed(), edge.root().unwrap().0, number.get());
    database.execute("UPDATE tenant_heads SET size = ?, root = ? WHERE number = ?", row).unwrap();
    scene.heads = SharedHeads::default();
    scene.begin();
    let answers = scene.tick(&rounds[0]);
    let [Some(Err(error)), Some(Ok(_))] = &answers[..] else { panic!("{answers:?}") };
    assert!(error.to_string().contains("2^32"), "{error}");
    assert_eq!(scene.heads()[&number.get()].0, size);
}
