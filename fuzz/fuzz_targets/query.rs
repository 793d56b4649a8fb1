#![no_main]

use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{ConditionHits, Entry, Parsers, Query, Tally};
use libfuzzer_sys::fuzz_target;

/// True if an event may match one of the needles.
fn may(needles: Option<&[String]>, event: &str) -> bool {
    let lower = event.to_ascii_lowercase();
    needles.is_none_or(|needles| needles.iter().any(|needle| lower.contains(needle.as_str())))
        || event.contains("\\u")
}

fuzz_target!(|input: &str| {
    // The first line is a query, the others are events.
    let mut lines = input.split('\n');
    let text = lines.next().unwrap_or_default();
    let now = "2026-11-20T06:00:00.000Z".parse().expect("a time");
    let query = match Query::parse(text, now) {
        Ok(query) => query,
        Err(error) => {
            assert!(text.get(error.at()).is_some(), "the position of an error is in the query");
            return;
        }
    };
    let printed = query.to_string();
    assert_eq!(Query::parse(&printed, now).as_ref(), Ok(&query), "{printed}");

    let parsers = Parsers::built_in();
    let needles = Needles::new(&query, &parsers);
    let (mut here, mut elsewhere) = (Tally::new(&query), Tally::new(&query));
    for event in lines {
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| parsers.parse(event));
        let entry = Entry { event: root, read: read.as_ref(), ..Entry::recorded(now) };
        let matches = query.matches(&entry);
        assert_eq!(here.examine(&entry), matches);
        assert!(!matches || root.is_none() || may(needles.matching(), event), "{printed}: {event}");
        for (nth, placed) in query.conditions().iter().enumerate().filter(|_| root.is_some()) {
            let condition = &placed.condition;
            assert!(!condition.holds(&entry) || may(needles.condition(nth), event), "{condition}: {event}");
            assert!(!condition.is_about(&entry) || may(needles.field(nth), event), "{condition}: {event}");
        }
        if root.is_some() || !query.reads_events() {
            assert_eq!(elsewhere.count(ConditionHits::evaluate(&query, &entry, u128::MAX)), matches);
        } else {
            elsewhere.count_others(1);
        }
    }
    let (here, elsewhere) = (here.finish(), elsewhere.finish());
    assert_eq!((here.matched, here.of), (elsewhere.matched, elsewhere.of));
});
