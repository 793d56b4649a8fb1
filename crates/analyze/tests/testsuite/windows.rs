//! Windows follow SPEC-DETECTION.md, section 13, regardless of the order in which events arrive.
#![allow(clippy::cast_precision_loss, reason = "the numbers are small")]

use countersign::time::Time;
use countersign_analyze::{Analysis, Analyzer, Finding, Limit, Pack, Sources};
use countersign_query::Entry;
use countersign_query::value::Document;
use proptest::prelude::*;

/// Time in seconds, group, value, and true for the first rule.
type Event = (i64, u8, u8, u8);

const SPAN: i64 = 10;

fn pack(kind: &str, condition: &str) -> Pack {
    let rule = |name: &str| {
        format!("title: {name}\nid: {name}\ndetection:\n  s: {{what: {name}}}\n  condition: s\n---\n")
    };
    let correlation = format!(
        "title: C\nid: c\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: [r0, r1]\n  group-by: [who]\n  timespan: {SPAN}s\n{condition}"
    );
    let mut sources = Sources::default();
    sources.add("rules.yml", &format!("{}{}{correlation}", rule("r0"), rule("r1")));
    sources.build("test").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn seconds(time: i64) -> Time {
    Time::from_millis(1_800_000_000_000 + time * 1000).unwrap()
}

fn analyze(pack: &Pack, events: impl IntoIterator<Item = (u64, Event)>) -> Vec<Finding> {
    let mut analyzer = Analyzer::new(pack);
    for (leaf, (time, who, value, what)) in events {
        let json = format!(r#"{{"what":"r{what}","who":"{who}","value":{value}}}"#);
        let document = Document::parse(&json).unwrap();
        analyzer
            .accept(
                pack.detect(leaf, &Entry { event: Some(document.root()), ..Entry::recorded(seconds(time)) }),
            )
            .unwrap();
    }
    analyzer.finish().findings
}

/// Computes the entries and the number of repeats of each finding by trying all windows.
fn naive(kind: &str, least: f64, events: &[Event]) -> Vec<(Vec<u64>, u64)> {
    let mut found: Vec<(Vec<u64>, u64)> = Vec::new();
    let mut quiet: std::collections::HashMap<u8, (i64, usize)> = std::collections::HashMap::new();
    let mut latest = std::collections::HashMap::new();
    for (nth, event) in events.iter().enumerate() {
        let mut group: Vec<(i64, u64, Event)> = (0..)
            .zip(&events[..=nth])
            .filter(|(_, other)| other.1 == event.1)
            .map(|(leaf, other)| (other.0, leaf, *other))
            .collect();
        group.sort_by_key(|(time, leaf, _)| (*time, *leaf));
        // Hits older than two timespans are dropped for good.
        let newest = latest.entry(event.1).or_insert(event.0);
        *newest = (*newest).max(event.0);
        let mut forgotten = i64::MIN;
        let mut so_far = i64::MIN;
        for (_, other) in (0..)
            .zip(&events[..=nth])
            .filter(|(_, other)| other.1 == event.1)
            .map(|(leaf, other): (u64, _)| (leaf, other))
        {
            so_far = so_far.max(other.0);
            forgotten = forgotten.max(so_far - 2 * SPAN);
        }
        group.retain(|(time, ..)| *time >= forgotten);
        let mut ends: Vec<i64> = group
            .iter()
            .map(|(time, ..)| *time)
            .filter(|end| (event.0..=event.0 + SPAN).contains(end))
            .collect();
        ends.dedup();
        if event.0 < forgotten {
            continue;
        }
        let mut repeats: Option<usize> = None;
        for end in ends {
            let window: Vec<_> =
                group.iter().filter(|(time, ..)| (end - SPAN..=end).contains(time)).collect();
            let value = match kind {
                "event_count" => window.len() as f64,
                "value_count" => {
                    window.iter().map(|(.., event)| event.2).collect::<std::collections::BTreeSet<_>>().len()
                        as f64
                }
                "temporal" => {
                    window.iter().map(|(.., event)| event.3).collect::<std::collections::BTreeSet<_>>().len()
                        as f64
                }
                "temporal_ordered" => {
                    let mut wanted = 0;
                    for (.., event) in &window {
                        wanted += u8::from(event.3 == wanted);
                    }
                    f64::from(wanted)
                }
                "value_median" => percentile(&window, 2),
                "value_percentile" => percentile(&window, 3),
                "value_sum" => window.iter().map(|(.., event)| f64::from(event.2)).sum(),
                _ => window.iter().map(|(.., event)| f64::from(event.2)).sum::<f64>() / window.len() as f64,
            };
            if value < least {
                continue;
            }
            if let Some((until, at)) = quiet.get(&event.1)
                && end <= *until
            {
                repeats = Some(*at);
                continue;
            }
            quiet.insert(event.1, (end + SPAN, found.len()));
            let mut leaves: Vec<u64> = window.iter().map(|(_, leaf, _)| *leaf).collect();
            leaves.sort_unstable();
            found.push((leaves, 0));
            repeats = None;
            break;
        }
        if let Some(at) = repeats {
            found[at].1 += 1;
        }
    }
    found
}

/// Returns a quartile of the values, interpolated.
fn percentile(window: &[&(i64, u64, Event)], quartile: usize) -> f64 {
    let mut values: Vec<u8> = window.iter().map(|(.., event)| event.2).collect();
    values.sort_unstable();
    let rank = quartile * (values.len() - 1);
    let (below, above) = (values[rank / 4], values[rank.div_ceil(4)]);
    f64::from(below) + f64::from(above - below) * (rank % 4) as f64 / 4.0
}

const KINDS: [(&str, &str, f64); 8] = [
    ("event_count", "  condition: {gte: 4}\n", 4.0),
    ("value_count", "  condition: {field: value, gte: 3}\n", 3.0),
    ("temporal", "", 2.0),
    ("temporal_ordered", "", 2.0),
    ("value_sum", "  condition: {field: value, gte: 9}\n", 9.0),
    ("value_avg", "  condition: {field: value, gte: 4}\n", 4.0),
    ("value_median", "  condition: {field: value, gte: 4}\n", 4.0),
    ("value_percentile", "  condition: {field: value, percentile: 75, gte: 4}\n", 4.0),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_match_a_search_of_all_windows(
        events in prop::collection::vec((0i64..60, 0u8..2, 0u8..6, 0u8..2), 1..60),
        kind in 0..KINDS.len(),
    ) {
        let (kind, condition, least) = KINDS[kind];
        let pack = pack(kind, condition);
        let found = analyze(&pack, (0..).zip(events.iter().copied()));
        let found: Vec<_> = found.into_iter().map(|finding| (finding.leaves, finding.repeats)).collect();
        prop_assert_eq!(found, naive(kind, least, &events), "{}", kind);
    }

    #[test]
    fn rules_fire_again_on_the_leaves_of_a_finding(
        events in prop::collection::vec((0i64..60, 0u8..2, 0u8..6, 0u8..2), 1..60),
        kind in 0..KINDS.len(),
    ) {
        let (kind, condition, _) = KINDS[kind];
        let pack = pack(kind, condition);
        for finding in analyze(&pack, (0..).zip(events.iter().copied())) {
            let alone = finding.leaves.iter().map(|leaf| (*leaf, events[usize::try_from(*leaf).unwrap()]));
            let again = analyze(&pack, alone);
            prop_assert!(again.iter().any(|again| again.group == finding.group), "{}", kind);
        }
    }
}

#[test]
fn a_window_completed_by_a_late_hit_is_not_hidden_by_a_repeat() {
    let pack = pack("event_count", "  condition: {gte: 3}\n");
    let leaves = |times: &[i64]| {
        let events = times.iter().map(|time| (*time, 0, 0, 0));
        analyze(&pack, (0..).zip(events)).into_iter().map(|finding| finding.leaves).collect::<Vec<_>>()
    };
    assert_eq!(leaves(&[0, 1, 2, 11, 12, 13]), [[0, 1, 2], [3, 4, 5]]);
    // The window that ends at 11 repeats the finding; the one that ends at 13 doesn't.
    assert_eq!(leaves(&[0, 1, 2, 12, 13, 11]), [[0, 1, 2], [3, 4, 5]]);
}

#[test]
fn groups_are_evicted_in_a_defined_order() {
    let pack = pack("event_count", "  condition: {gte: 3}\n");
    // Group 0 has two hits and the flood of other groups one each, so it survives, and fires at its third
    // hit.
    let mut analyzer = Analyzer::new(&pack);
    let mut leaf = 0;
    let mut take = |who: &str, analyzer: &mut Analyzer<'_>| {
        let json = format!(r#"{{"what":"r0","who":"{who}"}}"#);
        let document = Document::parse(&json).unwrap();
        analyzer
            .accept(pack.detect(leaf, &Entry { event: Some(document.root()), ..Entry::recorded(seconds(0)) }))
            .unwrap();
        leaf += 1;
    };
    take("ada", &mut analyzer);
    take("ada", &mut analyzer);
    for nth in 0..30_000 {
        take(&format!("flood-{nth}"), &mut analyzer);
    }
    take("ada", &mut analyzer);
    let outcome = analyzer.finish();
    assert_eq!(
        outcome.findings.iter().map(|finding| &finding.leaves[..]).collect::<Vec<_>>(),
        [&[0, 1, 30_002][..]]
    );
    assert_eq!(outcome.limits.len(), 1);
    assert_eq!(outcome.limits[0].groups, Some((10_001, 20_001)));
}

#[test]
fn dropped_and_late_hits_are_counted() {
    let pack = pack("value_count", "  condition: {field: value, gte: 1000}\n");
    let hits = |times: &mut dyn Iterator<Item = i64>| {
        let mut analyzer = Analyzer::new(&pack);
        for (leaf, time) in (0..).zip(times) {
            let document = Document::parse(r#"{"what":"r0","who":"ada","value":1}"#).unwrap();
            let entry = Entry { event: Some(document.root()), ..Entry::recorded(seconds(time)) };
            analyzer.accept(pack.detect(leaf, &entry)).unwrap();
        }
        analyzer.finish().limits.first().and_then(|limit| limit.hits)
    };
    assert_eq!(hits(&mut (0..5000).map(|_| 0)), Some((904, 4096)));
    // A hit within two timespans of a later one was judged in all of its windows, or in some.
    assert_eq!(hits(&mut [100, 100 - 2 * SPAN, 200].into_iter()), None);
    assert_eq!(hits(&mut [100, 99 - 2 * SPAN, 200, 100].into_iter()), Some((2, 1)));
}

#[test]
fn an_event_does_not_follow_itself() {
    let rules = "title: First\nid: first\ndetection: {s: {what: a}, condition: s}\n---\n\
        title: Any\nid: any\ndetection: {s: {what: '*'}, condition: s}\n---\n\
        title: C\nid: c\nlevel: high\ncorrelation: {type: temporal_ordered, rules: [first, any], timespan: 10s}\n";
    let mut sources = Sources::default();
    sources.add("rules.yml", rules);
    let pack = sources.build("test").unwrap();
    let found = |whats: &[&str]| {
        let mut analyzer = Analyzer::new(&pack);
        for (leaf, what) in (0..).zip(whats) {
            let json = format!(r#"{{"what":"{what}"}}"#);
            let document = Document::parse(&json).unwrap();
            let entry = Entry { event: Some(document.root()), ..Entry::recorded(seconds(0)) };
            analyzer.accept(pack.detect(leaf, &entry)).unwrap();
        }
        analyzer.finish().findings.into_iter().map(|finding| finding.leaves).collect::<Vec<_>>()
    };
    assert_eq!(found(&["a"]), [[0; 0]; 0]);
    assert_eq!(found(&["b", "a"]), [[0; 0]; 0]);
    assert_eq!(found(&["a", "b"]), [[0, 1]]);
    assert_eq!(found(&["a", "a"]), [[0, 1]]);
}

#[test]
fn leaves_out_of_order_are_rejected() {
    let pack = pack("event_count", "  condition: {gte: 3}\n");
    let mut analyzer = Analyzer::new(&pack);
    let entry = Entry::recorded(seconds(0));
    analyzer.accept(pack.detect(7, &entry)).unwrap();
    assert_eq!(analyzer.accept(pack.detect(7, &entry)).unwrap_err().0, 7);
}

#[test]
fn limits_affect_rules_that_may_need_what_was_dropped() {
    let rules = "title: Base\nid: base\ndetection: {s: {what: a}, condition: s}\n---\n\
        title: Count\nid: count\ncorrelation: {type: event_count, rules: [base], timespan: 1m, condition: {gte: 2}}\n---\n\
        title: Twice\nid: twice\ncorrelation: {type: event_count, rules: [count], timespan: 1h, condition: {gte: 2}}\n---\n\
        title: Usual\nid: usual\ndetection: {s: {baseline.new: address}, condition: s}\n";
    let mut sources = Sources::default();
    sources.add("rules.yml", rules);
    let pack = sources.build("test").unwrap_or_else(|errors| panic!("{}", errors[0]));
    let limit = |rule: &str| Limit {
        rule: rule.into(),
        title: rule.into(),
        groups: Some((1, 7)),
        hits: None,
        findings: 0,
    };
    let limits = ["count", "twice", "usual", "baseline", "baseline.silent_hours"].map(limit).to_vec();
    let analysis = Analysis { limits, ..Analyzer::new(&pack).finish() };
    let of = |meant: &'static str| -> Vec<_> {
        analysis.limits_of(&pack, move |rule| rule.id == meant).map(|limit| limit.rule.as_str()).collect()
    };
    assert_eq!(of("twice"), ["count", "twice"]);
    assert_eq!(of("usual"), ["count", "usual", "baseline", "baseline.silent_hours"]);
    assert_eq!(of("none"), ["count"]);
    let more = |analysis: Analysis, meant: &str| analysis.may_have_more(&pack, |rule| rule.id == meant);
    let nothing = || Analyzer::new(&pack).finish();
    let left_out = |rule: &str, hits| Analysis {
        limits: vec![Limit { groups: None, hits, ..limit(rule) }],
        ..nothing()
    };
    assert!(!more(nothing(), "twice"));
    assert!(more(left_out("twice", Some((1, 7))), "twice"));
    assert!(!more(left_out("twice", Some((1, 7))), "usual"));
    // An evicted identity starts over, so its values are new again.
    assert!(more(Analysis { limits: vec![limit("baseline")], ..nothing() }, "usual"));
    assert!(!more(left_out("baseline", Some((1, 7))), "usual"));
    let unlisted = Limit { groups: None, findings: 1, ..limit("usual") };
    assert!(more(Analysis { limits: vec![unlisted], ..nothing() }, "usual"));
    let future = || Analysis { future: Some((1, 7)), ..nothing() };
    assert!(more(future(), "twice"));
    let mut sources = Sources::default();
    sources.add("rules.yml", "title: Alone\nid: alone\ndetection: {s: {what: a}, condition: s}\n");
    let alone = sources.build("test").unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert!(!future().may_have_more(&alone, |_| true));
}

/// Returns the values of the findings of a count of tuples, for events one minute apart.
fn tuples_counted(field: &str, least: u32, events: &[&str]) -> Vec<f64> {
    let rules = format!(
        "title: A\nid: a\nname: a\ndetection: {{s: {{what: x}}, condition: s}}\n---\ntitle: C\nid: c\nlevel: high\ncorrelation:\n  type: value_count\n  rules: [a]\n  group-by: [ip]\n  timespan: 1h\n  condition: {{field: {field}, gte: {least}}}\n"
    );
    let mut sources = Sources::default();
    sources.add("rules.yml", &rules);
    let pack = sources.build("test").unwrap_or_else(|errors| panic!("{}", errors[0]));
    let mut analyzer = Analyzer::new(&pack);
    for (leaf, members) in (0..).zip(events) {
        let json = format!(r#"{{"what":"x","ip":"192.0.2.1",{members}}}"#);
        let document = Document::parse(&json).unwrap();
        let entry = Entry {
            event: Some(document.root()),
            ..Entry::recorded(seconds(60 * i64::try_from(leaf).unwrap()))
        };
        analyzer.accept(pack.detect(leaf, &entry)).unwrap();
    }
    analyzer.finish().findings.into_iter().filter_map(|finding| finding.value).collect()
}

#[test]
fn values_of_several_fields_are_counted_as_tuples() {
    let events = [
        r#""realm":"north","account":"kim""#,
        r#""realm":"north","account":"lee""#,
        r#""realm":"south","account":"kim""#,
        r#""realm":"south","account":"kim""#,
    ];
    // Two realms and two accounts make three pairs.
    assert_eq!(tuples_counted("[realm, account]", 3, &events), [3.0]);
    assert_eq!(tuples_counted("[account, realm]", 3, &events), [3.0]);
    for field in ["realm", "account", "[realm]"] {
        assert_eq!(tuples_counted(field, 2, &events), [2.0], "{field}");
        assert!(tuples_counted(field, 3, &events).is_empty(), "{field}");
    }
    assert!(tuples_counted("[realm, account]", 4, &events).is_empty());
    // An event without one of the fields isn't counted, and different tuples never have the same text.
    let others = [
        r#""realm":"a","account":"b,c""#,
        r#""realm":"a,b","account":"c""#,
        r#""realm":"a\",\"b","account":"c""#,
        r#""realm":"a""#,
        r#""realm":"a","account":null"#,
        r#""account":"c""#,
    ];
    assert_eq!(tuples_counted("[realm, account]", 3, &others), [3.0]);
    assert!(tuples_counted("[realm, account]", 4, &others).is_empty());
}

#[test]
fn a_condition_can_join_rules() {
    let found = |condition: &str, fired: &[u8]| {
        let rules: Vec<String> = (0..3)
            .map(|nth| {
                format!("title: R{nth}\nid: r{nth}\ndetection: {{s: {{what: r{nth}}}, condition: s}}\n---\n")
            })
            .collect();
        let text = format!(
            "{}title: C\nid: c\nlevel: high\ncorrelation:\n  type: temporal\n  rules: [r0, r1, r2]\n  timespan: 10s\n  condition: {condition}\n",
            rules.concat()
        );
        let mut sources = Sources::default();
        sources.add("r.yml", &text);
        let pack = sources.build("test").unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut analyzer = Analyzer::new(&pack);
        for (leaf, rule) in (0..).zip(fired) {
            let json = format!(r#"{{"what":"r{rule}"}}"#);
            let document = Document::parse(&json).unwrap();
            let entry = Entry { event: Some(document.root()), ..Entry::recorded(seconds(leaf)) };
            analyzer.accept(pack.detect(leaf.cast_unsigned(), &entry)).unwrap();
        }
        analyzer.finish().findings.into_iter().map(|finding| finding.leaves).collect::<Vec<_>>()
    };
    assert_eq!(found("r0 and (r1 or r2)", &[0, 0, 2]), [[0, 1, 2]]);
    assert_eq!(found("r0 and (r1 or r2)", &[1, 2, 2]), [[0; 0]; 0]);
    assert_eq!(found("r0 and not r1", &[1, 0]), [[0; 0]; 0]);
    assert_eq!(found("r0 and not r1", &[2, 0]), [[0, 1]]);
    assert_eq!(found("2 of r*", &[1, 1, 0]), [[0, 1, 2]]);
}
