//! What is handed out is what was hashed, whatever stands in the export.
#![cfg(not(target_arch = "wasm32"))]

use std::num::NonZeroU32;

use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Item, Line};
use countersign::link::{ChainId, Link};
use countersign::log::{Body, Leaf};
use countersign::note::SignerKey;
use countersign::recorder::{Recorder, header};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::{Options, Progress, Splitter, Summary, Verifier, parallel};
use countersign_slice::Selection;
use countersign_slice::explain::explain;

use crate::common::sliced::slice;

const EVENT: &str = r#"{"action":"a","big":1234567890123456,"small":0.000001,"text":"aA€\n","zero":0}"#;

/// The same, as tools write it that do not mind bytes.
const REFORMATTED: [&str; 4] = [
    r#"{"action":"a","big":1234567890123456.1249999,"small":0.000001,"text":"aA€\n","zero":0}"#,
    r#" { "zero" : -0, "text":"\u0061\u0041\u20ac\u000A", "small":1e-6, "big":1.2345678901234560e15, "action":"a" } "#,
    r#"{"action":"a","big":1234567890123456,"small":0.00000100000000000000000001,"text":"aA\u20AC\n","zero":0E400}"#,
    r#"{"action":"\u0061","big":123456789012345600e-2,"small":0.000001,"text":"aA€\n","zero":0.0}"#,
];

/// What no canonical form comes of that was hashed.
const OTHERS: [&str; 6] = [
    r#"{"action":"a","action":"a","big":1234567890123456,"small":0.000001,"text":"aA€\n","zero":0}"#,
    r#"{"\u0061ction":"a","action":"a","big":1234567890123456,"small":0.000001,"text":"aA€\n","zero":0}"#,
    r#"{"action":"a","big":1234567890123456.125,"small":0.000001,"text":"aA€\n","zero":0,"more":1}"#,
    r#"{"action":"a","big":1E400,"small":0.000001,"text":"aA€\n","zero":0}"#,
    r#"{"action":"a","big":1234567890123456,"small":0.000001,"text":"\ud800","zero":0}"#,
    r#"{"action":"a","big":"1234567890123456","small":0.000001,"text":"aA€\n","zero":0}"#,
];

struct Recorded {
    export: String,
    chain: ChainId,
    trust: Trust,
}

/// An export of one chain with this event between two others, and the trust file that vouches for it.
fn recorded() -> Recorded {
    let key = SignerKey::generate("example.com/a", [1; 32]).unwrap();
    let at: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let mut recorder = Recorder::open("log.example", key.verifier_key().clone(), at, &[0; 16])
        .unwrap()
        .sign_every(NonZeroU32::MIN);
    recorder.sign_with(&key).unwrap();
    for (salt, event) in [r#"{"action":"before"}"#, EVENT, r#"{"action":"after"}"#].iter().enumerate() {
        let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, at, &[salt as u8; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
    }
    let chain = recorder.chain().unwrap();
    recorder.close(at).unwrap();
    recorder.sign_with(&key).unwrap();
    let trust = Trust::parse(format!("emitter {}\n", key.verifier_key()).as_bytes()).unwrap();
    Recorded { export: header("log.example") + &recorder.drain(), chain, trust }
}

impl Recorded {
    fn with(&self, event: &str) -> String {
        let export = self.export.replacen(EVENT, event, 1);
        assert_ne!(export, self.export);
        export
    }

    fn options(&self) -> Options {
        Options { trust: self.trust.clone(), events: true, ..Options::default() }
    }

    /// The second event, by each way in which events are handed out.
    fn handed_out(&self, export: &str) -> Vec<(&'static str, Option<String>)> {
        let second = |events: Vec<countersign::verify::VerifiedEvent>| {
            events.into_iter().find(|event| event.seq == 2).map(|event| String::from(event.event))
        };
        let mut whole = Verifier::new(self.options());
        whole.push(export.as_bytes());
        let mut live = Verifier::live(self.options());
        live.push(export.as_bytes());
        live.settle();
        let mut threads = Vec::new();
        let each = |told: countersign::verify::Update| threads.extend(told.events);
        parallel::verify(export.as_bytes(), self.options(), 3, |_| {}, each).unwrap();
        vec![
            ("whole", second(whole.finish_telling().1.events)),
            ("live", second(live.take().events)),
            ("threads", second(threads)),
            ("summaries", second(self.by_summaries(export))),
        ]
    }

    /// By summaries of a line each, which travel as bytes.
    fn by_summaries(&self, export: &str) -> Vec<countersign::verify::VerifiedEvent> {
        let mut splitter = Splitter::new();
        assert_eq!(splitter.push(export.as_bytes()), export.len());
        splitter.finish().unwrap();
        let mut progress = Progress::new(self.options());
        let (header, line) = splitter.header().unwrap();
        let mut summarizer = progress.begin(header, line).unwrap();
        let mut text = Vec::new();
        text.extend(std::iter::from_fn(|| splitter.next_stretch()).flatten());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let summary = Summary::decode(&summarizer.summarize(line).encode()).unwrap();
            progress.absorb(summary, line);
        }
        progress.take().events
    }
}

#[test]
fn whoever_asks_gets_the_text_that_was_hashed() {
    let recorded = recorded();
    for event in REFORMATTED {
        let export = recorded.with(event);
        let mut verifier = Verifier::new(recorded.options());
        verifier.push(export.as_bytes());
        let report = verifier.finish().report;
        assert_eq!(report.verdict.as_str(), "verified", "{event}");
        assert_eq!(report.findings.len(), 1);
        for (how, found) in recorded.handed_out(&export) {
            assert_eq!(found.as_deref(), Some(EVENT), "{how}: {event}");
        }
    }
}

#[test]
fn what_does_not_match_is_not_handed_out() {
    let recorded = recorded();
    for event in OTHERS {
        for (how, found) in recorded.handed_out(&recorded.with(event)) {
            assert_eq!(found, None, "{how}: {event}");
        }
    }
}

#[test]
fn a_text_that_matches_as_it_stands_is_handed_out_as_it_stands() {
    let recorded = recorded();
    let key = SignerKey::generate("example.com/a", [1; 32]).unwrap();
    // A recorder of someone else's that does not store canonical JSON.
    let event = REFORMATTED[1].trim();
    let at: Time = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let mut export = String::new();
    for (number, line) in recorded.export.lines().enumerate() {
        if number == 2 {
            let Item::Link { link: Link::Event(link), .. } = Line::parse(line).unwrap().item else {
                panic!()
            };
            let commit = countersign::link::commit(&[9; 16], event.as_bytes());
            let mut text = countersign::link::write_event(recorded.chain, 1, at, &link.prev, &commit);
            let signature = key.sign(text.as_bytes());
            countersign::link::append_signature(&mut text, &signature);
            let mut writer = Writer::new();
            writer.event(&text, &[9; 16], event);
            export += writer.as_str();
            break;
        }
        export.push_str(line);
        export.push('\n');
    }
    let mut verifier = Verifier::new(recorded.options());
    verifier.push(export.as_bytes());
    let (verification, countersign::verify::Update { events, .. }) = verifier.finish_telling();
    assert!(!verification.report.finding_counts.iter().any(|(code, _)| code.as_str().starts_with("payload")));
    assert_eq!(&*events[0].event, event);
}

#[test]
fn a_slice_selects_by_the_text_that_was_hashed_and_writes_it() {
    let recorded = recorded();
    for event in REFORMATTED {
        let export = recorded.with(event);
        let of_it = Selection::all().matching(|_, event| event == EVENT);
        let sliced = slice(&export, &of_it, None).unwrap();
        assert_eq!(sliced.matches(EVENT).count(), 1, "{event}");
        assert_eq!(sliced.matches(r#""event":"#).count(), 1, "{event}");
        let mut verifier = Verifier::new(recorded.options());
        verifier.push(sliced.as_bytes());
        let counts = verifier.finish().report.finding_counts;
        assert!(!counts.iter().any(|(code, _)| code.as_str() == "payload.reserialized"), "{event}");

        let withheld = Selection::all()
            .withholding(|_, event| (event == EVENT).then_some(countersign::export::Withheld::Redacted));
        assert!(!slice(&export, &withheld, None).unwrap().contains("small"), "{event}");
    }
    // What does not match stays as it is, so that a slice tells of it too.
    let sliced = slice(&recorded.with(OTHERS[3]), &Selection::all(), None).unwrap();
    assert!(sliced.contains(OTHERS[3]));
}

#[test]
fn a_proof_counts_the_bytes_that_were_hashed() {
    let recorded = recorded();
    for event in REFORMATTED {
        let explanation =
            explain(recorded.with(event).as_bytes(), recorded.chain, 2, &recorded.trust).unwrap();
        let fact = |step: usize, name: &str| {
            explanation.steps[step].facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.clone())
        };
        assert_eq!(fact(0, "bytes"), Some(EVENT.len().to_string()));
        assert_eq!(fact(0, "reserialized").as_deref(), Some("RFC 8785"));
        assert_eq!(fact(1, "computed"), fact(1, "stated"));
    }
}

#[test]
fn a_log_stores_the_text_that_was_hashed() {
    let recorded = recorded();
    let stored = |event: &str| {
        let export = recorded.with(event);
        let line = export.lines().nth(3).unwrap();
        let leaf = Leaf::of_item(&Line::parse(line).ok()?.item).ok()?;
        let Body::Link { event, .. } = leaf.body else { return None };
        event.map(|event| event.text)
    };
    for event in REFORMATTED {
        assert_eq!(stored(event).as_deref(), Some(EVENT));
    }
    for event in OTHERS {
        assert_eq!(stored(event), None, "{event}");
    }
}
