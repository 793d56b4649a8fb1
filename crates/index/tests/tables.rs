//! The tables of queries, over the index: that of `docs/query.md`, and that over events that nobody here made.

use std::fs;
use std::path::Path;

use countersign::canonical::canonicalize;
use countersign::time::Time;
use countersign_index::{EventIndex, Order, Place, Row, SegmentBuilder, Stretch};
use countersign_query::Parsers;

const DOCUMENT: &str = include_str!("../../../docs/query.md");
const REAL: &str = include_str!("../../query/tests/real-events.tsv");

fn now() -> Time {
    "2026-11-20T06:00:00.000Z".parse().unwrap()
}

/// An index of these events, numbered from 1, and their bytes.
fn indexed<E: AsRef<str>>(events: &[E]) -> (EventIndex, String) {
    let mut builder = SegmentBuilder::new(3, Parsers::built_in());
    let mut bytes = String::new();
    for (event, index) in events.iter().zip(1..) {
        let row = Row {
            line: index,
            index,
            chain: "da7f84a510cb84b8cbb5b74a63c306ec",
            seq: index,
            time: now(),
            vkey: "example.com/app+01234567+AAAA",
            authorized: true,
            place: Place::Export(bytes.len() as u64),
        };
        builder.push(&row, event.as_ref());
        bytes.push_str(event.as_ref());
    }
    let mut index = EventIndex::new(3, Parsers::built_in());
    for segment in builder.finish() {
        index.add_segment(segment, 0);
    }
    (index, bytes)
}

/// The numbers of the events found.
fn found((index, bytes): &mut (EventIndex, String), query: &str) -> Vec<u64> {
    index.ask(query, now(), Order::default()).unwrap();
    while index.step(1000) {}
    while let Some(Stretch { begin, end, .. }) = index.wants() {
        index.give(&bytes.as_bytes()[usize::try_from(begin).unwrap()..usize::try_from(end).unwrap()]);
    }
    assert!(index.found().is_some_and(|answer| answer.complete));
    index.indexes()
}

#[test]
fn the_examples_find_what_the_document_says() {
    let (_, block) =
        DOCUMENT.split_once("The examples use these events").unwrap().1.split_once("```json\n").unwrap();
    let events: Vec<&str> = block.lines().take_while(|line| *line != "```").collect();
    let mut index = indexed(&events);
    let (_, table) = DOCUMENT.split_once("| query | finds |\n| --- | --- |\n").unwrap();
    let mut rows = 0;
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let (query, wanted) = line.trim_matches('|').trim().rsplit_once('|').unwrap();
        let query = query.trim().trim_matches('`');
        let numbers: Vec<String> = found(&mut index, query).iter().map(u64::to_string).collect();
        assert_eq!(numbers.join(" "), wanted.trim(), "{query}");
        rows += 1;
    }
    assert!(rows > 60);
}

/// `1-3 7` for 1, 2, 3 and 7.
fn ranges(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let one = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    ranges.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_table_over_real_events_finds_its_lines() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party/real-events");
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
        eprintln!("skipped: {} is missing", folder.display());
        return;
    }
    let mut known: Option<(&str, (EventIndex, String))> = None;
    for row in REAL.lines() {
        let [source, query, wanted] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        if known.as_ref().is_none_or(|(of, _)| *of != source) {
            let file = fs::read_to_string(folder.join(source).join("events.ndjson")).unwrap();
            let canonical = |line: &str| String::from_utf8(canonicalize(line.as_bytes()).unwrap()).unwrap();
            let events: Vec<String> =
                file.lines().filter(|line| !line.trim().is_empty()).map(canonical).collect();
            known = Some((source, indexed(&events)));
        }
        let Some((_, index)) = &mut known else { continue };
        assert_eq!(ranges(&found(index, query)), wanted, "{source}: {query}");
    }
}
