//! The recorder writes the same bytes everywhere: every build of the core, and the npm package
//! (js/test/record/golden.test.ts), must create `tests/data/recorder/export.ndjson` from `events.ndjson` in the same
//! folder.

use countersign::event::{Event, Redaction};
use countersign::link::Link;
use countersign::note::SignerKey;
use countersign::recorder::{Recorder, header};
use countersign::time::Time;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ORIGIN: &str = "log.example/audit";
const FIRST_TIME: i64 = 1_795_154_462_345;

/// Records the n-th event (from 1) n milliseconds after the first time, with a salt of 16 bytes of n. Flushes
/// after every third event, and closes the chain after the last. The seed is 32 bytes of 7, and the nonce 16
/// bytes of 255.
fn export() -> String {
    let key = SignerKey::from_seed("example.com/recorder", [7; 32]).unwrap();
    let time = |millis| Time::from_millis(FIRST_TIME + millis).unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time(1), &[255; 16]).unwrap();
    recorder.sign_with(&key).unwrap();
    let mut export = header(ORIGIN);
    for (event, nth) in include_str!("../data/recorder/events.ndjson").lines().zip(1_u8..) {
        let event = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        recorder.record(&event, time(i64::from(nth)), &[nth; 16]).unwrap();
        if nth % 3 == 0 {
            recorder.flush();
            recorder.sign_with(&key).unwrap();
            export += &recorder.drain();
        }
    }
    recorder.close(time(1000)).unwrap();
    recorder.sign_with(&key).unwrap();
    export + &recorder.drain()
}

#[test]
fn writes_the_same_bytes_everywhere() {
    assert_eq!(export(), include_str!("../data/recorder/export.ndjson"));
}

#[test]
fn every_line_is_well_formed() {
    for line in export().lines().skip(1) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Link::parse(line["link"].as_str().unwrap()).unwrap();
    }
}
