//! Tests of erasing events.

use std::collections::BTreeSet;

use countersign::time::Time;
use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::stop::Cause;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::retention::holds::FILE as HOLDS;
use countersign_log_server::search::FILE as SEARCH;
use countersign_log_server::sqlite::FILE;
use countersign_log_server::{backup, fsck, restore, tokens};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common;
use crate::common::emitter::Emitter;
use crate::common::server::{Answer, Server, client, log_key, send, until};
use crate::reading;
use crate::reading::{all_bytes, holds};

const SECRETS: [&str; 3] = ["ann.secret@example.com", "bob.secret@example.com", "long-secret-"];

struct Scene {
    server: Server,
    token: String,
}

impl Scene {
    /// Starts a log with events to erase, one of them many pages long.
    fn start() -> Self {
        let server = Server::start();
        let token =
            tokens::add(server.folder(), "privacy-desk", Rights::READ_AND_ERASE, None, Scope::default())
                .unwrap();
        let mut emitter = server.emitter(0);
        emitter.record(50);
        for (number, secret) in SECRETS.iter().enumerate() {
            let long = if number == 2 { secret.repeat(10_000) } else { (*secret).to_owned() };
            emitter.record_event(&format!(
                r#"{{"action":"user.create","actor":{{"id":"p_{number}"}},"metadata":{{"mail":"{long}"}}}}"#
            ));
        }
        emitter.record(50);
        emitter.deliver_all(&server.url(), 16);
        Self { server, token: token.as_str().to_owned() }
    }

    fn post(&self, body: &Value) -> Answer {
        let request = client().post(self.server.url() + "/erase").bearer_auth(&self.token);
        send(request.body(body.to_string()))
    }

    fn export(&self) -> String {
        let answer = send(client().get(self.server.url() + "/export").bearer_auth(&self.token));
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    }

    fn events(&self) -> Vec<VerifiedEvent> {
        let mut verifier = Verifier::new(Options { trust: self.trust(), events: true, ..Options::default() });
        verifier.push(self.export().as_bytes());
        let (verification, countersign::verify::Update { events, .. }) = verifier.finish_with_update();
        let report = verification.report;
        assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
        events
    }

    /// Includes the log's key, which signs the records of erasures.
    fn trust(&self) -> countersign::trust::Trust {
        self.server.trust().with_emitter(common::server::log_key().verifier_key().clone()).unwrap()
    }

    fn place(&self, text: &str) -> String {
        let events = self.events();
        let event = events.iter().find(|event| event.event.contains(text)).unwrap();
        format!("{}/{}", event.chain, event.seq)
    }

    fn records(&self) -> Vec<Value> {
        let events = self.events();
        let own = events.iter().filter(|event| event.event.contains("\"log.erase\""));
        own.map(|event| serde_json::from_str(&event.event).unwrap()).collect()
    }

    fn is_gone(&self, secret: &str) -> bool {
        !holds(&all_bytes(self.server.folder()), secret)
    }
}

#[test]
fn erased_events_are_in_no_file() {
    let scene = Scene::start();
    assert!(SECRETS.iter().all(|secret| !scene.is_gone(secret)));
    let places: Vec<String> = SECRETS.iter().map(|secret| scene.place(secret)).collect();
    let answer = scene.post(&json!({ "events": places, "reason": "case 17" }));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "erased": 3, "without": 0, "own": 0, "held": 0 }));
    for secret in SECRETS {
        assert!(scene.is_gone(secret), "{secret}");
    }
    let text = scene.export();
    assert_eq!(text.matches("\"withheld\":\"erased\"").count(), 3);
    assert_eq!(scene.events().len(), 100 + 1);
    scene.server.assert_works();
}

#[test]
fn erasure_is_recorded_and_carried_out_once() {
    let scene = Scene::start();
    let place = scene.place(SECRETS[0]);
    let body = json!({ "events": [place], "reason": "case 17" });
    assert_eq!(scene.post(&body).json()["erased"], 1);
    let records = scene.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["actor"], json!({ "type": "user", "id": "privacy-desk" }));
    assert_eq!(record["target"], json!({ "type": "log", "id": "log.example/audit" }));
    assert_eq!(record["reason"], "case 17");
    assert_eq!(record["metadata"], json!({ "chosen_by": "place", "events": 1, "entries": [[51, 51]] }));
    assert_eq!(scene.post(&body).json(), json!({ "erased": 0, "without": 1, "own": 0, "held": 0 }));
    assert_eq!(scene.records().len(), 1);
}

#[test]
fn erases_by_filter() {
    let scene = Scene::start();
    let body = json!({ "filter": { "actor": "u_3", "action": "job.*" }, "reason": "case 18" });
    let erased = scene.post(&body).json()["erased"].as_u64().unwrap();
    assert!(erased > 10);
    assert!(scene.events().iter().all(|event| !event.event.contains("u_3")));
    let records = scene.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["metadata"]["chosen_by"], json!(["actor", "action"]));
    assert_eq!(record["metadata"]["events"], erased);
    let ranges = record["metadata"]["entries"].as_array().unwrap();
    assert_eq!(ranges.len() as u64, erased, "no two of the events are adjacent");
    assert_eq!(scene.post(&body).json()["erased"], 0);
    assert_eq!(scene.records().len(), 1);
}

#[test]
fn damaged_index_affects_neither_searches_nor_erasure() {
    let mut scene = Scene::start();
    let mut emitter = scene.server.emitter(1);
    for _ in 0..120 {
        emitter.record_event(r#"{"action":"user.create","actor":{"id":"p_9"}}"#);
    }
    emitter.flush();
    emitter.deliver_all(&scene.server.url(), 16);
    until("the events are indexed", || scene.server.reading().search().unwrap().indexed().unwrap() >= 192);
    scene.server.stop();
    let index = rusqlite::Connection::open(scene.server.folder().join(SEARCH)).unwrap();
    index.execute_batch("UPDATE parts SET bytes = zeroblob(length(bytes))").unwrap();
    drop(index);
    scene.server.begin();
    let path = scene.server.url() + "/export?actor=p_9";
    let answer = send(client().get(path).bearer_auth(&scene.token));
    assert_eq!(String::from_utf8(answer.body).unwrap().matches("p_9").count(), 120);
    let body = json!({ "filter": { "actor": "p_9" }, "reason": "case 19" });
    assert_eq!(scene.post(&body).json(), json!({ "erased": 120, "without": 0, "own": 0, "held": 0 }));
    assert!(scene.is_gone("p_9"));
}

/// Records the erasure of the first secret, as if the server had been killed right after that.
fn record_erasure(scene: &Scene) {
    let record = json!({
        "action": "log.erase",
        "actor": { "type": "user", "id": "privacy-desk" },
        "reason": "case 20",
        "metadata": { "chosen_by": "place", "events": 1, "entries": [[51, 51]] },
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(scene.server.log_server().record(&record)).unwrap();
}

impl Scene {
    fn get(&self, path: &str) -> Answer {
        send(client().get(self.server.url() + path).bearer_auth(&self.token))
    }

    fn state(&self) -> Value {
        self.get("/erasures").json()["erasures"][0]["state"].clone()
    }
}

#[test]
fn recorded_erasure_is_carried_out_at_the_next_start() {
    let mut scene = Scene::start();
    record_erasure(&scene);
    assert!(!scene.is_gone(SECRETS[0]));
    scene.server.begin();
    until("it is erased", || scene.state() == "done");
    assert!(scene.is_gone(SECRETS[0]) && !scene.is_gone(SECRETS[1]));
    assert_eq!(scene.records().len(), 1);
    let list = scene.get("/erasures").json();
    let record = list["erasures"][0]["record"].as_u64().unwrap();
    let one = scene.get(&format!("/erasures/{record}"));
    assert_eq!((one.status, &one.json()), (200, &list["erasures"][0]));
    assert_eq!((&one.json()["events"], &one.json()["left"]), (&json!(1), &json!(0)));
    assert_eq!(one.json()["reason"], "case 20");
    for path in ["/erasures/0", "/erasures/x", "/erasures/99999999999999999999"] {
        assert_eq!(scene.get(path).status, 404, "{path}");
    }
    assert_eq!(scene.get(&format!("/erasures?before={record}")).json(), json!({ "erasures": [] }));
    assert_eq!(scene.get("/erasures?before=x").status, 400);
    let reader = tokens::add(scene.server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    let denied = send(client().get(scene.server.url() + "/erasures").bearer_auth(reader.as_str()));
    assert_eq!(denied.status, 403);
    let mut acme = Scope::default();
    acme.allow("tenant", "acme").unwrap();
    let acme = tokens::add(scene.server.folder(), "acme", Rights::READ_AND_ERASE, None, acme).unwrap();
    let denied = send(client().get(scene.server.url() + "/erasures").bearer_auth(acme.as_str()));
    assert_eq!(denied.status, 403, "erasures may be of other tenants");
    assert_eq!(send(client().get(scene.server.url() + "/erasures")).status, 401);
}

#[test]
fn erasure_recorded_by_an_older_version_is_carried_out() {
    let mut scene = Scene::start();
    record_erasure(&scene);
    scene.server.stop();
    let log = rusqlite::Connection::open(scene.server.folder().join("log.sqlite")).unwrap();
    log.execute_batch("DROP TABLE erasures; DROP TABLE erasures_known").unwrap();
    drop(log);
    scene.server.begin();
    until("it is erased", || scene.state() == "done");
    assert!(scene.is_gone(SECRETS[0]));
}

#[test]
fn repeated_request_completes_the_recorded_erasure() {
    let scene = Scene::start();
    record_erasure(&scene);
    let body = json!({ "events": [scene.place(SECRETS[0])], "reason": "case 20, again" });
    assert_eq!(scene.post(&body).json(), json!({ "erased": 1, "without": 0, "own": 0, "held": 0 }));
    assert!(scene.is_gone(SECRETS[0]));
    assert_eq!((scene.state(), scene.records().len()), (json!("done"), 1));
}

#[test]
fn later_hold_delays_a_recorded_erasure() {
    let mut scene = Scene::start();
    record_erasure(&scene);
    scene.server.holds = vec!["actor=p_0".parse().unwrap()];
    scene.server.begin();
    assert_eq!(scene.state(), "held");
    let body = json!({ "filter": { "actor": "p_0" }, "reason": "case 21" });
    assert_eq!(scene.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 0, "held": 1 }));
    assert_eq!(scene.state(), "held");
    assert!(!scene.is_gone(SECRETS[0]));
    scene.server.holds.clear();
    scene.server.begin();
    until("it is erased", || scene.state() == "done");
    assert!(scene.is_gone(SECRETS[0]));
}

#[test]
fn failing_erasure_makes_the_log_unhealthy() {
    let mut scene = Scene::start();
    let health = |scene: &Scene| {
        let answer = scene.get("/healthz");
        (answer.status, answer.json()["erasures"].clone())
    };
    assert_eq!(health(&scene), (200, json!({ "unfinished": 0, "failing": false })));
    record_erasure(&scene);
    let holds = scene.server.folder().join(HOLDS);
    std::fs::write(&holds, "color=red\n").unwrap();
    scene.server.begin();
    until("the health changes", || health(&scene) == (503, json!({ "unfinished": 1, "failing": true })));
    assert_eq!(scene.state(), "erasing");
    assert!(!scene.is_gone(SECRETS[0]));
    std::fs::remove_file(&holds).unwrap();
    until("it is erased", || scene.state() == "done");
    until("the health changes", || health(&scene) == (200, json!({ "unfinished": 0, "failing": false })));
    assert!(scene.is_gone(SECRETS[0]));
}

#[test]
fn long_reads_delay_erasures_only() {
    let scene = Scene::start();
    let place = scene.place(SECRETS[0]);
    // A backup or a complete check keeps a transaction open too.
    let reads = rusqlite::Connection::open(scene.server.folder().join(FILE)).unwrap();
    reads.execute_batch("BEGIN; SELECT count(*) FROM leaves").unwrap();
    let started = std::time::Instant::now();
    let answer = scene.post(&json!({ "events": [place], "reason": "case 17" }));
    assert_eq!((answer.status, &answer.json()["left"]), (202, &json!(1)));
    scene.server.assert_works();
    // The erasure's attempts delay submissions only briefly, not for five times the 10-second lock timeout.
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    drop(reads);
    until("it is erased", || scene.state() == "done");
    assert!(scene.is_gone(SECRETS[0]));
}

#[test]
fn rejects_erasure_records_that_the_log_did_not_write() {
    let mut scene = Scene::start();
    let trust = scene.server.trust().with_emitter(log_key().verifier_key().clone()).unwrap();
    let mut thief = Emitter::new("log.example/audit", log_key(), 7, trust);
    thief.record_event(r#"{"action":"log.erase","metadata":{"entries":[[51,51]]}}"#);
    thief.flush();
    let (body, _) = thief.body(0, usize::MAX);
    assert_eq!(scene.server.submit(body).refusal(), (403, "log.unauthorized".into()));
    scene.server.begin();
    assert_eq!(scene.get("/erasures").json(), json!({ "erasures": [] }));
    assert!(!scene.is_gone(SECRETS[0]));
    scene.server.assert_works();
}

#[test]
fn own_events_are_not_erased() {
    let scene = Scene::start();
    let place = scene.place(SECRETS[0]);
    scene.post(&json!({ "events": [place], "reason": "case 17" }));
    let body = json!({ "filter": { "action": "log.*" }, "reason": "to hide it" });
    assert_eq!(scene.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 1, "held": 0 }));
    let body = json!({ "events": [scene.place("log.erase")], "reason": "to hide it" });
    assert_eq!(scene.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 1, "held": 0 }));
    assert_eq!(scene.records().len(), 1);
}

#[test]
fn unknown_event_rejects_the_whole_request() {
    let scene = Scene::start();
    let place = scene.place(SECRETS[0]);
    let answer = scene.post(&json!({ "events": [place, format!("{}/1", "0".repeat(32))], "reason": "x" }));
    assert_eq!(answer.refusal(), (404, "request.not_found".into()));
    assert!(!scene.is_gone(SECRETS[0]));
    assert!(scene.records().is_empty());
}

#[test]
fn rejects_invalid_requests() {
    let scene = Scene::start();
    let place = scene.place(SECRETS[0]);
    let bodies = [
        json!({}),
        json!([]),
        json!({ "reason": "x" }),
        json!({ "events": [place] }),
        json!({ "events": [place], "reason": "" }),
        json!({ "events": [place], "reason": "two\nlines" }),
        json!({ "events": [place], "reason": "x".repeat(501) }),
        json!({ "events": [place], "filter": { "actor": "u_1" }, "reason": "x" }),
        json!({ "events": place, "reason": "x" }),
        json!({ "events": ["x/1"], "reason": "x" }),
        json!({ "events": [place], "reason": "x", "force": true }),
        json!({ "filter": {}, "reason": "x" }),
        json!({ "filter": { "actor": "" }, "reason": "x" }),
        json!({ "filter": { "color": "red" }, "reason": "x" }),
        json!({ "filter": { "since": "now" }, "reason": "x" }),
    ];
    for body in bodies {
        assert_eq!(scene.post(&body).refusal(), (400, "request.invalid".into()), "{body}");
    }
    let raw = |body: String| {
        send(client().post(scene.server.url() + "/erase").bearer_auth(&scene.token).body(body)).status
    };
    assert_eq!(raw(String::new()), 400);
    assert_eq!(raw(format!(r#"{{"events":["{place}"],"events":[],"reason":"x"}}"#)), 400);
    assert_eq!(raw(r#"{"filter":{"actor":"a","actor":"u_1"},"reason":"x"}"#.into()), 400);
    assert_eq!(raw(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), 400);
    assert_eq!(raw(" ".repeat(2 << 20)), 413);
    assert!(!scene.is_gone(SECRETS[0]));
    assert!(scene.records().is_empty());
    scene.server.assert_works();
}

#[test]
fn no_database_page_keeps_a_copy() {
    let mut log = reading::TestLog::new();
    let mark = |number: usize| format!("mark-{number}.");
    for number in 0..600 {
        let mark = mark(number);
        let size = [60, 300, 300, 300, 3_000, 9_000][number * 7 % 6];
        log.record(
            number % reading::EMITTERS,
            &format!("{{\"text\":\"{}\"}}", mark.repeat(size / mark.len())),
        );
        if number % 37 == 0 {
            log.flush_all();
        }
    }
    log.flush_all();
    // Consecutive and single entries, in mixed order.
    let mut left: Vec<usize> = (0..600).collect();
    for round in 0..12_usize {
        let step = [1, 7, 3, 1][round % 4];
        let first = round * 131 % left.len();
        let erased: Vec<usize> = left.iter().copied().skip(first).step_by(step).take(40).collect();
        let leaves: Vec<u64> = log
            .logged
            .iter()
            .filter(|logged| {
                erased.iter().any(|number| logged.event.contains(&format!("\"{}", mark(*number))))
            })
            .map(|logged| logged.index)
            .collect();
        assert_eq!(leaves.len(), erased.len());
        log.erase(&leaves);
        left.retain(|number| !erased.contains(number));
        let bytes = all_bytes(log.folder.path());
        assert_eq!(marks(&bytes), left.iter().copied().collect(), "round {round}");
    }
}

/// Returns the numbers of all marks in these bytes.
fn marks(bytes: &[u8]) -> BTreeSet<usize> {
    let number = |rest: &[u8]| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        str::from_utf8(&rest[..digits]).unwrap().parse().ok().filter(|_| rest.get(digits) == Some(&b'.'))
    };
    let places = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(b"mark-"));
    places.filter_map(|place| number(&bytes[place + 5..])).collect()
}

/// A log whose backup was restored doesn't have the events that were erased since. It is stopped, and still erases: what
/// it can't record then, it records once when it signs again.
#[test]
fn restored_log_keeps_erased_events_erased() {
    let mut scene = Scene::start();
    let (old, newer) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let backup = old.path().join("backup");
    backup::make(scene.server.folder(), &backup, Time::MIN).unwrap();
    let first = scene.place(SECRETS[0]);
    assert_eq!(scene.post(&json!({ "events": [first], "reason": "case 1" })).json()["erased"], 1);
    scene.server.stop();
    let folder = scene.server.folder().to_owned();
    for file in [FILE, "signed.txt"] {
        std::fs::copy(folder.join(file), newer.path().join(file)).unwrap();
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(FILE.to_owned() + end));
    }
    std::fs::copy(&backup, folder.join(FILE)).unwrap();
    assert!(String::from_utf8_lossy(&std::fs::read(&backup).unwrap()).contains(SECRETS[0]));
    scene.server.begin();
    assert_eq!(scene.server.log_server().signing().stopped().unwrap().cause, Cause::Rollback);
    assert!(!String::from_utf8_lossy(&all_bytes(&folder)).contains(SECRETS[0]));
    assert!(!scene.export().contains(SECRETS[0]));
    let again = scene.post(&json!({ "events": [first], "reason": "case 1" }));
    assert_eq!(again.json(), json!({ "erased": 0, "without": 1, "own": 0, "held": 0 }));
    // The record of the first erasure is not restored yet either.
    let second = scene.place(SECRETS[1]);
    let answer = scene.post(&json!({ "events": [second], "reason": "case 2" }));
    let expected = json!({ "erased": 1, "without": 0, "own": 0, "held": 0, "unrecorded": 1 });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let erasures = || send(client().get(scene.server.url() + "/erasures").bearer_auth(&scene.token)).json();
    let reasons = |erasures: &Value| -> Vec<String> {
        let unrecorded = erasures["unrecorded"].as_array().cloned().unwrap_or_default();
        unrecorded.iter().map(|erasure| erasure["reason"].as_str().unwrap().to_owned()).collect()
    };
    let unrecorded = reasons(&erasures());
    assert!(unrecorded[0] == "case 2" && unrecorded[1].starts_with("erased before"), "{unrecorded:?}");
    scene.server.stop();
    let problems = fsck::check(&folder, &mut |_, _| {}).unwrap().problems;
    assert!(problems.iter().all(|problem| problem.code == "fsck.checkpoint"), "{problems:?}");
    // The missing entries are restored, among them the record of the first erasure.
    let config = restore::Config {
        folder: folder.clone(),
        bucket: None,
        key: log_key().verifier_key().clone(),
        keys: Vec::new(),
        witnesses: Vec::new(),
        nothing_newer: false,
        now: Time::from_millis(common::emitter::BEGIN).unwrap(),
    };
    let mut restore = restore::Restore::open(config).unwrap();
    restore.collect(vec![Box::new(restore::Folder::open("newer".into(), newer.path()).unwrap())]).unwrap();
    let plan = restore.plan().unwrap();
    assert!(matches!(plan, restore::Plan::Repair(_)));
    restore.carry_out(plan).unwrap();
    for _ in 0..2 {
        scene.server.begin();
        let erasures =
            || send(client().get(scene.server.url() + "/erasures").bearer_auth(&scene.token)).json();
        until("the log has recorded all erasures", || erasures()["unrecorded"].is_null());
        let reasons: Vec<Value> = scene.records().iter().map(|record| record["reason"].clone()).collect();
        assert_eq!(reasons, ["case 1", "case 2"], "each once");
    }
    assert!(fsck::check(&folder, &mut |_, _| {}).unwrap().is_whole());
}
