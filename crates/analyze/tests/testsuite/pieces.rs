//! Findings depend neither on how events are distributed to workers nor on the order in which pieces
//! arrive.

use countersign::time::Time;
use countersign_analyze::pieces::{Detector, MAX_OUTLINE_BYTES, Merged, PieceError};
use countersign_analyze::{Analysis, Analyzer, Pack, Sources};
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use proptest::prelude::*;

const RULES: &str = "
title: Refused
id: refused
level: low
detection:
  s: {parsed.outcome: denied}
  condition: s
---
title: Many refused
id: many
level: high
correlation:
  type: event_count
  rules: [refused]
  group-by: [parsed.actor.id]
  timespan: 10s
  condition: {gte: 3}
---
title: By this key
id: key
level: medium
detection:
  s: {link.signer: example.com/b}
  condition: s
";

fn pack() -> Pack {
    let mut sources = Sources::default();
    sources.add("rules.yml", RULES);
    sources.build("test").unwrap()
}

/// The actor, the second, and true if the first key signed it.
type Event = (u8, u8, bool);

fn time(second: u8) -> Time {
    Time::from_millis(1_800_000_000_000 + i64::from(second) * 1000).unwrap()
}

fn json((who, second, _): Event) -> String {
    let outcome = if second % 3 == 0 { "success" } else { "denied" };
    format!(r#"{{"action":"a.b","actor":{{"id":"u{who}"}},"outcome":"{outcome}"}}"#)
}

fn line(leaf: usize, event: Event) -> String {
    let name = if event.2 { 'a' } else { 'b' };
    let json = json(event);
    let document = Document::parse(&json).unwrap();
    let mut read = Vec::new();
    Parsers::built_in().parse(&document.root()).unwrap().write_json(&mut read);
    format!(
        "{{\"line\":{},\"index\":{leaf},\"chain\":\"00{name}\",\"seq\":1,\"time\":\"{}\",\"authorized\":{},\"vkey\":\"example.com/{name}+1+x\",\"parsed\":{},\"event\":{json}}}\n",
        leaf + 2,
        time(event.1),
        event.2,
        String::from_utf8(read).unwrap()
    )
}

fn directly(pack: &Pack, events: &[Event]) -> Analysis {
    let parsers = Parsers::built_in();
    let mut analyzer = Analyzer::new(pack);
    for (leaf, event) in (0..).zip(events) {
        let json = json(*event);
        let document = Document::parse(&json).unwrap();
        let read = parsers.parse(&document.root());
        let signer = Some(if event.2 { "example.com/a" } else { "example.com/b" });
        let chain = if event.2 { "00a" } else { "00b" };
        let entry = Entry {
            event: Some(document.root()),
            roots: &[],
            read: read.as_ref(),
            recorded: time(event.1),
            chain,
            signer,
        };
        analyzer.accept(pack.detect(leaf, &entry)).unwrap();
    }
    analyzer.finish()
}

/// Announces pieces, and loads them when they are due.
#[derive(Default)]
struct StoredPieces(Vec<Vec<u8>>);

impl StoredPieces {
    fn add(&mut self, merged: &mut Merged<'_>, piece: Vec<u8>) -> Result<(), PieceError> {
        merged.announce(&piece[..piece.len().min(MAX_OUTLINE_BYTES)])?;
        self.0.push(piece);
        Ok(())
    }

    fn load_all(&self, merged: &mut Merged<'_>) -> Result<(), PieceError> {
        loop {
            while merged.step(2)? {}
            let Some(number) = merged.next_piece() else { return Ok(()) };
            merged.load(number, self.0[number].clone())?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finds_the_same_as_a_single_analyzer(
        events in prop::collection::vec((0_u8..4, 0_u8..60, any::<bool>()), 1..60),
        workers in prop::collection::vec(0_usize..3, 60),
        ends in prop::collection::vec(any::<bool>(), 60),
        looks in prop::collection::vec(any::<bool>(), 60),
    ) {
        let pack = pack();
        let mut detectors: Vec<_> =
            (0..3).map(|_| Detector::new(pack.clone())).collect();
        let mut merged = Merged::new(&pack);
        let mut stored = StoredPieces::default();
        for (leaf, event) in events.iter().enumerate() {
            let line = line(leaf, *event);
            let detector = &mut detectors[workers[leaf]];
            prop_assert_eq!(detector.detect(line.as_bytes()), Ok(line.len()));
            if ends[leaf] {
                stored.add(&mut merged, detector.finish()).unwrap();
            }
            if looks[leaf] {
                stored.load_all(&mut merged).unwrap();
            }
        }
        for detector in &mut detectors {
            stored.add(&mut merged, detector.finish()).unwrap();
        }
        stored.load_all(&mut merged).unwrap();
        let expected = directly(&pack, &events);
        prop_assert_eq!(merged.analyzer().findings(), &expected.findings[..]);
        prop_assert_eq!(merged.analyzer().digest(), expected.digest);
        prop_assert_eq!(merged.events(), events.len() as u64);
        for leaf in expected.findings.iter().flat_map(|finding| &finding.leaves) {
            let event = events[usize::try_from(*leaf).unwrap()];
            let signed = merged.signed(*leaf).unwrap();
            prop_assert_eq!((signed.chain.as_str(), signed.authorized), (if event.2 { "00a" } else { "00b" }, event.2));
        }
    }

    #[test]
    fn changed_bytes_are_rejected_or_harmless(
        events in prop::collection::vec((0_u8..4, 0_u8..60, any::<bool>()), 1..20),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let pack = pack();
        let mut detector = Detector::new(pack.clone());
        for (leaf, event) in events.iter().enumerate() {
            detector.detect(line(leaf, *event).as_bytes()).unwrap();
        }
        let mut piece = detector.finish();
        *at.get_mut(&mut piece) = byte;
        let mut merged = Merged::new(&pack);
        let mut stored = StoredPieces::default();
        let _ = stored.add(&mut merged, piece).and_then(|()| stored.load_all(&mut merged));
    }
}

#[test]
fn formatting_of_a_pack_makes_no_difference() {
    let rule = |detection: &str| format!("title: T\nid: t\ndetection:\n  s:\n{detection}  condition: s\n");
    let events: Vec<Event> = (0..9).map(|second| (second, second, true)).collect();
    let found = |text: &str| {
        let mut sources = Sources::default();
        sources.add("rule.yml", text);
        let pack = sources.build("test").unwrap();
        (
            pack.hash(),
            directly(&pack, &events).digest,
            directly(&Pack::parse(pack.as_json()).unwrap(), &events).digest,
        )
    };
    let one = found(&rule("    parsed.outcome: denied\n    action: a.b\n"));
    let other = found(&rule("    action: a.b\n    parsed.outcome: denied\n"));
    assert_eq!(one, other);
    assert_eq!(one.1, one.2);
}

#[test]
fn detector_accepts_only_complete_lines() {
    let mut detector = Detector::new(pack());
    let lines = line(0, (1, 1, true)) + &line(1, (1, 2, true));
    assert_eq!(detector.detect(&lines.as_bytes()[..lines.len() - 1]), Ok(line(0, (1, 1, true)).len()));
    assert_eq!(detector.detect(b"{\"line\":1"), Ok(0));
    assert_eq!(detector.detect(b"{\"line\":1}\n"), Err(PieceError));
    // Without a parse result, rules would find less.
    let (begin, rest) = lines.split_once("\"parsed\":").unwrap();
    let unread = format!("{begin}{}", &rest[rest.find("\"event\"").unwrap()..]);
    assert_eq!(detector.detect(unread.as_bytes()), Err(PieceError));
}

#[test]
fn repeated_entries_count_once() {
    let pack = pack();
    let mut merged = Merged::new(&pack);
    let mut stored = StoredPieces::default();
    for _ in 0..2 {
        let mut detector = Detector::new(pack.clone());
        for leaf in 0..3 {
            detector.detect(line(leaf, (1, 1, true)).as_bytes()).unwrap();
        }
        stored.add(&mut merged, detector.finish()).unwrap();
    }
    stored.load_all(&mut merged).unwrap();
    let findings: Vec<_> = merged.analyzer().findings().iter().map(|finding| &finding.leaves[..]).collect();
    assert_eq!(findings, [[0, 1, 2]]);
}
