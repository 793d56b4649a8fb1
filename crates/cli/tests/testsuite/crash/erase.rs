//! A server that ends during an erasure: the next one completes what the signed record says.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::tokens;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::common::process::{DEADLINE, Place, Process};

/// The number of erased events.
const EVENTS: u64 = 8_000;
/// The number of events that stay.
const OTHERS: u64 = 8;
const PAUSE: Duration = Duration::from_millis(1);

/// A log with many events of one actor, a few of another, and a token that may erase.
struct Log {
    place: Place,
    token: String,
}

impl Log {
    fn new() -> Self {
        let place = Place::new(1);
        let server = place.serve();
        let mut emitter = place.emitter(0);
        for number in 0..EVENTS {
            emitter.record_event(&format!(r#"{{"action":"a.b","actor":{{"id":"ann"}},"n":{number}}}"#));
            if number % 1_000 == 0 {
                emitter.record_event(r#"{"action":"a.b","actor":{"id":"bob"}}"#);
            }
        }
        emitter.flush();
        emitter.deliver_all(&server.url, usize::MAX);
        let token =
            tokens::add(place.folder.path(), "privacy-desk", Rights::READ_AND_ERASE, None, Scope::default())
                .unwrap();
        server.stop();
        Self { place, token: token.as_str().to_owned() }
    }

    /// Copies the log to another folder.
    fn copy(&self) -> Place {
        let place = Place::new(1);
        for entry in fs::read_dir(self.place.folder.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.folder.path().join(entry.file_name())).unwrap();
        }
        super::rewrite::forget(&place);
        place
    }

    fn erasures(&self, server: &Process) -> Vec<Value> {
        let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
        let answer = client.get(format!("{}/erasures", server.url)).bearer_auth(&self.token).send().unwrap();
        let body: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        body["erasures"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    }
}

fn ask(url: &str, token: &str) -> Result<(u16, Value), reqwest::Error> {
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build()?;
    let body = json!({ "filter": { "actor": "ann" }, "reason": "case 17" }).to_string();
    let answer = client.post(format!("{url}/erase")).bearer_auth(token).body(body).send()?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_str(&answer.text()?).unwrap()))
}

/// Returns the numbers of all events and of erased events in the database.
fn count(folder: &Path) -> (u64, u64) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(folder.join("log.sqlite"), flags).unwrap();
    connection.busy_timeout(DEADLINE).unwrap();
    let sql =
        "SELECT count(*) FILTER (WHERE salt IS NOT NULL), count(*) FILTER (WHERE salt IS NULL) FROM events";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < DEADLINE, "{what}");
        thread::sleep(PAUSE);
    }
}

fn files_say(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
}

/// Starts an erasure, ends the server with `end` after this many events, and starts another server.
fn assert_done_after(log: &Log, erased: u64, end: impl FnOnce(Process)) {
    let place = log.copy();
    let folder = place.folder.path();
    let server = place.serve();
    let asking = thread::spawn({
        let (url, token) = (server.url.clone(), log.token.clone());
        move || ask(&url, &token)
    });
    until("the erasure goes on", || {
        let (here, gone) = count(folder);
        // The record itself is one more event.
        here + gone > EVENTS + OTHERS && gone >= erased
    });
    end(server);
    // The client may or may not get a response.
    if let Ok((status, body)) = asking.join().unwrap() {
        assert!(matches!(status, 200 | 202), "{status}: {body}");
        assert_eq!(status == 202, body["left"].as_u64().is_some_and(|left| left > 0), "{body}");
    }
    let server = place.serve();
    until("the erasure is done", || {
        let erasures = log.erasures(&server);
        assert_eq!(erasures.len(), 1, "{erasures:?}");
        let (state, left) = (&erasures[0]["state"], &erasures[0]["left"]);
        assert!(state == "erasing" || state == "done" && left == 0, "{erasures:?}");
        state == "done"
    });
    let erasures = log.erasures(&server);
    assert_eq!(erasures[0]["events"], EVENTS);
    assert_eq!(erasures[0]["actor"], json!({ "type": "user", "id": "privacy-desk" }));
    assert_eq!(count(folder), (OTHERS + 1, EVENTS));
    assert!(!files_say(folder, "\"ann\""), "bytes are left in a file");
    // Repeating the request changes nothing.
    let (status, body) = ask(&server.url, &log.token).unwrap();
    assert_eq!((status, &body["erased"], &body["own"]), (200, &json!(0), &json!(0)), "{body}");
    assert_eq!(log.erasures(&server).len(), 1);
    server.stop();
}

#[test]
fn completes_an_erasure_after_a_kill() {
    let log = Log::new();
    for erased in [0, 1, 3_000, 7_500] {
        assert_done_after(&log, erased, Process::kill);
    }
}

#[test]
fn completes_an_erasure_after_a_stop() {
    let log = Log::new();
    for erased in [0, 3_000] {
        assert_done_after(&log, erased, |server| _ = server.stop());
    }
}
