//! Tests of delivery without a network: a failure at each operation, and each kind of response.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::Since;
use countersign::time::Time;

use super::*;
use crate::outbox::{FollowPosition, Memory, Store};

#[path = "../../../cli/tests/testsuite/common/fake_log.rs"]
mod fake_log;

use fake_log::{FakeLog, ORIGIN};

fn emitter() -> SignerKey {
    SignerKey::from_seed("example.com/app", [9; 32]).unwrap()
}

/// The moment of a process's death during an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Before,
    After,
}

/// A countdown to the operation at which the process dies. After it, no operation works.
struct Fate {
    left: AtomicI64,
    death: Death,
}

impl Fate {
    fn at(operation: i64, death: Death) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(operation), death })
    }

    fn never() -> Arc<Self> {
        Self::at(i64::MAX, Death::Before)
    }

    fn has_died(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn perform<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let dead = || io::Error::other("the process is dead");
        match (left, self.death) {
            (1.., _) => operation(),
            (0, Death::After) => operation().and(Err(dead())),
            _ => Err(dead()),
        }
    }
}

/// A disk that outlives the process.
struct Mortal {
    disk: Arc<Memory>,
    fate: Arc<Fate>,
}

impl Store for Mortal {
    fn names(&self) -> io::Result<Vec<String>> {
        self.fate.perform(|| self.disk.names())
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.fate.perform(|| self.disk.read(name))
    }
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.fate.perform(|| self.disk.put(name, bytes))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.fate.perform(|| self.disk.remove(name))
    }
    fn sync(&self) -> io::Result<()> {
        self.fate.perform(|| self.disk.sync())
    }
}

/// A fault of the log server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mischief {
    /// Stores nothing, and closes the connection.
    Drops,
    /// Stores the links, and closes the connection.
    TakesAndDrops,
    Status(u16),
    NotJson,
    NoProof,
    OtherKey,
    OtherLeaf,
    Unsigned,
    OtherOrigin,
}

struct Fake {
    log: FakeLog,
    mischief: Vec<Mischief>,
    fate: Arc<Fate>,
    bodies: Vec<String>,
}

impl Fake {
    fn new() -> Self {
        Self { log: FakeLog::new(1, None), mischief: Vec::new(), fate: Fate::never(), bodies: Vec::new() }
    }

    fn answer(&mut self, body: &str, mischief: Option<Mischief>) -> io::Result<Answer> {
        self.bodies.push(body.to_owned());
        if mischief == Some(Mischief::Drops) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if let Some(Mischief::Status(status)) = mischief {
            let retry_after = Some(Duration::from_secs(7));
            return Ok(Answer { status, retry_after, body: b"\x1b[2Jbusy".to_vec() });
        }
        let (status, answer) = self.log.submit(body.as_bytes());
        let answer = match mischief {
            _ if status != 200 => answer,
            Some(Mischief::TakesAndDrops) => return Err(io::ErrorKind::TimedOut.into()),
            Some(Mischief::NotJson) => {
                return Ok(Answer { status, retry_after: None, body: b"ok".to_vec() });
            }
            Some(Mischief::NoProof) => serde_json::json!({ "chains": {}, "added": 1 }),
            Some(Mischief::OtherKey) => {
                let other = SignerKey::from_seed(ORIGIN, [2; 32]).unwrap();
                self.log.with_checkpoint(&answer, &self.log.checkpoint(&other))
            }
            Some(Mischief::OtherOrigin) => {
                let other = SignerKey::from_seed("log.example/other", [3; 32]).unwrap();
                self.log.with_checkpoint(&answer, &self.log.checkpoint(&other))
            }
            Some(Mischief::OtherLeaf) => {
                let mut answer = answer;
                let proof = self.log.proof(0, &self.log.checkpoint(&self.log.key));
                for (_, chain) in answer["chains"].as_object_mut().unwrap() {
                    chain["proof"] = proof.clone().into();
                }
                answer
            }
            Some(Mischief::Unsigned) => {
                let checkpoint = self.log.checkpoint(&self.log.key);
                let text = checkpoint.replace(checkpoint.split_at(checkpoint.len() - 6).1, "AAAA=\n");
                match countersign::checkpoint::SignedCheckpoint::parse(&text) {
                    Ok(_) => self.log.with_checkpoint(&answer, &text),
                    Err(_) => serde_json::json!({ "chains": {} }),
                }
            }
            _ => answer,
        };
        Ok(Answer { status, retry_after: None, body: answer.to_string().into_bytes() })
    }
}

impl LogServer for Fake {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, _: Option<Since>) -> Result<Answer, DeliveryError> {
        let mischief = if self.mischief.is_empty() { None } else { Some(self.mischief.remove(0)) };
        let fate = self.fate.clone();
        let answer = fate.perform(|| self.answer(lines, mischief));
        answer.map_err(|error| DeliveryError::io("submit", "the log", error))
    }
}

fn trust() -> Trust {
    // The other log is trusted too, so that its proofs verify, but for itself.
    let other = SignerKey::from_seed("log.example/other", [3; 32]).unwrap();
    let own = FakeLog::new(1, None).key.verifier_key().clone();
    Trust::default().with_log(own).unwrap().with_log(other.verifier_key().clone()).unwrap()
}

fn line(nth: u64) -> String {
    format!(r#"{{"action":"job.update","n":{nth}}}"#)
}

fn followed(offset: u64) -> FollowPosition {
    FollowPosition { offset, ..FollowPosition::default() }
}

/// Records `total` events of a file, two at a time, delivers in between, and closes the chain. The file's offset is the
/// event's number here.
fn process(disk: &Arc<Memory>, log_server: &mut Fake, total: u64) -> Result<(), Box<dyn std::error::Error>> {
    let store = Mortal { disk: disk.clone(), fate: log_server.fate.clone() };
    let outbox = Outbox::open(Box::new(store), ORIGIN, "outbox")?;
    let key = emitter();
    let mut offset = outbox.followed().map_or(0, |followed| followed.offset);
    let at = |nth: u64| Time::from_millis(1_000 + nth.cast_signed()).unwrap();
    let nonce = [offset as u8 + 1; 16];
    let closed = outbox.head().is_some_and(|head| head.closed);
    let mut recorder = match outbox.head() {
        Some(head) if !head.closed => Recorder::resume(key.verifier_key().clone(), &head.position)?,
        _ => Recorder::open(ORIGIN, key.verifier_key().clone(), at(0), &nonce)?,
    };
    let trust = trust();
    let outbox = Mutex::new(outbox);
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    while offset < total {
        for _ in 0..2.min(total - offset) {
            recorder.sign_with(&key)?;
            let event = Event::parse(line(offset).as_bytes(), &Redaction::none())?;
            recorder.record(&event, at(offset), &[offset as u8; 16])?;
            offset += 1;
        }
        recorder.flush();
        recorder.sign_with(&key)?;
        outbox.lock().unwrap().append(&recorder.drain(), Some(&followed(offset)))?;
        if offset % 4 == 0 {
            step(&mut delivery, log_server)?;
        }
    }
    if !closed {
        recorder.close(at(total))?;
        recorder.sign_with(&key)?;
        outbox.lock().unwrap().append(&recorder.drain(), None)?;
    }
    while step(&mut delivery, log_server)? {}
    assert!(outbox.lock().unwrap().pending().is_empty());
    Ok(())
}

/// Runs a step. Returns true if there was something to deliver.
fn step(delivery: &mut Delivery<'_>, log_server: &mut Fake) -> Result<bool, DeliveryError> {
    match delivery.step(log_server) {
        Step::Empty => Ok(false),
        Step::Delivered { .. } | Step::Again => Ok(true),
        Step::Later { why, .. } | Step::Early { why, .. } | Step::Refused(why) | Step::Dead(why) => Err(why),
    }
}

fn expected(total: u64) -> Vec<String> {
    (0..total).map(line).collect()
}

/// Checks the expected end: every event once, in order, in one closed chain.
fn assert_complete(log_server: &Fake, total: u64, case: &str) {
    assert_eq!(log_server.log.events(), expected(total), "{case}");
    let chains: Vec<_> = log_server.log.growth.chains().collect();
    assert_eq!(chains.len(), 1, "{case}");
    assert!(chains[0].1.closed && chains[0].1.next == total + 2, "{case}");
}

#[test]
fn process_that_dies_anywhere_neither_loses_nor_repeats_events() {
    const TOTAL: u64 = 9;
    for death in [Death::Before, Death::After] {
        let mut reached_the_end = false;
        for operation in 0..200 {
            let (disk, mut log_server) = (Arc::new(Memory::default()), Fake::new());
            log_server.fate = Fate::at(operation, death);
            let first = process(&disk, &mut log_server, TOTAL);
            if !log_server.fate.has_died() {
                first.unwrap();
                reached_the_end = true;
                break;
            }
            let case = format!("dies {death:?} operation {operation}");
            log_server.fate = Fate::never();
            process(&disk, &mut log_server, TOTAL).unwrap_or_else(|failure| panic!("{case}: {failure}"));
            assert_complete(&log_server, TOTAL, &case);
        }
        assert!(reached_the_end, "there are more operations than were tried");
    }
}

#[test]
fn process_that_dies_repeatedly_neither_loses_nor_repeats_events() {
    const TOTAL: u64 = 8;
    for (stride, death) in [(3, Death::After), (5, Death::Before), (6, Death::After), (8, Death::Before)] {
        let (disk, mut log_server) = (Arc::new(Memory::default()), Fake::new());
        for life in 0..100 {
            log_server.fate = Fate::at(stride + life, death);
            if process(&disk, &mut log_server, TOTAL).is_ok() {
                break;
            }
        }
        log_server.fate = Fate::never();
        process(&disk, &mut log_server, TOTAL).unwrap();
        assert_complete(&log_server, TOTAL, &format!("{stride} {death:?}"));
    }
}

/// Returns an outbox with an open chain of `total` events, in segments of `each`.
fn filled(disk: &Arc<Memory>, total: u64, each: u64, sign_every: u32) -> Outbox {
    let mut outbox = Outbox::open(Box::new(disk.clone()), ORIGIN, "outbox").unwrap();
    let key = emitter();
    let at = Time::from_millis(5_000).unwrap();
    let opened = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &[1; 16]).unwrap();
    let mut recorder = opened.sign_every(std::num::NonZeroU32::new(sign_every).unwrap());
    recorder.sign_with(&key).unwrap();
    for nth in 0..total {
        let event = Event::parse(line(nth).as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, at, &[nth as u8; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        if (nth + 1) % each == 0 || nth + 1 == total {
            recorder.flush();
            recorder.sign_with(&key).unwrap();
            outbox.append(&recorder.drain(), None).unwrap();
        }
    }
    outbox
}

#[test]
fn links_stay_in_the_outbox_until_proven() {
    for mischief in [
        Mischief::Drops,
        Mischief::TakesAndDrops,
        Mischief::Status(503),
        Mischief::Status(429),
        Mischief::Status(301),
        Mischief::Status(403),
        Mischief::Status(500),
        Mischief::NotJson,
        Mischief::NoProof,
        Mischief::OtherKey,
        Mischief::OtherLeaf,
        Mischief::Unsigned,
        Mischief::OtherOrigin,
    ] {
        let disk = Arc::new(Memory::default());
        let outbox = filled(&disk, 5, 2, 64);
        let (names, trust) = (disk.names().unwrap(), trust());
        let outbox = Mutex::new(outbox);
        let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
        let mut log_server = Fake::new();
        log_server.mischief = vec![mischief];
        let step = delivery.step(&mut log_server);
        match (&mischief, &step) {
            (Mischief::Status(429 | 500 | 503), Step::Later { after, .. }) => {
                assert_eq!(*after, Some(Duration::from_secs(7)));
            }
            (Mischief::Status(301 | 403), Step::Refused(_)) | (_, Step::Later { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(disk.names().unwrap(), names, "{mischief:?}");
        assert_eq!(outbox.lock().unwrap().events(), 5);
        assert!(matches!(delivery.step(&mut log_server), Step::Delivered { events: 5 }), "{mischief:?}");
        assert!(matches!(delivery.step(&mut log_server), Step::Empty));
        assert_eq!(log_server.log.events(), expected(5));
        assert_eq!(disk.names().unwrap(), ["position.json"]);
    }
}

/// A log server that answers everything with this.
struct Ended(Answer);

impl LogServer for Ended {
    type Error = DeliveryError;

    fn submit(&mut self, _: &str, _: Option<Since>) -> Result<Answer, DeliveryError> {
        Ok(self.0.clone())
    }
}

/// Delivers until the chain is dead, for which the log server has to say so three times.
#[track_caller]
fn denied(delivery: &mut Delivery<'_>, server: &mut dyn LogServer<Error = DeliveryError>) -> DeliveryError {
    for _ in 0..2 {
        let step = delivery.step(server);
        assert!(matches!(step, Step::Later { .. }), "{step:?}");
    }
    let Step::Dead(why) = delivery.step(server) else { panic!("the chain is not dead") };
    why
}

/// A log server that rejects so many submissions with these answers, in turns.
struct Denying {
    log_server: Fake,
    answers: Vec<Answer>,
    left: usize,
}

impl LogServer for Denying {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, DeliveryError> {
        if self.left == 0 {
            return self.log_server.submit(lines, since);
        }
        self.left -= 1;
        Ok(self.answers[self.left % self.answers.len()].clone())
    }
}

fn denial(status: u16, code: &str) -> Answer {
    let chain = ChainId([9; 16]).to_string();
    let body = serde_json::json!({
        "error": { "code": code, "message": "m", "hint": "h" }, "chain": chain, "expected": 0, "seq": 1,
    });
    Answer { status, retry_after: Some(Duration::from_secs(7)), body: body.to_string().into_bytes() }
}

/// Anyone between the log server and the emitter could have written it.
#[test]
fn an_unsigned_rejection_once_or_twice_ends_nothing() {
    for (status, code, dead_code) in
        [(409, "log.fork", "log.fork"), (409, "log.gap", "log.rollback"), (410, "log.ended", "log.ended")]
    {
        let disk = Arc::new(Memory::default());
        let (outbox, trust) = (Mutex::new(filled(&disk, 8, 1, 64)), trust());
        let mut delivery =
            Delivery::new(&outbox, &trust, ORIGIN).limits(BatchLimits { bytes: 1 << 20, lines: 2 });
        let mut server = Denying { log_server: Fake::new(), answers: vec![denial(status, code)], left: 0 };
        assert!(matches!(delivery.step(&mut server), Step::Delivered { .. }));
        for _ in 0..2 {
            server.left = 2;
            for _ in 0..2 {
                let step = delivery.step(&mut server);
                let Step::Later { after: Some(wait), why } = step else { panic!("{step:?}") };
                assert_eq!((wait.as_secs(), why.code()), (7, dead_code));
            }
            assert!(
                matches!(delivery.step(&mut server), Step::Delivered { .. }),
                "a delivery resets the count"
            );
        }
        server.left = 3;
        assert_eq!(denied(&mut delivery, &mut server).code(), dead_code);
        assert!(outbox.lock().unwrap().events() > 0, "the events are kept");
    }
    // Different reasons are counted separately.
    let (outbox, trust) = (Mutex::new(filled(&Arc::default(), 1, 1, 64)), trust());
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    let answers = vec![denial(409, "log.fork"), denial(410, "log.ended")];
    let mut server = Denying { log_server: Fake::new(), answers, left: 9 };
    for _ in 0..9 {
        assert!(matches!(delivery.step(&mut server), Step::Later { .. }));
    }
    assert!(matches!(delivery.step(&mut server), Step::Delivered { .. }));
}

#[test]
fn an_ended_log_is_final_and_its_events_are_kept() {
    let answer = |status: u16, code: &str| {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m","hint":"h"}},"moved_to":"o"}}"#);
        Answer { status, retry_after: None, body: body.into_bytes() }
    };
    assert!(matches!(answer(410, "log.ended").meaning(), Meaning::Ended));
    assert!(matches!(answer(410, "").meaning(), Meaning::Refused), "not from a log server");
    assert!(matches!(answer(403, "log.ended").meaning(), Meaning::Refused));
    let disk = Arc::new(Memory::default());
    let (outbox, trust) = (Mutex::new(filled(&disk, 3, 1, 64)), trust());
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    let why = denied(&mut delivery, &mut Ended(answer(410, "log.ended")));
    assert_eq!(why.code(), "log.ended");
    assert_eq!(outbox.lock().unwrap().events(), 3);
}

#[test]
fn error_text_is_on_one_line() {
    let disk = Arc::new(Memory::default());
    let (outbox, trust) = (Mutex::new(filled(&disk, 1, 1, 64)), trust());
    let mut log_server = Fake::new();
    log_server.mischief = vec![Mischief::Status(418)];
    let Step::Refused(why) = Delivery::new(&outbox, &trust, ORIGIN).step(&mut log_server) else { panic!() };
    assert_eq!(why.code(), "http.418");
    let answer = Answer {
        status: 418,
        retry_after: None,
        body: br#"{"error":{"code":"a\u001b[2J","message":"b\nc\u202e"}}"#.to_vec(),
    };
    assert_eq!(answer.error_text().code, "a\u{1b}[2J");
    assert_eq!(answer.error_text().message, "bc\u{202e}");
}

#[test]
fn responses_without_an_error_body_get_a_hint() {
    let text = |status| Answer { status, retry_after: None, body: b"<html>".to_vec() }.error_text();
    assert_eq!(text(401).message, "status 401 without an error message");
    assert!(text(401).hint.starts_with("exempt /submit from authentication"));
    assert_eq!(text(404).hint, "check that the URL points to a log server");
    assert_eq!(text(500).hint, "look for details in the log server's own logs");
}

#[test]
fn gap_is_filled_from_the_link_that_the_log_expects() {
    let disk = Arc::new(Memory::default());
    let outbox = filled(&disk, 6, 2, 1);
    let mut log_server = Fake::new();
    // The log has the first segment and a part of the second, but the emitter doesn't know.
    let links = outbox.links(1).unwrap() + outbox.links(2).unwrap().split_inclusive('\n').next().unwrap();
    assert_eq!(log_server.log.submit(links.as_bytes()).0, 200);
    let (outbox, trust) = (Mutex::new(outbox), trust());
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    let head = outbox.lock().unwrap().head().unwrap().clone();
    delivery.from = Some((head.position.chain, 6));
    assert!(matches!(delivery.step(&mut log_server), Step::Again));
    assert!(matches!(delivery.step(&mut log_server), Step::Delivered { .. }));
    assert!(matches!(delivery.step(&mut log_server), Step::Empty));
    assert_eq!(log_server.log.events(), expected(6));
    assert_eq!(log_server.bodies.last().unwrap().lines().count(), 3, "starts with the expected link");
}

#[test]
fn links_before_an_early_one_are_proven_first() {
    let key = emitter();
    let at = |seconds: i64| Time::from_millis(seconds * 1_000).unwrap();
    let event = |nth: u64| Event::parse(line(nth).as_bytes(), &Redaction::none()).unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at(0), &[1; 16]).unwrap();
    // One segment: the open link, a signed event, and two events that only the last one's signature covers.
    recorder.sign_with(&key).unwrap();
    recorder.record(&event(0), at(1), &[0; 16]).unwrap();
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    for nth in 1..3 {
        recorder.record(&event(nth), at(if nth == 1 { 2 } else { 3_600 }), &[nth as u8; 16]).unwrap();
    }
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    let mut outbox = Outbox::open(Box::new(Memory::default()), ORIGIN, "outbox").unwrap();
    outbox.append(&recorder.drain(), None).unwrap();
    let chain = recorder.chain().unwrap();
    let (outbox, trust) = (Mutex::new(outbox), trust());
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    let mut log_server = Fake::new();
    log_server.log.now = at(2);
    assert!(matches!(delivery.step(&mut log_server), Step::Again));
    assert!(log_server.log.events().is_empty(), "the submission was rejected as a whole");
    assert!(matches!(delivery.step(&mut log_server), Step::Delivered { events: 1 }));
    assert_eq!(log_server.log.events(), expected(1));
    let Step::Early { from, refused, .. } = delivery.step(&mut log_server) else { panic!() };
    assert_eq!((from, refused), (Some((chain, 2)), Some((chain, 3))));
    assert_eq!(outbox.lock().unwrap().events(), 3, "the segment is kept until all of it is proven");
}

#[test]
fn rollback_of_proven_links_is_reported() {
    let disk = Arc::new(Memory::default());
    let (outbox, trust) = (filled(&disk, 4, 2, 64), trust());
    let outbox = Mutex::new(outbox);
    let mut log_server = Fake::new();
    let mut delivery =
        Delivery::new(&outbox, &trust, ORIGIN).limits(BatchLimits { bytes: 1 << 20, lines: 4 });
    assert!(matches!(delivery.step(&mut log_server), Step::Delivered { .. }));
    log_server.log.forget();
    let why = denied(&mut delivery, &mut log_server);
    assert_eq!(why.code(), "log.rollback");
    assert_eq!(outbox.lock().unwrap().events(), 2);
    let kept = String::from_utf8(disk.read("position.json").unwrap()).unwrap();
    assert!(kept.contains("c2sp.org/tlog-proof@v1"), "the evidence is kept");
}

#[test]
fn fork_ends_the_chain_and_keeps_its_events() {
    let disk = Arc::new(Memory::default());
    let mut log_server = Fake::new();
    let (outbox, trust) = (Mutex::new(filled(&disk, 2, 2, 64)), trust());
    assert!(matches!(Delivery::new(&outbox, &trust, ORIGIN).step(&mut log_server), Step::Delivered { .. }));
    // Both copies of the outbox continue.
    let copy = Arc::new(Memory::default());
    for name in disk.names().unwrap() {
        copy.put(&name, &disk.read(&name).unwrap()).unwrap();
    }
    let continue_chain = |disk: &Arc<Memory>, text: &str| {
        let mut outbox = Outbox::open(Box::new(disk.clone()), ORIGIN, "outbox").unwrap();
        let key = emitter();
        let mut recorder =
            Recorder::resume(key.verifier_key().clone(), &outbox.head().unwrap().position).unwrap();
        let event = Event::parse(text.as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, Time::from_millis(9_000).unwrap(), &[7; 16]).unwrap();
        recorder.flush();
        recorder.sign_with(&key).unwrap();
        outbox.append(&recorder.drain(), None).unwrap();
        Mutex::new(outbox)
    };
    let (one, other) = (continue_chain(&disk, r#"{"a":1}"#), continue_chain(&copy, r#"{"a":2}"#));
    assert!(matches!(Delivery::new(&one, &trust, ORIGIN).step(&mut log_server), Step::Delivered { .. }));
    let why = denied(&mut Delivery::new(&other, &trust, ORIGIN), &mut log_server);
    assert_eq!(why.code(), "log.fork");
    assert!(matches!(why, DeliveryError::Contradiction { .. }));
    assert_eq!(other.lock().unwrap().events(), 1);
}

#[test]
fn batches_shrink_to_the_limits_of_the_log() {
    let disk = Arc::new(Memory::default());
    let (outbox, trust) = (Mutex::new(filled(&disk, 40, 20, 4)), trust());
    let mut log_server = Fake::new();
    log_server.log.limits = countersign::log::Limits { bytes: 1 << 20, lines: 7 };
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    assert!(matches!(delivery.step(&mut log_server), Step::Again));
    let mut last = 40;
    loop {
        match delivery.step(&mut log_server) {
            Step::Delivered { events } => assert!(events <= 7),
            Step::Empty => break,
            other => panic!("{other:?}"),
        }
        let left = outbox.lock().unwrap().events();
        assert!(left <= last);
        last = left;
    }
    assert_eq!(log_server.log.events(), expected(40));
    assert!(outbox.lock().unwrap().pending().is_empty());

    // Four links that only one signature covers cannot be split.
    let (outbox, mut log_server) = (Mutex::new(filled(&Arc::default(), 4, 4, 64)), Fake::new());
    log_server.log.limits = countersign::log::Limits { bytes: 1 << 20, lines: 3 };
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    assert!(matches!(delivery.step(&mut log_server), Step::Again));
    // The open link is sent alone.
    assert!(matches!(delivery.step(&mut log_server), Step::Delivered { events: 0 }));
    let Step::Refused(why) = delivery.step(&mut log_server) else { panic!() };
    assert_eq!(why.code(), "submit.too_large");
    assert_eq!(outbox.lock().unwrap().events(), 4);
}

#[test]
fn contradictory_gaps_cause_a_wait() {
    struct Circles(ChainId, u64);
    impl LogServer for Circles {
        type Error = DeliveryError;

        fn submit(&mut self, _: &str, _: Option<Since>) -> Result<Answer, DeliveryError> {
            self.1 = 3 - self.1;
            let body = serde_json::json!({
                "error": { "code": "log.gap", "message": "" }, "chain": self.0.to_string(), "expected": self.1,
            });
            Ok(Answer { status: 409, retry_after: None, body: body.to_string().into_bytes() })
        }
    }
    let (outbox, trust) = (Mutex::new(filled(&Arc::default(), 4, 4, 1)), trust());
    let chain = outbox.lock().unwrap().head().unwrap().position.chain;
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    assert!(matches!(delivery.step(&mut Circles(chain, 1)), Step::Again));
    for _ in 0..4 {
        assert!(matches!(delivery.step(&mut Circles(chain, 1)), Step::Later { .. }));
    }
}
