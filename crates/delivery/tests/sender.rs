//! Tests of the sender with a log server that accepts nothing.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::Since;
use countersign::trust::Trust;
use countersign_delivery::{
    Answer, Delivery, LogServer, Memory, Outbox, RetryPolicy, SenderObserver, SharedStatus, send,
};
use countersign_errors::EngineError;

const ORIGIN: &str = "log.example/audit";

/// A log server that answers everything with this status.
struct Always(u16);

impl LogServer for Always {
    type Error = EngineError;

    fn submit(&mut self, _lines: &str, _since: Option<Since>) -> Result<Answer, EngineError> {
        Ok(Answer { status: self.0, retry_after: None, body: Vec::new() })
    }
}

#[derive(Default)]
struct Failures(RefCell<Vec<String>>);

impl SenderObserver for Failures {
    fn failed(&self, why: &EngineError, _wait: Duration) {
        self.0.borrow_mut().push(why.code().to_owned());
    }
}

fn outbox() -> Outbox {
    let key = SignerKey::from_seed("example.com/app", [7; 32]).unwrap();
    let now = "2026-11-20T06:01:02.345Z".parse().unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), now, &[1; 16]).unwrap();
    recorder.sign_with(&key).unwrap();
    let event = Event::parse(br#"{"action":"job.delete"}"#, &Redaction::none()).unwrap();
    recorder.record(&event, now, &[2; 16]).unwrap();
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    let mut outbox = Outbox::open(Box::new(Memory::default()), ORIGIN, "outbox").unwrap();
    outbox.append(&recorder.drain(), None).unwrap();
    outbox
}

/// Delivers until the sender gives up. Returns the code of the failure, those that the observer received, and the
/// number of pending events.
fn deliver(status: u16, give_up: Duration) -> (String, Vec<String>, u64) {
    let (outbox, trust) = (Mutex::new(outbox()), Trust::default());
    let (shared, failures) = (SharedStatus::default(), Failures::default());
    shared.change(|status| status.ended = true);
    let policy = RetryPolicy { give_up, retry_refusals: false, blocks_recording: false };
    let delivery = Delivery::new(&outbox, &trust, ORIGIN);
    send(delivery, &mut Always(status), &shared, &policy, &failures);
    let mut status = shared.status();
    assert!(status.over);
    let pending = outbox.lock().unwrap().events();
    (status.failure.take().unwrap().code().to_owned(), failures.0.into_inner(), pending)
}

#[test]
fn refusal_ends_delivery_and_keeps_the_events() {
    assert_eq!(deliver(403, Duration::MAX), ("http.403".into(), vec![], 1));
}

#[test]
fn transient_failure_is_reported_once_before_giving_up() {
    let expected = ("http.503".to_owned(), vec!["http.503".to_owned()], 1);
    assert_eq!(deliver(503, Duration::ZERO), expected);
    // The sender tries at least once more.
    assert_eq!(deliver(503, Duration::from_millis(600)), expected);
}
