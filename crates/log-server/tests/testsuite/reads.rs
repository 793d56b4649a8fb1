//! Tests of the record of reads on the log's own chain.

use std::io::{BufRead as _, BufReader};
use std::sync::atomic::Ordering;

use countersign::trust::Trust;
use countersign::verify::{Options, Verifier};
use countersign_log::reads::{ReadRules, RecordReads};
use countersign_log::store::StoredEvent;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use serde_json::{Value, json};

use crate::common;
use crate::common::server::{Server, client, log_key, send};

fn start(record: RecordReads, required: bool) -> Server {
    let mut server = Server::start();
    server.reads = ReadRules { record, required };
    server.begin();
    let mut emitter = server.emitter(0);
    emitter.record(14);
    emitter.deliver_all(&server.url(), usize::MAX);
    server
}

fn token(server: &Server, name: &str, tenant: Option<&str>) -> String {
    let mut scope = Scope::default();
    if let Some(tenant) = tenant {
        scope.allow("tenant", tenant).unwrap();
    }
    tokens::add(server.folder(), name, Rights::READ, None, scope).unwrap().as_str().to_owned()
}

fn get(server: &Server, path: &str, token: &str) -> u16 {
    send(client().get(server.url() + path).bearer_auth(token)).status
}

/// Returns the records in the log.
fn records(server: &Server) -> Vec<Value> {
    let leaves = server.reader().leaves_with_events(0..server.size()).unwrap();
    let event = |leaf: &StoredEvent| match leaf {
        StoredEvent::Here(event) => serde_json::from_str::<Value>(&event.text).ok(),
        _ => None,
    };
    let events = leaves.iter().filter_map(|leaf| event(&leaf.event));
    events.filter(|event| event["action"] == "log.export").collect()
}

fn record(server: &Server) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(server.reading().record_reads()).unwrap();
}

#[test]
fn records_exports_and_searches_in_batches() {
    let server = start(RecordReads::Exports, false);
    let (auditor, acme) = (token(&server, "auditor", None), token(&server, "acme", Some("acme")));
    for _ in 0..100 {
        assert_eq!(get(&server, "/export?actor=u_3&limit=1", &auditor), 200);
    }
    let whole = send(client().get(server.url() + "/export").bearer_auth(&auditor)).body.len();
    assert_eq!(get(&server, "/export", &acme), 200);
    assert_eq!(get(&server, "/export?actor=", &auditor), 400);
    assert_eq!(get(&server, &format!("/proof/{}/1", server.emitter(0).chain()), &auditor), 200);
    assert_eq!(records(&server).len(), 0);
    record(&server);
    let [of_acme, of_auditor] = records(&server).try_into().unwrap();
    let hash = std::fs::read_to_string(server.folder().join(tokens::FILE)).unwrap()[..16].to_owned();
    assert_eq!(of_auditor["actor"], json!({ "type": "user", "id": "auditor", "credential": hash }));
    assert_eq!(of_auditor["target"], json!({ "type": "log", "id": "log.example/audit" }));
    let reads = of_auditor["metadata"]["reads"].as_array().unwrap();
    assert_eq!(reads.len(), 2);
    assert_eq!(
        (&reads[0]["way"], &reads[0]["filter"]),
        (&json!("export"), &json!({ "actor": "u_3", "limit": "1" }))
    );
    assert_eq!(
        (&reads[0]["begun"], &reads[0]["ended"], &reads[0]["events"]),
        (&json!(100), &json!(100), &json!(100))
    );
    let all = json!({ "way": "export", "begun": 1, "ended": 1, "events": 14, "bytes": whole });
    assert_eq!(reads[1], all);
    assert_eq!(of_acme["metadata"]["scope"], json!(["tenant=acme"]));
    assert_eq!(of_acme["metadata"]["reads"][0]["events"], 0);

    // There were no reads since, so none are recorded.
    let size = server.size();
    record(&server);
    assert_eq!(server.size(), size);
    // The log still verifies with its own key in the trust file.
    let export = send(client().get(server.url() + "/export").bearer_auth(&auditor)).body;
    let trust = format!(
        "log {0}\nemitter {0}\nemitter {1}\n",
        log_key().verifier_key(),
        common::server::emitter_key(0).verifier_key()
    );
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    verifier.push(&export);
    let report = verifier.finish().report;
    assert_eq!(report.verdict.as_str(), "verified", "{:#?}", report.findings);
}

#[test]
fn many_different_searches_do_not_fill_the_log() {
    let server = start(RecordReads::Exports, false);
    let auditor = token(&server, "auditor", None);
    for number in 0..40 {
        assert_eq!(get(&server, &format!("/export?actor=u_{number}"), &auditor), 200);
    }
    assert_eq!(get(&server, &format!("/export?q={}", "long".repeat(1_000)), &auditor), 200);
    record(&server);
    let [record] = records(&server).try_into().unwrap();
    assert_eq!(record["metadata"]["reads"].as_array().unwrap().len(), 16);
    assert_eq!(record["metadata"]["others"]["begun"], 25);
    assert!(record.to_string().len() < 4_000);
}

#[test]
fn records_the_last_reads_when_the_server_stops() {
    let mut server = start(RecordReads::All, false);
    let auditor = token(&server, "auditor", None);
    let response = client().get(server.url() + "/stream?from=0").bearer_auth(&auditor).send().unwrap();
    let mut view = BufReader::new(response);
    let mut line = String::new();
    while !line.contains("{\"checkpoint\"") {
        line.clear();
        assert_ne!(view.read_line(&mut line).unwrap(), 0);
    }
    let place = format!("{}/3", server.emitter(0).chain());
    assert_eq!(get(&server, &format!("/proof/{place}"), &auditor), 200);
    server.stop();
    server.begin();
    let [record] = records(&server).try_into().unwrap();
    let reads = record["metadata"]["reads"].as_array().unwrap();
    assert_eq!(
        (&reads[0]["way"], &reads[0]["filter"]["from"], &reads[0]["events"]),
        (&json!("stream"), &json!("0"), &json!(14))
    );
    assert_eq!((&reads[1]["way"], &reads[1]["filter"]), (&json!("proof"), &json!({ "event": place })));
}

#[test]
fn required_records_are_written_before_the_response() {
    let server = start(RecordReads::Exports, true);
    let auditor = token(&server, "auditor", None);
    let mut response = client().get(server.url() + "/export").bearer_auth(&auditor).send().unwrap();
    // The response has begun, and the read is already recorded although it hasn't ended.
    let [record] = records(&server).try_into().unwrap();
    assert_eq!(record["metadata"]["reads"][0]["begun"], 1);
    std::io::copy(&mut response, &mut std::io::sink()).unwrap();
    server.clock.fetch_add(1, Ordering::SeqCst);
}
