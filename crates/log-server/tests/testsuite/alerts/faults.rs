//! Faults of log servers, and the alerts that each must fire. Servers are brought into each fault, and show their metrics
//! before, during, and after it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::log::Limits;
use countersign::time::Time;
use countersign_log::condition::Room;
use countersign_log::metrics::{Metrics, Outcome};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::backup::{self, Backup};
use countersign_log_server::bucket::JournalMode;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite::FILE;
use countersign_log_server::tokens;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::promtool::{Scrape, Scrapes};
use crate::bucket::faults::Faulty;
use crate::bucket::world::{self as buckets, World as BucketWorld};
use crate::common::emitter::{Attempt, BEGIN, Emitter};
use crate::common::server::{Answer, ORIGIN, Server, client, emitter_key, send, until};
use crate::common::witness::Witness;
use crate::journal;
use crate::tenants::world::{Customer, World, emitters};

const HOUR: i64 = 3_600_000;

/// A fault of a log server.
pub struct Fault {
    pub name: &'static str,
    /// The alerts that it must fire. No others may fire.
    pub alerts: &'static [&'static str],
    /// True if the alerts are about days.
    pub is_slow: bool,
    pub run: fn() -> Scrapes,
}

const fn fault(name: &'static str, alerts: &'static [&'static str], run: fn() -> Scrapes) -> Fault {
    Fault { name, alerts, is_slow: false, run }
}

const fn slow(name: &'static str, alerts: &'static [&'static str], run: fn() -> Scrapes) -> Fault {
    Fault { name, alerts, is_slow: true, run }
}

/// The faults of ordinary logs and of root logs.
pub const FAULTS: &[Fault] = &[
    fault("the server is down", &["CountersignDown"], down),
    fault("the folder is a copy", &["CountersignStopped"], copied),
    fault("root: the folder is a copy", &["CountersignStopped"], copied_root),
    fault("the database was moved away", &["CountersignDiskFailing"], disk),
    fault("root: the database was moved away", &["CountersignDiskFailing"], disk_of_root),
    fault("the database rejects entries", &["CountersignCommitsFailing"], data),
    fault("root: the database rejects entries", &["CountersignCommitsFailing"], data_of_root),
    fault("root: one tenant log of three lost entries", &["CountersignTenantsStopped"], tenant_stopped),
    fault("root: heads.bin is lost", &["CountersignTenantsStopped"], tenants_stopped),
    fault("the disk is almost full", &["CountersignDiskFilling"], disk_filling),
    slow("no backup is made any more", &["CountersignBackupOld"], backup_old),
    slow("no backup was ever made", &["CountersignNeverBackedUp"], never_backed_up),
    slow("the self-check no longer ends", &["CountersignNotChecked"], not_checked),
    fault("a part of the index was rebuilt", &["CountersignIndexDamaged"], index_damaged),
    fault("the witness is down", &["CountersignUnwitnessed", "CountersignWitnessFailing"], witness_down),
    fault(
        "root: the witness is down",
        &["CountersignUnwitnessed", "CountersignWitnessFailing"],
        root_witness_down,
    ),
    fault("the bucket fails", &["CountersignBucketFailing"], bucket_failing),
    fault("checkpoints can't be published", &["CountersignNotPublishing"], not_publishing),
    fault("a tile is lost", &["CountersignDamaged"], damaged),
    fault("an entry is lost", &["CountersignReadsFailed"], reads_failed),
    fault("an event can't be erased", &["CountersignErasuresFailing"], erasures_failing),
    fault("a key is used twice", &["CountersignFork"], fork),
    fault("a witness knows a larger tree", &["CountersignWitnessContradicts"], witness_contradicts),
    fault("holds.txt is invalid", &["CountersignControlFile"], control_file),
    fault("root: holds.txt is invalid", &["CountersignControlFile"], control_file_of_root),
    fault("too many submissions", &["CountersignBusy"], busy),
    fault("the disk is slow", &["CountersignSlowCommits"], slow_commits),
    fault("detection has a finding", &["CountersignFindings"], findings),
    fault("reads can't be recorded", &["CountersignReadsUnrecorded"], reads_unrecorded),
    fault("a mirror is down", &["CountersignMirrorUploads"], mirror_down),
    fault("the journal can't be written", &["CountersignJournalFailing"], journal_failing),
    fault("the clock jumps by an hour", &["CountersignClockJumped"], clock_jumped),
    fault("the clock is wrong by years at a start", &["CountersignClockImplausible"], clock_implausible),
    fault("root: a tick is dated ahead", &["CountersignClockBehindLastTick"], clock_behind_last_tick),
    fault("the clock is ahead by 90 s", &["CountersignClockSkew"], || clock_ahead(90)),
    fault(
        "the clock is ahead by an hour at a start",
        &["CountersignClockOutside", "CountersignClockSkew"],
        || clock_ahead(3600),
    ),
];

fn seconds(millis: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are exact")]
    let seconds = millis as f64;
    seconds / 1000.0
}

fn now(server: &Server) -> i64 {
    server.clock.load(std::sync::atomic::Ordering::SeqCst)
}

fn at(server: &Server, answer: &Answer) -> Scrape {
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = on_an_empty_disk(std::str::from_utf8(&answer.body).unwrap());
    Scrape { text: Some(text), now: seconds(now(server)) }
}

/// Replaces the free space of the machine that runs the test, which may be almost full itself.
fn on_an_empty_disk(text: &str) -> String {
    const FREE: &str = "countersign_storage_free_bytes ";
    let total = text.lines().find_map(|line| line.strip_prefix("countersign_storage_total_bytes "));
    let line = |line: &str| match (line.strip_prefix(FREE), total) {
        (Some(_), Some(total)) => format!("{FREE}{total}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn scrape(server: &Server) -> Scrape {
    at(server, &server.get("/metrics"))
}

/// Scrapes once the text has this line.
fn scrape_with(server: &Server, line: &str) -> Scrape {
    let mut found = scrape(server);
    until(line, || {
        found = scrape(server);
        found.text.iter().any(|text| text.lines().any(|other| other == line))
    });
    found
}

/// Scrapes a server whose registry a test changed, where `/metrics` would measure again.
fn scrape_registry(server: &Server) -> Scrape {
    let text = server.log_server().metrics().encode();
    Scrape { text: Some(text), now: seconds(now(server)) }
}

fn back_up(server: &Server) {
    let at = Time::from_millis(now(server)).unwrap();
    backup::note(server.folder(), Backup { at, size: server.size() }).unwrap();
}

fn database(folder: &Path) -> Connection {
    let database = Connection::open(folder.join(FILE)).unwrap();
    database.busy_timeout(Duration::from_mins(1)).unwrap();
    database
}

fn change(server: &Server, sql: &str) {
    database(server.folder()).execute_batch(sql).unwrap();
}

/// Starts a log with a few events and a backup.
fn start() -> (Server, Emitter) {
    started(Server::start())
}

fn started(server: Server) -> (Server, Emitter) {
    let mut emitter = server.emitter(0);
    emitter.record(5);
    emitter.deliver_all(&server.url(), usize::MAX);
    back_up(&server);
    (server, emitter)
}

/// Makes a simulated change to the metrics, at the place that counts the real fault.
fn simulated(change: impl Fn(&Metrics)) -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    change(server.log_server().metrics());
    let during = scrape(&server);
    Scrapes { before, during, later: None, after: None }
}

fn down() -> Scrapes {
    let (mut server, _emitter) = start();
    let before = scrape(&server);
    server.stop();
    let during = Scrape { text: None, now: before.now };
    server.begin();
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

fn copied() -> Scrapes {
    let (mut server, _emitter) = start();
    let before = scrape(&server);
    server.stop();
    let original = copy_away(&mut server);
    server.begin();
    let during = scrape(&server);
    server.stop();
    server.folder = original;
    server.begin();
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

/// Replaces a server's folder by a copy, and returns the original.
fn copy_away(server: &mut Server) -> TempDir {
    let folder = TempDir::new().unwrap();
    copy(server.folder(), folder.path());
    std::mem::replace(&mut server.folder, folder)
}

fn disk() -> Scrapes {
    let (server, mut emitter) = start();
    let before = scrape(&server);
    let (path, away) = (server.folder().join(FILE), server.folder().join("away"));
    fs::rename(&path, &away).unwrap();
    emitter.record(1);
    assert_eq!(server.submit(emitter.body(0, usize::MAX).0).status, 503);
    let during = scrape(&server);
    fs::rename(&away, &path).unwrap();
    emitter.deliver_all(&server.url(), usize::MAX);
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

const REJECT: &str =
    "CREATE TRIGGER rejected BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'a test'); END";

fn data() -> Scrapes {
    let (server, mut emitter) = start();
    let before = scrape(&server);
    change(&server, REJECT);
    emitter.record(1);
    assert_eq!(server.submit(emitter.body(0, usize::MAX).0).status, 503);
    let during = scrape(&server);
    change(&server, "DROP TRIGGER rejected");
    emitter.deliver_all(&server.url(), usize::MAX);
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

/// A root log's server with three tenants and an administrator of all logs.
struct Root {
    world: World,
    token: String,
    customers: Vec<Customer>,
}

impl Root {
    fn start() -> Self {
        Self::with(&emitters())
    }

    fn with(trust: &str) -> Self {
        let mut world = World::with(trust, Bounds::default());
        let customers: Vec<Customer> = ["a", "b", "c"].map(|name| world.add(name)).into();
        for customer in &customers {
            let mut emitter = world.emitter(customer, 0, 0);
            emitter.record(3);
            world.deliver(customer, &mut emitter);
        }
        back_up(&world.server);
        let token = world.token("ops", "read,admin", &["*"]);
        Self { world, token, customers }
    }

    fn scrape(&self) -> Scrape {
        at(&self.world.server, &self.world.get("/metrics", &self.token))
    }

    fn tick_fails(&self) {
        self.world.server.pass(1000);
        self.world.server.wait(self.world.logs().tick()).unwrap();
    }
}

fn copied_root() -> Scrapes {
    let mut root = Root::start();
    let before = root.scrape();
    root.world.server.stop();
    let original = copy_away(&mut root.world.server);
    root.world.server.begin();
    let during = root.scrape();
    root.world.server.stop();
    root.world.server.folder = original;
    root.world.restart();
    Scrapes { before, during, later: None, after: Some(root.scrape()) }
}

fn disk_of_root() -> Scrapes {
    let root = Root::start();
    let before = root.scrape();
    let folder = root.world.server.folder();
    fs::rename(folder.join(FILE), folder.join("away")).unwrap();
    root.tick_fails();
    let during = root.scrape();
    fs::rename(folder.join("away"), folder.join(FILE)).unwrap();
    // A tick is enough: no tenant log has to grow.
    root.world.tick();
    Scrapes { before, during, later: None, after: Some(root.scrape()) }
}

fn data_of_root() -> Scrapes {
    let root = Root::start();
    let before = root.scrape();
    change(&root.world.server, REJECT);
    root.tick_fails();
    let during = root.scrape();
    change(&root.world.server, "DROP TRIGGER rejected");
    root.world.tick();
    Scrapes { before, during, later: None, after: Some(root.scrape()) }
}

fn tenant_stopped() -> Scrapes {
    let root = Root::start();
    let before = root.scrape();
    let customer = &root.customers[1];
    let tenant = root.world.logs().readers().find_name("b").unwrap().unwrap();
    root.world.logs().close_idle();
    let last = (i64::from(tenant.number.get()) << 32) + 2;
    change(&root.world.server, &format!("DELETE FROM leaves WHERE idx >= {last} AND idx < {last} + 100"));
    // Noticed when the log is used, while the server runs.
    let mut emitter = root.world.emitter(customer, 0, 7);
    emitter.record(1);
    assert_eq!(root.world.submit(&customer.id, emitter.body(0, usize::MAX).0).status, 503);
    let during = root.scrape();
    let counts = root.world.get("/healthz", &root.token);
    assert_eq!(counts.status, 200);
    assert_eq!(counts.json()["tenants"]["counts"], json!({ "live": 2, "ended": 0, "stopped": 1 }));
    Scrapes { before, during, later: None, after: None }
}

fn tenants_stopped() -> Scrapes {
    let mut root = Root::start();
    let before = root.scrape();
    let (heads, away) =
        (root.world.server.folder().join("heads.bin"), root.world.server.folder().join("away"));
    root.world.server.stop();
    fs::rename(&heads, &away).unwrap();
    root.world.restart();
    let during = root.scrape();
    // For everyone, because no log works.
    assert_eq!(root.world.server.get("/healthz").status, 503);
    root.world.server.stop();
    fs::rename(&away, &heads).unwrap();
    root.world.restart();
    assert_eq!(root.world.server.get("/healthz").status, 200);
    Scrapes { before, during, later: None, after: Some(root.scrape()) }
}

/// The figure of the file system is simulated.
fn disk_filling() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    server.log_server().metrics().storage(Room { free: 5, total: 100 });
    let during = scrape_registry(&server);
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

fn backup_old() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    Scrapes { during: before.clone(), before, later: None, after: None }
}

fn never_backed_up() -> Scrapes {
    let server = Server::start();
    let before = scrape(&server);
    let mut emitter = server.emitter(0);
    emitter.record(5);
    emitter.deliver_all(&server.url(), usize::MAX);
    let during = scrape(&server);
    Scrapes { before, during, later: None, after: None }
}

/// The end of the last check is simulated.
fn not_checked() -> Scrapes {
    let (server, _emitter) = start();
    server.log_server().metrics().checked(0, Time::from_millis(now(&server)).unwrap());
    let before = scrape(&server);
    let during = before.clone();
    // Backups are made meanwhile.
    server.pass(300_000);
    back_up(&server);
    Scrapes { before, during, later: Some(scrape(&server)), after: None }
}

/// The index's count is simulated; `health::reports_and_rebuilds_a_wrong_index` has the real fault.
fn index_damaged() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    server.log_server().metrics().index_problems().inc();
    let during = scrape(&server);
    Scrapes { before, during, later: None, after: None }
}

fn witness_down() -> Scrapes {
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\n{}", witness.line("w0"), emitters());
    let (server, mut emitter) = started(Server::with(&trust, Limits::default(), Bounds::default()));
    let before = scrape(&server);
    drop(witness);
    let mut submit = || {
        emitter.record(1);
        // The emitter requires the quorum.
        assert_eq!(server.submit(emitter.body(0, usize::MAX).0).status, 200);
        scrape(&server)
    };
    let (during, later) = (submit(), submit());
    Scrapes { before, during, later: Some(later), after: None }
}

fn root_witness_down() -> Scrapes {
    let witness = Witness::start(0, BEGIN);
    let root = Root::with(&format!("{}quorum w0\n{}", witness.line("w0"), emitters()));
    let before = root.scrape();
    drop(witness);
    let tick = || {
        root.world.tick();
        root.scrape()
    };
    let (during, later) = (tick(), tick());
    Scrapes { before, during, later: Some(later), after: None }
}

fn bucket_failing() -> Scrapes {
    let world = BucketWorld::new(Arc::new(object_store::memory::InMemory::new()));
    let folder = TempDir::new().unwrap();
    let way = Faulty::new(world.store.clone(), 0);
    let serving = world.start(&way, folder.path());
    let url = format!("http://{}", serving.address());
    let mut emitter = buckets::emitter(0, 0);
    emitter.record(2);
    emitter.deliver_all(&url, usize::MAX);
    let at = Time::from_millis(BEGIN).unwrap();
    backup::note(folder.path(), Backup { at, size: 3 }).unwrap();
    let get = || {
        let body = send(client().get(url.clone() + "/metrics")).body;
        Scrape { text: Some(on_an_empty_disk(std::str::from_utf8(&body).unwrap())), now: seconds(BEGIN) }
    };
    let has = |scrape: &Scrape, line: &str| scrape.text.as_ref().is_some_and(|text| text.contains(line));
    let before = get();
    way.fail(1000);
    emitter.record(1);
    let (body, _) = emitter.body(0, usize::MAX);
    let sent = send(client().post(url.clone() + "/submit").body(body));
    assert_eq!((sent.status, sent.json()["part"].clone()), (503, json!("bucket")));
    until("the bucket fails", || has(&get(), "countersign_bucket_failing 1\n"));
    let during = get();
    way.fail(0);
    emitter.deliver_all(&url, usize::MAX);
    until("the bucket works", || has(&get(), "countersign_bucket_failing 0\n"));
    // The commit that failed may have taken effect. Only another one shows that commits succeed.
    emitter.record(1);
    emitter.deliver_all(&url, usize::MAX);
    let after = Some(get());
    world.stop(serving);
    Scrapes { before, during, later: None, after }
}

fn not_publishing() -> Scrapes {
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\n{}", witness.line("w0"), emitters());
    let (server, mut emitter) = started(Server::with(&trust, Limits::default(), Bounds::default()));
    let before = scrape(&server);
    let reject = REJECT.replace("leaves", "checkpoints");
    change(&server, &reject);
    emitter.record(1);
    let size = server.size();
    let (url, (body, _)) = (server.url(), emitter.body(0, usize::MAX));
    let sending = std::thread::spawn(move || send(client().post(url + "/submit").body(body)).status);
    let stored = format!("countersign_log_size {}\n", size + 1);
    until("it is stored", || scrape(&server).text.is_some_and(|text| text.contains(&stored)));
    let during = scrape(&server);
    change(&server, "DROP TRIGGER rejected");
    emitter.deliver_all(&server.url(), usize::MAX);
    let _ = sending.join();
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

fn damaged() -> Scrapes {
    let (mut server, _emitter) = start();
    server.check_within = Some(Duration::ZERO);
    server.begin();
    let before = scrape(&server);
    change(&server, "CREATE TABLE kept AS SELECT * FROM tiles; DELETE FROM tiles WHERE tile = 0");
    let is_damaged = || server.get("/healthz").json()["damaged"].is_object();
    until("it is noticed", is_damaged);
    let during = scrape(&server);
    change(&server, "REPLACE INTO tiles SELECT * FROM kept; DROP TABLE kept");
    Scrapes { before, during, later: None, after: Some(scrape_with(&server, "countersign_check_problems 0")) }
}

fn reads_failed() -> Scrapes {
    let (server, _emitter) = start();
    let token = tokens::add(server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    let before = scrape(&server);
    change(&server, "DELETE FROM leaves WHERE idx = 2");
    let export = client().get(server.url() + "/export").bearer_auth(token.as_str());
    assert_eq!(send(export).status, 503);
    let during = scrape(&server);
    Scrapes { before, during, later: None, after: None }
}

fn erasures_failing() -> Scrapes {
    let (server, emitter) = start();
    let token =
        tokens::add(server.folder(), "privacy", Rights::READ_AND_ERASE, None, Scope::default()).unwrap();
    let before = scrape(&server);
    change(
        &server,
        "CREATE TRIGGER kept BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'a test'); END;
         CREATE TRIGGER kept2 BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'a test'); END",
    );
    let body = json!({ "events": [format!("{}/2", emitter.chain())], "reason": "a test" }).to_string();
    let erase = client().post(server.url() + "/erase").bearer_auth(token.as_str()).body(body);
    assert_ne!(send(erase).status, 200);
    let during = scrape_with(&server, "countersign_erasures_failing 1");
    Scrapes { before, during, later: None, after: None }
}

fn fork() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    let mut other = Emitter::new(ORIGIN, emitter_key(0), 0, server.trust());
    other.record_event("{\"action\":\"another.past\"}");
    other.flush();
    let answer = server.submit(other.body(0, usize::MAX).0);
    assert_eq!(answer.status, 409, "{}", answer.json());
    let during = scrape_with(&server, "countersign_submissions_total{outcome=\"fork\"} 1");
    Scrapes { before, during, later: None, after: None }
}

/// The witness's answer is simulated.
fn witness_contradicts() -> Scrapes {
    simulated(|metrics| metrics.witness_contradicts("w.example", true))
}

fn invalid_holds(folder: &Path) {
    fs::write(folder.join("holds.txt"), "color=red\n").unwrap();
}

fn control_file() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    invalid_holds(server.folder());
    let during = scrape_with(&server, "countersign_control_file_ok{file=\"holds\"} 0");
    fs::remove_file(server.folder().join("holds.txt")).unwrap();
    let after = scrape_with(&server, "countersign_control_file_ok{file=\"holds\"} 1");
    Scrapes { before, during, later: None, after: Some(after) }
}

fn control_file_of_root() -> Scrapes {
    let root = Root::start();
    let before = root.scrape();
    invalid_holds(root.world.server.folder());
    let line = "countersign_control_file_ok{file=\"holds\"} 0\n";
    until(line, || root.scrape().text.is_some_and(|text| text.contains(line)));
    let during = root.scrape();
    Scrapes { before, during, later: None, after: None }
}

/// The answers are simulated; `attacks::clients` has the real load.
fn busy() -> Scrapes {
    let (server, _emitter) = start();
    let before = scrape(&server);
    server.log_server().metrics().submission(Outcome::Busy);
    let during = scrape(&server);
    server.log_server().metrics().submission(Outcome::Busy);
    Scrapes { before, during, later: Some(scrape(&server)), after: None }
}

fn slow_commits() -> Scrapes {
    let (server, mut emitter) = start();
    let before = scrape(&server);
    let mut submit = || {
        let database = database(server.folder());
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        emitter.record(1);
        let (url, (body, _)) = (server.url(), emitter.body(0, usize::MAX));
        let sending = std::thread::spawn(move || send(client().post(url + "/submit").body(body)).status);
        // The disk is as slow as this lock is long.
        std::thread::sleep(Duration::from_millis(2_100));
        database.execute_batch("ROLLBACK").unwrap();
        assert_eq!(sending.join().unwrap(), 200);
        emitter.outbox.clear();
        scrape(&server)
    };
    let (during, later) = (submit(), submit());
    Scrapes { before, during, later: Some(later), after: None }
}

fn journal_failing() -> Scrapes {
    let way = Faulty::new(Arc::new(object_store::memory::InMemory::new()), 1);
    let (server, mut emitter) = started(journal::ordinary::start(way.clone(), JournalMode::Wait));
    let before = scrape(&server);
    way.end_after(0);
    emitter.record(1);
    let answer = server.submit(emitter.body(0, usize::MAX).0);
    assert_eq!((answer.status, answer.json()["part"].clone()), (503, json!("journal")));
    let during = scrape_with(&server, "countersign_journal_failing 1");
    way.end_after(u64::MAX);
    until("it is answered", || emitter.deliver(&server.url(), 0, usize::MAX) != Attempt::Later);
    let after = scrape_with(&server, "countersign_journal_failing 0");
    Scrapes { before, during, later: None, after: Some(after) }
}

/// The server's clock is wrong during the fault, and Prometheus's is right.
fn clock_jumped() -> Scrapes {
    let (server, _emitter) = start();
    let (before, right) = (scrape(&server), now(&server));
    server.jump_clock_to(right + HOUR);
    let during = Scrape { now: before.now, ..scrape(&server) };
    server.jump_clock_to(right);
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

fn clock_implausible() -> Scrapes {
    let (mut server, _emitter) = start();
    let (before, right) = (scrape(&server), now(&server));
    server.stop();
    server.jump_clock_to(right + 10 * 365 * 24 * HOUR);
    server.begin();
    let during = Scrape { now: before.now, ..scrape(&server) };
    server.jump_clock_to(right);
    Scrapes { before, during, later: None, after: Some(scrape(&server)) }
}

fn clock_behind_last_tick() -> Scrapes {
    let mut root = Root::start();
    let (before, right) = (root.scrape(), now(&root.world.server));
    root.world.server.stop();
    root.world.server.jump_clock_to(right + 89 * 24 * HOUR);
    root.world.restart();
    // The clock is right again. The server notices that with the next request, and believes it after ten minutes.
    root.world.server.jump_clock_to(right);
    root.scrape();
    root.world.server.pass(HOUR / 6);
    Scrapes { before, during: root.scrape(), later: None, after: None }
}

/// A server starts with a clock that is ahead of its witness's by these seconds.
fn clock_ahead(seconds: i64) -> Scrapes {
    let witness = Witness::start(0, BEGIN);
    let trust = format!("{}quorum w0\n{}", witness.line("w0"), emitters());
    let (mut server, _emitter) = started(Server::with(&trust, Limits::default(), Bounds::default()));
    let before = scrape(&server);
    server.stop();
    server.jump_clock_to(BEGIN + seconds * 1000);
    server.begin();
    let during = Scrape { now: before.now, ..scrape(&server) };
    Scrapes { before, during, later: None, after: None }
}

/// The finding is simulated.
fn findings() -> Scrapes {
    simulated(|metrics| metrics.found("high"))
}

/// The failed records are simulated.
fn reads_unrecorded() -> Scrapes {
    simulated(|metrics| metrics.reads_unrecorded(2))
}

fn mirror_down() -> Scrapes {
    let (mut server, mut emitter) = start();
    let before = scrape(&server);
    // Nothing listens there.
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    server.feed_mirrors(std::slice::from_ref(&url));
    let failures = |scrape: &Scrape| {
        let text = scrape.text.clone().unwrap();
        let line = text.lines().find(|line| line.starts_with("countersign_mirror_failures_total{"));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).unwrap_or(0)
    };
    emitter.record(1);
    emitter.deliver_all(&server.url(), usize::MAX);
    until("an upload fails", || failures(&scrape(&server)) >= 1);
    let during = scrape(&server);
    let first = failures(&during);
    until("another one fails", || failures(&scrape(&server)) > first);
    let later = scrape(&server);
    Scrapes { before, during, later: Some(later), after: None }
}
