//! The thread that delivers, where the log server does not accept anything.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;

use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::trust::Trust;
use countersign_delivery::{
    Answer, Delivery, LogServer, Memory, Outbox, RetryPolicy, SenderObserver, SharedStatus, send,
};
use countersign_errors::EngineError;

const ORIGIN: &str = "log.example/audit";

/// Answers everything with this status.
struct Always(u16);

impl LogServer for Always {
    type Error = EngineError;

    fn submit(&mut self, _lines: &str) -> Result<Answer, EngineError> {
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

/// Delivers until that gives up. Returns the code of the failure, those that the observer got, and the events that wait.
fn deliver(status: u16, give_up: Duration) -> (String, Vec<String>, u64) {
    let (outbox, trust) = (Mutex::new(outbox()), Trust::default());
    let (shared, failures) = (SharedStatus::default(), Failures::default());
    shared.change(|status| status.ended = true);
    let policy = RetryPolicy { give_up, retry_refusals: false, blocks_recording: false };
    let delivery = Delivery::new(&outbox, &trust, ORIGIN);
    send(delivery, &mut Always(status), &shared, &policy, &failures);
    let mut status = shared.status();
    assert!(status.over);
    let waiting = outbox.lock().unwrap().events();
    (status.failure.take().unwrap().code().to_owned(), failures.0.into_inner(), waiting)
}

#[test]
fn a_refusal_ends_it_at_once_and_nothing_is_lost() {
    assert_eq!(deliver(403, Duration::MAX), ("http.403".into(), vec![], 1));
}

#[test]
fn a_failure_that_may_pass_is_reported_once_and_ends_it_when_it_has_to_give_up() {
    let expected = ("http.503".to_owned(), vec!["http.503".to_owned()], 1);
    assert_eq!(deliver(503, Duration::ZERO), expected);
    // It tries at least once more.
    assert_eq!(deliver(503, Duration::from_millis(600)), expected);
}
