//! Erasing events.

use std::collections::BTreeSet;

use countersign::verify::{Options, VerifiedEvent, Verifier};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::retention::holds::FILE as HOLDS;
use countersign_log_server::search::FILE as SEARCH;
use countersign_log_server::sqlite::FILE;
use countersign_log_server::tokens;
use serde_json::{Value, json};

use crate::common;
use crate::common::emitter::Emitter;
use crate::common::server::{Answer, Server, client, log_key, send};
use crate::reading;
use crate::reading::{all_bytes, holds};

const SECRETS: [&str; 3] = ["ann.secret@example.com", "bob.secret@example.com", "long-secret-"];

struct Erasing {
    server: Server,
    token: String,
}

impl Erasing {
    /// A log with events that say something to forget, one of them many pages long.
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
        let (verification, countersign::verify::Update { events, .. }) = verifier.finish_telling();
        let report = verification.report;
        assert!(matches!(report.verdict.as_str(), "partial" | "verified"), "{:#?}", report.findings);
        events
    }

    /// The log's key signs what the log did.
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

    fn forgot(&self, secret: &str) -> bool {
        !holds(&all_bytes(self.server.folder()), secret)
    }
}

#[test]
fn what_is_erased_is_in_no_file() {
    let erasing = Erasing::start();
    assert!(SECRETS.iter().all(|secret| !erasing.forgot(secret)));
    let places: Vec<String> = SECRETS.iter().map(|secret| erasing.place(secret)).collect();
    let answer = erasing.post(&json!({ "events": places, "reason": "case 17" }));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "erased": 3, "without": 0, "own": 0, "held": 0 }));
    for secret in SECRETS {
        assert!(erasing.forgot(secret), "{secret}");
    }
    let text = erasing.export();
    assert_eq!(text.matches("\"withheld\":\"erased\"").count(), 3);
    assert_eq!(erasing.events().len(), 100 + 1);
    erasing.server.assert_goes_on();
}

#[test]
fn erasing_is_recorded_and_done_once() {
    let erasing = Erasing::start();
    let place = erasing.place(SECRETS[0]);
    let body = json!({ "events": [place], "reason": "case 17" });
    assert_eq!(erasing.post(&body).json()["erased"], 1);
    let records = erasing.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["actor"], json!({ "type": "user", "id": "privacy-desk" }));
    assert_eq!(record["target"], json!({ "type": "log", "id": "log.example/audit" }));
    assert_eq!(record["reason"], "case 17");
    assert_eq!(record["metadata"], json!({ "chosen_by": "place", "events": 1, "entries": [[51, 51]] }));
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 0, "without": 1, "own": 0, "held": 0 }));
    assert_eq!(erasing.records().len(), 1);
}

#[test]
fn by_what_events_say() {
    let erasing = Erasing::start();
    let body = json!({ "filter": { "actor": "u_3", "action": "job.*" }, "reason": "case 18" });
    let erased = erasing.post(&body).json()["erased"].as_u64().unwrap();
    assert!(erased > 10);
    assert!(erasing.events().iter().all(|event| !event.event.contains("u_3")));
    let records = erasing.records();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record["metadata"]["chosen_by"], json!(["actor", "action"]));
    assert_eq!(record["metadata"]["events"], erased);
    let stretches = record["metadata"]["entries"].as_array().unwrap();
    assert_eq!(stretches.len() as u64, erased, "no two of them are next to each other");
    assert_eq!(erasing.post(&body).json()["erased"], 0);
    assert_eq!(erasing.records().len(), 1);
}

#[test]
fn a_damaged_index_answers_right_and_keeps_nothing_from_being_erased() {
    let mut erasing = Erasing::start();
    let mut emitter = erasing.server.emitter(1);
    for _ in 0..120 {
        emitter.record_event(r#"{"action":"user.create","actor":{"id":"p_9"}}"#);
    }
    emitter.flush();
    emitter.deliver_all(&erasing.server.url(), 16);
    until("the events are indexed", || erasing.server.reading().search().unwrap().indexed().unwrap() >= 192);
    erasing.server.stop();
    let index = rusqlite::Connection::open(erasing.server.folder().join(SEARCH)).unwrap();
    index.execute_batch("UPDATE parts SET bytes = zeroblob(length(bytes))").unwrap();
    drop(index);
    erasing.server.begin();
    let path = erasing.server.url() + "/export?actor=p_9";
    let answer = send(client().get(path).bearer_auth(&erasing.token));
    assert_eq!(String::from_utf8(answer.body).unwrap().matches("p_9").count(), 120);
    let body = json!({ "filter": { "actor": "p_9" }, "reason": "case 19" });
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 120, "without": 0, "own": 0, "held": 0 }));
    assert!(erasing.forgot("p_9"));
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = std::time::Instant::now();
    while !is_so() {
        assert!(since.elapsed() < std::time::Duration::from_mins(2), "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A record of the erasure of the first secret, as if the server had been killed right after it.
fn recorded(erasing: &Erasing) {
    let record = json!({
        "action": "log.erase",
        "actor": { "type": "user", "id": "privacy-desk" },
        "reason": "case 20",
        "metadata": { "chosen_by": "place", "events": 1, "entries": [[51, 51]] },
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(erasing.server.log_server().record(&record)).unwrap();
}

impl Erasing {
    fn get(&self, path: &str) -> Answer {
        send(client().get(self.server.url() + path).bearer_auth(&self.token))
    }

    fn state(&self) -> Value {
        self.get("/erasures").json()["erasures"][0]["state"].clone()
    }
}

#[test]
fn what_is_recorded_is_done_at_the_next_start() {
    let mut erasing = Erasing::start();
    recorded(&erasing);
    assert!(!erasing.forgot(SECRETS[0]));
    erasing.server.begin();
    until("it is erased", || erasing.state() == "done");
    assert!(erasing.forgot(SECRETS[0]) && !erasing.forgot(SECRETS[1]));
    assert_eq!(erasing.records().len(), 1);
    let list = erasing.get("/erasures").json();
    let record = list["erasures"][0]["record"].as_u64().unwrap();
    let one = erasing.get(&format!("/erasures/{record}"));
    assert_eq!((one.status, &one.json()), (200, &list["erasures"][0]));
    assert_eq!((&one.json()["events"], &one.json()["left"]), (&json!(1), &json!(0)));
    assert_eq!(one.json()["reason"], "case 20");
    for path in ["/erasures/0", "/erasures/x", "/erasures/99999999999999999999"] {
        assert_eq!(erasing.get(path).status, 404, "{path}");
    }
    assert_eq!(erasing.get(&format!("/erasures?before={record}")).json(), json!({ "erasures": [] }));
    assert_eq!(erasing.get("/erasures?before=x").status, 400);
    let reader =
        tokens::add(erasing.server.folder(), "auditor", Rights::READ, None, Scope::default()).unwrap();
    let denied = send(client().get(erasing.server.url() + "/erasures").bearer_auth(reader.as_str()));
    assert_eq!(denied.status, 403);
    let mut acme = Scope::default();
    acme.allow("tenant", "acme").unwrap();
    let acme = tokens::add(erasing.server.folder(), "acme", Rights::READ_AND_ERASE, None, acme).unwrap();
    let denied = send(client().get(erasing.server.url() + "/erasures").bearer_auth(acme.as_str()));
    assert_eq!(denied.status, 403, "they may be of other tenants");
    assert_eq!(send(client().get(erasing.server.url() + "/erasures")).status, 401);
}

#[test]
fn so_is_what_was_recorded_before_a_log_kept_account_of_it() {
    let mut erasing = Erasing::start();
    recorded(&erasing);
    erasing.server.stop();
    let log = rusqlite::Connection::open(erasing.server.folder().join("log.sqlite")).unwrap();
    log.execute_batch("DROP TABLE erasures; DROP TABLE erasures_known").unwrap();
    drop(log);
    erasing.server.begin();
    until("it is erased", || erasing.state() == "done");
    assert!(erasing.forgot(SECRETS[0]));
}

#[test]
fn asked_again_it_is_done_and_recorded_once() {
    let erasing = Erasing::start();
    recorded(&erasing);
    let body = json!({ "events": [erasing.place(SECRETS[0])], "reason": "case 20, again" });
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 1, "without": 0, "own": 0, "held": 0 }));
    assert!(erasing.forgot(SECRETS[0]));
    assert_eq!((erasing.state(), erasing.records().len()), (json!("done"), 1));
}

#[test]
fn a_hold_that_came_after_the_record_keeps_it_waiting() {
    let mut erasing = Erasing::start();
    recorded(&erasing);
    erasing.server.holds = vec!["actor=p_0".parse().unwrap()];
    erasing.server.begin();
    assert_eq!(erasing.state(), "held");
    let body = json!({ "filter": { "actor": "p_0" }, "reason": "case 21" });
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 0, "held": 1 }));
    assert_eq!(erasing.state(), "held");
    assert!(!erasing.forgot(SECRETS[0]));
    erasing.server.holds.clear();
    erasing.server.begin();
    until("it is erased", || erasing.state() == "done");
    assert!(erasing.forgot(SECRETS[0]));
}

#[test]
fn an_erasure_that_cannot_be_carried_out_makes_the_log_ill_until_it_can() {
    let mut erasing = Erasing::start();
    let health = |erasing: &Erasing| {
        let answer = erasing.get("/healthz");
        (answer.status, answer.json()["erasures"].clone())
    };
    assert_eq!(health(&erasing), (200, json!({ "unfinished": 0, "failing": false })));
    recorded(&erasing);
    let holds = erasing.server.folder().join(HOLDS);
    std::fs::write(&holds, "color=red\n").unwrap();
    erasing.server.begin();
    until("it is told", || health(&erasing) == (503, json!({ "unfinished": 1, "failing": true })));
    assert_eq!(erasing.state(), "erasing");
    assert!(!erasing.forgot(SECRETS[0]));
    std::fs::remove_file(&holds).unwrap();
    until("it is erased", || erasing.state() == "done");
    until("it is told", || health(&erasing) == (200, json!({ "unfinished": 0, "failing": false })));
    assert!(erasing.forgot(SECRETS[0]));
}

#[test]
fn who_reads_for_long_keeps_an_erasure_waiting_and_nobody_else() {
    let erasing = Erasing::start();
    let place = erasing.place(SECRETS[0]);
    // As a backup does, and who checks all of it.
    let reads = rusqlite::Connection::open(erasing.server.folder().join(FILE)).unwrap();
    reads.execute_batch("BEGIN; SELECT count(*) FROM leaves").unwrap();
    let begun = std::time::Instant::now();
    let answer = erasing.post(&json!({ "events": [place], "reason": "case 17" }));
    assert_eq!((answer.status, &answer.json()["left"]), (202, &json!(1)));
    erasing.server.assert_goes_on();
    // Who submits waited as long as the erasure was tried: five times ten seconds, were it for each as long as for any lock.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(reads);
    until("it is erased", || erasing.state() == "done");
    assert!(erasing.forgot(SECRETS[0]));
}

#[test]
fn nobody_but_the_log_records_an_erasure() {
    let mut erasing = Erasing::start();
    let trust = erasing.server.trust().with_emitter(log_key().verifier_key().clone()).unwrap();
    let mut thief = Emitter::new("log.example/audit", log_key(), 7, trust);
    thief.record_event(r#"{"action":"log.erase","metadata":{"entries":[[51,51]]}}"#);
    thief.flush();
    let (body, _) = thief.body(0, usize::MAX);
    assert_eq!(erasing.server.submit(body).refusal(), (403, "log.unauthorized".into()));
    erasing.server.begin();
    assert_eq!(erasing.get("/erasures").json(), json!({ "erasures": [] }));
    assert!(!erasing.forgot(SECRETS[0]));
    erasing.server.assert_goes_on();
}

#[test]
fn what_the_log_did_itself_stays() {
    let erasing = Erasing::start();
    let place = erasing.place(SECRETS[0]);
    erasing.post(&json!({ "events": [place], "reason": "case 17" }));
    let body = json!({ "filter": { "action": "log.*" }, "reason": "to hide it" });
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 1, "held": 0 }));
    let body = json!({ "events": [erasing.place("log.erase")], "reason": "to hide it" });
    assert_eq!(erasing.post(&body).json(), json!({ "erased": 0, "without": 0, "own": 1, "held": 0 }));
    assert_eq!(erasing.records().len(), 1);
}

#[test]
fn all_or_nothing_of_what_is_named() {
    let erasing = Erasing::start();
    let place = erasing.place(SECRETS[0]);
    let answer = erasing.post(&json!({ "events": [place, format!("{}/1", "0".repeat(32))], "reason": "x" }));
    assert_eq!(answer.refusal(), (404, "request.not_found".into()));
    assert!(!erasing.forgot(SECRETS[0]));
    assert!(erasing.records().is_empty());
}

#[test]
fn hostile_bodies() {
    let erasing = Erasing::start();
    let place = erasing.place(SECRETS[0]);
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
        assert_eq!(erasing.post(&body).refusal(), (400, "request.invalid".into()), "{body}");
    }
    let raw = |body: String| {
        send(client().post(erasing.server.url() + "/erase").bearer_auth(&erasing.token).body(body)).status
    };
    assert_eq!(raw(String::new()), 400);
    assert_eq!(raw(format!(r#"{{"events":["{place}"],"events":[],"reason":"x"}}"#)), 400);
    assert_eq!(raw(r#"{"filter":{"actor":"a","actor":"u_1"},"reason":"x"}"#.into()), 400);
    assert_eq!(raw(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), 400);
    assert_eq!(raw(" ".repeat(2 << 20)), 413);
    assert!(!erasing.forgot(SECRETS[0]));
    assert!(erasing.records().is_empty());
    erasing.server.assert_goes_on();
}

#[test]
fn no_page_of_the_database_keeps_a_copy() {
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
    // Stretches, and single ones here and there, in an order of no kind.
    let mut left: Vec<usize> = (0..600).collect();
    for round in 0..12_usize {
        let step = [1, 7, 3, 1][round % 4];
        let first = round * 131 % left.len();
        let erased: Vec<usize> = left.iter().copied().skip(first).step_by(step).take(40).collect();
        let leaves: Vec<u64> = log
            .taken
            .iter()
            .filter(|taken| erased.iter().any(|number| taken.event.contains(&format!("\"{}", mark(*number)))))
            .map(|taken| taken.index)
            .collect();
        assert_eq!(leaves.len(), erased.len());
        log.erase(&leaves);
        left.retain(|number| !erased.contains(number));
        let bytes = all_bytes(log.folder.path());
        assert_eq!(marks(&bytes), left.iter().copied().collect(), "round {round}");
    }
}

/// The numbers of all marks in there.
fn marks(bytes: &[u8]) -> BTreeSet<usize> {
    let number = |rest: &[u8]| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        str::from_utf8(&rest[..digits]).unwrap().parse().ok().filter(|_| rest.get(digits) == Some(&b'.'))
    };
    let places = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(b"mark-"));
    places.filter_map(|place| number(&bytes[place + 5..])).collect()
}
