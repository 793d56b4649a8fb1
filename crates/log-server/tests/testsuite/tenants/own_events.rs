//! Tests of the server's own events in tenant logs: erasures, retention, holds, and reads.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use countersign::event::{Event, Redaction};
use countersign::hex;
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::Report;
use countersign::verify::{Options, Severity, Update, Verdict, Verifier};
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::reads::{ReadRules, RecordReads};
use countersign_log::tenants::tenant::Tenant;
use countersign_log::tokens::{LogScope, Rights, Scope};
use countersign_log_server::reading::Reading;
use countersign_log_server::retention::Rules;
use countersign_log_server::retention::holds::Hold;
use countersign_log_server::retention::tenants::TenantRetention;
use countersign_log_server::serve::{Config, RunningLog, TenantConfig, serve};
use countersign_log_server::tokens::{self, NewReader};
use countersign_log_server::{sqlite, tenants::TenantLogs};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::common::emitter::BEGIN;
use crate::common::server::{Answer, ORIGIN, client, config, emitter_key, log_key, send, until};
use crate::reading::{all_bytes, holds};

/// The real time between two ticks.
const TICK: Duration = Duration::from_millis(50);
/// The server's clock is this many times faster: a tick is more than a second.
const SPEED: i64 = 30;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Names the folder of [`server_that_is_killed`].
const FOLDER: &str = "COUNTERSIGN_TEST_FOLDER";

/// The server of a root log.
struct World {
    folder: PathBuf,
    offset: Arc<AtomicI64>,
    started: Instant,
    runtime: Runtime,
    serving: Option<RunningLog>,
    reads: ReadRules,
    holds: Vec<Hold>,
}

/// A tenant log with one recorder, and a token that reads and erases.
struct Log {
    tenant: Tenant,
    origin: String,
    recorder: Recorder,
    token: String,
}

fn now(offset: &AtomicI64, started: Instant) -> Time {
    let elapsed = i64::try_from(started.elapsed().as_millis()).unwrap();
    Time::from_millis(offset.load(Ordering::SeqCst) + elapsed * SPEED).unwrap()
}

impl World {
    fn start(folder: &Path) -> Self {
        Self::starting_at(folder, BEGIN, ReadRules::default())
    }

    fn starting_at(folder: &Path, begin: i64, reads: ReadRules) -> Self {
        let mut world = Self {
            folder: folder.to_owned(),
            offset: Arc::new(AtomicI64::new(begin)),
            started: Instant::now(),
            runtime: Runtime::new().unwrap(),
            serving: None,
            reads,
            holds: Vec::new(),
        };
        world.begin();
        world
    }

    /// Starts or restarts the server.
    fn begin(&mut self) {
        self.stop();
        let (offset, passed, started) = (self.offset.clone(), self.offset.clone(), self.started);
        let config = Config {
            trust: Trust::parse(server_trust().as_bytes()).unwrap(),
            reads: self.reads,
            clock: Arc::new(move || now(&offset, started)),
            holds: self.holds.clone(),
            steady: Arc::new(move || Duration::from_millis(now(&passed, started).millis().cast_unsigned())),
            tenants: Some(TenantConfig { tick: TICK, depth: 8, has_metrics: true }),
            ..config(&self.folder)
        };
        self.serving = Some(self.runtime.block_on(serve(config)).unwrap_or_else(|error| panic!("{error}")));
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop()).unwrap();
        }
    }

    fn serving(&self) -> &RunningLog {
        self.serving.as_ref().unwrap()
    }

    fn tenants(&self) -> &Arc<TenantLogs> {
        self.serving().tenants().unwrap()
    }

    fn now(&self) -> Time {
        now(&self.offset, self.started)
    }

    /// Lets time pass on the server's clock.
    fn pass(&self, millis: i64) {
        self.offset.fetch_add(millis, Ordering::SeqCst);
        self.tick();
    }

    /// Waits for a tick that begins after this call.
    fn tick(&self) {
        let newest = || self.tenants().ticks().borrow().as_ref().map_or(0, |tick| tick.directory.tick());
        let before = newest();
        until("a tick is published", || newest() > before + 1);
    }

    /// Creates a tenant log, and waits until a tick has it.
    fn create(&self, name: &str) -> Log {
        let log = self.add(name);
        until("the log has a head", || self.tenants().head(&log.tenant.id).is_some());
        log
    }

    fn add(&self, name: &str) -> Log {
        let mut random: Random = Box::new(secure_random);
        let tenant = sqlite::add_tenant(&self.folder, name, &mut random, self.now()).unwrap();
        let mut logs = LogScope::default();
        logs.allow(tenant.id).unwrap();
        let reader = NewReader {
            name: format!("desk-{name}"),
            rights: Rights::READ_AND_ERASE,
            until: None,
            scope: Scope::default(),
            logs,
        };
        let token = tokens::add_all(&self.folder, vec![reader]).unwrap().remove(0).as_str().to_owned();
        let origin = format!("{ORIGIN}/t/{}", hex::encode(&tenant.id));
        let recorder = self.recorder(&origin, &emitter_key(0));
        Log { tenant, origin, recorder, token }
    }

    fn recorder(&self, origin: &str, key: &SignerKey) -> Recorder {
        let nonce = secure_random().unwrap();
        let mut recorder = Recorder::open(origin, key.verifier_key().clone(), self.now(), &nonce).unwrap();
        recorder.sign_with(key).unwrap();
        recorder
    }

    fn url(&self, log: &Log, path: &str) -> String {
        let address = self.serving().address();
        format!("http://{address}/t/{}/{path}", hex::encode(&log.tenant.id))
    }

    /// Records an event for each of these people in a tenant log.
    fn record(&self, log: &mut Log, people: &[&str]) {
        for person in people {
            let event = json!({
                "action": "user.update",
                "actor": { "id": person },
                "tenant": log.tenant.name,
                "metadata": { "mark": format!("mark-{}-{person}.", log.tenant.name) },
            });
            let event = Event::parse(event.to_string().as_bytes(), &Redaction::none()).unwrap();
            log.recorder.record(&event, self.now(), &secure_random().unwrap()).unwrap();
        }
        log.recorder.flush();
        log.recorder.sign_with(&emitter_key(0)).unwrap();
        let lines = log.recorder.drain();
        let answer = self.submit(log, lines);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn submit(&self, log: &Log, body: String) -> Answer {
        send(client().post(self.url(log, "submit")).body(body))
    }

    fn get(&self, log: &Log, path: &str) -> Answer {
        send(client().get(self.url(log, path)).bearer_auth(&log.token))
    }

    fn export(&self, log: &Log) -> String {
        let answer = self.get(log, "export");
        assert_eq!(answer.status, 200, "{answer:?}");
        String::from_utf8(answer.body).unwrap()
    }

    fn erase(&self, log: &Log, body: &Value) -> Answer {
        send(client().post(self.url(log, "erase")).bearer_auth(&log.token).body(body.to_string()))
    }

    fn reading(&self, log: &Log) -> Arc<Reading> {
        self.tenants().reading(log.tenant.id).unwrap().unwrap()
    }

    /// Records an event on the server's own chain in a tenant log.
    fn record_own(&self, log: &Log, event: &Value) {
        self.runtime.block_on(self.reading(log).log_server().record(event)).unwrap();
    }

    /// Returns the verified events of a tenant log. All must be signed by trusted keys.
    fn events(&self, log: &Log) -> Vec<Value> {
        let (report, events) = verify(&self.export(log), &reader_trust(log));
        // Erased events are withheld.
        let is_valid = matches!(report.verdict, Verdict::Verified | Verdict::Partial);
        assert!(is_valid, "{:#?}", report.findings);
        let problems = report.findings.iter().filter(|finding| finding.severity != Severity::Info);
        assert_eq!(problems.count(), 0, "{:#?}", report.findings);
        events
    }

    fn records(&self, log: &Log, action: &str) -> Vec<Value> {
        self.events(log).into_iter().filter(|event| event["action"] == action).collect()
    }

    fn size(&self, log: &Log) -> u64 {
        self.tenants().head(&log.tenant.id).unwrap().size
    }
}

/// The server's trust file, as `serve` writes it, with an emitter.
fn server_trust() -> String {
    let (log, emitter) = (log_key(), emitter_key(0));
    let log = log.verifier_key();
    format!("log {log}\nemitter {log}\nemitter {}\n", emitter.verifier_key())
}

/// The trust file that `tenant add` writes.
fn reader_trust(log: &Log) -> String {
    format!("{}origin {}\n", server_trust(), log.origin)
}

fn verify(export: &str, trust: &str) -> (Report, Vec<Value>) {
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let mut verifier = Verifier::new(Options { trust, events: true, ..Options::default() });
    verifier.push(export.as_bytes());
    let (verification, Update { events, .. }) = verifier.finish_with_update();
    (verification.report, events.iter().map(|event| serde_json::from_str(&event.event).unwrap()).collect())
}

/// Returns an export without its heads, which prove a newer tick each time.
fn entries(export: &str) -> Vec<&str> {
    export.lines().filter(|line| !line.starts_with("{\"head\"")).collect()
}

#[test]
fn erasing_in_one_log_changes_nothing_in_another() {
    let folder = TempDir::new().unwrap();
    let mut world = World::start(folder.path());
    let (mut acme, mut globex) = (world.create("acme"), world.create("globex"));
    for log in [&mut acme, &mut globex] {
        world.record(log, &["ann", "bob", "ann"]);
    }
    let before = world.export(&globex);
    let body = json!({ "filter": { "actor": "ann" }, "reason": "case 17" });
    let answer = world.erase(&acme, &body);
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "erased": 2, "without": 0, "own": 0, "held": 0 }))
    );

    let records = world.records(&acme, "log.erase");
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["actor"], json!({ "type": "user", "id": "desk-acme" }));
    assert_eq!(record["target"], json!({ "type": "log", "id": acme.origin }));
    assert_eq!(record["metadata"]["entries"], json!([[1, 1], [3, 3]]));
    let (report, _) = verify(&world.export(&acme), &reader_trust(&acme).replacen("emitter", "# emitter", 1));
    assert_eq!(report.verdict, Verdict::Untrusted, "the root log's key signed the record");
    let list = world.get(&acme, "erasures").json();
    assert_eq!((&list["erasures"][0]["state"], &list["erasures"][0]["left"]), (&json!("done"), &json!(0)));

    let bytes = all_bytes(folder.path());
    assert!(!holds(&bytes, "mark-acme-ann") && holds(&bytes, "mark-acme-bob"));
    assert!(holds(&bytes, "mark-globex-ann"));
    assert_eq!(entries(&world.export(&globex)), entries(&before));
    assert_eq!(world.events(&globex).len(), 3);
    assert_eq!(world.get(&globex, "erasures").json(), json!({ "erasures": [] }));
    let foreign = Log { token: acme.token.clone(), ..world.create("initech") };
    assert_eq!(world.erase(&foreign, &body).status, 404);

    assert_eq!(world.erase(&acme, &body).json(), json!({ "erased": 0, "without": 0, "own": 0, "held": 0 }));
    let own = json!({ "filter": { "action": "log.erase" }, "reason": "case 18" });
    assert_eq!(world.erase(&acme, &own).json(), json!({ "erased": 0, "without": 0, "own": 1, "held": 0 }));
    let size = world.size(&acme);
    world.begin();
    world.tick();
    assert_eq!(world.size(&acme), size + 1, "the server closed its chain");
    assert_eq!(world.records(&acme, "log.erase").len(), 1);
    assert_eq!(entries(&world.export(&globex)), entries(&before));
}

/// An erasure of the event in entry 1, as it is recorded.
fn recorded_erasure() -> Value {
    json!({
        "action": "log.erase",
        "actor": { "type": "user", "id": "desk" },
        "reason": "case 20",
        "metadata": { "chosen_by": "place", "events": 1, "entries": [[1, 1]] },
    })
}

/// Records erasures in two of three tenant logs, and waits to be killed. Started by the test below.
#[test]
#[ignore = "a process of another test"]
fn server_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let world = World::start(folder);
    for name in ["acme", "globex", "initech"] {
        let mut log = world.create(name);
        world.record(&mut log, &["ann", "bob"]);
        if name != "globex" {
            world.record_own(&log, &recorded_erasure());
        }
        println!("log {} {} {}", log.origin, log.token, log.tenant.name);
    }
    println!("recorded");
    std::thread::sleep(Duration::from_mins(2));
}

#[test]
fn erasures_are_completed_after_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tenants::own_events::server_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut found = Vec::new();
    for line in lines.by_ref().take_while(|line| line != "recorded") {
        if let Some(start) = line.find("log log.") {
            let words: Vec<String> = line[start..].split(' ').map(str::to_owned).collect();
            found.push((words[1].clone(), words[2].clone(), words[3].clone()));
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(found.len(), 3);
    let is_gone = |mark: &str| !holds(&all_bytes(folder.path()), mark);
    assert!(!is_gone("mark-acme-ann"));

    let (_, readers) = sqlite::open_tenant_readers(folder.path()).unwrap();
    assert_eq!(readers.unfinished_erasures().unwrap(), 2);
    let names: Vec<String> =
        readers.with_unfinished_erasures().unwrap().into_iter().map(|tenant| tenant.name).collect();
    assert_eq!(names, ["acme", "initech"]);
    drop(readers);
    let world = World::starting_at(folder.path(), BEGIN + HOUR, ReadRules::default());
    let (_, readers) = sqlite::open_tenant_readers(folder.path()).unwrap();
    until("the erasures are complete", || readers.with_unfinished_erasures().unwrap().is_empty());
    for (origin, token, name) in found {
        let tenant = readers.find_name(&name).unwrap().unwrap();
        let recorder = world.recorder(&origin, &emitter_key(0));
        let log = Log { tenant, origin, recorder, token };
        let erased = usize::from(name != "globex");
        assert_eq!(is_gone(&format!("mark-{name}-ann")), erased == 1, "{name}");
        assert!(!is_gone(&format!("mark-{name}-bob")), "{name}");
        assert_eq!(world.records(&log, "log.erase").len(), erased, "{name}");
        let list = world.get(&log, "erasures").json()["erasures"].clone();
        let states: Vec<&Value> = list.as_array().unwrap().iter().map(|erasure| &erasure["state"]).collect();
        assert_eq!(states, vec![&json!("done"); erased], "{name}");
    }
}

#[test]
fn forged_records_erase_nothing() {
    let folder = TempDir::new().unwrap();
    let world = World::start(folder.path());
    let mut acme = world.create("acme");
    world.record(&mut acme, &["ann", "bob"]);
    let event = Event::parse(recorded_erasure().to_string().as_bytes(), &Redaction::none()).unwrap();
    let forge = |key: &SignerKey| {
        let mut recorder = world.recorder(&acme.origin, key);
        recorder.record(&event, world.now(), &[7; 16]).unwrap();
        recorder.flush();
        recorder.sign_with(key).unwrap();
        world.submit(&acme, recorder.drain())
    };
    let size = world.size(&acme);
    assert_eq!(forge(&log_key()).refusal(), (403, "log.unauthorized".to_owned()));
    world.tick();
    assert_eq!(world.size(&acme), size);
    // An emitter may record an event with any action. It erases nothing.
    assert_eq!(forge(&emitter_key(0)).status, 200);
    assert_eq!(world.get(&acme, "erasures").json(), json!({ "erasures": [] }));
    assert!(world.events(&acme).iter().any(|event| event["actor"]["id"] == "ann"));
}

#[test]
fn holds_apply_to_tenant_logs() {
    let folder = TempDir::new().unwrap();
    let mut world = World::start(folder.path());
    let (mut acme, mut globex) = (world.create("acme"), world.create("globex"));
    world.record(&mut acme, &["ann", "bob"]);
    world.record(&mut globex, &["ann", "bob"]);
    world.holds = vec!["tenant=acme".parse().unwrap()];
    world.begin();
    world.tick();
    let body = json!({ "filter": { "actor": "ann" }, "reason": "case 19" });
    assert_eq!(world.erase(&acme, &body).json()["held"], 1);
    assert_eq!(world.erase(&globex, &body).json()["erased"], 1);
    std::fs::write(folder.path().join("holds.txt"), "actor=bob\n").unwrap();
    let body = json!({ "filter": { "actor": "bob" }, "reason": "case 19" });
    assert_eq!(world.erase(&globex, &body).json()["held"], 1);
    assert!(world.records(&acme, "log.erase").is_empty());
}

#[test]
fn another_chain_is_opened_after_a_tick_that_failed() {
    let folder = TempDir::new().unwrap();
    let world = World::start(folder.path());
    let acme = world.create("acme");
    world.record_own(&acme, &json!({ "action": "log.export", "reason": "first" }));
    let (file, away) = (folder.path().join(sqlite::FILE), folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    let lost = json!({ "action": "log.export", "reason": "lost" });
    let log_server = world.reading(&acme).log_server().clone();
    world.runtime.block_on(log_server.record(&lost)).unwrap_err();
    std::fs::rename(&away, &file).unwrap();
    world.record_own(&acme, &json!({ "action": "log.export", "reason": "third" }));
    world.tick();
    let reasons: Vec<Value> = world.events(&acme).iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["first", "third"]);
}

#[test]
fn reads_are_recorded_in_the_log_that_was_read() {
    let folder = TempDir::new().unwrap();
    let reads = ReadRules { record: RecordReads::Exports, required: false };
    let mut world = World::starting_at(folder.path(), BEGIN, reads);
    let (mut acme, mut globex) = (world.create("acme"), world.create("globex"));
    world.record(&mut acme, &["ann"]);
    world.record(&mut globex, &["ann"]);
    let size = world.size(&globex);
    world.export(&acme);
    assert_eq!(world.get(&acme, "export?actor=ann").status, 200);
    world.runtime.block_on(world.serving().reading().record_reads()).unwrap();
    let records = world.records(&acme, "log.export");
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&record["actor"]["id"], &record["target"]["id"]), (&json!("desk-acme"), &json!(acme.origin)));
    assert_eq!(record["metadata"]["reads"].as_array().unwrap().len(), 2);
    assert_eq!(world.size(&globex), size, "a read of another log is not recorded");
    // The export above is recorded when the server stops.
    world.reads = ReadRules { record: RecordReads::Exports, required: true };
    world.begin();
    world.tick();
    assert_eq!(world.records(&acme, "log.export").len(), 2);
    world.tick();
    assert_eq!(world.records(&acme, "log.export").len(), 3, "each read was recorded before it was answered");
}

#[test]
fn at_most_256_chains_are_open() {
    let folder = TempDir::new().unwrap();
    let world = World::start(folder.path());
    let logs: Vec<Log> = (0..260).map(|number| world.add(&format!("t{number}"))).collect();
    until("the logs have heads", || logs.iter().all(|log| world.tenants().head(&log.tenant.id).is_some()));
    let event = json!({ "action": "log.export" });
    world.runtime.block_on(async {
        for log in &logs {
            let log_server = world.reading(log).log_server().clone();
            let event = event.clone();
            let recorded = tokio::spawn(async move { log_server.record(&event).await });
            drop(recorded);
        }
    });
    until("all events are recorded", || logs.iter().all(|log| world.size(log) >= 2));
    let mut closed: Vec<u64> = logs.iter().map(|log| world.size(log)).collect();
    until("4 chains are closed", || {
        closed = logs.iter().map(|log| world.size(log)).collect();
        closed.iter().filter(|size| **size == 3).count() == 4
    });
    assert!(closed.iter().all(|size| *size == 2 || *size == 3), "{closed:?}");
    for log in &logs[..2] {
        assert_eq!(world.events(log).len(), 1);
    }
}

#[test]
fn expired_events_are_erased_in_all_tenant_logs() {
    let folder = TempDir::new().unwrap();
    let mut world = World::start(folder.path());
    let (mut acme, mut globex) = (world.create("acme"), world.create("globex"));
    let rules = Rules::new(["30d", "tenant=acme:10d"].map(|rule| rule.parse().unwrap())).unwrap();
    world.holds = vec!["actor=held".parse().unwrap()];
    world.begin();
    world.tick();
    let mut retention = TenantRetention::new(
        world.serving().reading().clone(),
        world.tenants().clone(),
        rules,
        folder.path(),
    );
    for log in [&mut acme, &mut globex] {
        world.record(log, &["old", "held"]);
    }
    for _ in 0..20 {
        world.pass(DAY);
    }
    for log in [&mut acme, &mut globex] {
        log.recorder = world.recorder(&log.origin, &emitter_key(0));
        world.record(log, &["new"]);
    }
    let mut pass = || world.runtime.block_on(retention.pass(Duration::from_hours(1))).unwrap();
    assert_eq!(pass().erased.erased, 1, "only the tenant with a shorter period");
    let people = |log: &Log| -> Vec<String> {
        let events = world.events(log);
        let people = events.iter().filter(|event| event["action"] == "user.update");
        people.map(|event| event["actor"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (people(&acme), people(&globex)),
        (vec!["held".into(), "new".into()], vec!["old".to_owned(), "held".into(), "new".into()])
    );
    let records = world.records(&acme, "log.erase");
    assert_eq!(records[0]["actor"], json!({ "type": "service", "id": "retention" }));
    assert_eq!(pass().erased.erased, 0);
    assert!(world.records(&globex, "log.erase").is_empty());
}
