//! Tests of logs that services send over OTLP.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;

use countersign::link::Link;
use countersign::log::Limits;
use countersign::verify::{Options, Verdict, Verifier};
use countersign_log::quota::Quota;
use countersign_log::store::{Reader, StoredEvent};
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::bucket::Bucket;
use countersign_log_server::serve::Config;
use countersign_log_server::server::Bounds;
use countersign_log_server::tokens;
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::memory::InMemory;
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bucket::world;
use crate::common::emitter::client;
use crate::common::server::{Answer, Server, emitter_key, send, until};

/// The number of the emitter that signs the events.
const SIGNER: u8 = 2;
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

fn start() -> Server {
    start_with("", Bounds::default())
}

fn start_with(trust: &str, bounds: Bounds) -> Server {
    let trust = if trust.is_empty() {
        format!("emitter {}\n", emitter_key(SIGNER).verifier_key())
    } else {
        trust.to_owned()
    };
    let mut server = Server::stopped(crate::common::emitter::BEGIN, &trust, Limits::default(), bounds);
    server.otlp = Some(SIGNER);
    server.begin();
    server
}

fn token(server: &Server, name: &str, rights: &str) -> String {
    let rights: Rights = rights.parse().unwrap();
    tokens::add(server.folder(), name, rights, None, Scope::default()).unwrap().as_str().to_owned()
}

fn record(action: &str, number: usize) -> Value {
    let attributes = json!([{ "key": "n", "value": { "intValue": number.to_string() } }]);
    json!({ "eventName": action, "timeUnixNano": "1772366400250000000", "attributes": attributes })
}

fn export(records: &[Value]) -> String {
    let service = json!([{ "key": "service.name", "value": { "stringValue": "payments-api" } }]);
    let scopes = json!([{ "scope": { "name": "audit" }, "logRecords": records }]);
    json!({ "resourceLogs": [{ "resource": { "attributes": service }, "scopeLogs": scopes }] }).to_string()
}

fn request(url: &str, token: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
    let request = client().post(format!("{url}/v1/logs")).bearer_auth(token);
    request.header("content-type", JSON).body(body.into())
}

/// Returns the error code and the status of an unsuccessful response.
fn refusal(request: RequestBuilder) -> (u16, String) {
    send(request).refusal()
}

/// Returns the events in the log, and the names of the keys that signed their chains.
fn events(reader: &dyn Reader) -> Vec<(Value, String)> {
    let leaves = reader.leaves_with_events(0..reader.size().unwrap()).unwrap();
    let event = |leaf: &countersign_log::store::StoredLeaf| {
        let (StoredEvent::Here(event), Some(Link::Event(link))) = (&leaf.event, leaf.link()) else {
            return None;
        };
        let key = reader.key_of(&link.chain).unwrap().unwrap();
        Some((serde_json::from_str(&event.text).unwrap(), key.name().to_owned()))
    };
    leaves.iter().filter_map(event).collect()
}

fn numbers(server: &Server) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        events(&**server.reader()).iter().filter_map(|(event, _)| event["metadata"]["n"].as_u64()).collect();
    numbers.sort_unstable();
    numbers
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn assert_success(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (200, json!({})), "{answer:?}");
}

#[test]
fn records_are_signed_by_the_log_servers_emitter_key() {
    let mut server = start();
    let sender = token(&server, "payments", "record");
    assert_success(&send(request(
        &server.url(),
        &sender,
        export(&[record("job.delete", 1), record("job.run", 2)]),
    )));
    let compressed = request(&server.url(), &sender, gzip(export(&[record("job.run", 3)]).as_bytes()));
    assert_success(&send(compressed.header("content-encoding", "gzip")));
    // A resource with a scope with a record with an event name, in Protobuf.
    let protobuf =
        client().post(server.url() + "/v1/logs").bearer_auth(&sender).header("content-type", PROTOBUF);
    let answer = send(protobuf.body(&b"\x0a\x09\x12\x07\x12\x05\x62\x03a.b"[..]));
    assert_eq!(
        (answer.status, answer.headers["content-type"].to_str().unwrap(), &answer.body[..]),
        (200, PROTOBUF, &b""[..])
    );

    let found = events(&**server.reader());
    let actions: Vec<_> = found.iter().map(|(event, _)| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["job.delete", "job.run", "job.run", "a.b"]);
    let first = &found[0].0["metadata"];
    assert_eq!(first["recorded_by"], json!({ "protocol": "otlp", "sender": "payments" }));
    assert_eq!((&first["service"], &first["scope"]), (&json!({ "name": "payments-api" }), &json!("audit")));
    assert!(found.iter().all(|(_, signer)| signer == emitter_key(SIGNER).verifier_key().name()));

    // The export verifies, and the chain is closed when the server stops.
    let reader = token(&server, "auditor", "read");
    server.begin();
    let export = send(client().get(server.url() + "/export").bearer_auth(reader));
    let mut verifier = Verifier::new(Options { trust: server.trust(), ..Options::default() });
    verifier.push(&export.body);
    let report = verifier.finish().report;
    assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.findings);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_log_records_total{outcome=\"recorded\"} 0\n"), "{metrics}");
}

#[test]
fn senders_need_a_token_with_the_right() {
    let server = start();
    let reader = token(&server, "auditor", "read,admin");
    let body = export(&[record("a.b", 1)]);
    let anonymous = client().post(server.url() + "/v1/logs").header("content-type", JSON).body(body.clone());
    assert_eq!(refusal(anonymous), (401, "request.unauthenticated".into()));
    assert_eq!(
        refusal(request(&server.url(), "csr_00", body.clone())),
        (401, "request.unauthenticated".into())
    );
    assert_eq!(refusal(request(&server.url(), &reader, body.clone())), (403, "request.forbidden".into()));
    // A sender reads nothing.
    let sender = token(&server, "payments", "record");
    assert_eq!(send(client().get(server.url() + "/export").bearer_auth(&sender)).status, 403);
    assert_eq!(server.size(), 0);
    // Exporters find the message in their own format.
    let refused = send(request(&server.url(), "csr_00", body.clone()));
    let message = "request.unauthenticated: this request requires a valid token";
    assert_eq!(refused.json()["message"], message);
    let protobuf =
        client().post(server.url() + "/v1/logs").header("content-type", PROTOBUF).body(vec![0; 100]);
    let refused = send(protobuf);
    assert_eq!((refused.status, refused.headers["content-type"].to_str().unwrap()), (401, PROTOBUF));
    assert_eq!(refused.body[2..], *message.as_bytes());
    // Without the option, there is no such route.
    let other = Server::start();
    assert_eq!(refusal(request(&other.url(), "csr_00", body)), (404, "request.not_found".into()));
}

#[test]
fn retries_are_recorded_once_across_restarts() {
    let mut server = start();
    let sender = token(&server, "payments", "record");
    let body = export(&[record("a.b", 1), record("a.b", 2)]);
    assert_success(&send(request(&server.url(), &sender, body.clone())));
    let size = server.size();
    assert_success(&send(request(&server.url(), &sender, body.clone())));
    // A compressed body is the same request.
    let compressed =
        request(&server.url(), &sender, gzip(body.as_bytes())).header("content-encoding", "gzip");
    assert_success(&send(compressed));
    assert_eq!(server.size(), size);
    server.begin();
    let size = server.size();
    assert_success(&send(request(&server.url(), &sender, body.clone())));
    assert_eq!((server.size(), numbers(&server)), (size, vec![1, 2]));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("countersign_log_records_total{outcome=\"repeated\"} 2\n"), "{metrics}");
    // Another sender's request is another one.
    let other = token(&server, "billing", "record");
    assert_success(&send(request(&server.url(), &other, body)));
    assert_eq!(numbers(&server), [1, 1, 2, 2]);
}

#[test]
fn concurrent_duplicates_are_recorded_once() {
    let server = start();
    let sender = token(&server, "payments", "record");
    let bodies: Vec<String> =
        (0..4).map(|number| export(&[record("a.b", number), record("c.d", number)])).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for body in &bodies {
                    assert_success(&send(request(&server.url(), &sender, body.clone())));
                }
            });
        }
    });
    assert_eq!(numbers(&server), [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn keys_and_uids_identify_records() {
    let server = start();
    let sender = token(&server, "payments", "record");
    let keyed = |key: &str, number| {
        send(request(&server.url(), &sender, export(&[record("a.b", number)])).header("idempotency-key", key))
    };
    assert_success(&keyed("k-1", 1));
    assert_success(&keyed("k-1", 1));
    assert_success(&keyed("k-2", 1));
    assert_eq!(numbers(&server), [1, 1]);
    // A key that was used for other records doesn't hide new ones.
    let conflict = keyed("k-1", 7);
    let partial = &conflict.json()["partialSuccess"];
    assert_eq!((conflict.status, &partial["rejectedLogRecords"]), (200, &json!("1")));
    let message = "records were not recorded: 1 with the log.record.uid or Idempotency-Key of another record";
    assert_eq!(partial["errorMessage"], message);
    for key in ["", "two words", &"x".repeat(201)] {
        assert_eq!(keyed(key, 1).refusal(), (400, "otlp.key".into()), "{key}");
    }
    // A record with its own ID is recognized in another request, and in the same one.
    let with_uid = |number| {
        let mut record = record("a.b", number);
        let uid = json!({ "key": "log.record.uid", "value": { "stringValue": "u-1" } });
        record["attributes"].as_array_mut().unwrap().push(uid);
        record
    };
    assert_success(&send(request(&server.url(), &sender, export(&[with_uid(5), with_uid(5)]))));
    assert_success(&send(request(&server.url(), &sender, export(&[record("a.b", 6), with_uid(5)]))));
    assert_eq!(numbers(&server), [1, 1, 5, 6]);
    let conflict = send(request(&server.url(), &sender, export(&[with_uid(8)])));
    assert_eq!(conflict.json()["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(numbers(&server), [1, 1, 5, 6]);
}

#[test]
fn requests_are_bounded() {
    let server = start();
    let sender = token(&server, "payments", "record");
    let post = |body: Vec<u8>| request(&server.url(), &sender, body);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(refusal(post(bomb).header("content-encoding", "gzip")), (413, "otlp.too_large".into()));
    assert_eq!(refusal(post(vec![b' '; (8 << 20) + 1])), (413, "otlp.too_large".into()));
    let many = vec![json!({ "eventName": "a" }); 10_001];
    assert_eq!(refusal(post(export(&many).into_bytes())), (413, "otlp.too_large".into()));
    let large: Vec<Value> = (0..60)
        .map(|n| json!({ "eventName": "a", "body": { "bytesValue": "A".repeat(1 << 17) }, "attributes": record("", n)["attributes"] }))
        .collect();
    assert_success(&send(post(export(&large).into_bytes())));
    assert_eq!(refusal(post(b"{".to_vec())), (400, "otlp.malformed".into()));
    assert_eq!(
        refusal(post(b"{".to_vec()).header("content-encoding", "gzip")),
        (400, "otlp.malformed".into())
    );
    assert_eq!(
        refusal(post(b"{}".to_vec()).header("content-encoding", "zstd")),
        (415, "otlp.encoding".into())
    );
    let text =
        client().post(server.url() + "/v1/logs").bearer_auth(&sender).header("content-type", "text/plain");
    assert_eq!(refusal(text.body("{}")), (415, "otlp.media_type".into()));
    assert_success(&send(post(b"{}".to_vec())));
    // Records that aren't events are refused alone.
    let size = server.size();
    let mixed = [json!({ "body": { "stringValue": "a line" } }), record("a.b", 100)];
    let answer = send(post(export(&mixed).into_bytes()));
    let partial = json!({ "rejectedLogRecords": "1", "errorMessage": "records were not recorded: 1 with no event name" });
    assert_eq!((answer.status, answer.json()), (200, json!({ "partialSuccess": partial })));
    assert_eq!(server.size(), size + 1);
}

#[test]
fn nothing_is_acknowledged_before_the_key_is_authorized() {
    let log_only = format!("emitter {}\n", emitter_key(0).verifier_key());
    let mut server = start_with(&log_only, Bounds::default());
    let sender = token(&server, "payments", "record");
    let body = export(&[record("a.b", 1)]);
    for _ in 0..2 {
        let refused = send(request(&server.url(), &sender, body.clone()));
        assert_eq!(refused.refusal(), (503, "otlp.unauthorized".into()));
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(server.size(), 0);
    server.set_trust(&format!("emitter {}\n", emitter_key(SIGNER).verifier_key()));
    assert_success(&send(request(&server.url(), &sender, body)));
    assert_eq!(numbers(&server), [1]);
}

#[test]
fn quotas_apply_to_the_key() {
    let quota = Quota { events: NonZeroU32::new(1), bytes: None, burst: NonZeroU32::new(2).unwrap() };
    let server = start_with("", Bounds { quota, ..Bounds::default() });
    let sender = token(&server, "payments", "record");
    let records: Vec<Value> = (0..10).map(|number| record("a.b", number)).collect();
    assert_success(&send(request(&server.url(), &sender, export(&records))));
    let later = export(&[record("a.b", 99)]);
    let refused = send(request(&server.url(), &sender, later.clone()));
    assert_eq!(refused.refusal(), (429, "submit.quota".into()));
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 1);
    assert!(!numbers(&server).contains(&99));
    server.set_clock(crate::common::emitter::BEGIN + 60_000);
    assert_success(&send(request(&server.url(), &sender, later.clone())));
    assert_success(&send(request(&server.url(), &sender, later)));
    assert_eq!(numbers(&server).iter().filter(|number| **number == 99).count(), 1);
}

#[test]
fn servers_of_one_bucket_recognize_each_others_events() {
    let world = world::World::new(Arc::new(InMemory::new()));
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let servers = folders.each_ref().map(|folder| {
        let bucket: Bucket = world.bucket(world.store.clone());
        let config = Config { otlp: Some(emitter_key(SIGNER)), ..world::config(folder.path(), Some(bucket)) };
        world.runtime.block_on(countersign_log_server::serve::serve(config)).unwrap()
    });
    let senders = folders.each_ref().map(|folder| {
        let rights: Rights = "record".parse().unwrap();
        tokens::add(folder.path(), "payments", rights, None, Scope::default()).unwrap()
    });
    let body = export(&[record("a.b", 1)]);
    for (server, sender) in servers.iter().zip(&senders) {
        assert_success(&send(request(&world::url(server), sender.as_str(), body.clone())));
    }
    for server in servers {
        let reader = server.log_server().reader().clone();
        until("the server follows", || reader.size().unwrap() >= 2);
        assert_eq!(events(&*reader).len(), 1);
        drop(reader);
        world.stop(server);
    }
}
