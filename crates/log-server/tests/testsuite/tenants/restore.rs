//! Tests of a root log's server after damage, old backups, and copies: no tenant log ever shows two histories, and a
//! tenant log that is stopped stops no other.

mod erasing;
mod losses;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::merkle::{PendingTree, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::{HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Verdict, Verifier};
use countersign_log::clock::steady;
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::stop::Cause;
use countersign_log::store::TreeStore;
use countersign_log::tables::{RequestError, lost_name};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::requests::Ending;
use countersign_log::tenants::store::{TenantStore, TickBatch};
use countersign_log::tenants::tenant::Tenant;
use countersign_log::tokens::{LogScope, Rights, Scope};
use countersign_log_server::fsck::{self, Report};
use countersign_log_server::restore::remembered_logs::RememberedLog;
use countersign_log_server::restore::succession::Succession;
use countersign_log_server::restore::{self, EndReason, Folder, Plan, Restore, Source, tenant_succession};
use countersign_log_server::serve::{Config, RunningLog, StartError, TenantConfig, serve};
use countersign_log_server::tokens::{self, NewReader};
use countersign_log_server::{backup, heads_file, root_entries, signed_file, sqlite};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::common::emitter::BEGIN;
use crate::common::server::{Answer, ORIGIN, client, config, emitter_key, log_key, send, until};

/// The length of a second of the server's clock, in milliseconds.
const SECOND_MS: i64 = 20;

/// A tenant log with its only recorder.
struct Log {
    tenant: Tenant,
    origin: TenantOrigin,
    recorder: Recorder,
    recorded: u64,
    /// The lines that the log has not accepted yet.
    unsent: String,
}

/// A root log's server with the tenants a and b.
struct World {
    folder: TempDir,
    started: Instant,
    admin: String,
    reader: String,
    check_within: Option<Duration>,
    runtime: Runtime,
    serving: Option<RunningLog>,
    logs: Vec<Log>,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        sqlite::create_with_tenants(folder.path(), ORIGIN, 8).unwrap();
        let token = |name: &str, rights| {
            let mut logs = LogScope::default();
            logs.allow_written("*").unwrap();
            let new = NewReader { name: name.into(), rights, until: None, scope: Scope::default(), logs };
            tokens::add_all(folder.path(), vec![new]).unwrap().pop().unwrap().as_str().to_owned()
        };
        let mut world = Self {
            admin: token("admin", "admin".parse().unwrap()),
            reader: token("reader", Rights::READ),
            folder,
            started: Instant::now(),
            check_within: None,
            runtime: Runtime::new().unwrap(),
            serving: None,
            logs: Vec::new(),
        };
        world.add("a");
        world.add("b");
        world.begin();
        for log in 0..2 {
            world.record(log, 3);
        }
        world
    }

    /// Creates a tenant.
    fn add(&mut self, name: &str) {
        let mut random: Random = Box::new(secure_random);
        let now = clock(self.started)();
        let tenant = sqlite::add_tenant(self.folder.path(), name, &mut random, now).unwrap();
        let origin = TenantOrigin::new(ORIGIN, tenant.id).unwrap();
        let key = emitter_key(0);
        let nonce = [self.logs.len() as u8; 16];
        let mut recorder = Recorder::open(origin.as_str(), key.verifier_key().clone(), now, &nonce).unwrap();
        recorder.sign_with(&key).unwrap();
        self.logs.push(Log { tenant, origin, recorder, recorded: 0, unsent: String::new() });
    }

    fn begin(&mut self) {
        let folder = self.folder.path().to_owned();
        self.try_begin_in(&folder).unwrap_or_else(|error| panic!("{error}"));
        if self.serving().log_server().signing().stopped().is_none() {
            self.wait_for_tick();
        }
    }

    fn try_begin_in(&mut self, folder: &Path) -> Result<(), StartError> {
        self.stop();
        let config = Config {
            trust: trust(None),
            clock: Arc::new(clock(self.started)),
            check_within: self.check_within,
            steady: steady(),
            tenants: Some(TenantConfig {
                tick: Duration::from_millis(SECOND_MS.cast_unsigned()),
                depth: 8,
                has_metrics: false,
            }),
            ..config(folder)
        };
        self.serving = Some(self.runtime.block_on(serve(config))?);
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop()).unwrap();
        }
    }

    fn serving(&self) -> &RunningLog {
        self.serving.as_ref().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.serving().address())
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        send(client().get(self.url(path)).bearer_auth(token))
    }

    fn get_of(&self, log: usize, path: &str) -> Answer {
        self.get(&format!("{}/{path}", self.path(log)), &self.reader)
    }

    fn path(&self, log: usize) -> String {
        self.logs[log].origin.as_str()[ORIGIN.len()..].to_owned()
    }

    /// Submits events, after those that were not accepted before.
    fn try_record(&mut self, log: usize, events: u64) -> Answer {
        let now = clock(self.started)();
        let key = emitter_key(0);
        let url = self.url(&(self.path(log) + "/submit"));
        let log = &mut self.logs[log];
        for _ in 0..events {
            log.recorded += 1;
            let event = format!("{{\"action\":\"event\",\"n\":{}}}", log.recorded);
            let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
            let mut salt = [7; 16];
            salt[..8].copy_from_slice(&log.recorded.to_be_bytes());
            log.recorder.record(&event, now, &salt).unwrap();
        }
        log.recorder.flush();
        if log.recorder.to_sign().is_some() {
            log.recorder.sign_with(&key).unwrap();
        }
        log.unsent += &log.recorder.drain();
        let answer = send(client().post(url).body(log.unsent.clone()));
        if answer.status == 200 {
            log.unsent.clear();
        }
        answer
    }

    fn record(&mut self, log: usize, events: u64) {
        let answer = self.try_record(log, events);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// Waits until the newest published tick is after the newest one now.
    fn wait_for_tick(&self) {
        let ticks = self.serving().tenants().unwrap().ticks();
        let newest = || ticks.borrow().as_ref().map(|tick| tick.directory.tick());
        let before = newest();
        until("a later tick is published", || newest() > before);
    }

    /// Waits until a log is in the newest published tick.
    fn wait_for_head(&self, log: usize) {
        until("the log has a head", || self.get_of(log, "head").status == 200);
    }

    /// Returns the newest head of a log, which must be proven.
    fn head(&self, log: usize) -> HeadProof {
        let answer = self.get_of(log, "head");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let proof = HeadProof::parse(str::from_utf8(&answer.body).unwrap()).unwrap();
        proof.verify(&trust(Some(&self.logs[log].origin))).unwrap();
        proof
    }

    fn size(&self, log: usize) -> u64 {
        self.head(log).head().size
    }

    /// Checks that a log's export is verified, and contains the earlier head.
    fn assert_verified(&self, log: usize, earlier: Option<&HeadProof>) {
        let answer = self.get_of(log, "export");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let mut verifier =
            Verifier::new(Options { trust: trust(Some(&self.logs[log].origin)), ..Options::default() });
        verifier.push(&answer.body);
        let report = verifier.finish().report;
        assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
        let head = self.head(log);
        if let Some(earlier) = earlier {
            assert!(earlier.head().size <= head.head().size && earlier.anchor.tick <= head.anchor.tick);
            if earlier.head().size == head.head().size {
                assert_eq!(earlier.head().root, head.head().root);
            }
        }
    }

    /// Checks that a log grows and is verified.
    fn assert_works(&mut self, log: usize) {
        let before = self.head(log);
        self.record(log, 2);
        assert!(self.size(log) > before.head().size);
        self.assert_verified(log, Some(&before));
    }

    /// Checks that a log is stopped with this cause, and that its head is this one.
    fn assert_stopped(&mut self, log: usize, cause: Cause, shown: &HeadProof, is_readable: bool) {
        let refused = (503, cause.code().to_owned());
        assert_eq!(self.try_record(log, 1).refusal(), refused);
        self.wait_for_tick();
        let head = self.head(log);
        assert_eq!(head.head(), shown.head(), "the head must stay as it was");
        assert!(head.anchor.tick > shown.anchor.tick);
        if is_readable {
            self.assert_verified(log, Some(shown));
        } else {
            for path in ["export", "stream", "explain"] {
                assert_eq!(self.get_of(log, path).refusal(), refused, "{path}");
            }
        }
        let stops = self.serving().tenants().unwrap().stops().all();
        let stop = stops.iter().find(|stop| stop.head.id == self.logs[log].tenant.id).unwrap();
        assert_eq!((stop.reason.cause, stop.is_readable), (cause, is_readable));
        // The others work, unless there are none.
        let health = self.get("/healthz", &self.admin);
        let counts = &health.json()["tenants"]["counts"];
        let count = |state: &str| counts[state].as_u64().unwrap();
        assert_eq!(count("stopped"), stops.len() as u64, "{counts}");
        assert_eq!(count("live") + count("stopped") + count("ended"), self.logs.len() as u64, "{counts}");
        let is_any_live = count("live") > 0;
        assert_eq!(health.status, if is_any_live { 200 } else { 503 }, "{health:?}");
        let public = self.get("/healthz", "none");
        let word = if is_any_live { "healthy" } else { "unhealthy" };
        assert_eq!((public.status, public.json()), (health.status, json!({ "status": word })));
        let problems = health.json()["problems"].as_array().unwrap().clone();
        let of_tenants = problems.iter().find(|problem| problem["part"] == "tenants").unwrap();
        assert_eq!(of_tenants["critical"], !is_any_live);
        assert!(of_tenants["docs"].as_str().unwrap().ends_with("/docs/stopped-log.md"));
        let metrics = String::from_utf8(self.get("/metrics", &self.admin).body).unwrap();
        for state in ["live", "ended", "stopped"] {
            let sample = format!("countersign_tenants{{state=\"{state}\"}} {}\n", count(state));
            assert!(metrics.contains(&sample), "{sample}: {metrics}");
        }
        let listed = health.json()["tenants"]["stopped"].as_array().unwrap().clone();
        let number = self.logs[log].tenant.number.get();
        let found = listed.iter().find(|stop| stop["number"] == number).unwrap();
        assert_eq!(found["code"], cause.code());
        let listed = String::from_utf8(self.get("/tenants", &self.admin).body).unwrap();
        let name = &self.logs[log].tenant.name;
        let line: Value = listed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["name"] == **name)
            .unwrap();
        assert_eq!(line["stopped"], cause.code());
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join(sqlite::FILE)).unwrap()
    }

    /// Continues the log in a folder as `serve --after-restore` does, and returns why it ends if it does.
    fn after_restore(&mut self, folder: &Path, nothing_newer: bool) -> Option<&'static str> {
        self.after_restore_from(folder, nothing_newer, Vec::new())
    }

    /// Does the same with entries from other sources.
    fn after_restore_from(
        &mut self,
        folder: &Path,
        nothing_newer: bool,
        sources: Vec<Box<dyn Source>>,
    ) -> Option<&'static str> {
        self.stop();
        let config = restore::Config {
            folder: folder.to_owned(),
            bucket: None,
            key: log_key().verifier_key().clone(),
            keys: Vec::new(),
            witnesses: Vec::new(),
            nothing_newer,
            now: clock(self.started)(),
        };
        let mut restore = Restore::open(config).unwrap();
        assert!(restore.has_tenants());
        restore.collect(sources).unwrap();
        match restore.plan().unwrap() {
            Plan::End(reason) => Some(reason.code),
            plan => {
                restore.carry_out(plan).unwrap();
                None
            }
        }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn fsck(&self) -> Report {
        let (mut last, mut all) = (0, 0);
        let report = fsck::check(self.folder.path(), &mut |done, total| {
            assert!(last <= done && done <= total, "{last} {done} {total}");
            (last, all) = (done, total);
        });
        assert_eq!(last, all);
        report.unwrap()
    }

    /// Returns code and place of each problem.
    fn problems(&self) -> Vec<(&'static str, String)> {
        self.fsck().problems.into_iter().map(|problem| (problem.code, problem.place)).collect()
    }

    /// Replaces the rows of a tenant, and not its name, by those of another database.
    fn set_back(&self, log: usize, from: &Path) {
        let number = self.logs[log].tenant.number.get();
        let database = self.database();
        database.execute("ATTACH ? AS old", [from.to_str().unwrap()]).unwrap();
        let integers = (i64::from(number) << 32, i64::from(number + 1) << 32);
        let bytes = [number, number + 1].map(u32::to_be_bytes);
        for (table, column) in [("leaves", "idx"), ("events", "idx"), ("tiles", "tile")] {
            let rows = format!("FROM {{}}.{table} WHERE {column} >= ? AND {column} < ?");
            database.execute(&format!("DELETE {}", rows.replace("{}", "main")), integers).unwrap();
            let sql = format!("INSERT INTO main.{table} SELECT * {}", rows.replace("{}", "old"));
            database.execute(&sql, integers).unwrap();
        }
        for (table, column) in [("chains", "chain"), ("runs", "chain"), ("notes", "hash")] {
            let rows = format!("FROM {{}}.{table} WHERE {column} >= ? AND {column} < ?");
            database
                .execute(&format!("DELETE {}", rows.replace("{}", "main")), (&bytes[0], &bytes[1]))
                .unwrap();
            let sql = format!("INSERT INTO main.{table} SELECT * {}", rows.replace("{}", "old"));
            database.execute(&sql, (&bytes[0], &bytes[1])).unwrap();
        }
        database.execute("DELETE FROM main.tenant_heads WHERE number = ?", [number]).unwrap();
        let sql = "INSERT INTO main.tenant_heads SELECT * FROM old.tenant_heads WHERE number = ?";
        database.execute(sql, [number]).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.stop();
        }
    }
}

/// Returns a clock that runs fast.
fn clock(started: Instant) -> impl Fn() -> Time {
    move || {
        let millis = started.elapsed().as_millis() as i64 * 1000 / SECOND_MS;
        Time::from_millis(BEGIN + millis).unwrap()
    }
}

fn trust(origin: Option<&TenantOrigin>) -> Trust {
    let key: SignerKey = emitter_key(0);
    let origin = origin.map_or_else(String::new, |origin| format!("origin {origin} 0\n"));
    let text = format!("log {}\nemitter {}\n{origin}", log_key().verifier_key(), key.verifier_key());
    Trust::parse(text.as_bytes()).unwrap()
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.path().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn tenant_whose_rows_are_set_back_is_stopped_alone() {
    let mut world = World::new();
    world.stop();
    let saved = TempDir::new().unwrap();
    copy(world.folder.path(), saved.path());
    world.begin();
    for log in 0..2 {
        world.record(log, 4);
    }
    let shown = [world.head(0), world.head(1)];
    world.stop();
    let newest = TempDir::new().unwrap();
    copy(world.folder.path(), newest.path());
    world.set_back(0, &saved.path().join(sqlite::FILE));
    let place = format!("t/{}", countersign::hex::encode(&world.logs[0].tenant.id));
    assert_eq!(world.problems(), [("fsck.checkpoint", place.clone())]);
    // One of the two records of what was shown is enough to notice it.
    let signed = world.file(signed_file::FILE);
    let away = newest.path().join("away");
    fs::rename(&signed, &away).unwrap();
    assert_eq!(world.problems(), [("fsck.checkpoint", place)]);
    fs::rename(&away, &signed).unwrap();

    for _ in 0..2 {
        world.begin();
        world.assert_stopped(0, Cause::Rollback, &shown[0], false);
        assert_eq!(world.serving().tenants().unwrap().stops().len(), 1);
        world.assert_works(1);
        // Only administrators see it.
        for token in [&world.reader, "none"] {
            assert!(world.get("/healthz", token).json().get("tenants").is_none());
        }
        // Its emitter sends the same again, which isn't enough.
        let lines = world.logs[0].unsent.clone();
        assert_eq!(send(client().post(world.url(&(world.path(0) + "/submit"))).body(lines)).status, 503);
    }
    // No decision of the operator lets it continue with fewer entries.
    let folder = world.folder.path().to_owned();
    assert_eq!(world.after_restore(&folder, true), None);
    world.begin();
    world.assert_stopped(0, Cause::Rollback, &shown[0], false);
    // A new tenant's log works.
    world.add("c");
    world.wait_for_head(2);
    world.record(2, 2);
    world.assert_verified(2, None);
    world.stop();

    // Its rows are there again.
    world.set_back(0, &newest.path().join(sqlite::FILE));
    assert_eq!(world.problems(), []);
    world.begin();
    assert!(world.serving().tenants().unwrap().stops().is_empty());
    world.assert_verified(0, Some(&shown[0]));
    (0..3).for_each(|log| world.assert_works(log));
}

#[test]
fn tenant_with_other_entries_is_stopped_alone() {
    let mut world = World::new();
    let shown = world.head(0);
    world.stop();
    let database = world.database();
    let key = 1_i64 << 32;
    database.execute("UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = ?", [key]).unwrap();
    database.execute("UPDATE tenant_heads SET root = zeroblob(32) WHERE number = 1", []).unwrap();
    drop(database);
    world.begin();
    world.assert_stopped(0, Cause::SplitView, &shown, false);
    world.assert_works(1);
    // The database has lost it.
    world.stop();
    world.database().execute_batch("DELETE FROM tenant_heads WHERE number = 1").unwrap();
    world.begin();
    world.assert_stopped(0, Cause::Rollback, &shown, false);
    world.assert_works(1);
    assert!(!world.problems().is_empty());
}

#[test]
fn change_under_a_running_server_stops_the_tenant() {
    let mut world = World::new();
    let shown = [world.head(0), world.head(1)];
    // One more entry than the head has.
    let sql =
        "INSERT INTO leaves SELECT idx + 1, leaf FROM leaves WHERE idx >> 32 = 1 ORDER BY idx DESC LIMIT 1";
    world.database().execute(sql, []).unwrap();
    let place =
        format!("t/{} head {}", countersign::hex::encode(&world.logs[0].tenant.id), shown[0].head().size);
    assert!(world.problems().contains(&("fsck.checkpoint", place)));
    assert_eq!(world.try_record(0, 1).refusal(), (503, "log.split_view".into()));
    world.assert_works(1);
    world.assert_stopped(0, Cause::SplitView, &shown[0], false);
    world.assert_works(1);
    // The log is not open yet when it is damaged.
    world.stop();
    world.database().execute_batch("DELETE FROM leaves WHERE idx >> 32 = 1").unwrap();
    world.begin();
    world.assert_works(1);
    assert_eq!(world.get_of(0, "export").refusal(), (503, "log.rollback".into()));
    world.assert_stopped(0, Cause::Rollback, &shown[0], false);
    world.assert_works(1);
}

#[test]
fn head_that_only_the_database_lost_is_restored() {
    let mut world = World::new();
    world.stop();
    let saved = world.database();
    saved.execute_batch("CREATE TABLE old_heads AS SELECT * FROM tenant_heads").unwrap();
    drop(saved);
    world.begin();
    world.record(0, 3);
    let shown = world.head(0);
    world.stop();
    let sql =
        "DELETE FROM tenant_heads; INSERT INTO tenant_heads SELECT * FROM old_heads; DROP TABLE old_heads";
    world.database().execute_batch(sql).unwrap();
    world.begin();
    assert!(world.serving().tenants().unwrap().stops().is_empty());
    world.assert_verified(0, Some(&shown));
    (0..2).for_each(|log| world.assert_works(log));
    world.stop();
    assert_eq!(world.problems(), []);
}

#[test]
fn database_that_is_set_back_stops_the_root_log() {
    let mut world = World::new();
    world.stop();
    let saved = TempDir::new().unwrap();
    copy(world.folder.path(), saved.path());
    world.begin();
    world.record(0, 4);
    world.stop();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(world.file(&(sqlite::FILE.to_owned() + end)));
    }
    fs::copy(saved.path().join(sqlite::FILE), world.file(sqlite::FILE)).unwrap();
    let codes: Vec<_> = world.problems().into_iter().map(|(_, place)| place).collect();
    assert!(codes.contains(&"signed.txt".to_owned()), "{codes:?}");
    fs::remove_dir_all(world.file(root_entries::FOLDER)).unwrap();
    for cause in [Cause::Rollback, Cause::Unremembered] {
        world.begin();
        let stop = world.serving().log_server().signing().stopped().unwrap();
        assert_eq!(stop.cause, cause);
        for log in 0..2 {
            assert_eq!(world.try_record(log, 1).status, 503);
            assert_eq!(world.get_of(log, "export").status, 503);
            assert_eq!(world.get_of(log, "head").status, 503);
        }
        assert_eq!(world.get("/healthz", &world.admin).status, 503);
        let folder = world.folder.path().to_owned();
        assert_eq!(world.after_restore(&folder, false), Some(cause.code()));
        if cause == Cause::Rollback {
            assert_eq!(world.after_restore(&folder, true), Some(cause.code()));
        }
        // Without both memories.
        fs::remove_file(world.file("signed.txt")).unwrap();
        fs::remove_file(world.file(heads_file::FILE)).unwrap();
    }
}

#[test]
fn lost_memory_stops_tenants_until_the_operator_decides() {
    let mut world = World::new();
    let shown = [world.head(0), world.head(1)];
    world.stop();
    let whole = fs::read(world.file(heads_file::FILE)).unwrap();
    // One tenant's slots are damaged.
    let mut bytes = whole.clone();
    bytes[170] ^= 1;
    bytes[250] ^= 1;
    fs::write(world.file(heads_file::FILE), bytes).unwrap();
    world.begin();
    world.assert_stopped(0, Cause::Unremembered, &shown[0], true);
    world.assert_works(1);
    world.stop();
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    // The file is missing, and stays incomplete.
    fs::remove_file(world.file(heads_file::FILE)).unwrap();
    let shown = [shown[0].clone(), {
        world.begin();
        world.head(1)
    }];
    for _ in 0..2 {
        world.begin();
        for (log, shown) in shown.iter().enumerate() {
            world.assert_stopped(log, Cause::Unremembered, shown, true);
        }
    }
    world.add("c");
    world.wait_for_head(2);
    world.record(2, 1);
    world.stop();
    assert_eq!(world.problems().len(), 2);
    world.begin();
    assert_eq!(world.serving().tenants().unwrap().stops().len(), 2);
    world.assert_works(2);
    // The operator states that nothing newer was shown.
    let folder = world.folder.path().to_owned();
    for nothing_newer in [false, true] {
        assert_eq!(world.after_restore(&folder, nothing_newer), None);
        world.begin();
        assert_eq!(world.serving().tenants().unwrap().stops().len(), if nothing_newer { 0 } else { 2 });
    }
    (0..3).for_each(|log| world.assert_works(log));
    world.assert_verified(0, Some(&shown[0]));
    world.stop();
    assert_eq!(world.problems(), []);
}

#[test]
fn root_log_of_an_old_backup_is_restored_from_its_folder() {
    let mut world = World::new();
    world.stop();
    let (backup, newer) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    copy(world.folder.path(), backup.path());
    world.begin();
    world.record(0, 2);
    world.add("c");
    world.wait_for_head(2);
    let shown = [world.head(0), world.head(1)];
    world.stop();
    copy(world.folder.path(), newer.path());
    fs::copy(backup.path().join(sqlite::FILE), world.file(sqlite::FILE)).unwrap();
    let folder = world.folder.path().to_owned();
    // An ordinary start confirms nothing, and changes nothing.
    world.begin();
    assert!(world.serving().log_server().signing().stopped().is_some());
    world.stop();
    // Without its own entries, a mirror of the public tiles has them, as another folder has.
    let (kept, away) = (world.file(root_entries::FOLDER), newer.path().join("away"));
    fs::rename(&kept, &away).unwrap();
    assert_eq!(world.after_restore(&folder, false), Some("log.rollback"));
    let elsewhere = TempDir::new().unwrap();
    copy(&folder, elsewhere.path());
    let source = || Box::new(Folder::open("newer".into(), newer.path()).unwrap());
    assert_eq!(world.after_restore_from(elsewhere.path(), true, vec![source()]), None);
    fs::rename(&away, &kept).unwrap();
    assert_eq!(world.after_restore(&folder, false), None);
    assert_eq!(world.after_restore(&folder, false), None, "it can be repeated");
    world.begin();
    world.assert_stopped(0, Cause::Rollback, &shown[0], false);
    world.assert_works(1);
    world.assert_verified(1, Some(&shown[1]));
    // The lost tenant keeps its number and its ID.
    let lost = world.logs[2].tenant.clone();
    world.add("d");
    world.wait_for_head(3);
    world.record(3, 1);
    assert!(world.logs[3].tenant.number > lost.number);
    for _ in 0..2 {
        world.assert_works(3);
        assert_eq!(world.serving().tenants().unwrap().stops().len(), 2);
        world.begin();
    }
    // A tenant that is created again with its name gets another ID.
    world.add("c");
    assert_ne!(world.logs[4].tenant.id, lost.id);
    // The lost log can end, by the name in the list, with the last head that it showed.
    let head = |world: &World| world.serving().tenants().unwrap().head(&lost.id).unwrap();
    let before = head(&world);
    let name = lost_name(&lost.id);
    sqlite::end_tenants(world.folder.path(), &[&name], &Ending::End).unwrap();
    until("it ends", || head(&world).state == State::Ended);
    assert_eq!(head(&world), SlotHead { state: State::Ended, ..before });
    world.begin();
    world.wait_for_head(4);
    assert_eq!((head(&world).state, world.serving().tenants().unwrap().stops().len()), (State::Ended, 1));
    let error = sqlite::end_tenants(world.folder.path(), &["lost 00"], &Ending::End).unwrap_err();
    assert!(matches!(error, RequestError::Unknown(_)));
    world.stop();
    let problems = world.problems();
    // The lost log ended, so nothing about it is unresolved.
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn tick_that_is_not_remembered_is_never_shown() {
    let mut world = World::new();
    let shown = world.head(0);
    // Another file in its place: nothing can be remembered.
    let (file, away) = (world.file(heads_file::FILE), world.file("away"));
    fs::rename(&file, &away).unwrap();
    fs::copy(&away, &file).unwrap();
    let answer = world.try_record(0, 2);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(world.size(0), shown.head().size);
    fs::rename(&away, &file).unwrap();
    // The entries are durable, so the next tick has them.
    let answer = world.try_record(0, 0);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.size(0), shown.head().size + 2);
    world.assert_verified(0, Some(&shown));
    // The process ends before they are remembered.
    let remembered = fs::read(&file).unwrap();
    world.record(0, 1);
    world.add("c");
    world.wait_for_head(2);
    world.stop();
    fs::write(&file, remembered).unwrap();
    let sql =
        "UPDATE tenants SET since = (SELECT count(*) - 1 FROM leaves WHERE idx < 1 << 32) WHERE number = 3";
    world.database().execute(sql, []).unwrap();
    assert_eq!(world.problems(), []);
    world.begin();
    assert!(world.serving().tenants().unwrap().stops().is_empty());
    (0..3).for_each(|log| world.assert_works(log));
    world.stop();
    assert_eq!(world.problems(), []);
}

#[test]
fn copy_of_a_folder_never_ticks() {
    let mut world = World::new();
    let shown = world.head(0);
    world.stop();
    let elsewhere = TempDir::new().unwrap();
    copy(world.folder.path(), elsewhere.path());
    let heads = fs::read(elsewhere.path().join(heads_file::FILE)).unwrap();
    world.try_begin_in(elsewhere.path()).unwrap();
    let stop = world.serving().log_server().signing().stopped().unwrap();
    assert_eq!(stop.cause, Cause::Copied);
    assert_eq!(world.try_record(0, 1).refusal(), (503, "log.copied".into()));
    assert_eq!(world.get_of(0, "export").status, 503);
    world.stop();
    assert_eq!(fs::read(elsewhere.path().join(heads_file::FILE)).unwrap(), heads);
    // The folder was moved.
    assert_eq!(world.after_restore(elsewhere.path(), false), Some("log.copied"));
    assert_eq!(world.after_restore(elsewhere.path(), true), None);
    world.try_begin_in(elsewhere.path()).unwrap();
    world.wait_for_tick();
    world.assert_verified(0, Some(&shown));
    (0..2).for_each(|log| world.assert_works(log));
}

#[test]
fn backup_is_whole_and_never_ticks_elsewhere() {
    let mut world = World::new();
    world.record(0, 5);
    let elsewhere = TempDir::new().unwrap();
    let made = backup::make(world.folder.path(), &elsewhere.path().join(sqlite::FILE), Time::MIN).unwrap();
    assert!(made.size > 0);
    let report = fsck::check(elsewhere.path(), &mut |_, _| {}).unwrap();
    assert_eq!((report.problems, report.tenants), (Vec::new(), Some(2)));
    copy_tokens(&world, elsewhere.path());
    world.try_begin_in(elsewhere.path()).unwrap();
    let stop = world.serving().log_server().signing().stopped().unwrap();
    assert_eq!(stop.cause, Cause::Unremembered);
    assert_eq!(world.try_record(0, 1).status, 503);
}

fn copy_tokens(world: &World, to: &Path) {
    fs::copy(world.file(tokens::FILE), to.join(tokens::FILE)).unwrap();
}

#[test]
fn fsck_checks_all_logs() {
    let mut world = World::new();
    world.record(0, 300);
    let report = world.fsck();
    assert_eq!((report.tenants, report.problems.len()), (Some(2), 0));
    assert_eq!(report.events, 306);
    world.stop();
    let saved = TempDir::new().unwrap();
    copy(world.folder.path(), saved.path());
    let id = |log: usize| countersign::hex::encode(&world.logs[log].tenant.id);
    let cases: [(&str, &str, String); 11] = [
        ("UPDATE leaves SET leaf = X'00' WHERE idx = 1", "fsck.entry", "entry 1".into()),
        ("DELETE FROM leaves WHERE idx = 4294967296 + 5", "fsck.entry", format!("t/{} entry 5", id(0))),
        (
            "DELETE FROM leaves WHERE idx = 2 * 4294967296 + 3",
            "fsck.checkpoint",
            format!("t/{} head 4", id(1)),
        ),
        (
            "INSERT INTO leaves VALUES (2 * 4294967296 + 4, X'00')",
            "fsck.checkpoint",
            format!("t/{} head 4", id(1)),
        ),
        ("DELETE FROM tiles WHERE tile = 4294967296", "fsck.tile", format!("t/{} tile/0/000", id(0))),
        (
            "DELETE FROM tiles WHERE tile = 4294967296 + 1",
            "fsck.tile",
            format!("t/{} tile/0/001.p/48", id(0)),
        ),
        ("DELETE FROM tiles WHERE tile = 2 * 4294967296", "fsck.tile", format!("t/{} tile/0/000.p/4", id(1))),
        (
            "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = 0",
            "fsck.tile",
            "tile/0/000".into(),
        ),
        (
            "UPDATE events SET event = '{}' WHERE idx = 4294967296 + 5",
            "fsck.event",
            format!("t/{} entry 5", id(0)),
        ),
        ("INSERT INTO leaves VALUES (9 * 4294967296, X'00')", "fsck.entry", "log 9".into()),
        (
            "UPDATE tenant_heads SET root = zeroblob(32) WHERE number = 2",
            "fsck.checkpoint",
            format!("t/{} head 4", id(1)),
        ),
    ];
    for (sql, code, place) in cases {
        fs::copy(saved.path().join(sqlite::FILE), world.file(sqlite::FILE)).unwrap();
        assert_eq!(world.database().execute(sql, []).unwrap(), 1, "{sql}");
        let report = world.fsck();
        let found =
            report.problems.iter().any(|problem| problem.code == code && problem.place.starts_with(&place));
        assert!(found, "{sql}: {:#?}", report.problems);
        let is_repairable = code == "fsck.tile";
        assert_eq!(
            report.problems.iter().all(|problem| problem.repair.is_possible()),
            is_repairable,
            "{sql}"
        );
        fsck::repair(world.folder.path(), &report, &mut |_, _| {}).unwrap();
        assert_eq!(world.fsck().is_whole(), is_repairable, "{sql}");
    }
}

#[test]
fn server_checks_all_logs_and_hides_problems_of_tenants() {
    let mut world = World::new();
    let shown = world.head(0);
    world.stop();
    let sql = "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE tile = 4294967296";
    world.database().execute(sql, []).unwrap();
    world.check_within = Some(Duration::from_millis(50));
    world.begin();
    let problems = || world.get("/healthz", &world.admin).json()["check"]["problems"].as_u64();
    until("the check finds the problem", || problems().is_some_and(|problems| problems > 0));
    let health = world.get("/healthz", "none");
    assert_eq!((health.status, &health.json()["damaged"]), (200, &Value::Null));
    assert!(
        !String::from_utf8_lossy(&health.body).contains(&countersign::hex::encode(&world.logs[0].tenant.id))
    );
    world.assert_stopped(0, Cause::SplitView, &shown, false);
    world.assert_works(1);
}

#[test]
fn old_backup_ends_only_the_logs_that_lack_entries() {
    let mut world = World::new();
    world.add("ended");
    world.add("moved");
    for log in 2..4 {
        world.wait_for_head(log);
        world.record(log, 1);
    }
    let backup = TempDir::new().unwrap();
    backup::make(world.folder.path(), &backup.path().join(sqlite::FILE), Time::MIN).unwrap();
    world.record(0, 2);
    let folder = world.folder.path().to_owned();
    sqlite::end_tenants(&folder, &["ended"], &Ending::End).unwrap();
    let elsewhere = format!("log2.example/t/{}", "1".repeat(32));
    sqlite::end_tenants(&folder, &["moved"], &Ending::Move(elsewhere)).unwrap();
    let state = |world: &World, log: usize| {
        world.serving().tenants().unwrap().head(&world.logs[log].tenant.id).unwrap().state
    };
    until("they end", || state(&world, 2) == State::Ended && state(&world, 3) == State::Moved);
    // A tenant that shares a slot with another one at the depth of the backup.
    let mut id = world.logs[1].tenant.id;
    id[1] = !id[1];
    let sql = "INSERT INTO tenants (number, id, name, created, state) VALUES (5, ?, 'late', 0, 0)";
    world.database().execute(sql, [id.as_slice()]).unwrap();
    let ticks = world.serving().tenants().unwrap().ticks();
    let depth = |at_least: u8| ticks.borrow().as_ref().is_some_and(|tick| tick.directory.depth() >= at_least);
    until("the directory is deeper", || depth(9));
    let shown = world.head(1);
    world.stop();
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.file(&(sqlite::FILE.to_owned() + end)));
    }
    fs::copy(backup.path().join(sqlite::FILE), world.file(sqlite::FILE)).unwrap();
    assert_eq!(world.after_restore(&folder, false), None);
    world.begin();
    world.assert_verified(1, Some(&shown));
    world.assert_works(1);
    let stops = world.serving().tenants().unwrap().stops().all();
    let mut stopped: Vec<u32> = stops.iter().map(|stop| stop.head.number.get()).collect();
    stopped.sort_unstable();
    assert_eq!(stopped, [1, 3, 4, 5]);
    assert_eq!((state(&world, 2), state(&world, 3)), (State::Ended, State::Moved));
    world.add("new");
    world.wait_for_head(4);
    world.record(4, 1);
    assert_eq!(world.logs[4].tenant.number.get(), 6);
    // The end of such a log is recorded in the database once it is ended again.
    sqlite::end_tenants(&folder, &["a", "ended"], &Ending::End).unwrap();
    let requests = |world: &World| -> i64 {
        let sql = "SELECT count(*) FROM tenant_requests";
        world.database().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    until("the requests are carried out", || requests(&world) == 0);
    world.begin();
    world.assert_works(1);
    world.assert_works(4);
}

#[test]
fn new_root_log_can_be_created_again_after_a_crash() {
    let mut world = World::new();
    world.add("lost");
    world.wait_for_head(2);
    world.record(2, 1);
    let shown = world.head(2);
    let named = |world: &World, id| {
        let mut logs = LogScope::default();
        logs.allow(id).unwrap();
        let new = NewReader {
            name: "of-a".into(),
            rights: Rights::READ,
            until: None,
            scope: Scope::default(),
            logs,
        };
        tokens::add_all(world.folder.path(), vec![new]).unwrap();
    };
    named(&world, world.logs[0].tenant.id);
    world.stop();
    // The database doesn't know the third one, as after an old backup was restored.
    world
        .database()
        .execute_batch("DELETE FROM tenant_heads WHERE number = 3; DELETE FROM tenants WHERE number = 3")
        .unwrap();
    let folder = world.folder.path().to_owned();
    let new = "log2.example/audit";
    let over = EndReason { code: "log.rollback", why: "entries are lost".into(), checkpoint: None };
    let key = log_key();
    let ending = Succession::begin(&folder, key.verifier_key().as_str(), (new, None), true, &over, Time::MIN);
    // Some files were moved before the first crash.
    fs::create_dir_all(folder.join("ended/1")).unwrap();
    fs::rename(world.file(heads_file::FILE), folder.join("ended/1").join(heads_file::FILE)).unwrap();
    drop(ending.unwrap());
    let mut created = Vec::new();
    for _ in 0..2 {
        let mut ending = Succession::pending(&folder).unwrap().unwrap();
        ending.archive(&folder).unwrap();
        let mut random: Random = Box::new(secure_random);
        created.push(tenant_succession::create(&folder, &ending, 8, &mut random, Time::MIN).unwrap());
    }
    let [first, again] = &created[..] else { panic!() };
    assert_eq!(first.continued, again.continued);
    let names: Vec<&str> = first.continued.iter().map(|tenant| &*tenant.name).collect();
    assert_eq!((names, first.ended), (vec!["a", "b"], 0));
    assert_eq!(first.unnamed, [world.logs[2].origin.clone()]);
    assert_eq!(again.unnamed, first.unnamed);
    let readers = tokens::list(&folder).unwrap();
    let of_a = readers.iter().find(|reader| reader.name == "of-a").unwrap();
    assert!(of_a.logs.permits(&first.continued[0].id) && !of_a.logs.permits(&world.logs[0].tenant.id));
    for name in [sqlite::FILE, heads_file::FILE, signed_file::FILE, root_entries::FOLDER, tokens::FILE] {
        assert!(folder.join("ended/1").join(name).exists(), "{name}");
    }
    assert!(!world.file(signed_file::FILE).exists() && !world.file(root_entries::FOLDER).exists());
    Succession::pending(&folder).unwrap().unwrap().finish(&folder).unwrap();
    let found = RememberedLog::find(&folder, &world.logs[2].tenant.id).unwrap().unwrap();
    assert_eq!((found.origin, found.last.head.size), (world.logs[2].origin.clone(), shown.head().size));
    assert!(found.is_final && found.vkey.is_some());
}

#[test]
fn anchors_since_an_old_backup_are_restored() {
    let mut world = World::new();
    let time = world.head(1).anchor.time;
    world.stop();
    // The first anchor is tick 4095.
    let TenantStore { mut writer, .. } = sqlite::open_tenants(world.folder.path(), ORIGIN).unwrap();
    let mut edge = TreeStore::edge(&*writer).unwrap();
    let entry =
        |tick: u64| format!("countersign/v1 directory {time} {}", Hash::digest(&[&tick.to_be_bytes()]));
    while edge.end() < 4090 {
        let entry = entry(edge.end());
        let mut tree = PendingTree::new(&edge);
        tree.extend(&[leaf_hash(entry.as_bytes())]);
        let tick = TickBatch {
            entry: entry.as_bytes(),
            root_tree: &tree,
            depth: 8,
            logs: &[],
            heads: &[],
            anchor: None,
            publish: None,
            signed_size: None,
        };
        writer.commit_tick(&tick).unwrap_or_else(|_| panic!("a tick"));
        edge = tree.edge();
    }
    drop(writer);
    let backup = TempDir::new().unwrap();
    backup::make(world.folder.path(), &backup.path().join(sqlite::FILE), Time::MIN).unwrap();
    world.begin();
    let ticks = world.serving().tenants().unwrap().ticks();
    until("the anchor is published", || {
        ticks.borrow().as_ref().is_some_and(|tick| tick.directory.tick() > 4095)
    });
    let shown = world.head(1);
    world.assert_verified(1, Some(&shown));
    let shown = world.head(1);
    world.record(0, 1);
    world.stop();
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.file(&(sqlite::FILE.to_owned() + end)));
    }
    fs::copy(backup.path().join(sqlite::FILE), world.file(sqlite::FILE)).unwrap();
    let folder = world.folder.path().to_owned();
    assert_eq!(world.after_restore(&folder, false), None);
    world.begin();
    world.assert_verified(1, Some(&shown));
    world.assert_works(1);
}
