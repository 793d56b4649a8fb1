//! Tests of the sequencer: failed commits, and which checkpoint stays published.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use countersign::checkpoint::Checkpoint;
use countersign::event::{Event, Redaction};
use countersign::log::{Evidence, Limits, RefusalKind, Rules, Storage, Submission};
use countersign::merkle::CompactRange;
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign_log::clock::Timekeeper;
use countersign_log::metrics::Metrics;
use countersign_log::own_chain::OwnChain;
use countersign_log::sequencer::{Durable, Job, RunningSequencer, Sequencer, Unattested};
use countersign_log::signed_memory::InStore;
use countersign_log::stop::Signing;
use countersign_log::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, Reader,
    SignedHeadStore, StoreError, Writer,
};
use countersign_log::submission::SubmitError;
use countersign_log_server::sqlite;
use countersign_log_server::stop_file::StopFile;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};

const ORIGIN: &str = "log.example";

fn key(name: &str) -> SignerKey {
    SignerKey::from_seed(name, [7; 32]).unwrap()
}

/// A store whose commits fail while `fails` is set.
struct FailingStore {
    inner: Box<dyn Writer>,
    fails: Arc<AtomicBool>,
}

impl EntryWriter for FailingStore {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        self.inner.edge()
    }

    fn state(&self) -> &dyn Storage<Error = StoreError> {
        self.inner.state()
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::disk("committing", "the disk is full").into());
        }
        self.inner.commit(batch)
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

impl ForkWriter for FailingStore {
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        self.inner.keep_evidence(evidence, at)
    }
}

impl ErasureWriter for FailingStore {
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        self.inner.erase(leaves)
    }

    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError> {
        self.inner.finish_erasure(record, at)
    }

    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError> {
        self.inner.find_erasures(key)
    }
}

struct Scene {
    _folder: TempDir,
    reader: Arc<dyn Reader>,
    fails: Arc<AtomicBool>,
    published: watch::Receiver<Option<Arc<Published>>>,
    working: RunningSequencer,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = sqlite::open(folder.path(), ORIGIN).unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let writer = FailingStore { inner: store.writer, fails: fails.clone() };
        let (announce, published) = watch::channel(None);
        let sequencer = Sequencer {
            writer: Box::new(writer),
            reader: store.reader.clone(),
            memory: Box::new(InStore::default()),
            signing: Signing::open(Box::new(StopFile::new(folder.path())), Time::MIN, &|_| true).unwrap(),
            key: Arc::new(key(ORIGIN)),
            ml_dsa_key: None,
            published: announce,
            witnesses: watch::channel(None).0,
            erased: mpsc::unbounded_channel().0,
            rules: Arc::new(RwLock::new(Arc::new(Rules::new(ORIGIN, None)))),
            timekeeper: Arc::new(Timekeeper::new(Arc::new(|| Time::MIN), Arc::new(|| Duration::ZERO))),
            own_entries: None,
            own_chain: OwnChain::default(),
            unattested: Unattested::new(store.reader.clone()),
            metrics: Arc::new(Metrics::default()),
        };
        let working = sequencer.begin().unwrap();
        Self { _folder: folder, reader: store.reader, fails, published, working }
    }

    /// Commits these submissions together.
    fn commit(&mut self, submissions: &[&Submission]) -> Vec<Result<Durable, SubmitError>> {
        let (jobs, mut answers): (Vec<_>, Vec<_>) = (submissions.iter())
            .map(|submission| {
                let (reply, answer) = oneshot::channel();
                (Job::Submit { submission: (*submission).clone(), reply }, answer)
            })
            .unzip();
        let mut jobs = jobs.into_iter();
        let first = jobs.next().unwrap();
        self.working.work(first, &mut || jobs.next());
        answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect()
    }

    fn publish(&mut self, published: Published) -> Result<(), StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.working.work(Job::Publish { published, reply }, &mut || None);
        answer.try_recv().unwrap()
    }
}

/// Returns a chain of two links with an event with this text.
fn chain(text: &str) -> Submission {
    let key = key("example.com/e");
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), Time::MIN, &[0; 16]).unwrap();
    recorder.sign_with(&key).unwrap();
    let event = Event::parse(format!("{{\"text\":\"{text}\"}}").as_bytes(), &Redaction::none()).unwrap();
    recorder.record(&event, Time::MIN, &[0; 16]).unwrap();
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    Submission::parse(recorder.drain().as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn failed_commit_leaves_no_trace_in_later_decisions() {
    let mut scene = Scene::new();
    let (one, other) = (chain("one"), chain("other"));
    scene.fails.store(true, Ordering::SeqCst);
    for answer in scene.commit(&[&one, &other]) {
        assert!(matches!(answer, Err(SubmitError::Unavailable(_))));
    }
    assert_eq!((scene.reader.size().unwrap(), scene.reader.evidence().unwrap().len()), (0, 0));
    scene.fails.store(false, Ordering::SeqCst);
    let answers = scene.commit(&[&other, &one]);
    assert!(answers[0].is_ok());
    assert!(
        matches!(&answers[1], Err(SubmitError::Refused(refusal)) if matches!(refusal.kind, RefusalKind::Fork(_)))
    );
    let (_, evidence) = scene.reader.evidence().unwrap().remove(0);
    assert_eq!((evidence.seq, evidence.index, scene.reader.size().unwrap()), (1, Some(1), 2));
}

#[test]
fn published_checkpoint_never_gets_worse() {
    let mut scene = Scene::new();
    let checkpoint = |size: u64, witnessed: bool, at: i64| {
        let checkpoint = Checkpoint::new(ORIGIN, size, countersign::merkle::empty_root()).unwrap();
        let note = checkpoint.sign(&key(ORIGIN)).unwrap();
        Published { size, note, at: Time::from_millis(at).unwrap(), witnessed }
    };
    let steps = [
        (checkpoint(5, false, 1), true),
        (checkpoint(5, true, 2), true),
        // An older checkpoint, or one with fewer signatures, never replaces the published one.
        (checkpoint(5, false, 3), false),
        (checkpoint(4, true, 4), false),
        (checkpoint(5, true, 5), true),
        (checkpoint(6, false, 6), true),
        (checkpoint(5, true, 7), false),
    ];
    let mut newest = scene.reader.published().unwrap();
    for (published, better) in steps {
        scene.publish(published.clone()).unwrap();
        if better {
            newest = Some(published);
        }
        assert_eq!(scene.published.borrow().as_deref(), newest.as_ref());
        assert_eq!(scene.reader.published().unwrap(), newest);
    }
}
