//! A log server on loopback that can misbehave.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign::export::{Item, Line};
use countersign::note::SignerKey;
use countersign::time::Time;
use countersign::tolerance;

use crate::common::fake_log::{FakeLog, ORIGIN};

/// A wrong response to one submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// Closes the connection before accepting anything.
    Drops,
    /// Accepts the submission, and closes the connection.
    TakesAndDrops,
    /// Responds with this status and a `Retry-After` of one second.
    Status(u16),
    /// Accepts the submission, and proves it with another key.
    OtherKey,
}

/// The server, which runs until the process ends.
pub struct LogServer {
    pub log: Arc<Mutex<FakeLog>>,
    pub url: String,
    mischief: Arc<Mutex<VecDeque<Mischief>>>,
    bodies: Arc<Mutex<Vec<String>>>,
    /// The seconds by which the server's clock is fast, if it checks times.
    clock: Arc<Mutex<Option<i64>>>,
}

impl LogServer {
    /// Starts the server of an empty log.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log_server = Self {
            log: Arc::new(Mutex::new(FakeLog::new(1, None))),
            url,
            mischief: Arc::default(),
            bodies: Arc::default(),
            clock: Arc::default(),
        };
        let (log, mischief, bodies) =
            (log_server.log.clone(), log_server.mischief.clone(), log_server.bodies.clone());
        let clock = log_server.clock.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, mischief, bodies) = (log.clone(), mischief.clone(), bodies.clone());
                let clock = clock.clone();
                thread::spawn(move || serve(&stream, &log, &mischief, &bodies, &clock));
            }
        });
        log_server
    }

    /// Misbehaves once for each item, in order.
    pub fn misbehave(&self, mischief: &[Mischief]) {
        *self.mischief.lock().unwrap() = mischief.iter().copied().collect();
    }

    /// Misbehaves for each submission during `run`, including retries.
    pub fn misbehave_during<T>(&self, mischief: Mischief, run: impl FnOnce() -> T) -> T {
        self.misbehave(&[mischief; 1_000]);
        let result = run();
        self.misbehave(&[]);
        result
    }

    /// Rejects links dated after its clock, which is fast by these seconds.
    pub fn tell_time(&self, ahead: i64) {
        *self.clock.lock().unwrap() = Some(ahead);
    }

    /// Returns the log's public key.
    pub fn vkey(&self) -> String {
        self.log.lock().unwrap().key.verifier_key().to_string()
    }

    /// Returns the events in the log, in order.
    pub fn events(&self) -> Vec<String> {
        self.log.lock().unwrap().events()
    }

    /// Returns all submissions so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// Returns a link's time.
pub fn time_of(line: &[u8]) -> Option<Time> {
    let Ok(Line { item: Item::Link { link, .. }, .. }) = Line::parse(str::from_utf8(line).ok()?) else {
        return None;
    };
    Some(link.time())
}

/// Returns the rejection of a submission with links dated after this clock.
fn early(body: &[u8], clock: Option<i64>) -> Option<(u16, serde_json::Value)> {
    let own = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = Time::from_millis(i64::try_from(own).unwrap() + clock? * 1000).unwrap();
    let latest = body.split(|byte| *byte == b'\n').filter_map(time_of).max()?;
    tolerance::early(latest, now)?;
    let error = serde_json::json!({ "code": "submit.early", "message": "dated ahead of the log's clock" });
    Some((503, serde_json::json!({ "error": error, "now": now.to_string(), "tolerance": 120 })))
}

fn serve(
    stream: &TcpStream,
    log: &Mutex<FakeLog>,
    mischief: &Mutex<VecDeque<Mischief>>,
    bodies: &Mutex<Vec<String>>,
    clock: &Mutex<Option<i64>>,
) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        bodies.lock().unwrap().push(String::from_utf8(body.clone()).unwrap());
        let mischief = mischief.lock().unwrap().pop_front();
        let (status, answer) = match mischief {
            Some(Mischief::Drops) => return,
            Some(Mischief::Status(status)) => (
                status,
                serde_json::json!({ "error": { "code": "server.busy", "message": "too much at once" } }),
            ),
            _ => early(&body, *clock.lock().unwrap()).unwrap_or_else(|| log.lock().unwrap().submit(&body)),
        };
        let answer = match mischief {
            Some(Mischief::TakesAndDrops) => return,
            Some(Mischief::OtherKey) => {
                let log = log.lock().unwrap();
                let other = SignerKey::from_seed(ORIGIN, [77; 32]).unwrap();
                log.with_checkpoint(&answer, &log.checkpoint(&other))
            }
            _ => answer,
        };
        let body = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if (&mut &*stream).write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads the next request's body.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /submit HTTP/1.1"), "{line}");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
