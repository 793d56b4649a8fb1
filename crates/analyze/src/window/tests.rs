//! Groups that are over make room for others without a loss.

use countersign::time::Time;
use countersign_query::Entry;
use countersign_query::value::Document;
use proptest::prelude::*;

use crate::analyzer::{Analysis, Analyzer};
use crate::pack::{Pack, Sources};

/// The timespan of the correlations, in seconds.
const SPAN: i64 = 10;

fn pack() -> Pack {
    let event = |name: &str| {
        format!("title: {name}\nid: {name}\ndetection: {{s: {{what: {name}}}, condition: s}}\n---\n")
    };
    let correlation = |id: &str, kind: &str, condition: &str| {
        format!(
            "title: {id}\nid: {id}\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: [a, b]\n  group-by: [who]\n  timespan: {SPAN}s\n  condition: {{{condition}}}\n---\n"
        )
    };
    let text = [
        event("a"),
        event("b"),
        correlation("count", "event_count", "gte: 2"),
        correlation("values", "value_count", "field: value, gte: 2"),
        correlation("order", "temporal_ordered", "gte: 2"),
    ];
    let mut sources = Sources::default();
    sources.add("rules.yml", &text.concat());
    sources.build("test").unwrap_or_else(|faults| panic!("{}", faults[0]))
}

/// Time in seconds, group, value, and true for rule `a`, false for rule `b`.
type Event = (i64, u32, u8, bool);

fn analyze(pack: &Pack, events: &[Event], max_groups: usize) -> Analysis {
    let mut analyzer = Analyzer::with_groups(pack, max_groups);
    for (leaf, (seconds, who, value, is_a)) in (0..).zip(events) {
        let what = if *is_a { "a" } else { "b" };
        let json = format!(r#"{{"what":"{what}","who":"{who}","value":{value}}}"#);
        let document = Document::parse(&json).unwrap();
        let time = Time::from_millis(1_800_000_000_000 + seconds * 1000).unwrap();
        let entry = Entry { event: Some(document.root()), ..Entry::recorded(time) };
        analyzer.accept(pack.detect(leaf, &entry)).unwrap();
    }
    analyzer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// An analysis finds the same as one without a limit, unless it reports that the limit was reached. Times ascend, but
    /// some events come late.
    #[test]
    fn replacing_groups_that_are_over_loses_nothing(
        steps in proptest::collection::vec(
            (0..12_i64, prop_oneof![24 => Just(0), 4 => 0..20_i64, 1 => 20..40_i64], 0..9_u32, 0..3_u8, any::<bool>()),
            0..50,
        ),
        max_groups in 4..8_usize,
    ) {
        let mut now = 0;
        let events: Vec<Event> = steps.iter().map(|(step, late, who, value, is_a)| {
            now += step;
            (now - late, *who, *value, *is_a)
        }).collect();
        let pack = pack();
        let (limited, whole) = (analyze(&pack, &events, max_groups), analyze(&pack, &events, 100));
        if limited.limits.is_empty() {
            prop_assert_eq!(limited, whole);
        }
    }

    /// If times ascend, groups are evicted only if too many of them are open at once.
    #[test]
    fn groups_in_order_are_evicted_only_if_open(
        steps in proptest::collection::vec((0..8_i64, 0..9_u32, 0..3_u8, any::<bool>()), 0..120),
    ) {
        let mut now = 0;
        let events: Vec<Event> = steps.iter().map(|(step, who, value, is_a)| {
            now += step;
            (now, *who, *value, *is_a)
        }).collect();
        let open = |at: usize| {
            let since = events[at].0 - 2 * SPAN;
            let mut open: Vec<u32> = events[..=at].iter().filter(|event| event.0 >= since).map(|event| event.1).collect();
            open.sort_unstable();
            open.dedup();
            open.len()
        };
        let most = (0..events.len()).map(open).max().unwrap_or(1).max(1);
        let pack = pack();
        let (limited, whole) = (analyze(&pack, &events, most), analyze(&pack, &events, 100));
        prop_assert!(limited.limits.is_empty(), "{:?}", limited.limits);
        prop_assert_eq!(limited, whole);
    }
}

#[test]
fn short_sessions_do_not_evict_an_open_group() {
    let pack = pack();
    // A hundred sessions of two events each, then the second event of a group whose window is still open.
    let mut events: Vec<Event> =
        (0..200).map(|nth| (nth * SPAN, 1 + u32::try_from(nth / 2).unwrap(), 0, true)).collect();
    let end = 200 * SPAN;
    events.extend([
        (end, 0, 0, true),
        (end + 1, 200, 0, true),
        (end + 1, 200, 1, true),
        (end + 2, 201, 0, true),
    ]);
    events.extend([(end + 2, 201, 1, true), (end + 3, 0, 0, false)]);
    let found = analyze(&pack, &events, 4);
    assert!(found.limits.is_empty(), "{:?}", found.limits);
    let last = events.len() as u64 - 1;
    assert!(found.findings.iter().any(|finding| finding.rule == "count" && finding.leaves == [200, last]));
    // A hit that comes so late that its group was replaced is counted.
    events.push((SPAN, 1, 0, true));
    let late = analyze(&pack, &events, 4).limits;
    assert!(late.iter().all(|limit| limit.hits == Some((1, last + 1))), "{late:?}");
    assert!(!late.is_empty());
}

#[test]
fn a_hit_that_may_miss_a_replaced_group_is_counted() {
    let pack = pack();
    let count = |events: &[Event]| analyze(&pack, events, 2).limits.first().and_then(|limit| limit.hits);
    // The group of `0` is over at time 50, and that of `2` replaces it. It begins again with a hit that is further than
    // the timespan from the hit that was lost, which is no loss until another hit arrives between them.
    let mut events = vec![(0, 0, 0, true), (50, 1, 0, true), (50, 2, 0, true), (25, 0, 0, true)];
    assert_eq!(count(&events), None);
    events.push((9, 0, 0, true));
    assert_eq!(count(&events), Some((1, 4)));
}
