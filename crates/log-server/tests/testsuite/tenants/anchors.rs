//! Tests of anchors and kept heads over hours of ticks, with a clock of their own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign::checkpoint::SignedCheckpoint;
use countersign::event::{Event, Redaction};
use countersign::log::{Limits, Submission};
use countersign::merkle::{PendingTree, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::{HeadProof, NewestHead, Since, TenantOrigin, required_anchors};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::Report;
use countersign::verify::{CheckState, Options, Severity, Verdict, Verifier};
use countersign_log::export::{Exporter, Request};
use countersign_log::own_chain::secure_random;
use countersign_log::sequencer::Job;
use countersign_log::store::{CheckpointReader as _, Published};
use countersign_log::tenants::anchors::required_before;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::growth_proof::GrowthProof;
use countersign_log::tenants::heads::HeadShards;
use countersign_log::tenants::job::TenantJob;
use countersign_log::tenants::published::TenantTicks;
use countersign_log::tenants::reader::TenantReader;
use countersign_log::tenants::rules::tenant_rules;
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{TenantReaders, TenantStore, TickBatch};
use countersign_log::tenants::tenant::Tenant;
use countersign_log::witnessing::Unwitnessed;
use countersign_log_server::sqlite;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::sequencing::{Running, SharedHeads};
use crate::common::server::{ORIGIN, log_key};

/// 2026-11-20T06:00:00.000Z.
const START: i64 = 1_795_154_400_000;
const HOUR_MS: i64 = 3_600_000;

fn emitter_key() -> SignerKey {
    SignerKey::from_seed("example.com/app", [3; 32]).unwrap()
}

fn witness_key() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

/// A tenant log with a recorder.
struct TenantLog {
    tenant: Tenant,
    origin: TenantOrigin,
    recorder: Recorder,
    recorded: u64,
}

/// A root log with a witness that cosigns each tick, in a folder.
struct Scene {
    heads: SharedHeads,
    folder: TempDir,
    clock: Arc<AtomicI64>,
    running: Option<Running>,
    logs: Vec<TenantLog>,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        sqlite::create_with_tenants(folder.path(), ORIGIN, 8).unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let heads = SharedHeads::default();
        let mut scene = Self { heads, folder, clock, running: None, logs: Vec::new() };
        scene.begin();
        scene
    }

    fn begin(&mut self) {
        self.running = None;
        let folder = self.folder.path();
        let running =
            Running::begin(folder, Some(trust("")), &self.clock, &self.heads, |sequencer| sequencer);
        self.running = Some(running);
    }

    fn restart(&mut self) {
        self.begin();
        self.tick();
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    fn readers(&self) -> &Arc<dyn TenantReaders> {
        &self.running().readers
    }

    fn now(&self) -> Time {
        Time::from_millis(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    fn create(&mut self, name: &str) -> usize {
        let mut random: countersign_log::own_chain::Random = Box::new(secure_random);
        let tenant = sqlite::add_tenant(self.folder.path(), name, &mut random, self.now()).unwrap();
        let origin = TenantOrigin::new(ORIGIN, tenant.id).unwrap();
        let key = emitter_key();
        let mut recorder =
            Recorder::open(origin.as_str(), key.verifier_key().clone(), self.now(), &[1; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        self.logs.push(TenantLog { tenant, origin, recorder, recorded: 0 });
        self.logs.len() - 1
    }

    /// Submits events to a tenant log.
    fn record(&mut self, log: usize, events: u64) {
        let now = self.now();
        let log = &mut self.logs[log];
        for _ in 0..events {
            log.recorded += 1;
            let event = format!("{{\"action\":\"a\",\"n\":{}}}", log.recorded);
            let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
            log.recorder.record(&event, now, &[log.recorded as u8; 16]).unwrap();
        }
        log.recorder.flush();
        log.recorder.sign_with(&emitter_key()).unwrap();
        let lines = log.recorder.drain();
        let submission = Submission::parse(lines.as_bytes(), &Limits::default()).unwrap();
        let number = log.tenant.number;
        let entries = self.running.as_ref().unwrap().readers.log(number);
        let rules = Arc::new(tenant_rules(&*entries, &log.origin, Arc::new(trust(""))).unwrap());
        let (reply, mut answer) = oneshot::channel();
        let job = Job::Submit { submission, reply };
        self.work(TenantJob::Log { number, rules, job });
        // An accepted submission is answered at the tick.
        assert!(answer.try_recv().is_err());
    }

    fn work(&mut self, job: TenantJob) {
        self.running.as_mut().unwrap().sequencer.work(job);
    }

    /// Makes the tick of the next second, and publishes it with the witness's cosignature.
    fn tick(&mut self) {
        self.commit_tick();
        self.publish();
    }

    /// Makes the tick of the next second.
    fn commit_tick(&mut self) {
        let size = self.readers().root().size().unwrap();
        self.clock.fetch_add(1000, Ordering::SeqCst);
        self.work(TenantJob::Tick);
        assert_eq!(self.readers().root().size().unwrap(), size + 1);
    }

    fn publish(&mut self) {
        let unwitnessed = self.running().unwitnessed.borrow().clone();
        let Some(Unwitnessed { checkpoint, note, .. }) = unwitnessed else { panic!("no checkpoint") };
        let at = self.now();
        let seconds = at.millis().cast_unsigned() / 1000;
        let note = note + &checkpoint.cosign(&witness_key(), seconds).unwrap();
        let published = Published { size: checkpoint.size, note, at, witnessed: true };
        let (reply, mut done) = oneshot::channel();
        self.work(TenantJob::Root(Job::Publish { published, reply }));
        done.try_recv().unwrap().unwrap();
        assert_eq!(self.newest(), checkpoint.size - 1);
    }

    /// Returns the newest published tick.
    fn newest(&self) -> u64 {
        self.running().ticks.borrow().as_ref().unwrap().directory.tick()
    }

    /// Makes ticks up to this one, which is published. Before it, the witness is as slow as ten ticks.
    fn tick_to(&mut self, tick: u64) {
        for next in self.newest() + 1..=tick {
            self.commit_tick();
            if next == tick || next.is_multiple_of(10) {
                self.publish();
            }
        }
    }

    fn reader(&self, log: usize) -> Arc<TenantReader> {
        let Tenant { number, id, .. } = self.logs[log].tenant;
        let (ticks, readers) = (TenantTicks::new(self.running().ticks.clone(), id), self.readers());
        let (entries, history) = (readers.log(number), readers.history(number, &id));
        Arc::new(TenantReader::new(entries, readers.root(), ticks, history))
    }

    fn head(&self, log: usize) -> HeadProof {
        HeadProof::parse(&self.reader(log).published().unwrap().unwrap().note).unwrap()
    }

    /// Compares the newest head of a log with one that a writer has seen. Returns the number of anchors in the answer.
    fn compare(&self, log: usize, seen: NewestHead) -> usize {
        let head = self.head(log);
        let growth = GrowthProof::prove(seen.since(), &head, &*self.reader(log)).unwrap();
        let newest = seen.compare(&head, &growth.anchors, &growth.consistency).unwrap();
        assert_eq!(newest, NewestHead::from(&head));
        growth.anchors.len()
    }

    fn trust(&self, log: usize) -> Trust {
        let TenantLog { tenant, origin, .. } = &self.logs[log];
        let since = self.readers().find(&tenant.id).unwrap().unwrap().since.unwrap();
        trust(&format!("origin {origin} {since}\n"))
    }

    fn export(&self, log: usize) -> String {
        let reader = self.reader(log);
        let exporter = Exporter::new(reader.clone(), self.logs[log].origin.as_str(), Some(self.trust(log)));
        let mut lines = exporter.with_newest(reader).plan(&Request::default(), &|| false).unwrap().lines();
        let pieces = std::iter::from_fn(|| lines.next_piece().unwrap());
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    fn report(&self, log: usize) -> Report {
        let mut verifier = Verifier::new(Options { trust: self.trust(log), ..Options::default() });
        verifier.push(self.export(log).as_bytes());
        verifier.finish().report
    }

    /// Returns the number of anchors in a log's export, which must be verified.
    fn anchors(&self, log: usize) -> u64 {
        let report = self.report(log);
        assert_eq!(report.verdict, Verdict::Verified, "at {}: {report:#?}", self.newest());
        let problems = report.findings.iter().filter(|finding| finding.severity != Severity::Info);
        assert_eq!(problems.count(), 0);
        report.history.map_or(0, |history| history.anchors)
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join(sqlite::FILE)).unwrap()
    }
}

fn trust(more: &str) -> Trust {
    let text = format!(
        "log {}\nwitness w {} https://witness.example\nquorum w\nemitter {}\n{more}",
        log_key().verifier_key(),
        witness_key().verifier_key(),
        emitter_key().verifier_key(),
    );
    Trust::parse(text.as_bytes()).unwrap()
}

#[test]
fn exports_are_verified_over_hours() {
    let mut scene = Scene::new();
    scene.publish();
    let acme = scene.create("acme");
    scene.tick();
    scene.record(acme, 5);
    scene.tick_to(100);
    let globex = scene.create("globex");
    scene.tick();
    scene.record(globex, 1);
    scene.tick_to(4094);
    assert_eq!([scene.anchors(acme), scene.anchors(globex)], [0, 0]);
    let mut seen = vec![(NewestHead::none(0), [1, 1, 1]), (NewestHead::from(&scene.head(acme)), [0, 1, 2])];
    assert_eq!(scene.compare(acme, NewestHead::none(0)), 0);
    a_failed_tick_stores_no_anchor(&mut scene);
    scene.record(acme, 1);
    scene.tick();
    assert_eq!(scene.newest(), 4095);
    assert_eq!(scene.anchors(acme), 0);
    scene.tick();
    assert_eq!([scene.anchors(acme), scene.anchors(globex)], [1, 1]);
    seen.push((NewestHead::from(&scene.head(acme)), [0, 0, 1]));

    scene.tick_to(5000);
    let initech = scene.create("initech");
    scene.tick();
    scene.record(initech, 2);
    scene.record(acme, 3);
    // An hour has passed since the last kept head when the server is restarted.
    scene.tick_to(6000);
    assert_eq!([acme, globex, initech].map(|log| scene.anchors(log)), [1, 1, 0]);
    assert_eq!(scene.compare(initech, NewestHead::none(0)), 0, "it is younger than the anchor");
    scene.restart();
    assert_eq!([acme, globex, initech].map(|log| scene.anchors(log)), [1, 1, 0]);
    for (seen, [_, now, _]) in &seen {
        assert_eq!(scene.compare(acme, *seen), *now);
    }
    scene.tick_to(8190);
    for tick in [8190, 8191, 8192, 8193, 9000] {
        scene.record(initech, 1);
        scene.tick_to(tick + 1);
        let more = u64::from(scene.newest() > 8191);
        assert_eq!([acme, globex, initech].map(|log| scene.anchors(log)), [1 + more, 1 + more, more]);
    }

    for (seen, [.., anchors]) in &seen {
        assert_eq!(scene.compare(acme, *seen), *anchors);
    }
    writers_notice_a_rollback(&scene, acme);
    let history = scene.report(acme).history.unwrap();
    assert_eq!(history.to.millis() - history.since.millis(), 4096 * 1000);
    check_kept_heads(&scene, acme);

    // Without an anchor, the export proves less.
    let TenantStore { mut writer, .. } = sqlite::open_tenants(scene.folder.path(), ORIGIN).unwrap();
    writer.delete_anchors(9000, &[4095, 8191]).unwrap();
    writer.delete_anchors(4095, &[]).unwrap();
    assert_eq!(scene.anchors(acme), 2);
    writer.delete_anchors(9000, &[8191]).unwrap();
    let report = scene.report(acme);
    assert_eq!(report.checks.append_only.state, CheckState::NotChecked);
    assert_ne!(report.verdict, Verdict::Verified);
    let count = |sql: &str| -> i64 { scene.database().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT tick FROM anchor_ticks"), 8191);
    assert_eq!(count("SELECT count(*) FROM directory_tiles"), 1);
    assert_eq!(count("SELECT sum(length(hashes) + length(heads)) FROM directory_tiles"), 256 * (32 + 9));
    assert_eq!(scene.anchors(initech), 1);
}

/// Checks that a head which the log doesn't extend has no proof.
fn writers_notice_a_rollback(scene: &Scene, log: usize) {
    let head = scene.head(log);
    let larger = Since { size: head.head().size + 1, tick: 4000 };
    let growth = GrowthProof::prove(larger, &head, &*scene.reader(log)).unwrap();
    assert_eq!((growth.anchors.len(), growth.anchors[0].consistency.len()), (2, 0));
    let mut other = scene.head(1 - log);
    other.anchor.tick = 4000;
    other.anchor.time = Time::from_millis(START).unwrap();
    let growth = GrowthProof::prove(NewestHead::from(&other).since(), &head, &*scene.reader(log)).unwrap();
    let compared = NewestHead::from(&other).compare(&head, &growth.anchors, &growth.consistency);
    assert_eq!(compared.unwrap_err().code.as_str(), "proof.invalid");
}

/// Checks the kept heads of the log that grew in the first and in the second hour.
fn check_kept_heads(scene: &Scene, log: usize) {
    let kept = scene.reader(log).checkpoints(0..1000).unwrap();
    let ticks: Vec<u64> = kept.iter().map(|head| head.state().tick().unwrap().unwrap()).collect();
    // The last ticks of the hours, and the newest tick. The restart in the second hour made another tick at once.
    assert_eq!(ticks.len(), 3, "{ticks:?}");
    assert!((3590..3600).contains(&ticks[0]) && (7190..=7200).contains(&ticks[1]), "{ticks:?}");
    assert_eq!(ticks[2], scene.newest());
    for head in &kept[..2] {
        let SignedCheckpoint { checkpoint, .. } = head.state().checkpoint().unwrap();
        assert_eq!(
            scene.readers().root().checkpoints(checkpoint.size..checkpoint.size + 1).unwrap().len(),
            1
        );
        assert_eq!((head.at.millis() - START) / HOUR_MS, i64::from(head.size >= kept[1].size));
    }
}

#[test]
fn anchors_are_deleted_once_no_head_requires_them() {
    let scene = Scene::new();
    let mut writer = sqlite::open_tenants(scene.folder.path(), ORIGIN).unwrap().writer;
    let database = scene.database();
    database.pragma_update(None, "synchronous", "off").unwrap();
    for hour in 1..=1600_u64 {
        let newest = hour * 4096 + 5;
        database.execute("INSERT INTO anchor_ticks VALUES (?, 8, x'00')", [hour * 4096 - 1]).unwrap();
        let (end, required) = required_before(newest);
        writer.delete_anchors(end, &required).unwrap();
        let mut rows = database.prepare_cached("SELECT tick FROM anchor_ticks ORDER BY tick").unwrap();
        let stored: Vec<u64> =
            rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let expected = [required_anchors(newest), required_anchors(newest - 4096)].concat();
        let expected: BTreeSet<u64> = expected.into_iter().collect();
        assert!(stored.iter().eq(&expected), "{hour}");
    }
}

fn a_failed_tick_stores_no_anchor(scene: &mut Scene) {
    let database = scene.database();
    let fail = "CREATE TRIGGER fail BEFORE INSERT ON directory_tiles BEGIN SELECT RAISE(ABORT, 'no'); END";
    database.execute_batch(fail).unwrap();
    let size = scene.readers().root().size().unwrap();
    scene.work(TenantJob::Tick);
    assert_eq!(scene.readers().root().size().unwrap(), size);
    let anchors: i64 = database.query_row("SELECT count(*) FROM anchor_ticks", [], |row| row.get(0)).unwrap();
    assert_eq!(anchors, 0);
    database.execute_batch("DROP TRIGGER fail").unwrap();
}

#[test]
fn an_anchor_takes_41_bytes_for_each_slot() {
    for (depth, max_bytes) in [(10, 52 << 10), (17, 6400 << 10)] {
        let folder = TempDir::new().unwrap();
        sqlite::create_with_tenants(folder.path(), ORIGIN, depth).unwrap();
        let mut writer = sqlite::open_tenants(folder.path(), ORIGIN).unwrap().writer;
        let heads = HeadShards::new(depth).unwrap();
        let secret = TickSecret::from_bytes([7; 32]);
        let directory = TickDirectory::build(secret, ORIGIN, 4095, Time::MIN, heads).unwrap();
        let entry = directory.entry().to_string();
        let database = Connection::open(folder.path().join(sqlite::FILE)).unwrap();
        let mut commit = |anchor| -> i64 {
            let mut root_tree = PendingTree::new(&writer.edge().unwrap());
            root_tree.extend(&[leaf_hash(entry.as_bytes())]);
            let tick = TickBatch {
                entry: entry.as_bytes(),
                root_tree: &root_tree,
                depth,
                logs: &[],
                heads: &[],
                anchor,
                publish: None,
                signed_size: None,
            };
            writer.commit_tick(&tick).unwrap();
            let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            database.query_row(size, [], |row| row.get(0)).unwrap()
        };
        let before = commit(None);
        let bytes = commit(Some(&directory)) - before;
        assert!((41 << depth..max_bytes).contains(&bytes), "{bytes} bytes at depth {depth}");
    }
}
