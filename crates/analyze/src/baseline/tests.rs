//! Tests of baselines as a whole: at their limits, and resumed from snapshots.

use countersign::time::Time;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
#[cfg(feature = "snapshot")]
use proptest::prelude::*;

use crate::analyzer::{Analysis, Analyzer};
use crate::pack::{Pack, Sources};

const BEGIN: i64 = 1_794_996_000_000;
const HOUR: i64 = 3_600_000;

/// A pack with a rule for each fact.
fn pack() -> Pack {
    let rule = |name: &str, field: &str, value: &str| {
        format!(
            "title: {name}\nid: {name}\nlevel: low\ndetection:\n  s: {{{field}: {value}}}\n  condition: s\n---\n"
        )
    };
    let text = [
        rule("new", "baseline.new", "'*'"),
        rule("recent", "baseline.recent.address|lte", "1"),
        rule("peers", "baseline.peers|gte", "1"),
        rule("each", "parsed.action", "job.*"),
        rule("hour", "baseline.hour_share|lte", "300"),
        rule("rate", "baseline.z|gte", "1"),
        rule("idle", "baseline.idle_days|gte", "3"),
        rule("travel", "baseline.speed_kmh|gte", "100"),
        rule("place", "baseline.place_days|lte", "2"),
        rule("silent", "baseline.silent_hours|gte", "1"),
        "title: count\nid: count\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [new]\n  group-by: [parsed.actor.id]\n  timespan: 7d\n  condition: {gte: 2}\n  generate: true\n".into(),
    ];
    let mut sources = Sources::default();
    sources.add("rules.yml", &text.concat());
    sources.add("pack.yml", "habits: informational");
    sources.build("test").unwrap_or_else(|faults| panic!("{}", faults[0]))
}

/// Hours since the previous event, actor, action, address, and chain.
type Event = (u8, u8, u8, u8, u8);

fn json((_, who, what, from, _): Event) -> String {
    let (latitude, outcome) = (i32::from(from) * 9 - 80, if what == 3 { "failure" } else { "success" });
    format!(
        r#"{{"action":"job.a{what}","actor":{{"id":"u_{who}","credential":"k_{}"}},"outcome":"{outcome}","context":{{"ip":"198.51.100.{from}","user_agent":"agent {}","geo":{{"lat":{latitude},"lon":7.5}}}}}}"#,
        what % 2,
        ["a", "b", "c"][usize::from(from % 3)],
    )
}

fn analyze(pack: &Pack, events: &[Event], mut between: impl FnMut(&mut Analyzer<'_>, u64)) -> Analysis {
    let parsers = Parsers::built_in();
    let mut analyzer = Analyzer::new(pack);
    let mut time = BEGIN;
    for (leaf, event) in (0..).zip(events) {
        time += i64::from(event.0) * HOUR;
        let json = json(*event);
        let document = Document::parse(&json).unwrap();
        let root = document.root();
        let read = parsers.parse(&root);
        let chain = ["one", "two"][usize::from(event.4 % 2)];
        let entry = Entry {
            event: Some(root),
            read: read.as_ref(),
            chain,
            ..Entry::recorded(Time::from_millis(time).unwrap())
        };
        analyzer.accept(pack.detect(leaf, &entry)).unwrap();
        between(&mut analyzer, leaf);
    }
    analyzer.finish()
}

#[cfg(feature = "snapshot")]
fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((0..12u8, 0..3u8, 0..5u8, 0..20u8, any::<u8>()), 0..160)
}

#[test]
fn every_fact_is_found() {
    let mut events: Vec<Event> = (0..900).map(|nth: u32| (1, (nth % 2) as u8, 0, 1, 0)).collect();
    events.extend([(1, 0, 1, 7, 1), (200, 1, 2, 8, 1), (0, 1, 2, 9, 1)]);
    events.extend([(0, 1, 2, 8, 1); 20]);
    events.push((0, 0, 2, 8, 1));
    let pack = pack();
    let found = analyze(&pack, &events, |_, _| {});
    let rules: std::collections::BTreeSet<&str> =
        found.findings.iter().map(|finding| &*finding.rule).collect();
    for rule in ["new", "recent", "peers", "each", "rate", "idle", "place", "silent", "count"] {
        assert!(rules.contains(rule), "{rule}: {rules:?}");
    }
    let reasons = |rule: &str| {
        let finding = found.findings.iter().find(|finding| finding.rule == rule).unwrap();
        finding
            .reasons
            .iter()
            .map(|reason| format!("{}={}", reason.field.as_deref().unwrap_or(""), reason.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        reasons("recent"),
        [
            "baseline.recent.address=0",
            "baseline.new.address=198.51.100.7",
            "baseline.usual.address=198.51.100.1 (38 days); 0 of them new within 28 days"
        ]
    );
    assert_eq!(
        reasons("idle"),
        ["baseline.idle_days=8", "baseline.usual.pause=longest pause before 0 days, now 8"]
    );
}

/// An identity that constantly has new addresses, but in known networks, gets findings only for new
/// networks.
#[test]
fn finds_new_networks_of_frequently_changing_addresses() {
    let mut sources = Sources::default();
    let rule = |name: &str, fields: &str| {
        format!("title: {name}\nid: {name}\nlevel: low\ndetection:\n  s: {{{fields}}}\n  condition: s\n---\n")
    };
    let text = rule("address", "baseline.new: address")
        + &rule("network", "baseline.new: network, baseline.recent.network|lte: 1");
    sources.add("rules.yml", &text);
    let pack = sources.build("test").unwrap_or_else(|faults| panic!("{}", faults[0]));
    let parsers = Parsers::built_in();
    let mut analyzer = Analyzer::new(&pack);
    let addresses = (0..60u64).map(|day| match day {
        50 => "203.0.113.9".to_owned(),
        55 => "2001:db8:7:1::1".to_owned(),
        56 => "2001:db8:7:2::1".to_owned(),
        57 => "::ffff:192.0.2.1".to_owned(),
        day => format!("198.51.100.{day}"),
    });
    for (day, address) in (0..).zip(addresses) {
        let json = format!(
            r#"{{"action":"job.read","actor":{{"id":"u"}},"outcome":"success","context":{{"ip":"{address}"}}}}"#
        );
        let document = Document::parse(&json).unwrap();
        let root = document.root();
        let read = parsers.parse(&root);
        let time = Time::from_millis(BEGIN + i64::try_from(day).unwrap() * 24 * HOUR).unwrap();
        let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(time) };
        analyzer.accept(pack.detect(day, &entry)).unwrap();
    }
    let findings = analyzer.finish().findings;
    let leaves = |rule: &str| -> Vec<u64> {
        findings
            .iter()
            .filter(|finding| finding.rule == rule)
            .flat_map(|finding| finding.leaves.clone())
            .collect()
    };
    assert_eq!(leaves("address"), (14..60).collect::<Vec<_>>());
    // The second IPv6 address is in the first one's network, and before the third there were two recent new
    // networks.
    assert_eq!(leaves("network"), [50, 55]);
    let finding = findings.iter().find(|finding| finding.rule == "network").unwrap();
    let values: Vec<&str> = finding.reasons.iter().map(|reason| &*reason.value).collect();
    assert!(values.contains(&"203.0.113.0/24"), "{values:?}");
}

#[cfg(feature = "snapshot")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
        fn resumes_as_if_uninterrupted(events in events(), every in 1..40u64) {
        let pack = pack();
        let mut whole = analyze(&pack, &events, |_, _| {});
        let mut resumed = analyze(&pack, &events, |analyzer, leaf| {
            if leaf % every == 0 {
                let bytes = analyzer.snapshot().unwrap();
                *analyzer = Analyzer::restore(analyzer.pack, &bytes).unwrap();
                assert_eq!(analyzer.snapshot().unwrap(), bytes);
            }
        });
        // The stored state has neither identities nor events: only lists of new findings show them.
        for finding in whole.findings.iter_mut().chain(&mut resumed.findings) {
            finding.identity = None;
            finding.event = None;
        }
        prop_assert_eq!(whole, resumed);
    }

    #[test]
        fn never_panics_on_changed_snapshots(
        events in events(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let pack = pack();
        analyze(&pack, &events, |analyzer, leaf| {
            if leaf % 50 == 49 {
                let mut bytes = analyzer.snapshot().unwrap();
                bytes.truncate(bytes.len() - 32);
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let checksum = countersign::hash::Hash::digest(&[&bytes]);
                bytes.extend(checksum.0);
                if let Ok(mut restored) = Analyzer::restore(analyzer.pack, &bytes) {
                    restored.last = analyzer.last;
                    *analyzer = restored;
                }
            }
        });
    }
}
