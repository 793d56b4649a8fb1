//! Tests that needles occur in matching events, with samples of every source.

use countersign_query::condition::{Condition, Entry, Field, Short};
use countersign_query::matcher::{Literal, Matcher, Pattern, words};
use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{Parsers, Query};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../../docs/query.md");
const SHORTS: [Short; 6] =
    [Short::Action, Short::Actor, Short::For, Short::Target, Short::Outcome, Short::Tenant];

fn samples() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].to_string();
    texts.iter().flat_map(|text| text.lines().map(event)).collect()
}

/// True if the event may match by its text alone.
fn may(needles: Option<&[String]>, event: &str) -> bool {
    let lower = event.to_ascii_lowercase();
    needles.is_none_or(|needles| needles.iter().any(|needle| lower.contains(needle.as_str())))
        || event.contains("\\u")
}

/// Evaluates an event with and without needles. Returns if it matches, and if the query has needles.
fn check(query: &Query, parsers: &Parsers, event: &str) -> (bool, bool) {
    let needles = Needles::new(query, parsers);
    let document = Document::parse(event).unwrap();
    let root = document.root();
    let read = parsers.parse(&root);
    let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now) };
    for (nth, placed) in query.conditions().iter().enumerate() {
        assert!(!placed.condition.holds(&entry) || may(needles.condition(nth), event), "{query}: {event}");
        assert!(!placed.condition.is_about(&entry) || may(needles.field(nth), event), "{query}: {event}");
    }
    let matches = query.matches(&entry);
    assert!(!matches || may(needles.matching(), event), "{query}: {event}");
    (matches, needles.matching().is_some())
}

#[test]
fn needles_occur_in_matching_samples() {
    let parsers = Parsers::built_in();
    let (mut told, mut all) = (0, 0);
    for event in samples() {
        let document = Document::parse(&event).unwrap();
        let root = document.root();
        let read = parsers.parse(&root);
        let now = "2026-11-20T06:00:00.000Z".parse().unwrap();
        let entry = Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(now) };
        for short in SHORTS {
            let mut texts = Vec::new();
            short.each(&entry, &mut |text| texts.push(text.to_owned()));
            for text in texts {
                let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
                let (begin, end) = text.split_at(middle);
                let mut patterns = vec![
                    Pattern::exactly(&text.to_uppercase().to_lowercase()),
                    Pattern::from_cased_pieces([text.clone()]),
                    Pattern::starts_with(begin),
                    Pattern::ends_with(end),
                    Pattern::contains(end),
                ];
                patterns.extend(words(&text).map(Pattern::exactly));
                let literal = Literal::parse(&text).map(Matcher::Literal);
                for matcher in patterns.into_iter().map(Matcher::Text).chain(literal) {
                    let query =
                        Query::from(Condition::Is { field: Field::Short(short), values: vec![matcher] });
                    let (matches, tells) = check(&query, &parsers, &event);
                    all += u64::from(matches);
                    told += u64::from(matches && tells);
                }
            }
        }
    }
    // Outcomes and some other fields are words of parsers that don't occur in events.
    assert!(all > 1_000 && told > all * 2 / 5, "{told} of {all}");
}

#[test]
fn needles_occur_in_documented_examples() {
    let parsers = Parsers::built_in();
    let (_, block) =
        DOCUMENT.split_once("The examples use these events").unwrap().1.split_once("```json\n").unwrap();
    let events: Vec<&str> = block.lines().take_while(|line| *line != "```").collect();
    let (_, table) = DOCUMENT.split_once("| query | finds |\n| --- | --- |\n").unwrap();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let text = row.split('`').nth(1).unwrap_or_default();
        let query = Query::parse(text, "2026-11-20T06:00:00.000Z".parse().unwrap()).unwrap();
        for event in events.iter().map(|event| (*event).to_owned()).chain(samples()) {
            check(&query, &parsers, &event);
        }
    }
}
