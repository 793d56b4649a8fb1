//! A server that is killed repeatedly while services send logs: each acknowledged record is in the log, and each record
//! is there once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::common::process::{DEADLINE, Place, Process, emitter_key, run, spawn_with};

const KILLS: u64 = 25;
const SENDERS: u64 = 3;
/// The number of requests of each sender.
const REQUESTS: u64 = 60;
/// The number of the emitter that signs the events.
const SIGNER: u8 = 0;

fn serve(place: &Place) -> Process {
    let key = place.path("otlp.key");
    Process::listening(spawn_with(place.folder.path(), &["--otlp", key.to_str().unwrap()]))
}

fn token(place: &Place, name: &str, right: &str) -> String {
    let folder = place.folder.path().to_str().unwrap();
    let added = run(&["token", "add", name, "--dir", folder, "--right", right]);
    String::from_utf8(added.stdout).unwrap().trim().to_owned()
}

/// Returns a request with two records.
fn export(number: u64) -> String {
    let record = |part: u64| {
        let attributes = json!([{ "key": "n", "value": { "intValue": (number * 2 + part).to_string() } }]);
        json!({ "eventName": "a.b", "attributes": attributes })
    };
    json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [record(0), record(1)] }] }] }).to_string()
}

/// Sends a request until it is acknowledged.
fn send(url: &Mutex<String>, token: &str, body: &str) {
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < DEADLINE, "no acknowledgment");
        let url = url.lock().unwrap().clone();
        let request =
            client.post(url + "/v1/logs").bearer_auth(token).header("content-type", "application/json");
        match request.body(body.to_owned()).send() {
            Ok(response) if response.status() == 200 => {
                if let Ok(text) = response.text() {
                    assert_eq!(text, "{}");
                    return;
                }
            }
            Ok(response) => assert_eq!(response.status(), 503, "{:?}", response.text()),
            Err(_) => {}
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_record_is_there_once_after_kills() {
    let place = Place::new(SIGNER + 1);
    std::fs::write(place.path("otlp.key"), format!("{}\n", *emitter_key(SIGNER).encode())).unwrap();
    let senders: Vec<String> =
        (0..SENDERS).map(|number| token(&place, &format!("s{number}"), "record")).collect();
    let reader = token(&place, "auditor", "read");
    let url = Mutex::new(String::from("http://127.0.0.1:9"));
    let (done, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_killed = AtomicBool::new(false);
    let last = thread::scope(|scope| {
        for token in &senders {
            let (url, done, sent, is_killed) = (&url, &done, &sent, &is_killed);
            scope.spawn(move || {
                for number in 0..REQUESTS {
                    send(url, token, &export(number));
                    sent.fetch_add(1, Ordering::SeqCst);
                    // The last request of each sender follows the last kill.
                    let since = Instant::now();
                    while number + 2 == REQUESTS && !is_killed.load(Ordering::SeqCst) {
                        assert!(since.elapsed() < 2 * DEADLINE, "the kills take too long");
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        let mut rng = Rng::with_seed(7);
        for _ in 0..KILLS {
            let server = serve(&place);
            server.url.clone_into(&mut url.lock().unwrap());
            let until = sent.load(Ordering::SeqCst) + rng.u64(0..6);
            let since = Instant::now();
            while sent.load(Ordering::SeqCst) < until && since.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_micros(500));
            }
            thread::sleep(Duration::from_micros(rng.u64(0..4_000)));
            server.kill();
        }
        let server = serve(&place);
        server.url.clone_into(&mut url.lock().unwrap());
        is_killed.store(true, Ordering::SeqCst);
        server
    });
    assert_eq!(done.load(Ordering::SeqCst), SENDERS);

    let export = place.path("export.ndjson");
    let (export, trust) = (export.to_str().unwrap(), place.trust_file());
    std::fs::write(place.path("reader.token"), reader).unwrap();
    let token_file = place.path("reader.token");
    let exported =
        run(&["export", "--dir", &last.url, "--token-file", token_file.to_str().unwrap(), "-o", export]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let verified = run(&["verify", export, "--trust", trust.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["verdict"], "verified", "{report:#}");

    let mut recorded: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for line in std::fs::read_to_string(export).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let metadata = &line["event"]["metadata"];
        if let (Some(sender), Some(number)) =
            (metadata["recorded_by"]["sender"].as_str(), metadata["n"].as_u64())
        {
            *recorded.entry((sender.to_owned(), number)).or_default() += 1;
        }
    }
    let expected =
        (0..SENDERS).flat_map(|sender| (0..REQUESTS * 2).map(move |n| ((format!("s{sender}"), n), 1)));
    assert_eq!(recorded, expected.collect());
}
