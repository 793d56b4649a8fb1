//! Destinations: what servers get, also after errors, rejections and kills.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

use super::fed;
use super::https::why;
use crate::common::Place;

/// A received request.
#[derive(Clone, Debug)]
struct HttpRequest {
    headers: BTreeMap<String, String>,
    body: String,
}

/// The secret in the example of Standard Webhooks.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Answering = Box<dyn FnMut(&HttpRequest) -> (u16, Value) + Send>;

/// An HTTP server with responses defined by the test.
struct Receiver {
    url: String,
    asked: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Receiver {
    fn start(answer: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (asked.clone(), Arc::new(Mutex::new(answer)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                thread::spawn(move || serve(&stream, &seen, &answer));
            }
        });
        Self { url, asked }
    }

    fn requests(&self) -> Vec<HttpRequest> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<HttpRequest>>, answer: &Mutex<Answering>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = BTreeMap::new();
        for line in reader.by_ref().lines() {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        let mut bytes = vec![0; headers.get("content-length")?.parse().ok()?];
        reader.read_exact(&mut bytes).ok()?;
        let mut body = String::new();
        if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            GzDecoder::new(&bytes[..]).read_to_string(&mut body).unwrap();
        } else {
            body = String::from_utf8(bytes).unwrap();
        }
        let asked = HttpRequest { headers, body };
        let (status, said) = answer.lock().unwrap()(&asked);
        seen.lock().unwrap().push(asked);
        let said = said.to_string();
        let patience = if status == 429 { "retry-after: 2\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{patience}content-length: {}\r\n\r\n",
            said.len()
        );
        (&*stream).write_all((head + &said).as_bytes()).ok()?;
    }
}

fn place(events: usize) -> Place {
    let place = Place::new();
    place.sealed(events);
    place.write("destination.token", "s3cret-of-the-destination\n");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(place.path("destination.token"), permissions).unwrap();
    place
}

fn ids(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect()
}

fn feed<'a>(format: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["feed", "audit.ndjson", "--trust", "trust.txt", "--to", format][..], more].concat()
}

#[test]
fn elastic_stores_each_record_once() {
    let place = place(9);
    let expected: BTreeSet<String> = ids(&fed(&place, &["--to", "ndjson"])).into_iter().collect();
    let (mut round, stored) = (0, Arc::new(Mutex::new(BTreeMap::<String, u32>::new())));
    let store = stored.clone();
    let receiver = Receiver::start(Box::new(move |asked| {
        round += 1;
        if round == 1 {
            return (503, json!({}));
        }
        let lines: Vec<Value> = asked.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut items = Vec::new();
        for (nth, pair) in lines.chunks(2).enumerate() {
            let id = pair[0]["create"]["_id"].as_str().unwrap();
            assert_eq!(pair[1]["event"]["id"], id);
            let mut store = store.lock().unwrap();
            let status = match (round, nth) {
                (2, 1) => 429,
                (2, 2) => 400,
                _ if store.contains_key(id) => 409,
                _ => 201,
            };
            if status == 201 {
                *store.entry(id.to_owned()).or_default() += 1;
            }
            items.push(json!({"create": {"_id": id, "status": status, "error": {"type": "mapper_parsing_exception", "reason": "n"}}}));
        }
        (200, json!({"errors": true, "items": items}))
    }));
    let destination = [
        "--destination",
        "elastic",
        "--address",
        &receiver.url,
        "--destination-token",
        "destination.token",
        "--gzip",
        "--state",
        "state",
    ];
    place.run(&feed("ecs", &destination)).code(2).stderr(
        contains("feed.refused")
            .and(contains("mapper_parsing_exception (400)"))
            .and(contains("s3cret").not()),
    );
    assert_eq!(stored.lock().unwrap().len(), 8);
    // Rejected records are kept, and sent first at the next start.
    place.run(&feed("ecs", &destination)).success().stderr(contains("1 record sent"));
    let stored = stored.lock().unwrap();
    assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(stored.values().all(|times| *times == 1));
    for asked in receiver.requests() {
        assert_eq!(asked.headers["authorization"], "ApiKey s3cret-of-the-destination");
        assert_eq!(
            (&*asked.headers["content-type"], &*asked.headers["content-encoding"]),
            ("application/x-ndjson", "gzip")
        );
    }
    // The token is only where it belongs.
    for file in std::fs::read_dir(place.path("state")).unwrap() {
        assert!(!std::fs::read_to_string(file.unwrap().path()).unwrap_or_default().contains("s3cret"));
    }
}

#[test]
fn splunk_rejects_single_records() {
    let place = place(5);
    let mut round = 0;
    let receiver = Receiver::start(Box::new(move |_| {
        round += 1;
        match round {
            1 => (400, json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 2})),
            _ => (200, json!({"text": "Success", "code": 0})),
        }
    }));
    let destination =
        ["--destination", "splunk", "--address", &receiver.url, "--destination-token", "destination.token"];
    place
        .run(&feed("ocsf", &destination))
        .code(2)
        .stderr(contains("4 records sent, 1 record rejected by the destination"));
    let asked = receiver.requests();
    assert_eq!(asked[0].headers["authorization"], "Splunk s3cret-of-the-destination");
    let events = |body: &str| -> Vec<Value> {
        serde_json::Deserializer::from_str(body).into_iter().map(Result::unwrap).collect()
    };
    let (first, second) = (events(&asked[0].body), events(&asked[1].body));
    assert_eq!((first.len(), second), (5, first[3..].to_vec()));
    for event in &first {
        assert_eq!(event["sourcetype"], "countersign:ocsf");
        assert_eq!(event["fields"]["countersign_id"], event["event"]["metadata"]["uid"]);
        assert!(
            (event["time"].as_f64().unwrap() * 1_000.0 - event["event"]["time"].as_f64().unwrap()).abs()
                < 1.0
        );
    }
}

#[test]
fn otlp_and_webhooks_accept_their_formats() {
    let place = place(4);
    let receiver = Receiver::start(Box::new(|_| {
        (200, json!({"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}))
    }));
    place.run(&feed("otlp", &["--destination", "otlp", "--address", &receiver.url])).code(2).stderr(
        contains("rejected 1 of 4 records: too old")
            .and(contains("3 records sent, 1 record rejected by the destination")),
    );
    let request: Value = serde_json::from_str(&receiver.requests()[0].body).unwrap();
    assert_eq!(request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().len(), 4);
    place
        .run(&feed("ecs", &["--destination", "otlp", "--address", &receiver.url]))
        .code(2)
        .stderr(contains("arguments.invalid"));

    // A page, such as a login form, is not an answer of a receiver.
    let page = Receiver::start(Box::new(|_| (200, "<!doctype html>".into())));
    for (format, destination) in [("otlp", "otlp"), ("ndjson", "splunk")] {
        let to = ["--destination", destination, "--address", &page.url];
        let said = why(&place, &feed(format, &to));
        assert!(said.contains("doesn't answer like"), "{said}");
    }

    let receiver = Receiver::start(Box::new(|_| (202, json!({}))));
    place
        .run(&feed("cloudevents", &["--destination", "http", "--address", &receiver.url, "--batch", "3"]))
        .success();
    let batches: Vec<usize> = receiver
        .requests()
        .iter()
        .map(|asked| {
            assert_eq!(asked.headers["content-type"], "application/cloudevents-batch+json");
            serde_json::from_str::<Vec<Value>>(&asked.body).unwrap().len()
        })
        .collect();
    assert_eq!(batches, [3, 1]);

    place.write("hook.key", SECRET);
    let receiver = Receiver::start(Box::new(|_| (200, json!({}))));
    place
        .run(&feed(
            "ndjson",
            &["--destination", "webhook", "--address", &receiver.url, "--webhook-key", "hook.key"],
        ))
        .success();
    let hook = standardwebhooks::Webhook::new(SECRET).unwrap();
    for asked in receiver.requests() {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, asked.headers[name].parse().unwrap());
        }
        hook.verify(asked.body.as_bytes(), &headers).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap()["id"], *asked.headers["webhook-id"]);
    }
    assert_eq!(receiver.requests().len(), 4);
    // A secret in an address would get into logs.
    place
        .run(&feed("ecs", &["--destination", "http", "--address", "https://u:hidden@siem.example/in"]))
        .code(2)
        .stderr(contains("--destination-token").and(contains("hidden").not()));
}

#[test]
fn waits_for_retry_after() {
    for (destination, more) in
        [("http", &["--batch", "1"][..]), ("webhook", &["--batch", "9", "--webhook-key", "webhook.key"])]
    {
        let place = place(2);
        place.write("webhook.key", SECRET);
        let mut requests = 0;
        let receiver = Receiver::start(Box::new(move |_| {
            requests += 1;
            // The first of two records is there by then, but a webhook gets both in one batch.
            (if requests == 2 { 429 } else { 204 }, json!({}))
        }));
        let destination = ["--destination", destination, "--address", &receiver.url];
        let since = Instant::now();
        place.run(&feed("ndjson", &[&destination[..], more].concat())).success();
        assert!(since.elapsed() >= Duration::from_secs(2), "{:?}", since.elapsed());
    }
}

#[test]
fn ending_a_waiting_feed_reports_what_was_sent() {
    let place = place(4);
    let (tell, refused) = mpsc::channel();
    let mut requests = 0;
    let receiver = Receiver::start(Box::new(move |_| {
        requests += 1;
        if requests == 1 {
            return (202, json!({}));
        }
        let _ = tell.send(());
        (503, json!({}))
    }));
    let destination = ["--destination", "http", "--address", &receiver.url, "--batch", "3"];
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
    command.current_dir(place.path("")).args(feed("cloudevents", &destination)).stdin(Stdio::null());
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    refused.recv_timeout(Duration::from_mins(1)).expect("the feed posts a second batch");
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error[feed.waiting]: 3 records sent, the rest not"), "{said}");
}

/// Reads the frames of one connection (RFC 6587); fails on a wrong length.
fn frames(bytes: &[u8]) -> Vec<String> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').unwrap();
        let count: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        frames.push(String::from_utf8(rest[space + 1..space + 1 + count].to_vec()).unwrap());
        rest = &rest[space + 1 + count..];
    }
    frames
}

#[test]
fn syslog_uses_octet_counting_and_reconnects() {
    let place = place(5);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for (nth, stream) in listener.incoming().flatten().enumerate() {
            let mut bytes = Vec::new();
            if nth == 0 {
                // Closes with unread data, which resets the connection.
                let _ = (&stream).read_exact(&mut [0; 3]);
                continue;
            }
            (&stream).read_to_end(&mut bytes).unwrap();
            tell.send(bytes).unwrap();
        }
    });
    place.run(&feed("syslog", &["--destination", "tcp", "--address", &address])).success();
    let frames = frames(&told.recv_timeout(std::time::Duration::from_mins(1)).unwrap());
    assert_eq!(frames, fed(&place, &["--to", "syslog"]));
    place.run(&feed("cef", &["--destination", "tcp", "--address", &address])).success();
    let wrapped = self::frames(&told.recv_timeout(std::time::Duration::from_mins(1)).unwrap());
    for (line, cef) in wrapped.iter().zip(fed(&place, &["--to", "cef"])) {
        assert!(line.starts_with("<110>1 ") && line.ends_with(&cef), "{line}");
    }
}
